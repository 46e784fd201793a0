//! Finds the end of a message head without looking at any byte twice, and refuses line ends other than CRLF on the way.
//!
//! A client that sends one byte at a time costs one byte of scanning at a time. Bare LF is refused although RFC 9112
//! section 2.2 lets a recipient accept it: a reader behind us may not, and then two boundaries exist.

use memchr::memchr;

/// What the scan knows of a head that is still arriving.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeadScan {
    /// Bytes already looked at.
    seen: usize,
    /// Where the current line starts.
    line: usize,
    /// The length of the start line, once its end was seen.
    start_line: Option<usize>,
    /// Empty lines thrown away before the head.
    skipped: u8,
}

/// A line that does not end in CRLF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BareLineEnd;

/// Empty lines before a request line that are ignored. RFC 9112 section 2.2 asks for at least one.
const EMPTY_LINES_MAX: u8 = 2;

impl HeadScan {
    /// How many bytes of empty lines at the front of `bytes` to throw away before [`HeadScan::advance`], however they
    /// were split over reads; only for requests.
    pub fn leading(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while self.line == 0 && self.skipped < EMPTY_LINES_MAX && bytes[at..].starts_with(b"\r\n") {
            at += 2;
            self.skipped += 1;
            // At most the CR had been looked at.
            self.seen = 0;
        }
        at
    }

    /// Whether the start line, as far as it has been seen, is longer than `bytes_max`.
    #[must_use]
    pub fn start_line_exceeds(&self, bytes_max: usize) -> bool {
        self.start_line.unwrap_or(self.seen) > bytes_max
    }

    /// The length of the head with its empty line once that is in `bytes`, which must be the bytes of the last call and
    /// more. None while it is not complete.
    ///
    /// # Errors
    /// [`BareLineEnd`] at the first LF that no CR precedes.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, BareLineEnd> {
        while let Some(offset) = bytes.get(self.seen..).and_then(|rest| memchr(b'\n', rest)) {
            let end = self.seen + offset;
            if end == self.line || bytes[end - 1] != b'\r' {
                return Err(BareLineEnd);
            }
            if end == self.line + 1 {
                return Ok(Some(end + 1));
            }
            self.start_line.get_or_insert(end + 1);
            self.line = end + 1;
            self.seen = end + 1;
        }
        self.seen = bytes.len();
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_first_empty_line_and_split_reads_agree() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET";
        assert_eq!(HeadScan::default().advance(head), Ok(Some(head.len() - 3)));
        let mut scan = HeadScan::default();
        for length in 0..head.len() - 3 {
            assert_eq!(scan.advance(&head[..length]), Ok(None), "{length}");
        }
        assert_eq!(scan.advance(head), Ok(Some(head.len() - 3)));
    }

    #[test]
    fn two_empty_lines_before_a_request_are_ignored_however_they_arrive() {
        for (bytes, empty) in [(&b"G / H\r\n\r\n"[..], 0), (b"\r\nG / H\r\n\r\n", 2), (b"\r\n\r\nG / H\r\n\r\n", 4)] {
            for split in 0..bytes.len() {
                let mut scan = HeadScan::default();
                let mut skipped = 0;
                let mut found = None;
                for end in [split, bytes.len()] {
                    skipped += scan.leading(&bytes[skipped..end]);
                    found = scan.advance(&bytes[skipped..end]).unwrap();
                }
                assert_eq!((skipped, found), (empty, Some(bytes.len() - empty)), "{bytes:?} at {split}");
            }
        }
        let mut scan = HeadScan::default();
        assert_eq!(scan.leading(b"\r\n\r\n\r\n"), 4);
        assert_eq!(scan.leading(b"\r\n"), 0, "the bound is for all reads together");
        assert_eq!(scan.advance(b"\r\n"), Ok(Some(2)), "and the third is read as a head, which it is not");
    }

    #[test]
    fn a_bare_line_feed_is_refused_wherever_it_stands() {
        for bad in [&b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..], b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"G\r\n\n", b"\n"] {
            let mut scan = HeadScan::default();
            assert_eq!(scan.advance(bad), Err(BareLineEnd), "{bad:?}");
        }
    }
}
