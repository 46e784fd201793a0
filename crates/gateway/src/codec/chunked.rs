//! The chunked transfer coding, byte by byte where framing is, in runs where data is.
//!
//! Chunk sizes are hexadecimal digits only and at most 16 of them; every line must end in CRLF; extensions are checked,
//! bounded over the whole body and dropped, because a reader behind us may understand them differently and nothing may
//! depend on them (RFC 9112 section 7.1.1). The bound on extensions is on their sum: one-byte chunks with long extensions
//! are a known way to make a server read far more than it delivers. Trailers are checked, bounded and kept apart
//! ([`ChunkReader::trailers`]); which of them go on is [`super::trailer`].

use std::ops::Range;

/// Bytes of extensions allowed in one body, all chunks together.
pub const EXTENSION_BYTES_MAX: u32 = 8 * 1024;
/// Bytes of trailer lines allowed in one body.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;
/// Trailer fields allowed in one body.
pub const TRAILER_FIELDS_MAX: usize = 64;

/// The bytes are no chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// They break the grammar, or the bound on extensions.
    #[error("the chunked body is malformed")]
    Malformed,
    /// More bytes of trailers than [`TRAILER_BYTES_MAX`], or more fields than [`TRAILER_FIELDS_MAX`].
    #[error("the trailers are larger than the limit")]
    TrailersTooLarge,
}

/// What one call consumed of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are dealt with, framing included.
    pub consumed: usize,
    /// Where in the input the data lies; empty when only framing was consumed.
    pub data: Range<usize>,
    /// The body is complete; what follows in the input is no part of it.
    pub done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before or within the digits of a size; how many there were.
    Size(u8),
    /// White space behind the size, which only an extension may follow.
    SizeSpace,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer line or of the empty line that ends the body.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

/// Reads one chunked body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkReader {
    state: State,
    /// Size being read, then data bytes left of the chunk.
    left: u64,
    extensions: u32,
    /// Whole lines as they came; empty, and without memory of its own, where there are none.
    trailers: Vec<u8>,
    trailer_fields: usize,
}

