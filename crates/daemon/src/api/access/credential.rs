//! What a request shows of who sends it.
//!
//! `Bearer` is for programs. `Basic` with a token as password is for browsers, which ask a person for it by themselves and
//! send it with the dashboard's own requests; because they send it unasked, it is taken for looking only.
//!
//! # Source
//! RFC 6750 section 2.1, RFC 7617 section 2, RFC 4648 section 4 (base 64).

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// Longest value that is looked at.
const VALUE_MAX: usize = 1_024;

/// What a request shows.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    None,
    /// A token, by a program.
    Bearer(String),
    /// A token as a password, by a browser.
    Basic(String),
    /// Something else, or several things.
    Other,
}

impl Credential {
    /// Of these fields.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return if headers.contains_key(AUTHORIZATION) { Self::Other } else { Self::None };
        };
        let Some((scheme, rest)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
            return Self::Other;
        };
        let rest = rest.trim();
        if rest.is_empty() || rest.len() > VALUE_MAX {
            return Self::Other;
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            return Self::Bearer(rest.to_owned());
        }
        let pair = scheme.eq_ignore_ascii_case("basic").then(|| decode(rest)).flatten();
        let pair = pair.and_then(|bytes| String::from_utf8(bytes).ok());
        pair.and_then(|pair| Some(Self::Basic(pair.split_once(':')?.1.to_owned()))).unwrap_or(Self::Other)
    }
}

/// Base 64 with or without its padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::with_capacity(text.len()), 0_u32, 0_u32);
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn of(values: &[&str]) -> Credential {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        Credential::of(&headers)
    }

    #[test]
    fn a_program_and_a_browser_show_the_same_token() {
        assert!(of(&[]) == Credential::None);
        assert!(of(&["Bearer plim_a_00"]) == Credential::Bearer("plim_a_00".to_owned()));
        assert!(of(&["basic dXNlcjpwbGltX2FfMDA="]) == Credential::Basic("plim_a_00".to_owned()));
        for value in ["Bearer", "Bearer ", "Digest x", "Basic !!!!", "Basic bm9jb2xvbg=="] {
            assert!(of(&[value]) == Credential::Other, "{value}");
        }
        assert!(of(&["Bearer a", "Bearer b"]) == Credential::Other, "which of them?");
        assert!(of(&[&format!("Bearer {}", "a".repeat(2_000))]) == Credential::Other);
    }

    #[test]
    fn base_64_is_that_of_the_standard() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(decode(text).unwrap(), bytes.as_bytes(), "{text}");
        }
    }
}
