//! The file of named tokens: name, role, dates, salt and hash. Never a secret.
//!
//! A person may read it: JSON with dates. It is written whole or not at all, for its owner alone, and refused where others
//! could have written or read it: who can write it gives himself a role. One writer at a time holds a lock beside it.

use super::role::Role;
use super::secret;
use plimsoll_model::{JobName, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Most tokens of one installation.
pub const TOKENS_MAX: usize = 1_000;
/// Largest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedToken {
    /// What it is called; the audit names it so.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// When it was made, wall clock, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it ends, likewise; none is never.
    #[serde(default)]
    pub expires_ms: Option<i64>,
    /// Hexadecimal.
    salt: String,
    /// Of the secret under the salt, hexadecimal.
    hash: String,
}

impl NamedToken {
    /// Whether it is over at `now_ms`.
    #[must_use]
    pub fn is_over(&self, now_ms: i64) -> bool {
        self.expires_ms.is_some_and(|end| now_ms >= end)
    }
}

/// The tokens of an installation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// By name.
    pub tokens: Vec<NamedToken>,
}

/// Why the file cannot be used, or a token not be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file.
    #[error("{}: cannot {what}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others may read or write it.
    #[error("{}: other users may touch this file of tokens (mode {mode:03o}); allowed is 600", path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is no file of tokens.
    #[error("{}: no file of tokens: {reason}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A name that cannot be one.
    #[error("{0:?} is no name of a token: 1 to 63 characters a-z, 0-9 and '-', starting with a letter")]
    Name(String),
    /// There is one of that name.
    #[error("there is a token {0} already; revoke it first, or choose another name")]
    Taken(String),
    /// There is none of that name.
    #[error("there is no token {0}")]
    Unknown(String),
    /// It would be over at once.
    #[error("the token would end at {0}, which is not in the future")]
    Over(Timestamp),
    /// Too many.
    #[error("there are {TOKENS_MAX} tokens already, no more are kept; revoke some")]
    TooMany,
    /// The system gave no entropy.
    #[error(transparent)]
    NoEntropy(#[from] secret::NoEntropy),
}

impl TokenFile {
    /// Reads the file; a file that is not there holds no token.
    ///
    /// # Errors
    /// [`TokenError::Io`], [`TokenError::Exposed`], [`TokenError::Content`].
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::Io { what: "read", path: path.to_owned(), source };
        let content = |reason: String| TokenError::Content { path: path.to_owned(), reason };
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other.map_err(failed)?,
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Exposed { path: path.to_owned(), mode });
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(content(format!("{} bytes, the most is {FILE_BYTES_MAX}", metadata.len())));
        }
        serde_json::from_slice(&fs::read(path).map_err(failed)?).map_err(|error| content(error.to_string()))
    }

    /// The token that `secret` is of, if it is not over at `now_ms`. Takes as long for an unknown name as for a wrong
    /// secret.
    #[must_use]
    pub fn holder(&self, secret: &str, now_ms: i64) -> Option<&NamedToken> {
        const NOBODY: &str = "00";
        let name = secret::name_in(secret)?;
        let found = self.tokens.iter().find(|token| token.name == name);
        let (salt, hash) = found.map_or((NOBODY, NOBODY), |token| (&token.salt, &token.hash));
        let is_right = secret::has_hash(secret, salt, hash);
        found.filter(|token| is_right && !token.is_over(now_ms))
    }

    /// Adds a token; its secret, which is nowhere else.
    fn add(&mut self, name: &str, role: Role, expires_ms: Option<i64>, now_ms: i64) -> Result<String, TokenError> {
        // Tokens and jobs are named alike.
        if name.parse::<JobName>().is_err() {
            return Err(TokenError::Name(name.to_owned()));
        }
        self.tokens.retain(|token| !(token.name == name && token.is_over(now_ms)));
        if self.tokens.iter().any(|token| token.name == name) {
            return Err(TokenError::Taken(name.to_owned()));
        }
        if self.tokens.len() >= TOKENS_MAX {
            return Err(TokenError::TooMany);
        }
        if let Some(end) = expires_ms.filter(|end| *end <= now_ms) {
            return Err(TokenError::Over(Timestamp(end)));
        }
        let secret = secret::make(name)?;
        let (salt, hash) = secret::hash(&secret)?;
        self.tokens.push(NamedToken { name: name.to_owned(), role, created_ms: now_ms, expires_ms, salt, hash });
        self.tokens.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(secret)
    }

    /// Writes the file whole or not at all, for its owner alone.
    fn write(&self, path: &Path) -> Result<(), TokenError> {
        let failed = |what| move |source| TokenError::Io { what, path: path.to_owned(), source };
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| TokenError::Content { path: path.to_owned(), reason: error.to_string() })?;
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let _ = fs::remove_file(&partial);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&partial).map_err(failed("create"))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed("write"))?;
        fs::rename(&partial, path).map_err(failed("replace"))
    }
}

