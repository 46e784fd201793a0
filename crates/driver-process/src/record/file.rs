//! Small files that are there whole or not at all, also when the disk fills up.
//!
//! A write goes to a temporary name and is renamed. There is no fsync: what these files describe are processes, and
//! those do not survive the power cut that fsync would protect against; against the crash of a process the page cache
//! is enough. A shim reserves the room of its files before it starts the workload, so that an exit can be recorded on a
//! full disk.

use serde::{Serialize, de::DeserializeOwned};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Longest record read; a longer file is damaged.
const RECORD_BYTES_MAX: u64 = 1 << 20;

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read; `NotFound` when there is none.
    #[error("{path:?} cannot be read")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a record of this kind.
    #[error("{path:?} is damaged")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Reads `directory/name`.
///
/// # Errors
/// [`ReadError`] when it is not there, not readable, over 1 MiB or no such record.
pub fn read<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<T, ReadError> {
    let path = directory.join(name);
    let mut text = Vec::new();
    let file = File::open(&path);
    match file.and_then(|file| file.take(RECORD_BYTES_MAX).read_to_end(&mut text)) {
        Ok(_) => serde_json::from_slice(&text).map_err(|source| ReadError::Damaged { path, source }),
        Err(source) => Err(ReadError::Io { path, source }),
    }
}

/// Writes `directory/name` so that a reader sees the old or the new content and nothing between.
///
/// # Errors
/// When the disk is full or the directory is gone; the old content then stays.
pub fn write<T: Serialize>(directory: &Path, name: &str, record: &T) -> io::Result<()> {
    let temporary = directory.join(format!("{name}.tmp"));
    let written = create(&temporary).and_then(|mut file| file.write_all(&serde_json::to_vec(record)?));
    let renamed = written.and_then(|()| fs::rename(&temporary, directory.join(name)));
    if renamed.is_err() {
        let _gone = fs::remove_file(&temporary);
    }
    renamed
}

/// Only the owner reads these files: a launch holds the workload's environment, which may hold secrets.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Room on the disk for a record that is written later.
#[derive(Debug)]
pub struct Reserved {
    file: File,
    room: usize,
    temporary: PathBuf,
    path: PathBuf,
}

impl Reserved {
    /// Reserves `bytes` for `directory/name`.
    ///
    /// # Errors
    /// When the disk has no such room.
    pub fn try_new(directory: &Path, name: &str, bytes: u64) -> io::Result<Self> {
        let temporary = directory.join(format!("{name}.reserved"));
        let file = create(&temporary)?;
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Ok(()) => {}
            // The file system cannot reserve; zeroes written now do the same.
            Err(rustix::io::Errno::OPNOTSUPP) => {
                file.write_all_at(&vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)], 0)?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Self { file, room: usize::try_from(bytes).unwrap_or(usize::MAX), temporary, path: directory.join(name) })
    }

    /// Writes the record into the reserved room and gives it its name.
    ///
    /// # Errors
    /// When the directory is gone, or the record is longer than the room and the disk is full.
    pub fn write<T: Serialize>(self, record: &T) -> io::Result<()> {
        let mut text = serde_json::to_vec(record)?;
        // The rest of the room is filled with blanks: cutting it off would cost the file system a transaction.
        text.resize(text.len().max(self.room), b' ');
        self.file.write_all_at(&text, 0)?;
        fs::rename(&self.temporary, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FORMAT, STOP, Stop};
    use plimsoll_model::Millis;

    #[test]
    fn a_record_round_trips_and_leaves_no_temporary_file() {
        let directory = tempfile::tempdir().unwrap();
        let stop = Stop { format: FORMAT, grace: Millis(1_500) };
        write(directory.path(), STOP, &stop).unwrap();
        assert_eq!(read::<Stop>(directory.path(), STOP).unwrap(), stop);
        let reserved = Reserved::try_new(directory.path(), STOP, 4_096).unwrap();
        reserved.write(&Stop { grace: Millis(7), ..stop }).unwrap();
        assert_eq!(read::<Stop>(directory.path(), STOP).unwrap().grace, Millis(7));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn half_a_record_is_damaged_and_a_missing_one_is_not_found() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(STOP), "{\"format\":1,\"gra").unwrap();
        assert!(matches!(read::<Stop>(directory.path(), STOP), Err(ReadError::Damaged { .. })));
        assert!(matches!(read::<Stop>(directory.path(), "no.json"),
            Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound));
    }
}
