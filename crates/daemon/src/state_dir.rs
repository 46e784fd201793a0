//! Where one installation keeps its state: a directory that only its owner can read.
//!
//! ```text
//! STATE/                     0700
//!   daemon.lock              held by the one live daemon; contains its pid
//!   daemon.json              address of the API and pid, for the CLI
//!   token                    0600, its owner's: guards every write of the API, counts on this machine only
//!   api.pem                  the certificate that the API shows, where it has one
//!   tokens.json              0600, named tokens: roles and salted hashes
//!   clock.json               origin of trace time, so that a restart goes on in it
//!   journal/                 inputs and decisions
//!   history.redb             samples
//!   gateway.sock gateway.json gateway.log
//!   forget.json *.forgetting *.forgotten   while `plimsoll forget` puts new files in place of the old, see `forget::place`
//!   driver/                  one directory per workload, owned by its shim; logs of ended ones
//! ```

use serde::{Serialize, de::DeserializeOwned};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Longest path of a unix socket, the terminating zero included (`sun_path` on Linux).
const SOCKET_PATH_MAX: usize = 108;

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// A file or directory in it cannot be made, read or written.
    #[error("state directory: cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another daemon runs here.
    #[error("a daemon (pid {pid}) already runs on {path}; stop it with `plimsoll down`, or choose another --state-dir")]
    Busy {
        /// Its pid, as far as it could be read.
        pid: String,
        /// The directory.
        path: PathBuf,
    },
    /// The path is too long for a unix socket.
    #[error(
        "state directory {path}: {len} characters with the socket's name, {SOCKET_PATH_MAX} are allowed; choose a shorter --state-dir"
    )]
    TooLong {
        /// The directory.
        path: PathBuf,
        /// Length of the longest socket path.
        len: usize,
    },
}

/// An opened state directory.
#[derive(Debug, Clone)]
pub struct StateDir {
    root: PathBuf,
}

/// Held by the one daemon of a directory; released by the kernel when it dies.
#[derive(Debug)]
pub struct DaemonLock(#[expect(dead_code, reason = "held for its lock, which the kernel releases on close")] File);

/// What the CLI needs to reach a live daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct DaemonFile {
    /// Process id.
    pub pid: u32,
    /// `host:port` of the API.
    pub api: String,
    /// The spec file it was started with.
    pub spec: PathBuf,
    /// The certificate that the API shows; none is plain HTTP.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
}

