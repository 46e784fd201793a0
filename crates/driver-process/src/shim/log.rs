//! The workload's output as a rotated log: each line with its time and where it came from.
//!
//! A line reads `2026-11-21T07:39:42.123Z out hello`: UTC, milliseconds, then `out`, `err`, or `sys` for the shim's own
//! notes. A line over 16 KiB is written in pieces, `out+` for all but the last. The workload is never held up by a full
//! disk: what cannot be written is counted, and the count is noted when there is room again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A line longer than this is written in pieces.
pub const LINE_BYTES_MAX: usize = 16 << 10;
/// A log under this size would rotate at every other line.
const SIZE_MIN: u64 = 4 << 10;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// The shim.
    Shim,
}

impl Source {
    const fn tag(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Err => "err",
            Self::Shim => "sys",
        }
    }
}

/// The log of one workload.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: Option<File>,
    size: u64,
    size_max: u64,
    files_max: u32,
    batch: Vec<u8>,
    lines_in_batch: u64,
    lost: u64,
    is_torn: bool,
}

impl Log {
    /// Opens `path` for appending; rotates at `size_max` bytes and keeps `files_max` rotated files.
    #[must_use]
    pub fn open(path: &Path, size_max: u64, files_max: u32) -> Self {
        let mut log = Self {
            path: path.to_owned(),
            file: None,
            size: 0,
            size_max: size_max.max(SIZE_MIN),
            files_max,
            batch: Vec::new(),
            lines_in_batch: 0,
            lost: 0,
            is_torn: false,
        };
        log.reopen();
        log
    }

    /// Writes a note of the shim.
    pub fn note(&mut self, text: &str) {
        self.push(Source::Shim, false, text.as_bytes());
        self.flush();
    }

    /// Adds one line, or one piece of a line that goes on; [`Log::flush`] writes it.
    pub fn push(&mut self, source: Source, goes_on: bool, line: &[u8]) {
        let length = line.len() as u64 + 32;
        if self.size + self.batch.len() as u64 + length > self.size_max && self.size + self.batch.len() as u64 > 0 {
            self.flush();
            self.rotate();
        }
        let mark = if goes_on { "+" } else { "" };
        self.batch.extend_from_slice(&now());
        let _infallible = write!(self.batch, " {}{mark} ", source.tag());
        self.batch.extend_from_slice(line);
        self.batch.push(b'\n');
        self.lines_in_batch += 1;
    }

    /// Writes what was added.
    pub fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        if self.file.is_none() {
            self.reopen();
        }
        let head = self.head();
        let written = self.file.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)).and_then(|file| {
            file.write_all(&head)?;
            file.write_all(&self.batch)
        });
        if written.is_ok() {
            self.size += (head.len() + self.batch.len()) as u64;
            self.lost = 0;
        } else {
            // Part of it may be on the disk. What is whole there stays; the count may so be too high, never too low.
            self.lost += self.lines_in_batch;
            self.is_torn = true;
        }
        self.batch.clear();
        self.batch.shrink_to(LINE_BYTES_MAX);
        self.lines_in_batch = 0;
    }

    /// What has to stand before the batch: the end of a torn line, and how many lines are missing.
    fn head(&mut self) -> Vec<u8> {
        let mut head = Vec::new();
        if std::mem::take(&mut self.is_torn) {
            head.push(b'\n');
        }
        if self.lost > 0 {
            head.extend_from_slice(&now());
            let _infallible = writeln!(head, " sys {} lines were lost: the log could not be written", self.lost);
        }
        head
    }

    fn reopen(&mut self) {
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path);
        self.size = opened.as_ref().ok().and_then(|file| file.metadata().ok()).map_or(0, |file| file.len());
        self.file = opened.ok();
    }

    fn rotate(&mut self) {
        self.file = None;
        if self.files_max == 0 {
            let _gone = fs::remove_file(&self.path);
        } else {
            for number in (1..self.files_max).rev() {
                let _no_such_file = fs::rename(rotated(&self.path, number), rotated(&self.path, number + 1));
            }
            let _gone = fs::rename(&self.path, rotated(&self.path, 1));
        }
        self.reopen();
    }
}

