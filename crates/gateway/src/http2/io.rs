//! A connection's byte stream as `h2` wants to see it.

use crate::stream::Stream;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes held for one system call, or one record of TLS: what the streams of a connection answer in one turn of the runtime.
const HELD_MAX: usize = 16 * 1024;

/// A connection's stream, and what is to be sent over it with the next system call.
#[derive(Debug)]
pub struct Wire {
    stream: Stream,
    held: RefCell<Vec<u8>>,
}

impl Wire {
    /// Moves what is held to the stream, which may hold some of it within TLS.
    fn poll_pass(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut held = self.held.borrow_mut();
        let mut sent = 0;
        while sent < held.len() {
            match self.stream.try_write_late(&[IoSlice::new(&held[sent..])]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.stream.poll_write_ready(context).is_pending() {
                        held.drain(..sent);
                        return Poll::Pending;
                    }
                }
                Err(error) => {
                    held.clear();
                    return Poll::Ready(Err(error));
                }
            }
        }
        held.clear();
        Poll::Ready(Ok(()))
    }

    /// Moves what is held to the kernel.
    pub fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pass(context))?;
        while let Some(session) = self.stream.unsent() {
            match session.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.stream.poll_write_ready(context)),
                done => return Poll::Ready(done),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Polls `future`, whose connection is this one and sends late, and sends after each poll. An error of sending shows at
    /// the connection's next read or write.
    pub async fn sending<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let polled = future.as_mut().poll(context);
            let _ = self.poll_send(context);
            polled
        })
        .await
    }
}

/// A stream, and what was read of it before.
#[derive(Debug)]
pub struct Io {
    wire: Rc<Wire>,
    read_before: Vec<u8>,
    /// Counts reads that brought something.
    reads: Option<Rc<Cell<u64>>>,
    sends_late: bool,
}

impl Io {
    /// `read_before` is read first.
    pub fn new(stream: Stream, read_before: Vec<u8>) -> Self {
        let wire = Rc::new(Wire { stream, held: RefCell::default() });
        Self { wire, read_before, reads: None, sends_late: false }
    }

    /// Counts reads that brought something in `reads`.
    pub fn counted(stream: Stream, reads: Rc<Cell<u64>>) -> Self {
        Self { reads: Some(reads), ..Self::new(stream, Vec::new()) }
    }

    /// Like [`Io::new`], but a flush sends nothing: `h2` flushes after every frame of data, and the answers of several
    /// streams would be a system call each. Whoever polls the connection has to do it by [`Wire::sending`].
    pub fn late(stream: Stream, read_before: Vec<u8>) -> (Self, Rc<Wire>) {
        let io = Self { sends_late: true, ..Self::new(stream, read_before) };
        let wire = Rc::clone(&io.wire);
        (io, wire)
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.read_before.is_empty() {
            let count = self.read_before.len().min(buffer.remaining());
            buffer.put_slice(&self.read_before[..count]);
            self.read_before.drain(..count);
            return Poll::Ready(Ok(()));
        }
        // A side that sends without end must not keep its reader from letting others go on.
        let turn = ready!(tokio::task::coop::poll_proceed(context));
        loop {
            match self.wire.stream.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    turn.made_progress();
                    if let Some(reads) = self.reads.as_ref().filter(|_| count > 0) {
                        reads.set(reads.get() + 1);
                    }
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready!(self.wire.stream.poll_read_ready(context))
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    /// Small writes are held; what has no room passes what is held on, and more than fits follows directly.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = &self.wire;
        let count = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if wire.held.borrow().len() + count > HELD_MAX {
            ready!(wire.poll_pass(context))?;
        }
        if count <= HELD_MAX {
            let mut held = wire.held.borrow_mut();
            slices.iter().for_each(|slice| held.extend_from_slice(slice));
            return Poll::Ready(Ok(count));
        }
        loop {
            match wire.stream.try_write_late(slices) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(wire.stream.poll_write_ready(context)),
                done => return Poll::Ready(done),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.sends_late { Poll::Ready(Ok(())) } else { self.wire.poll_send(context) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What cannot be sent any more does not keep the connection open.
        let _ = ready!(self.wire.poll_send(context));
        self.wire.stream.shutdown_write();
        Poll::Ready(Ok(()))
    }
}
