//! The request's body on its way to the replica: decoded, bounded, framed anew.

use super::admit::Facts;
use super::splice::{self, Halt};
use crate::codec::encode::{CHUNK_END, LAST_CHUNK, chunk_start};
use crate::codec::{BodyReader, Framing, RequestError, trailer};
use crate::io::{IoEnd, Pace};
use crate::stream::Stream;
use crate::worker::buffer::Buffer;

/// Where a request's body is.
#[derive(Debug)]
pub struct Upload {
    reader: BodyReader,
    chunked: bool,
    bytes: u64,
    bytes_max: u64,
    complete: bool,
}

/// Why an upload ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadEnd {
    /// The body is malformed or too large.
    Refused(RequestError),
    /// The client went away.
    ClientGone,
    /// The client fell silent.
    ClientSilent,
    /// The replica takes no more; it may have answered already.
    UpstreamGone,
}

impl Upload {
    /// At the start of a body.
    pub fn new(framing: Framing, bytes_max: u64) -> Self {
        Self {
            reader: BodyReader::new(framing),
            chunked: framing == Framing::Chunked,
            bytes: 0,
            bytes_max,
            complete: framing.is_empty(),
        }
    }

    /// Whether the whole body was taken from the client.
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Body bytes taken so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Moves what the inbox has of the body to `out`, framed for the replica.
    ///
    /// # Errors
    /// When the body is malformed or too large.
    pub fn absorb(&mut self, facts: &Facts, inbox: &mut Buffer, out: &mut Vec<u8>) -> Result<(), RequestError> {
        while !self.complete && !inbox.is_empty() {
            let step = self.reader.step(inbox.unread())?;
            let data = &inbox.unread()[step.data];
            self.bytes += data.len() as u64;
            if self.bytes > self.bytes_max {
                return Err(RequestError::BodyTooLarge);
            }
            if !data.is_empty() {
                if self.chunked {
                    chunk_start(out, data.len());
                }
                out.extend_from_slice(data);
                if self.chunked {
                    out.extend_from_slice(CHUNK_END);
                }
            }
            self.complete = step.done;
            inbox.consume(step.consumed);
        }
        if self.complete && self.chunked {
            out.extend_from_slice(LAST_CHUNK);
            if facts.sends_trailers {
                trailer::forward(out, self.reader.trailers(), |name| !facts.is_removed_from_request(name));
            }
            out.extend_from_slice(CHUNK_END);
            self.chunked = false;
        }
        Ok(())
    }

    /// Moves the rest of a body with a length within the kernel; false where that cannot be done.
    async fn relay(&mut self, pace: Pace<'_>, client: &Stream, upstream: &Stream) -> Result<bool, UploadEnd> {
        let run = self.reader.run();
        let mut left = run;
        let moved = splice::relay(pace, client, upstream, &mut left, &mut false).await;
        self.reader.passed(run - left);
        self.bytes += run - left;
        self.complete = self.reader.is_done();
        match moved {
            Ok(()) => Ok(true),
            Err(Halt::Unable) => Ok(false),
            Err(Halt::Sink(_) | Halt::SinkGone) => Err(UploadEnd::UpstreamGone),
            Err(Halt::Source(IoEnd::Gone)) => Err(UploadEnd::ClientGone),
            Err(Halt::Source(IoEnd::TimedOut)) => Err(UploadEnd::ClientSilent),
        }
    }

    /// Streams the rest of the body. `out` is scratch.
    ///
    /// # Errors
    /// Why it ended early.
    pub async fn stream(
        &mut self,
        pace: Pace<'_>,
        facts: &Facts,
        (client, upstream): (&Stream, &Stream),
        inbox: &mut Buffer,
        out: &mut Vec<u8>,
    ) -> Result<(), UploadEnd> {
        let mut turns: u32 = 0;
        let mut may_splice = true;
        while !self.complete {
            if may_splice && inbox.is_empty() && self.reader.run() >= splice::RUN_MIN {
                may_splice = self.relay(pace, client, upstream).await?;
                continue;
            }
            match pace.read(client, inbox, 0).await {
                Ok(0) | Err(IoEnd::Gone) => return Err(UploadEnd::ClientGone),
                Err(IoEnd::TimedOut) => return Err(UploadEnd::ClientSilent),
                Ok(_) => {}
            }
            out.clear();
            self.absorb(facts, inbox, out).map_err(UploadEnd::Refused)?;
            pace.write(upstream, out, &[]).await.map_err(|_| UploadEnd::UpstreamGone)?;
            turns += 1;
            if turns.is_multiple_of(32) {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}