impl Default for ChunkReader {
    fn default() -> Self {
        Self { state: State::Size(0), left: 0, extensions: 0, trailers: Vec::new(), trailer_fields: 0 }
    }
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

const fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

const fn hex(byte: u8) -> Option<u64> {
    match byte {
        b'0'..=b'9' => Some((byte - b'0') as u64),
        b'a'..=b'f' => Some((byte - b'a' + 10) as u64),
        b'A'..=b'F' => Some((byte - b'A' + 10) as u64),
        _ => None,
    }
}

impl ChunkReader {
    /// Consumes framing up to the next run of data, and that run as far as it is in `input`.
    ///
    /// # Errors
    /// [`ChunkError`] when the bytes break the grammar or a bound; the reader must not be used after it.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if self.state == State::Data {
                let run = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len() - at);
                self.left -= run as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                return Ok(Step { consumed: at + run, data: at..at + run, done: false });
            }
            self.framing(input[at])?;
            at += 1;
        }
        Ok(Step { consumed: at, data: at..at, done: self.state == State::Done })
    }

    /// Whether the body is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the next byte is data.
    #[must_use]
    pub const fn is_at_data(&self) -> bool {
        matches!(self.state, State::Data)
    }

    /// The trailer lines, each `NAME:VALUE CRLF` by the grammar; all of them once the body is complete.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    fn framing(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.state = match (self.state, byte) {
            (State::Size(digits), _) => self.size(digits, byte)?,
            (State::SizeSpace, b' ' | b'\t') => self.extension(State::SizeSpace)?,
            (State::SizeSpace, b';') => self.extension(State::Extension)?,
            (State::Extension, b'\r') => State::SizeLf,
            (State::Extension, _) if is_text(byte) => self.extension(State::Extension)?,
            (State::SizeLf, b'\n') if self.left == 0 => State::Trailer,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size(0),
            (State::Trailer, b'\r') => State::EndLf,
            (State::Trailer, _) if is_token(byte) => self.trailer(byte, State::TrailerName)?,
            (State::TrailerName, b':') => self.trailer(byte, State::TrailerValue)?,
            (State::TrailerName, _) if is_token(byte) => self.trailer(byte, State::TrailerName)?,
            (State::TrailerValue, b'\r') => self.trailer(byte, State::TrailerLf)?,
            (State::TrailerValue, _) if is_text(byte) => self.trailer(byte, State::TrailerValue)?,
            (State::TrailerLf, b'\n') => self.trailer_end()?,
            (State::EndLf, b'\n') => State::Done,
            _ => return Err(ChunkError::Malformed),
        };
        Ok(())
    }

    fn size(&mut self, digits: u8, byte: u8) -> Result<State, ChunkError> {
        if digits == 0 {
            self.left = 0;
        }
        if let Some(digit) = hex(byte) {
            if digits == 16 {
                return Err(ChunkError::Malformed);
            }
            self.left = self.left << 4 | digit;
            return Ok(State::Size(digits + 1));
        }
        match byte {
            _ if digits == 0 => Err(ChunkError::Malformed),
            b'\r' => Ok(State::SizeLf),
            b';' => self.extension(State::Extension),
            b' ' | b'\t' => self.extension(State::SizeSpace),
            _ => Err(ChunkError::Malformed),
        }
    }

    fn extension(&mut self, next: State) -> Result<State, ChunkError> {
        self.extensions += 1;
        if self.extensions > EXTENSION_BYTES_MAX { Err(ChunkError::Malformed) } else { Ok(next) }
    }

    fn trailer(&mut self, byte: u8, next: State) -> Result<State, ChunkError> {
        if self.trailers.len() >= TRAILER_BYTES_MAX {
            return Err(ChunkError::TrailersTooLarge);
        }
        self.trailers.push(byte);
        Ok(next)
    }

    fn trailer_end(&mut self) -> Result<State, ChunkError> {
        self.trailer_fields += 1;
        if self.trailer_fields > TRAILER_FIELDS_MAX {
            return Err(ChunkError::TrailersTooLarge);
        }
        self.trailer(b'\n', State::Trailer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decoded data and how many bytes followed the body; none while it is incomplete.
    fn decode(input: &[u8], piece: usize) -> Result<Option<(Vec<u8>, usize)>, ChunkError> {
        let mut reader = ChunkReader::default();
        let mut data = Vec::new();
        let mut at = 0;
        while at < input.len() {
            let end = (at + piece).min(input.len());
            let step = reader.step(&input[at..end])?;
            data.extend_from_slice(&input[at..end][step.data]);
            at += step.consumed;
            if step.done {
                return Ok(Some((data, input.len() - at)));
            }
        }
        Ok(None)
    }

    #[test]
    fn bodies_decode_the_same_in_any_pieces() {
        for (input, data, rest) in [
            (&b"0\r\n\r\n"[..], &b""[..], 0),
            (b"5\r\nhello\r\n0\r\n\r\nGET", b"hello", 3),
            (b"5;a=b\r\nhello\r\n00\r\n\r\n", b"hello", 0),
            (b"5 ;a=\"x;y\"\r\nhello\r\n0\r\n\r\n", b"hello", 0),
            (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n", b"01234567890123456789", 0),
        ] {
            for piece in 1..=input.len() {
                assert_eq!(decode(input, piece), Ok(Some((data.to_vec(), rest))), "{input:?} by {piece}");
            }
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for bad in [
            &b"\r\n"[..],
            b";a\r\n",
            b"+5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"5\nhello\r\n",
            b"5 \r\nhello\r\n",
            b" 5\r\nhello\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"11111111111111111\r\n",
            b"5;a\nb\r\nhello",
            b"5;a\rb",
            b"5;\0\r\n",
            b"0\r\n X: folded\r\n\r\n",
            b"0\r\nX : 1\r\n\r\n",
            b"0\r\nX\r\n\r\n",
            b"0\r\nX: 1\n\r\n",
            b"0\r\n\n",
            b"0\r\n\r\r",
        ] {
            assert_eq!(decode(bad, bad.len()), Err(ChunkError::Malformed), "{:?}", String::from_utf8_lossy(bad));
            assert_eq!(decode(bad, 1), Err(ChunkError::Malformed), "{:?}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded_over_the_whole_body() {
        let mut many = b"1;".to_vec();
        many.extend_from_slice(&[b'x'; 1024]);
        many.extend_from_slice(b"\r\na\r\n");
        let body: Vec<u8> = many.iter().copied().cycle().take(many.len() * 9).collect();
        assert_eq!(decode(&body, 100), Err(ChunkError::Malformed));
        let mut trailers = b"0\r\nX: ".to_vec();
        trailers.extend_from_slice(&[b'x'; TRAILER_BYTES_MAX]);
        assert_eq!(decode(&trailers, 100), Err(ChunkError::TrailersTooLarge));
        let many = [b"0\r\n".to_vec(), b"X:y\r\n".repeat(TRAILER_FIELDS_MAX + 1)].concat();
        assert_eq!(decode(&many, 100), Err(ChunkError::TrailersTooLarge));
    }
}
