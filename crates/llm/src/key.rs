//! A key of an endpoint: from the environment or a file, never from a spec or a flag, and never printed.

use std::fmt;
use std::path::Path;

/// Longest file that is read for a key, bytes.
const BYTES_MAX: u64 = 4_096;

/// A key. It has no `Display` and is not serialised; `Debug` says only that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not set.
    #[error("the environment variable {0} is not set")]
    Unset(String),
    /// The file cannot be read.
    #[error("{path}: the key cannot be read")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not a key. What it is instead is not said, because it may be one that was spoilt.
    #[error("{place}: not a key: it must be one line of 1 to 4096 visible ASCII characters")]
    Shape {
        /// Where it came from.
        place: String,
    },
}

impl Key {
    /// The key in an environment variable.
    ///
    /// # Errors
    /// [`KeyError`] where it is not set or no key.
    pub fn from_env(name: &str) -> Result<Self, KeyError> {
        let text = std::env::var(name).map_err(|_| KeyError::Unset(name.to_owned()))?;
        Self::new(&text).ok_or_else(|| KeyError::Shape { place: format!("environment variable {name}") })
    }

    /// The key in a file, blanks around it taken off.
    ///
    /// # Errors
    /// [`KeyError`] where it cannot be read or is no key.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let place = path.display().to_string();
        let failed = |source| KeyError::File { path: place.clone(), source };
        if std::fs::metadata(path).map_err(failed)?.len() > BYTES_MAX {
            return Err(KeyError::Shape { place });
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        let key = std::str::from_utf8(&bytes).ok().and_then(Self::new);
        key.ok_or(KeyError::Shape { place })
    }

    /// A key of this text; none where it is not one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let holds =
            !text.is_empty() && text.len() <= BYTES_MAX as usize && text.bytes().all(|byte| byte.is_ascii_graphic());
        holds.then(|| Self(text.to_owned()))
    }

    /// The key itself, for the header alone.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// A text without it.
    pub(crate) fn cut_from(&self, text: &str) -> String {
        text.replace(&self.0, plimsoll_analyst::evidence::secrets::CUT)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_a_file_and_shown_nowhere() {
        let path = std::env::temp_dir().join(format!("plimsoll-llm-key-{}", std::process::id()));
        std::fs::write(&path, "sk-very-secret\n").unwrap();
        let key = Key::from_file(&path).unwrap();
        assert_eq!((key.reveal(), format!("{key:?}").as_str()), ("sk-very-secret", "Key(redacted)"));
        assert_eq!(key.cut_from("wrong key sk-very-secret."), "wrong key <secret>.");
        for text in ["", "two words", "two\nlines"] {
            std::fs::write(&path, text).unwrap();
            let said = Key::from_file(&path).unwrap_err().to_string();
            assert!(said.contains("not a key") && (text.is_empty() || !said.contains(text)), "{said}");
        }
        std::fs::write(&path, "x".repeat(5_000)).unwrap();
        assert!(Key::from_file(&path).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(Key::from_file(&path).unwrap_err().to_string().contains("cannot be read"));
        assert!(Key::from_env("PLIMSOLL_NO_SUCH_KEY").unwrap_err().to_string().contains("PLIMSOLL_NO_SUCH_KEY"));
    }
}
