//! One connection's byte stream: a plain TCP socket, a TLS session over one, or one stream of an HTTP/2 connection, from a
//! client or to a replica.
//!
//! All are used the way the data path uses a socket: try first, wait only when there is nothing. An enum and not a
//! trait object, so that the plain path costs one predictable branch; and the socket below stays in reach
//! ([`Stream::plain`]), so that bodies can be spliced where no TLS is between.
//!
//! Must not buffer anything on the plain path.

use crate::http2::frames::Frames;
use crate::http2::pipe::Pipe;
use crate::tls::session::Session;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

/// A connection's byte stream.
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are.
    Plain(TcpStream),
    /// Bytes within a TLS session whose handshake is over.
    Tls(Box<Session>),
    /// A stream of a client's HTTP/2 connection.
    Frames(Box<Frames>),
    /// A stream of an HTTP/2 connection to a replica.
    Pipe(Pipe),
}

/// Reads, and where less came than there was room for, tells the runtime that nothing is left.
///
/// The kernel's notice is edge-triggered: what comes later is announced anew. So the next look at this socket, for an end
/// or for bytes that nobody asked for, costs no system call; tokio's own `poll_read` does the same, its `try_read` does not.
pub(crate) fn read_plain(socket: &TcpStream, bytes: &mut [u8]) -> io::Result<usize> {
    let mut short = None;
    let read = socket.try_io(tokio::io::Interest::READABLE, || {
        let count = rustix::io::read(socket, &mut *bytes)?;
        if count == 0 || count == bytes.len() {
            return Ok(count);
        }
        short = Some(count);
        Err(ErrorKind::WouldBlock.into())
    });
    short.map_or(read, Ok)
}

