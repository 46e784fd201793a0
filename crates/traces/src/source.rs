//! Opening a trace as a stream of bytes, whatever it is wrapped in.
//!
//! The wrapping is told from the first bytes and not from the name, since archives are renamed more often than they
//! are recompressed. A tar is walked member by member as it is decompressed; it is never unpacked to disk, so a name
//! inside it can not reach the file system.

use crate::ReadError;
use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const XZ_MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];

/// A file, or one member of a tar archive: `path` or `path#member`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file on disk.
    pub path: PathBuf,
    /// The member inside it, where the file is a tar (in gzip, xz or plain).
    pub member: Option<String>,
}

impl Source {
    /// Splits `path#member` at the last `#`; a path that exists as it stands is taken whole.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.rsplit_once('#') {
            Some((path, member)) if !member.is_empty() && !Path::new(text).exists() => {
                Self { path: path.into(), member: Some(member.to_owned()) }
            }
            _ => Self { path: text.into(), member: None },
        }
    }

    /// How errors name it: the path, then `#member`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.member {
            Some(member) => format!("{}#{member}", self.path.display()),
            None => self.path.display().to_string(),
        }
    }

    /// Opens the stream and hands it to `read`; the archive stays open for exactly as long.
    ///
    /// # Errors
    /// [`ReadError::Io`] when the file can not be opened or decompressed, [`ReadError::NoMember`] when the tar has no
    /// such member, and whatever `read` returns.
    pub fn with_reader<T>(&self, read: impl FnOnce(&mut dyn Read) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let io = |source| ReadError::Io { file: self.name(), line: 0, source };
        let mut stream = open(&self.path).map_err(io)?;
        let Some(wanted) = &self.member else { return read(&mut stream) };
        let mut archive = tar::Archive::new(stream);
        let mut present = Vec::new();
        for entry in archive.entries().map_err(io)? {
            let mut entry = entry.map_err(io)?;
            let name = entry.path().map_err(io)?.to_string_lossy().into_owned();
            if name == *wanted {
                return read(&mut entry);
            }
            if present.len() < 12 {
                present.push(name);
            }
        }
        Err(ReadError::NoMember {
            file: self.path.display().to_string(),
            member: wanted.clone(),
            present: present.join(", "),
        })
    }
}

/// Hands every file inside a tar (gzip, xz or plain) to `read` with its name, in the order they lie, as it is decompressed:
/// one pass, where asking for each by name would decompress the archive as often.
///
/// # Errors
/// [`ReadError::Io`] when the archive can not be read, and whatever `read` returns.
pub fn each_member(
    path: &Path,
    mut read: impl FnMut(&str, &mut dyn Read) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let io = |source| ReadError::Io { file: path.display().to_string(), line: 0, source };
    let mut archive = tar::Archive::new(open(path).map_err(io)?);
    for entry in archive.entries().map_err(io)? {
        let mut entry = entry.map_err(io)?;
        if entry.header().entry_type().is_file() {
            let name = entry.path().map_err(io)?.to_string_lossy().into_owned();
            read(&name, &mut entry)?;
        }
    }
    Ok(())
}

/// Opens `path` as a stream of its decompressed bytes.
///
/// # Errors
/// What the system said when the file was opened or its first bytes were read. A broken compressed stream shows
/// itself later, while it is read.
pub fn open(path: &Path) -> std::io::Result<Box<dyn Read>> {
    decompressed(File::open(path)?)
}

/// The decompressed bytes of an open stream, standard input for example.
///
/// # Errors
/// What the system said when its first bytes were read.
pub fn decompressed(mut stream: impl Read + 'static) -> std::io::Result<Box<dyn Read>> {
    let mut head = [0_u8; 6];
    let mut filled = 0;
    while filled < head.len() {
        match stream.read(&mut head[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    let head = &head[..filled];
    let whole = BufReader::with_capacity(1 << 16, Cursor::new(head.to_vec()).chain(stream));
    Ok(if head.starts_with(&GZIP_MAGIC) {
        Box::new(MultiGzDecoder::new(whole))
    } else if head.starts_with(&XZ_MAGIC) {
        // Concatenated streams are one file to `xz`, so they are here.
        Box::new(XzDecoder::new_multi_decoder(whole))
    } else {
        Box::new(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const TEXT: &str = "seconds,rps\n0,1\n60,2\n";

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn tar_of(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in [("other.csv", b"x".as_slice()), (name, bytes)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append_data(&mut header, name, bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn text_of(source: &Source) -> Result<String, ReadError> {
        source.with_reader(|reader| {
            let mut text = String::new();
            reader.read_to_string(&mut text).map_err(|source| ReadError::Io {
                file: String::new(),
                line: 0,
                source,
            })?;
            Ok(text)
        })
    }

    #[test]
    fn every_wrapping_gives_the_same_text() {
        let dir = tempfile::tempdir().unwrap();
        let twice = [xz(&TEXT.as_bytes()[..12]), xz(&TEXT.as_bytes()[12..])].concat();
        for (name, bytes) in
            [("plain", TEXT.into()), ("a.gz", gz(TEXT.as_bytes())), ("b", xz(TEXT.as_bytes())), ("c", twice)]
        {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(text_of(&Source { path, member: None }).unwrap(), TEXT, "{name}");
        }
        let tar = tar_of("in.csv", TEXT.as_bytes());
        for (name, bytes) in [("t.tar", tar.clone()), ("t.tar.gz", gz(&tar)), ("t.tar.xz", xz(&tar))] {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let source = Source::parse(&format!("{}#in.csv", path.display()));
            assert_eq!(text_of(&source).unwrap(), TEXT, "{name}");
        }
    }

    #[test]
    fn a_missing_member_is_named_with_those_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.tar");
        std::fs::write(&path, tar_of("in.csv", b"1")).unwrap();
        let error = text_of(&Source { path, member: Some("inn.csv".into()) }).unwrap_err().to_string();
        assert!(error.contains("no member \"inn.csv\"; it has other.csv, in.csv"), "{error}");
    }

    #[test]
    fn every_member_is_handed_over_in_one_pass() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.tar.xz");
        std::fs::write(&path, xz(&tar_of("in.csv", TEXT.as_bytes()))).unwrap();
        let mut found = Vec::new();
        each_member(&path, |name, reader| {
            let size = std::io::copy(reader, &mut std::io::sink()).unwrap();
            found.push((name.to_owned(), size));
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [("other.csv".to_owned(), 1), ("in.csv".to_owned(), TEXT.len() as u64)]);
    }

    #[test]
    fn a_cut_stream_is_an_error_and_not_a_short_trace() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in [("a.gz", gz(TEXT.as_bytes())), ("a.xz", xz(TEXT.as_bytes()))] {
            let path = dir.path().join(name);
            std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
            assert!(text_of(&Source { path, member: None }).is_err(), "{name}");
        }
    }
}