/// The path of a rotated log; 1 is the newest.
#[must_use]
pub fn rotated(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Adds a chunk as it came; calls `each` with every line that ended, and with pieces of one that grows too long.
    pub fn push(&mut self, chunk: &[u8], mut each: impl FnMut(bool, &[u8])) {
        let mut chunk = chunk;
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&chunk[..end], &chunk[end + 1..]);
            chunk = rest;
            if self.rest.is_empty() {
                pieces(line, &mut each);
            } else {
                self.rest.extend_from_slice(line);
                pieces(&std::mem::take(&mut self.rest), &mut each);
            }
        }
        self.rest.extend_from_slice(chunk);
        while self.rest.len() > LINE_BYTES_MAX {
            each(true, &self.rest[..LINE_BYTES_MAX]);
            self.rest.drain(..LINE_BYTES_MAX);
        }
    }

    /// The stream ended: what is left is a line too.
    pub fn finish(&mut self, each: impl FnOnce(bool, &[u8])) {
        if !self.rest.is_empty() {
            each(false, &std::mem::take(&mut self.rest));
        }
    }
}

fn pieces(line: &[u8], each: &mut impl FnMut(bool, &[u8])) {
    let mut line = line;
    while line.len() > LINE_BYTES_MAX {
        each(true, &line[..LINE_BYTES_MAX]);
        line = &line[LINE_BYTES_MAX..];
    }
    each(false, line);
}

/// Now, as 24 bytes of RFC 3339 in UTC with milliseconds.
fn now() -> [u8; 24] {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    stamp(since.as_secs().cast_signed(), since.subsec_millis())
}

fn stamp(seconds: i64, millis: u32) -> [u8; 24] {
    // SAFETY: `tm` is plain data for which all zeroes is a value.
    let mut date: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call; `gmtime_r` reads no time zone.
    unsafe { libc::gmtime_r(&raw const seconds, &raw mut date) };
    let mut text = [0; 24];
    let mut rest = &mut text[..];
    let _fits_until_the_year_10000 = write!(
        rest,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{millis:03}Z",
        date.tm_year + 1_900,
        date.tm_mon + 1,
        date.tm_mday,
        date.tm_hour,
        date.tm_min,
        date.tm_sec,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<(bool, Vec<u8>)> {
        let (mut cutter, mut found) = (Lines::default(), Vec::new());
        chunks.iter().for_each(|chunk| cutter.push(chunk, |goes_on, line| found.push((goes_on, line.to_vec()))));
        cutter.finish(|goes_on, line| found.push((goes_on, line.to_vec())));
        found
    }

    #[test]
    fn a_stamp_is_utc_with_milliseconds() {
        assert_eq!(&stamp(951_782_400, 7), b"2000-02-29T00:00:00.007Z");
    }

    #[test]
    fn lines_are_found_across_chunks_and_the_last_needs_no_newline() {
        let found = lines(&[b"on", b"e\ntwo\n\nth", b"ree"]);
        let texts: Vec<_> = found.iter().map(|(_, line)| std::str::from_utf8(line).unwrap()).collect();
        assert_eq!(texts, ["one", "two", "", "three"]);
        assert!(found.iter().all(|(goes_on, _)| !goes_on));
    }

    #[test]
    fn a_log_rotates_by_size_and_keeps_as_many_files_as_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = Log::open(&path, 4_096, 2);
        for number in 0..400 {
            log.push(Source::Out, false, format!("line {number:04}").as_bytes());
        }
        log.flush();
        let mut names: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["log", "log.1", "log.2"]);
        for name in &names {
            assert!(fs::metadata(directory.path().join(name)).unwrap().len() <= 4_096);
        }
        assert!(fs::read_to_string(&path).unwrap().ends_with("out line 0399\n"));
    }

    #[test]
    fn lines_that_a_full_disk_swallowed_are_counted() {
        let full = Path::new("/dev/full");
        let mut log = Log::open(full, 1 << 20, 1);
        log.push(Source::Out, false, b"one");
        log.push(Source::Err, false, b"two");
        log.flush();
        assert_eq!(log.lost, 2);
        let directory = tempfile::tempdir().unwrap();
        log.path = directory.path().join("log");
        log.file = None;
        log.push(Source::Out, false, b"three");
        log.flush();
        let text = fs::read_to_string(directory.path().join("log")).unwrap();
        assert!(text.contains("sys 2 lines were lost") && text.ends_with("out three\n"), "{text}");
        assert_eq!(log.lost, 0);
    }

    proptest::proptest! {
        #[test]
        fn no_byte_is_lost_or_invented(chunks in proptest::collection::vec(proptest::collection::vec(0_u8..=255, 0..40_000), 0..4)) {
            let parts: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let mut joined = Vec::new();
            for (goes_on, line) in lines(&parts) {
                proptest::prop_assert!(line.len() <= LINE_BYTES_MAX);
                joined.extend_from_slice(&line);
                if !goes_on {
                    joined.push(b'\n');
                }
            }
            let mut all = chunks.concat();
            if all.last().is_some_and(|byte| *byte != b'\n') {
                all.push(b'\n');
            }
            proptest::prop_assert_eq!(joined, all);
        }
    }
}
