//! Where a body ends: by length, by chunks, or with the connection (RFC 9112 section 6.3).

use super::chunked::{ChunkError, ChunkReader, Step};

/// How a message's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
    /// All bytes until the connection ends; only responses.
    UntilClose,
}

impl Framing {
    /// Whether no body byte will come.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// Takes a body out of the byte stream that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyReader {
    /// Bytes left.
    Length(u64),
    /// Chunks.
    Chunked(ChunkReader),
    /// Everything.
    UntilClose,
}

impl BodyReader {
    /// A reader at the start of a body.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(ChunkReader::default()),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// Whether the body is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_done(),
            Self::UntilClose => false,
        }
    }

    /// Consumes framing up to the next run of data, and that run as far as it is in `input`. Call again with the rest
    /// until it is done or the input is used up; every call with input consumes at least one byte or is done.
    ///
    /// # Errors
    /// [`ChunkError`] when chunks are malformed.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        match self {
            Self::Length(left) => {
                let run = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= run as u64;
                Ok(Step { consumed: run, data: 0..run, done: *left == 0 })
            }
            Self::Chunked(chunks) => chunks.step(input),
            Self::UntilClose => Ok(Step { consumed: input.len(), data: 0..input.len(), done: false }),
        }
    }

    /// The trailer lines of a body that is complete.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        match self {
            Self::Chunked(chunks) => chunks.trailers(),
            Self::Length(_) | Self::UntilClose => &[],
        }
    }

    /// How many bytes of data come next without any framing between them, as far as that is known.
    #[must_use]
    pub const fn run(&self) -> u64 {
        match self {
            Self::Length(left) => *left,
            Self::Chunked(_) | Self::UntilClose => 0,
        }
    }

    /// Whether the next byte is data, as far as that is known.
    #[must_use]
    pub const fn is_at_data(&self) -> bool {
        match self {
            Self::Length(left) => *left > 0,
            Self::Chunked(chunks) => chunks.is_at_data(),
            Self::UntilClose => true,
        }
    }

    /// Counts `count` bytes of such a run as read by somebody else.
    pub fn passed(&mut self, count: u64) {
        if let Self::Length(left) = self {
            *left = left.saturating_sub(count);
        }
    }

    /// Whether the connection may end here without the body being cut off.
    #[must_use]
    pub fn may_end(&self) -> bool {
        matches!(self, Self::UntilClose) || self.is_done()
    }
}
