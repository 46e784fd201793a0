//! Files of `/proc` and cgroups that are opened once and read again with `pread`: 1 µs instead of the 20 µs of
//! opening, reading and closing. The descriptor also pins what it was opened on: once the process is gone it reads an
//! error, never another process that got the same pid.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Larger than a page, so that the kernel gives everything such a file says in one call.
const BUFFER_BYTES: usize = 16 << 10;

/// A longer file than this is not one that we read.
const FILE_BYTES_MAX: usize = 4 << 20;

/// The kernel fills at least this much of a page before it hands out a part of a longer file.
const WHOLE_BELOW_BYTES: usize = 2_048;

/// A file that stays open.
#[derive(Debug)]
pub(crate) struct Kept {
    file: File,
}

impl Kept {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)? })
    }

    /// All of the file as it is now.
    pub(crate) fn read<'b>(&self, buffer: &'b mut Vec<u8>) -> io::Result<&'b str> {
        let mut filled = 0;
        loop {
            if buffer.len() < filled + BUFFER_BYTES {
                buffer.resize(filled + BUFFER_BYTES, 0);
            }
            match self.file.read_at(&mut buffer[filled..], filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if filled < WHOLE_BELOW_BYTES {
                break;
            }
            if filled > FILE_BYTES_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        std::str::from_utf8(&buffer[..filled]).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}