impl Stream {
    /// The socket, where its bytes are the stream's bytes: what `splice` may be used on.
    #[must_use]
    pub const fn plain(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(socket) => Some(socket),
            _ => None,
        }
    }

    /// The socket below, if it is this stream's own.
    #[must_use]
    fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Tls(session) => Some(session.socket()),
            Self::Frames(_) | Self::Pipe(_) => None,
        }
    }

    /// The address that the connection came to.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Frames(frames) => frames.local,
            _ => self.socket()?.local_addr().ok(),
        }
    }

    /// Makes closing it a reset.
    pub fn reset_on_close(&self) {
        if let Some(socket) = self.socket() {
            let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
    }

    /// Whether HTTP/2 was agreed on.
    #[must_use]
    pub fn speaks_http2(&self) -> bool {
        matches!(self, Self::Tls(session) if session.speaks_http2())
    }

    /// Whether it is a stream of a client's HTTP/2 connection.
    #[must_use]
    pub const fn is_frames(&self) -> bool {
        matches!(self, Self::Frames(_))
    }

    /// Whether it ended because a replica says that it has not looked at the request.
    #[must_use]
    pub fn was_refused(&self) -> bool {
        matches!(self, Self::Pipe(pipe) if pipe.was_refused())
    }

    /// Whether it was one stream of a connection that goes on, so that what broke it was no idle connection's end.
    #[must_use]
    pub fn was_broken_off(&self) -> bool {
        matches!(self, Self::Pipe(pipe) if pipe.was_broken_off())
    }

    /// Reads what is there; zero is an orderly end.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing; an end of the socket that TLS did not announce is an error too, because what
    /// came before may have been cut short by somebody between.
    pub fn try_read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => read_plain(socket, bytes),
            Self::Tls(session) => session.try_read(bytes),
            Self::Frames(frames) => frames.try_read(bytes),
            Self::Pipe(pipe) => pipe.try_read(bytes),
        }
    }

    /// Takes as many bytes as there is room for. What a TLS session has taken may still have to be flushed
    /// ([`Stream::unsent`]).
    ///
    /// # Errors
    /// `WouldBlock` when there is no room.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_write(bytes),
            Self::Tls(session) => session.try_write(&[IoSlice::new(bytes)]),
            Self::Frames(frames) => frames.try_write(&[IoSlice::new(bytes)]),
            Self::Pipe(pipe) => pipe.try_write(bytes),
        }
    }

    /// [`Stream::try_write`] of several slices at once.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room.
    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_write_vectored(slices),
            Self::Tls(session) => session.try_write(slices),
            Self::Frames(frames) => frames.try_write(slices),
            Self::Pipe(pipe) => match slices.iter().find(|slice| !slice.is_empty()) {
                Some(slice) => pipe.try_write(slice),
                None => Ok(0),
            },
        }
    }

    /// [`Stream::try_write_vectored`] for somebody who flushes later ([`Stream::unsent`]): within TLS several writes then leave
    /// with one system call.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room.
    pub fn try_write_late(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tls(session) => session.try_hold(slices),
            _ => self.try_write_vectored(slices),
        }
    }

    /// The session, where it holds bytes that the kernel had no room for yet.
    #[must_use]
    pub fn unsent(&self) -> Option<&Session> {
        match self {
            Self::Tls(session) => session.has_unsent().then_some(session),
            _ => None,
        }
    }

    /// Waits until a read may find something.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        // Not the socket's own `readable`: its future is ten times as large, and an idle connection is little else.
        std::future::poll_fn(|context| self.poll_read_ready(context)).await;
        Ok(())
    }

    /// Waits until a write may find room.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.writable().await,
            Self::Tls(session) => session.socket().writable().await,
            Self::Frames(_) | Self::Pipe(_) => poll_fn(|context| self.poll_write_ready(context).map(Ok)).await,
        }
    }

    /// [`Stream::writable`], polled.
    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Plain(socket) => socket.poll_write_ready(context).map(|_| ()),
            Self::Tls(session) => session.socket().poll_write_ready(context).map(|_| ()),
            Self::Frames(frames) => frames.poll_writable(context),
            Self::Pipe(pipe) => pipe.poll_writable(context),
        }
    }

    /// [`Stream::readable`], polled.
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Plain(socket) => socket.poll_read_ready(context).map(|_| ()),
            Self::Tls(session) if session.may_have_plaintext() => Poll::Ready(()),
            Self::Tls(session) => session.socket().poll_read_ready(context).map(|_| ()),
            Self::Frames(frames) => frames.poll_readable(context),
            Self::Pipe(pipe) => pipe.poll_readable(context),
        }
    }

    /// Whether the other side has closed its side, as far as the runtime has noticed; else the task is woken when it
    /// does, or when it sends something. Bytes that it sends ahead are no reason to look again: `watch` is then false.
    pub fn poll_gone(&self, watch: &mut bool, context: &mut Context<'_>) -> bool {
        match self {
            Self::Tls(session) => session.poll_gone(watch, context),
            Self::Frames(frames) => frames.poll_gone(context),
            Self::Pipe(pipe) => pipe.poll_gone(context),
            Self::Plain(socket) => {
                while *watch && socket.poll_read_ready(context).is_ready() {
                    let mut byte = [std::mem::MaybeUninit::uninit(); 1];
                    let peek = || socket2::SockRef::from(socket).peek(&mut byte);
                    match socket.try_io(tokio::io::Interest::READABLE, peek) {
                        Ok(0) => return true,
                        Ok(_) => *watch = false,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(_) => return true,
                    }
                }
                false
            }
        }
    }

    /// What the kernel knows of, whatever the runtime has noticed: `Ok(0)` for an end, the number of bytes that a peek
    /// finds (one at most), or `WouldBlock`. The bytes may be TLS's own and say nothing to the reader.
    fn peek_now(&self) -> io::Result<usize> {
        let mut byte = [std::mem::MaybeUninit::uninit(); 1];
        match self.socket() {
            Some(socket) => socket2::SockRef::from(socket).peek(&mut byte),
            None => Ok(0),
        }
    }

    /// Whether nothing came over an idle connection, neither its end nor bytes that nobody asked for, as far as the
    /// runtime has noticed. Costs no system call while it has seen no event.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let mut byte = [0u8; 1];
        matches!(self.try_read(&mut byte), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Whether the kernel knows of nothing that came over an idle connection; unlike the runtime's view never stale.
    #[must_use]
    pub fn is_quiet_now(&self) -> bool {
        matches!(self.peek_now(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Whether the kernel holds bytes that nobody has read yet, whatever the runtime has noticed.
    #[must_use]
    pub fn has_arrived_now(&self) -> bool {
        matches!(self.peek_now(), Ok(1..))
    }

    /// Ends this side: the other side reads the end behind what was sent.
    pub fn shutdown_write(&self) {
        match self {
            Self::Tls(session) => session.close_notify(),
            Self::Pipe(pipe) => pipe.end(),
            // A stream ends with its response; what is cut short is reset.
            Self::Frames(_) | Self::Plain(_) => {}
        }
        if let Some(socket) = self.socket() {
            let _ = socket2::SockRef::from(socket).shutdown(Shutdown::Write);
        }
    }
}
