//! Names of series.

use std::fmt;

/// Longest name of a series.
pub const SERIES_BYTES_MAX: usize = 200;

/// The name of a series, with its unit at the end: `service/shop/rate_milli_rps`. Levels are divided by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(String);

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("series {0:?} is not 1 to {SERIES_BYTES_MAX} printable ASCII characters without spaces and `*`")]
pub struct SeriesIdError(pub String);

impl SeriesId {
    /// A checked name.
    ///
    /// # Errors
    /// [`SeriesIdError`] when it is empty, longer than [`SERIES_BYTES_MAX`], or has anything but printable ASCII
    /// without spaces and `*`, which patterns use.
    pub fn try_new(name: impl Into<String>) -> Result<Self, SeriesIdError> {
        let name = name.into();
        let is_good = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*');
        if is_good && (1..=SERIES_BYTES_MAX).contains(&name.len()) { Ok(Self(name)) } else { Err(SeriesIdError(name)) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name fits a pattern in which `*` stands for any run of characters within one level.
    #[must_use]
    pub fn matches(&self, pattern: &str) -> bool {
        let (mut name, mut pattern) = (self.0.split('/'), pattern.split('/'));
        loop {
            match (name.next(), pattern.next()) {
                (None, None) => return true,
                (Some(level), Some(wanted)) if level_matches(level, wanted) => {}
                _ => return false,
            }
        }
    }
}

/// Leftmost match of every piece between the stars; the last piece must end the level.
fn level_matches(level: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return level == pattern };
    let Some(mut left) = level.strip_prefix(first) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return left.ends_with(piece);
        }
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    true
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for SeriesId {
    type Err = SeriesIdError;
    fn from_str(name: &str) -> Result<Self, SeriesIdError> {
        Self::try_new(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_its_level() {
        let series = SeriesId::try_new("service/shop/rate_milli_rps").unwrap();
        for (pattern, fits) in [
            ("service/shop/rate_milli_rps", true),
            ("service/*/rate_milli_rps", true),
            ("service/sh*p/*_rps", true),
            ("*/*/*", true),
            ("service/*", false),
            ("*", false),
            ("service/*x/rate_milli_rps", false),
            ("service/shop/rate_*_rps_*", false),
            ("service/s*h*o*p/r*", true),
        ] {
            assert_eq!(series.matches(pattern), fits, "{pattern}");
        }
    }

    #[test]
    fn names_are_bounded() {
        for bad in ["", "a b", "a*", "ä", &"a".repeat(201)] {
            assert!(SeriesId::try_new(bad).is_err(), "{bad:?}");
        }
    }
}
