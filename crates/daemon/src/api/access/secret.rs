//! The secret of a named token: made here, kept only as a salted hash, compared in constant time.
//!
//! A secret holds 256 bits from the system's source of entropy, so nobody can guess it and a slow hash would protect
//! nothing: HMAC-SHA-256 under a salt of its own is what is kept. The name stands in front, so that one hash is computed
//! per request and not one per token; `plim_` lets scanners of repositories and logs find one that was put there.
//!
//! Must never show a secret: it has no `Debug`, and no error repeats it.
//!
//! # Source
//! RFC 2104 (HMAC), FIPS 180-4 (SHA-256); RFC 6750 section 2.1 (characters of a bearer token).

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// Bytes of entropy of a secret.
const SECRET_BYTES: usize = 32;
/// Bytes of a salt.
const SALT_BYTES: usize = 16;
/// Longest text that is looked at: a name of 63 characters, the secret, and what stands between.
const TEXT_MAX: usize = 256;

/// The system gave no entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's source of entropy does not answer")]
pub struct NoEntropy;

fn random<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hexadecimal digits.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// A new secret for `name`.
///
/// # Errors
/// [`NoEntropy`].
pub fn make(name: &str) -> Result<String, NoEntropy> {
    Ok(format!("plim_{name}_{}", hex(&random::<SECRET_BYTES>()?)))
}

/// The name that a secret says it is of; nothing is proved by it.
#[must_use]
pub fn name_in(secret: &str) -> Option<&str> {
    if secret.len() > TEXT_MAX {
        return None;
    }
    Some(secret.strip_prefix("plim_")?.rsplit_once('_')?.0)
}

/// A salt and the hash of `secret` under it, both in hexadecimal digits.
///
/// # Errors
/// [`NoEntropy`].
pub fn hash(secret: &str) -> Result<(String, String), NoEntropy> {
    let salt = random::<SALT_BYTES>()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salt);
    Ok((hex(&salt), hex(hmac::sign(&key, secret.as_bytes()).as_ref())))
}

/// Whether `secret` has this hash under this salt; takes as long either way.
#[must_use]
pub fn has_hash(secret: &str, salt: &str, hash: &str) -> bool {
    let (Some(salt), Some(hash)) = (unhex(salt), unhex(hash)) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salt);
    hmac::verify(&key, secret.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_names_its_token_and_only_itself_has_its_hash() {
        let secret = make("ci-deploy").unwrap();
        assert_eq!(name_in(&secret), Some("ci-deploy"));
        assert_eq!(secret.len(), "plim_ci-deploy_".len() + 64);
        assert_ne!(secret, make("ci-deploy").unwrap());
        let (salt, hash_) = hash(&secret).unwrap();
        assert!(has_hash(&secret, &salt, &hash_));
        assert_ne!(hash(&secret).unwrap(), (salt.clone(), hash_.clone()), "every hash has a salt of its own");
        let (start, last) = secret.split_at(secret.len() - 1);
        let other = format!("{start}{}", if last == "0" { "1" } else { "0" });
        assert!(!has_hash(&other, &salt, &hash_) && !has_hash("", &salt, &hash_));
        assert!(!has_hash(&secret, "no hex", &hash_) && !has_hash(&secret, &salt, ""));
    }

    #[test]
    fn what_is_no_secret_names_nobody() {
        let long = format!("plim_{}_x", "a".repeat(300));
        for text in ["", "plim_", "plim_x", "Bearer x", long.as_str()] {
            assert_eq!(name_in(text), None, "{text}");
        }
        assert_eq!(unhex("0aff"), Some(vec![10, 255]));
        assert!(unhex("0af").is_none() && unhex("zz").is_none());
    }
}
