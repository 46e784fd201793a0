//! A response on its way from what the exchange writes as HTTP/1.1 to frames.
//!
//! The exchange's bytes are read by the codec as any replica's are. Nothing is held here: what the client's window has no
//! room for is not taken, and the exchange waits, but for the last few bytes of a response.

use super::{grpc, heads};
use crate::codec::{BodyReader, HeadScan};
use crate::worker::arena::Arena;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use std::io::{self, ErrorKind};
use std::task::{Context, Poll};

/// What is known of a request when its response is passed on.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The method was HEAD.
    pub is_head: bool,
    /// It is a call of gRPC, which is refused in gRPC's way.
    pub is_grpc: bool,
}

#[derive(Debug)]
enum Stage {
    /// Before the final head.
    Head(SendResponse<Bytes>),
    Body(SendStream<Bytes>, BodyReader),
    /// The stream has its end.
    Whole,
    /// The client takes no more.
    Gone,
}

/// The response of one stream. Dropped before it is whole it resets the stream, because the end of the stream would say that
/// it was whole.
#[derive(Debug)]
pub struct Answer {
    stage: Stage,
    asked: Asked,
    arena: Arena,
}

/// So many bytes of the end of a response are taken whatever room there is.
const END_MAX: usize = 4 * 1024;

/// How much of `wanted` bytes the client has room for.
fn room(stream: &mut SendStream<Bytes>, wanted: usize) -> usize {
    stream.reserve_capacity(wanted);
    stream.capacity()
}

fn broken() -> io::Error {
    ErrorKind::BrokenPipe.into()
}

fn malformed() -> io::Error {
    ErrorKind::InvalidData.into()
}

impl Answer {
    /// To this request. Its body is copied to `arena`.
    pub fn new(respond: SendResponse<Bytes>, asked: Asked, arena: Arena) -> Self {
        Self { stage: Stage::Head(respond), asked, arena }
    }

    /// Takes what the client has room for. A head has to come whole.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room, `BrokenPipe` when the client takes no more, `InvalidData` for what is no response.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while at < bytes.len() {
            let taken = match &mut self.stage {
                Stage::Head(_) => self.head(&bytes[at..])?,
                Stage::Body(..) => self.data(&bytes[at..])?,
                // A refusal of a call of gRPC has no text.
                Stage::Whole => bytes.len() - at,
                Stage::Gone => return Err(broken()),
            };
            if taken == 0 {
                return if at == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(at) };
            }
            at += taken;
        }
        Ok(at)
    }

    fn head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Stage::Head(respond) = &mut self.stage else { return Ok(0) };
        let length = HeadScan::default().advance(bytes).ok().flatten().ok_or_else(malformed)?;
        let (mut response, framing) = heads::response_of(&bytes[..length], self.asked.is_head).ok_or_else(malformed)?;
        // Interim responses are the exchange's business: HTTP/2 clients wait for none to send a body.
        if response.status().is_informational() {
            return Ok(length);
        }
        let reader = BodyReader::new(framing);
        let mut is_whole = reader.is_done();
        if self.asked.is_grpc {
            if let Some(refusal) = grpc::refusal(&response) {
                (response, is_whole) = (refusal, true);
            } else if is_whole {
                grpc::strip_length(&mut response);
            }
        }
        let sent = respond.send_response(response, is_whole);
        self.stage = match sent {
            Ok(_) if is_whole => Stage::Whole,
            Ok(stream) => Stage::Body(stream, reader),
            Err(_) => Stage::Gone,
        };
        Ok(length)
    }

    /// Sends what there is room for, the last of it with the stream's end.
    fn data(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Stage::Body(stream, reader) = &mut self.stage else { return Ok(0) };
        let mut at = 0;
        // The end of a response may wait in `h2` for room, so that a small one never waits here.
        let is_end = reader.run() == bytes.len() as u64 && bytes.len() <= END_MAX;
        while at < bytes.len() && !reader.is_done() {
            let most = if is_end { bytes.len() } else { room(stream, bytes.len() - at) };
            let most = match most {
                0 if reader.is_at_data() => return Ok(at),
                // Framing needs no room. Byte by byte, so that no data comes with it.
                0 => 1,
                room => room,
            };
            let end = bytes.len().min(at.saturating_add(most));
            let step = reader.step(&bytes[at..end]).map_err(|_| malformed())?;
            let data = &bytes[at + step.data.start..at + step.data.end];
            at += step.consumed;
            let is_last = reader.is_done() && reader.trailers().is_empty();
            if data.is_empty() && !is_last {
                continue;
            }
            if stream.send_data(self.arena.copy(data), is_last).is_err() {
                self.stage = Stage::Gone;
                return Err(broken());
            }
            if is_last {
                self.stage = Stage::Whole;
                return Ok(at);
            }
        }
        if reader.is_done() {
            let trailers = heads::trailers_of(reader.trailers()).ok_or_else(malformed)?;
            let sent = stream.send_trailers(trailers);
            self.stage = if sent.is_ok() { Stage::Whole } else { Stage::Gone };
        }
        Ok(at)
    }

    /// Whether a write would find room.
    pub fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Stage::Body(stream, _) = &mut self.stage else { return Poll::Ready(()) };
        if stream.capacity() > 0 {
            return Poll::Ready(());
        }
        match stream.poll_capacity(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(_))) => Poll::Ready(()),
            Poll::Ready(_) => {
                self.stage = Stage::Gone;
                Poll::Ready(())
            }
        }
    }

    /// Whether the client gave the stream up.
    pub fn poll_gone(&mut self, context: &mut Context<'_>) -> bool {
        let is_gone = match &mut self.stage {
            Stage::Head(respond) => respond.poll_reset(context).is_ready(),
            Stage::Body(stream, _) => stream.poll_reset(context).is_ready(),
            Stage::Whole => false,
            Stage::Gone => true,
        };
        if is_gone {
            self.stage = Stage::Gone;
        }
        is_gone
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        match &mut self.stage {
            Stage::Head(respond) => respond.send_reset(Reason::INTERNAL_ERROR),
            Stage::Body(stream, _) => stream.send_reset(Reason::INTERNAL_ERROR),
            Stage::Whole | Stage::Gone => {}
        }
    }
}
