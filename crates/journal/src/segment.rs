//! Segment files: their names, which there are, and how one comes into being.

use crate::error::{ReadError, reading};
use crate::format::{HeaderFault, SEGMENT_HEADER_BYTES, SegmentHeader, Seq};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

const EXTENSION: &str = "pjl";

/// Of a segment that is being created.
pub(crate) const UNNAMED_EXTENSION: &str = "new";

/// A segment by its name alone; nothing of it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub first: Seq,
    pub path: PathBuf,
}

impl Segment {
    pub(crate) fn at(dir: &Path, first: Seq) -> Self {
        Self { first, path: dir.join(format!("{:020}.{EXTENSION}", first.0)) }
    }

    /// The segments of `dir` in order.
    pub(crate) fn list(dir: &Path) -> Result<Vec<Self>, ReadError> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(reading("list", dir))? {
            let path = entry.map_err(reading("list", dir))?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if path.extension().is_some_and(|extension| extension == EXTENSION)
                && stem.len() == 20
                && let Ok(first) = stem.parse()
            {
                found.push(Self { first: Seq(first), path });
            }
        }
        found.sort_by_key(|segment| segment.first);
        Ok(found)
    }

    pub(crate) fn open(&self) -> Result<File, ReadError> {
        File::open(&self.path).map_err(reading("open", &self.path))
    }

    /// Reads and checks the header, including that it agrees with the file's name.
    pub(crate) fn header(&self, file: &File) -> Result<SegmentHeader, ReadError> {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let length = read_up_to(file, &mut bytes, 0).map_err(reading("read", &self.path))?;
        let fault = |fault| ReadError::Header { segment: self.path.clone(), fault };
        let header = SegmentHeader::decode(&bytes[..length]).map_err(fault)?;
        if header.first == self.first { Ok(header) } else { Err(fault(HeaderFault::Name(header.first))) }
    }
}

/// Creates the segment and makes its name durable, so that a crash leaves either no such file or a whole header: the
/// header is on the disk before the file gets its name.
pub(crate) fn create(dir: &Path, header: SegmentHeader) -> io::Result<(Segment, File)> {
    let segment = Segment::at(dir, header.first);
    let unnamed = segment.path.with_extension(UNNAMED_EXTENSION);
    let made = write_header(&unnamed, header).and_then(|file| {
        std::fs::rename(&unnamed, &segment.path)?;
        sync_dir(dir)?;
        Ok(file)
    });
    if made.is_err() {
        // The writer goes on in the segment before, so the name must not stay: the numbers would overlap.
        let _ = std::fs::remove_file(&unnamed);
        let _ = std::fs::remove_file(&segment.path);
    }
    Ok((segment, made?))
}

fn write_header(path: &Path, header: SegmentHeader) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    file.write_all(&header.encode())?;
    file.sync_all()?;
    Ok(file)
}

/// Makes creations, renames and removals in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Fills `buffer` from `offset`, stopping early only at the end of the file. Returns how many bytes there were.
pub(crate) fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