impl StateDir {
    /// The directory for the installation `name` where none is given: `$XDG_STATE_HOME/plimsoll/NAME`, else
    /// `~/.local/state/plimsoll/NAME`, else `/tmp/plimsoll-UID/NAME`.
    #[must_use]
    pub fn default_path(name: &str) -> PathBuf {
        let home = || {
            std::env::var_os("HOME")
                .filter(|home| !home.is_empty())
                .map(|home| PathBuf::from(home).join(".local/state"))
        };
        std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from).or_else(home).map_or_else(
            || PathBuf::from(format!("/tmp/plimsoll-{}", rustix::process::getuid().as_raw())).join(name),
            |base| base.join("plimsoll").join(name),
        )
    }

    /// Opens `root`, creating it for its owner alone.
    ///
    /// # Errors
    /// [`StateDirError::Io`] or [`StateDirError::TooLong`].
    pub fn open(root: &Path) -> Result<Self, StateDirError> {
        let io = |what| move |source| StateDirError::Io { what, path: root.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(io("create"))?;
        let dir = Self { root: root.canonicalize().map_err(io("resolve"))? };
        let len = dir.gateway_socket().as_os_str().len() + 1;
        if len > SOCKET_PATH_MAX {
            return Err(StateDirError::TooLong { path: dir.root, len });
        }
        Ok(dir)
    }

    /// Takes the lock that makes this process the one daemon of the directory.
    ///
    /// # Errors
    /// [`StateDirError::Busy`] names the pid of the daemon that holds it.
    pub fn lock(&self) -> Result<DaemonLock, StateDirError> {
        let path = self.root.join("daemon.lock");
        let io = |what| {
            let path = path.clone();
            move |source| StateDirError::Io { what, path, source }
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io("open"))?;
        if rustix::fs::flock(file.as_fd(), rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            return Err(StateDirError::Busy { pid: pid.trim().to_owned(), path: self.root.clone() });
        }
        file.set_len(0).map_err(io("empty"))?;
        writeln!(file, "{}", std::process::id()).map_err(io("write"))?;
        Ok(DaemonLock(file))
    }

    /// Whether a daemon holds the lock at this moment; one that crashed does not.
    #[must_use]
    pub fn has_daemon(&self) -> bool {
        // Shared and let go at once: whoever else only asks gets the same answer.
        fs::File::open(self.root.join("daemon.lock")).is_ok_and(|file| {
            rustix::fs::flock(file.as_fd(), rustix::fs::FlockOperation::NonBlockingLockShared).is_err()
        })
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Of the journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Of the history store.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.root.join("history.redb")
    }

    /// Of the process driver.
    #[must_use]
    pub fn driver(&self) -> PathBuf {
        self.root.join("driver")
    }

    /// Of the gateway's control socket.
    #[must_use]
    pub fn gateway_socket(&self) -> PathBuf {
        self.root.join("gateway.sock")
    }

    /// Of the gateway's standard error.
    #[must_use]
    pub fn gateway_log(&self) -> PathBuf {
        self.root.join("gateway.log")
    }

    /// The certificate that the API shows at present, for the command line on this machine.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.root.join("api.pem")
    }

    /// The named tokens, unless the spec says that they are elsewhere.
    #[must_use]
    pub fn tokens(&self) -> PathBuf {
        self.root.join("tokens.json")
    }

    /// The token that guards writes; made at the first call.
    ///
    /// # Errors
    /// [`StateDirError::Io`].
    pub fn token(&self) -> Result<String, StateDirError> {
        let path = self.root.join("token");
        let io = |what| {
            let path = path.clone();
            move |source| StateDirError::Io { what, path, source }
        };
        match fs::read_to_string(&path) {
            Ok(token) if token.trim().len() >= 32 => return Ok(token.trim().to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io("read")(source)),
        }
        let mut random = [0_u8; 24];
        File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random)).map_err(io("seed"))?;
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        self.write_private("token", token.as_bytes())?;
        Ok(token)
    }

    /// Reads `name` as JSON; none when it is not there or not whole.
    #[must_use]
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.root.join(name)).ok()?).ok()
    }

    /// Writes `name` as JSON, whole or not at all.
    ///
    /// # Errors
    /// [`StateDirError::Io`].
    pub fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StateDirError> {
        let text = serde_json::to_vec_pretty(value).map_err(|error| StateDirError::Io {
            what: "encode",
            path: self.root.join(name),
            source: io::Error::other(error),
        })?;
        self.write_private(name, &text)
    }

    /// Removes `name`, if it is there.
    pub fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.root.join(name));
    }

    fn write_private(&self, name: &str, bytes: &[u8]) -> Result<(), StateDirError> {
        let path = self.root.join(name);
        let partial = self.root.join(format!("{name}.partial"));
        let io = |what| {
            let path = path.clone();
            move |source| StateDirError::Io { what, path, source }
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)
            .map_err(io("create"))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io("write"))?;
        fs::rename(&partial, &path).map_err(io("replace"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn one_daemon_at_a_time_and_the_second_is_told_who_runs() {
        let temp = tempfile::tempdir().unwrap();
        let dir = StateDir::open(&temp.path().join("x")).unwrap();
        let held = dir.lock().unwrap();
        let error = dir.lock().unwrap_err();
        assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
        drop(held);
        dir.lock().unwrap();
    }

    #[test]
    fn the_token_is_private_and_stays_the_same() {
        let temp = tempfile::tempdir().unwrap();
        let dir = StateDir::open(temp.path()).unwrap();
        let token = dir.token().unwrap();
        assert_eq!(token.len(), 48);
        assert_eq!(dir.token().unwrap(), token);
        assert_eq!(fs::metadata(temp.path().join("token")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_with_the_length() {
        let temp = tempfile::tempdir().unwrap();
        let error = StateDir::open(&temp.path().join("d".repeat(120))).unwrap_err();
        assert!(matches!(error, StateDirError::TooLong { .. }), "{error}");
    }

    #[test]
    fn half_written_json_is_no_json() {
        let temp = tempfile::tempdir().unwrap();
        let dir = StateDir::open(temp.path()).unwrap();
        fs::write(temp.path().join("clock.json"), b"{\"trace\":1").unwrap();
        assert_eq!(dir.read_json::<crate::clock::Origin>("clock.json"), None);
    }
}