/// Makes a token in the file at `path`; its secret, which is kept nowhere.
///
/// # Errors
/// [`TokenError`].
pub fn create(path: &Path, name: &str, role: Role, expires_ms: Option<i64>, now_ms: i64) -> Result<String, TokenError> {
    let _lock = lock(path)?;
    let mut file = TokenFile::read(path)?;
    let secret = file.add(name, role, expires_ms, now_ms)?;
    file.write(path)?;
    Ok(secret)
}

/// Takes a token out of the file at `path`: it is refused from the next request on.
///
/// # Errors
/// [`TokenError`].
pub fn revoke(path: &Path, name: &str) -> Result<(), TokenError> {
    let _lock = lock(path)?;
    let mut file = TokenFile::read(path)?;
    let before = file.tokens.len();
    file.tokens.retain(|token| token.name != name);
    if file.tokens.len() == before {
        return Err(TokenError::Unknown(name.to_owned()));
    }
    file.write(path)
}

/// Held while the file is changed.
fn lock(path: &Path) -> Result<File, TokenError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let failed = |source| TokenError::Io { what: "lock", path: PathBuf::from(&beside), source };
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(&beside).map_err(failed)?;
    rustix::fs::flock(file.as_fd(), rustix::fs::FlockOperation::LockExclusive)
        .map_err(|error| failed(io::Error::from(error)))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_known_and_taken_back_and_its_secret_is_not_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        assert_eq!(TokenFile::read(&path).unwrap(), TokenFile::default());
        let secret = create(&path, "ci", Role::Submit, Some(2_000), 1_000).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&secret) && !text.contains(secret.rsplit('_').next().unwrap()), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let file = TokenFile::read(&path).unwrap();
        let holder = |secret: &str, now| file.holder(secret, now).map(|token| (token.name.as_str(), token.role));
        assert_eq!(holder(&secret, 1_999), Some(("ci", Role::Submit)));
        assert_eq!(holder(&secret, 2_000), None, "it is over");
        assert_eq!(holder(&secret.replace("ci", "cd"), 1_999), None);
        assert_eq!(holder(&format!("{secret}0"), 1_999), None);
        revoke(&path, "ci").unwrap();
        assert_eq!(TokenFile::read(&path).unwrap().holder(&secret, 1_999), None);
        assert!(matches!(revoke(&path, "ci"), Err(TokenError::Unknown(_))));
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        create(&path, "ci", Role::Read, None, 0).unwrap();
        let refused = |name: &str, expires| create(&path, name, Role::Read, expires, 1_000).unwrap_err().to_string();
        assert!(refused("ci", None).contains("already"));
        assert!(refused("C I", None).contains("no name"));
        assert!(refused("a_b", None).contains("no name"), "a secret could not be told from its name");
        assert!(refused("cd", Some(1_000)).contains("not in the future"));
        create(&path, "short", Role::Read, Some(10), 0).unwrap();
        create(&path, "short", Role::Read, None, 10).unwrap();
    }

    #[test]
    fn a_file_that_others_may_touch_or_that_is_damaged_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        create(&path, "ci", Role::Read, None, 0).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(TokenFile::read(&path).unwrap_err().to_string().contains("mode 640"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "{\"tokens\":[{\"name\":1}]}").unwrap();
        assert!(matches!(TokenFile::read(&path), Err(TokenError::Content { .. })));
    }
}
