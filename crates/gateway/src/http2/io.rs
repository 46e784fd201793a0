//! A connection's byte stream as `h2` wants to see it.

use crate::stream::Stream;
use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream, and what was read of it before.
#[derive(Debug)]
pub struct Io {
    stream: Stream,
    read_before: Vec<u8>,
    /// Counts reads that brought something.
    reads: Option<Rc<Cell<u64>>>,
}

impl Io {
    /// `read_before` is read first.
    pub const fn new(stream: Stream, read_before: Vec<u8>) -> Self {
        Self { stream, read_before, reads: None }
    }

    /// Counts reads that brought something in `reads`.
    pub const fn counted(stream: Stream, reads: Rc<Cell<u64>>) -> Self {
        Self { stream, read_before: Vec::new(), reads: Some(reads) }
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
            match self.stream.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    turn.made_progress();
                    if let Some(reads) = self.reads.as_ref().filter(|_| count > 0) {
                        reads.set(reads.get() + 1);
                    }
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.stream.poll_read_ready(context)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.stream.poll_write_ready(context)),
                done => return Poll::Ready(done),
            }
        }
    }

    /// A head and the body behind it are one system call, and within TLS one record.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.stream.try_write_vectored(slices) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.stream.poll_write_ready(context)),
                done => return Poll::Ready(done),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(session) = self.stream.unsent() {
            match session.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.stream.poll_write_ready(context)),
                done => return Poll::Ready(done),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.shutdown_write();
        Poll::Ready(Ok(()))
    }
}
