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
}

/// A line that does not end in CRLF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BareLineEnd;

impl HeadScan {
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
            self.line = end + 1;
            self.seen = end + 1;
        }
        self.seen = bytes.len();
        Ok(None)
    }
}

/// Bytes of empty lines before a request line, of which RFC 9112 section 2.2 asks to ignore at least one; two are.
#[must_use]
pub fn leading_empty_lines(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r', b'\n', b'\r', b'\n', ..] => 4,
        [b'\r', b'\n', ..] => 2,
        _ => 0,
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
    fn a_bare_line_feed_is_refused_wherever_it_stands() {
        for bad in [&b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..], b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"G\r\n\n", b"\n"] {
            let mut scan = HeadScan::default();
            assert_eq!(scan.advance(bad), Err(BareLineEnd), "{bad:?}");
        }
    }
}
