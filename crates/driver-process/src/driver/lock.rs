//! One driver per state directory: a second one would adopt, sweep and sign for the first one's workloads.
//!
//! `flock` and not a pid file: the kernel releases it when the daemon dies, however it dies.

use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// Why the lock is not held.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another daemon holds {0:?}")]
    Held(PathBuf),
    /// It cannot be made.
    #[error("{path:?} cannot be locked")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A held lock; dropping it releases it.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

/// How often a held lock is tried, and how long apart: half a second in all. A process that is being spawned holds a
/// copy of every descriptor of its parent until exec, so a lock may outlive its owner by that instant.
const TRIES: u32 = 25;
const APART: Duration = Duration::from_millis(20);

impl Lock {
    /// Takes the lock. Waits for half a second at most.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { path: path.to_owned(), source };
        let file = File::options().write(true).create(true).truncate(false).open(path).map_err(io)?;
        for _ in 0..TRIES {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(file)),
                Err(rustix::io::Errno::WOULDBLOCK) => sleep(APART),
                Err(error) => return Err(io(error.into())),
            }
        }
        Err(LockError::Held(path.to_owned()))
    }
}
