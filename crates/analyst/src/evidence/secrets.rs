//! Cuts secrets out of text before it is shown to anybody: by what they look like, by what stands before them, and by how
//! random they are.
//!
//! It cuts too much rather than too little: an id that is long and random goes as well. What remains is still only shown
//! after [`super::text`] has put numbers, paths and hosts into slots.
//!
//! # Source
//! Entropy over the characters of a token (C. Shannon, 1948), with the bounds that published scanners use: about 3 bits a
//! character for hexadecimal and 4 for base64, lowered, because a false cut costs a word and a missed one a key.

/// What stands for a secret.
pub const CUT: &str = "<secret>";

/// What the value after one of these words is.
const KEYS: [&str; 17] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "authorization",
    "bearer",
    "basic",
    "credential",
    "private_key",
    "access_key",
    "session",
    "cookie",
];

/// How well-known keys begin.
const PREFIXES: [&str; 25] = [
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxa-",
    "xoxp-",
    "xoxs-",
    "sk-",
    "sk_",
    "pk_",
    "rk_",
    "AIza",
    "ya29.",
    "eyJ",
    "hf_",
    "npm_",
    "pypi-",
    "dop_v1_",
    "SG.",
    "-----BEGIN",
];

/// The text without its secrets. Any white space becomes one blank.
#[must_use]
pub fn cut(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut is_next = false;
    for word in text.split_whitespace() {
        // "token: abc", "Authorization: Bearer abc", "password = abc": the word after, or the one after a sign.
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
        let is_key = is_key(bare);
        let is_sign = bare.is_empty() || matches!(bare.to_ascii_lowercase().as_str(), "is" | "was");
        if is_next && is_sign {
            words.push(word.to_owned());
            continue;
        }
        if is_next && !is_key {
            words.push(CUT.to_owned());
            is_next = false;
            continue;
        }
        is_next = is_key && !word.contains(|c: char| matches!(c, '=' | ':') && !word.ends_with(c));
        words.push(if is_key && is_next { word.to_owned() } else { cut_word(word) });
    }
    words.join(" ")
}

/// Whether a word names a secret, by itself or as the end of a longer name.
fn is_key(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    KEYS.iter().any(|key| word == *key || word.ends_with(&format!("_{key}")) || word.ends_with(&format!("-{key}")))
        || word.ends_with("password")
        || word.ends_with("secret")
        || word.ends_with("token")
        || word.ends_with("apikey")
}

/// One word: `key=value`, `user:password@host`, and tokens between signs.
fn cut_word(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((_, host)) = rest.split_once('@')
    {
        return format!("{}://{CUT}@{}", cut_word(scheme), cut_word(host));
    }
    if let Some(at) = word.find(['=', ':'])
        && is_key(word[..at].trim_matches(|c: char| !c.is_alphanumeric() && c != '_' && c != '-'))
        && at + 1 < word.len()
    {
        return format!("{}{CUT}", &word[..=at]);
    }
    let mut out = String::new();
    let mut token = String::new();
    for c in word.chars() {
        if is_of_token(c) {
            token.push(c);
            continue;
        }
        push(&mut out, &mut token);
        out.push(c);
    }
    push(&mut out, &mut token);
    out
}

const fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '_' | '-' | '.' | '~')
}

fn push(out: &mut String, token: &mut String) {
    out.push_str(if is_secret(token) { CUT } else { token });
    token.clear();
}

/// Whether a token looks like a key, or is too random for a word.
fn is_secret(token: &str) -> bool {
    let begins = |prefix: &str| token.starts_with(prefix) && token.len() >= prefix.len() + 8;
    if PREFIXES.iter().any(|prefix| begins(prefix)) {
        return true;
    }
    // A path is judged part by part, or its length would make it look random.
    token.split(['/', '.']).any(is_random)
        || (is_random(token) && !token.contains(['/', '.']))
        || (token.len() >= 40 && is_random(&token.replace(['/', '.'], "")) && !looks_like_words(token))
}

fn is_random(token: &str) -> bool {
    let length = token.len();
    if length < 16 {
        return false;
    }
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let upper = token.bytes().filter(u8::is_ascii_uppercase).count();
    let lower = token.bytes().filter(u8::is_ascii_lowercase).count();
    let kinds = [digits, upper, lower].iter().filter(|count| **count > 0).count();
    if token.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return digits >= 2 && kinds >= 2 && entropy(token) >= 2.5;
    }
    // A random token mixes its kinds; words joined by dashes have one kind and few digits.
    (kinds >= 2 && entropy(token) >= 3.3 && (digits >= 2 || upper >= 3)) || (length >= 24 && entropy(token) >= 3.9)
}

/// Mostly letters in runs, as words in a path are.
fn looks_like_words(token: &str) -> bool {
    token
        .split(['/', '.', '_', '-'])
        .all(|part| part.len() < 16 && part.bytes().filter(u8::is_ascii_digit).count() <= 2)
}

/// Bits per character.
fn entropy(token: &str) -> f64 {
    let mut counts = [0_u32; 256];
    token.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = token.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    -shares.map(|share| share * libm::log2(share)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_of_known_make_and_values_after_telling_words_are_cut() {
        let gone = [
            ("login with password=hunter2 failed", "hunter2"),
            ("Authorization: Bearer abc.def", "abc.def"),
            ("db_password : \"s3cr3t!\"", "s3cr3t"),
            ("the token is kitten42", "kitten42"),
            ("postgres://admin:letmein@db/app", "letmein"),
            ("AKIAIOSFODNN7EXAMPLE was used", "AKIAIOSFODNN7"),
            ("key ghp_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42"),
            ("cookie:a=b", "a=b"),
            ("id 9f86d081884c7d659a2feaa0c55ad015", "9f86d081"),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrX"),
            ("api-key=x", "=x"),
        ];
        for (text, secret) in gone {
            assert!(!cut(text).contains(secret), "{} -> {}", text, cut(text));
        }
    }

    #[test]
    fn plain_words_stay() {
        let plain = "replica web/17 was killed after 312 s; upstream connection refused, retrying checkout-service-v2";
        assert_eq!(cut(plain), plain);
        assert_eq!(cut("  a\n\tb "), "a b");
    }

    proptest! {
        #[test]
        fn a_random_key_never_survives(key in "[A-Za-z0-9]{32,64}", before in "[a-z ]{0,20}", sign in "[ =:,;\"']") {
            prop_assume!(key.bytes().filter(u8::is_ascii_digit).count() >= 2);
            prop_assume!(entropy(&key) >= 3.3);
            let text = format!("{before}{sign}{key}{sign} after");
            prop_assert!(!cut(&text).contains(&key));
        }

        #[test]
        fn any_text_is_cut_without_a_panic(text in any::<String>()) {
            let _ = cut(&text);
        }
    }
}
