//! Who asks: a token or a password from a file or a variable, read anew for each question.
//!
//! Must never put a secret into an error, a log or a value that is kept.

use plimsoll_http_client::Ask;
use plimsoll_model::metric::{MetricAuth, SecretPlace};

/// Longest secret, bytes.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret in {path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is larger than any secret, or holds nothing or no text.
    #[error("the secret in {path}: allowed are 1 to {SECRET_BYTES_MAX} bytes of visible text")]
    Odd {
        /// Which.
        path: String,
    },
    /// The variable is not set, or holds nothing or no text.
    #[error("the variable {name} holds no secret")]
    Env {
        /// Which.
        name: String,
    },
}

/// The secret, without line feeds at its end.
///
/// # Errors
/// [`SecretError`].
pub fn read_secret(place: &SecretPlace) -> Result<String, SecretError> {
    match place {
        SecretPlace::Env(name) => {
            let value = std::env::var(name).ok().filter(|value| is_plain(value));
            value.ok_or_else(|| SecretError::Env { name: name.clone() })
        }
        SecretPlace::File(path) => {
            let failed = |source| SecretError::File { path: path.clone(), source };
            let odd = || SecretError::Odd { path: path.clone() };
            if std::fs::metadata(path).map_err(failed)?.len() > SECRET_BYTES_MAX {
                return Err(odd());
            }
            let text = std::fs::read_to_string(path).map_err(failed)?;
            let text = text.trim_end_matches(['\n', '\r']);
            if is_plain(text) { Ok(text.to_owned()) } else { Err(odd()) }
        }
    }
}

/// What a header field can carry.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte >= b' ' && byte != 0x7f)
}

/// The question with who asks.
///
/// # Errors
/// [`SecretError`].
pub fn with_auth(ask: Ask, auth: Option<&MetricAuth>) -> Result<Ask, SecretError> {
    let Some(auth) = auth else { return Ok(ask) };
    let secret = read_secret(&auth.secret)?;
    Ok(match &auth.user {
        Some(user) => ask.basic(user, &secret),
        None => ask.bearer(&secret),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_without_its_line_feed_and_never_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token").to_string_lossy().into_owned();
        let place = SecretPlace::File(path.clone());
        assert!(matches!(read_secret(&place), Err(SecretError::File { .. })));
        std::fs::write(&path, "s3cret\n").unwrap();
        assert_eq!(read_secret(&place).unwrap(), "s3cret");
        std::fs::write(&path, "s3\ncret\n").unwrap();
        let error = read_secret(&place).unwrap_err().to_string();
        assert!(!error.contains("s3"), "{error}");
        std::fs::write(&path, "").unwrap();
        assert!(read_secret(&place).is_err());
        assert!(read_secret(&SecretPlace::Env("PLIMSOLL_NO_SUCH_VARIABLE".to_owned())).is_err());
    }
}
