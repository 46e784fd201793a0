//! A request's body on its way from frames to what the exchange reads as HTTP/1.1: as it is where its length is stated, else
//! in chunks.
//!
//! At most one frame of data is held. The client may send more only when the exchange has taken it.

use super::heads;
use crate::codec::encode::{CHUNK_END, chunk_start};
use bytes::{Buf, Bytes};
use h2::RecvStream;
use std::io::{self, ErrorKind};
use std::task::{Context, Poll, Waker, ready};

/// What comes next of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Data,
    Trailers,
    Ended,
    /// The client gave it up, or the connection was lost.
    Gone,
}

/// A request's body.
#[derive(Debug)]
pub struct Body {
    stream: RecvStream,
    is_chunked: bool,
    stage: Stage,
    /// Read before the data, from `framing_at` on.
    framing: Vec<u8>,
    framing_at: usize,
    data: Bytes,
}

impl Body {
    /// Of a request whose head says by `is_chunked` how it is written. `is_whole` is one without a body.
    pub fn new(stream: RecvStream, is_whole: bool, is_chunked: bool) -> Self {
        let stage = if is_whole { Stage::Ended } else { Stage::Data };
        Self { stream, is_chunked, stage, framing: Vec::new(), framing_at: 0, data: Bytes::new() }
    }

    fn has_staged(&self) -> bool {
        self.framing_at < self.framing.len() || !self.data.is_empty()
    }

    /// Takes the next frame in; false at the end. Nothing may be staged.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.framing.clear();
        self.framing_at = 0;
        loop {
            match self.stage {
                Stage::Data => match ready!(self.stream.poll_data(context)) {
                    Some(Ok(data)) if data.is_empty() => {}
                    Some(Ok(data)) => {
                        if self.is_chunked {
                            chunk_start(&mut self.framing, data.len());
                        }
                        self.data = data;
                        return Poll::Ready(Ok(true));
                    }
                    Some(Err(_)) => self.stage = Stage::Gone,
                    // A request with a length has no place for trailers in HTTP/1.1.
                    None => self.stage = if self.is_chunked { Stage::Trailers } else { Stage::Ended },
                },
                Stage::Trailers => match ready!(self.stream.poll_trailers(context)) {
                    Ok(trailers) => {
                        heads::trailer_bytes(&mut self.framing, trailers.as_ref());
                        self.stage = Stage::Ended;
                        return Poll::Ready(Ok(true));
                    }
                    Err(_) => self.stage = Stage::Gone,
                },
                Stage::Ended => return Poll::Ready(Ok(false)),
                Stage::Gone => return Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
            }
        }
    }

    /// Moves what is staged.
    fn take(&mut self, into: &mut [u8]) -> usize {
        let mut count = 0;
        while count < into.len() && self.has_staged() {
            let framing = &self.framing[self.framing_at..];
            let source = if framing.is_empty() { &self.data[..] } else { framing };
            let now = source.len().min(into.len() - count);
            into[count..count + now].copy_from_slice(&source[..now]);
            count += now;
            if !framing.is_empty() {
                self.framing_at += now;
                continue;
            }
            self.data.advance(now);
            // Given back only now: the client may send more once the exchange has taken this.
            let _ = self.stream.flow_control().release_capacity(now);
            if self.data.is_empty() && self.is_chunked {
                self.framing.clear();
                self.framing.extend_from_slice(CHUNK_END);
                self.framing_at = 0;
            }
        }
        count
    }

    /// Reads what is there; zero is the end.
    ///
    /// # Errors
    /// `WouldBlock`, or `ConnectionReset` when the client gave the request up.
    pub fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // Whoever is told to wait does so by `poll_readable`, which leaves a waker that wakes.
        let mut context = Context::from_waker(Waker::noop());
        let mut count = self.take(into);
        while count < into.len() {
            match self.poll_next(&mut context) {
                Poll::Ready(Ok(true)) => count += self.take(&mut into[count..]),
                _ if count > 0 => break,
                Poll::Ready(Ok(false)) => return Ok(0),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Err(ErrorKind::WouldBlock.into()),
            }
        }
        Ok(count)
    }

    /// Whether a read would find something.
    pub fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.has_staged() { Poll::Ready(()) } else { self.poll_next(context).map(drop) }
    }
}
