//! One TLS session over one socket, used like a socket: try first, wait only when there is nothing.
//!
//! rustls keeps the protocol and its buffers; this file moves bytes between them and the socket, and answers what the data
//! path asks of a socket: is there something, is the other side gone. Interior mutability stands in for the kernel, which
//! lets two directions of a socket be used at once; a session belongs to one thread, and no borrow outlives a call.
//!
//! Must never report plaintext of a session whose last record did not check.
//!
//! # Source
//! RFC 8446 section 6.1: an end without `close_notify` may be a truncation, so it is an error and no end.

use crate::io::{IoEnd, Pace};
use crate::stream::read_plain;
use rustls::{ClientConnection, Connection, ServerConnection};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::task::Context;
use tokio::net::TcpStream;

/// Ciphertext held while the kernel has no room: one read of a replica's body (64 KiB) and its framing.
const HELD_BYTES_MAX: usize = 72 * 1024;

/// The socket as rustls wants to see it: never blocking.
struct Raw<'a>(&'a TcpStream);

impl Read for Raw<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        // rustls asks for no more than 4 KiB at once, so what fills that may have left more; what does not has not.
        read_plain(self.0, bytes)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One TLS session.
#[derive(Debug)]
pub struct Session {
    socket: TcpStream,
    connection: RefCell<Connection>,
    /// Set when plaintext arrived, cleared when a read found none.
    plaintext: Cell<bool>,
}

async fn wait<F: Future>(pace: Option<Pace<'_>>, future: F) -> Result<F::Output, IoEnd> {
    match pace {
        Some(pace) => pace.wait(future).await,
        None => Ok(future.await),
    }
}

/// What one read of the socket brought.
#[derive(Debug, Clone, Copy)]
struct Filled {
    /// The socket has ended.
    ended: bool,
    /// The other side announced its end.
    closed: bool,
}

impl Session {
    /// Answers a client's handshake.
    ///
    /// # Errors
    /// [`IoEnd`], also for a handshake that broke a rule or was refused.
    pub async fn accept(pace: Pace<'_>, socket: TcpStream, connection: ServerConnection) -> Result<Self, IoEnd> {
        Self::shake(Some(pace), socket, connection.into()).await
    }

    /// Makes a handshake with a replica.
    ///
    /// # Errors
    /// [`IoEnd`], also for a replica whose certificate does not check.
    pub async fn connect(pace: Pace<'_>, socket: TcpStream, connection: ClientConnection) -> Result<Self, IoEnd> {
        Self::shake(Some(pace), socket, connection.into()).await
    }

    /// [`Session::connect`] for somebody with a time-out of its own.
    ///
    /// # Errors
    /// [`IoEnd`].
    pub async fn connect_unbounded(socket: TcpStream, connection: ClientConnection) -> Result<Self, IoEnd> {
        Self::shake(None, socket, connection.into()).await
    }

    async fn shake(pace: Option<Pace<'_>>, socket: TcpStream, mut connection: Connection) -> Result<Self, IoEnd> {
        connection.set_buffer_limit(Some(HELD_BYTES_MAX));
        let session = Self { socket, connection: RefCell::new(connection), plaintext: Cell::new(false) };
        loop {
            session.drain_within(pace).await?;
            if !session.connection.borrow().is_handshaking() {
                return Ok(session);
            }
            match session.fill() {
                Ok(filled) if filled.ended || filled.closed => return Err(IoEnd::Gone),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(pace, session.socket.readable()).await?.map_err(|_| IoEnd::Gone)?;
                }
                Err(_) => return Err(IoEnd::Gone),
            }
        }
    }

    /// The socket below.
    pub const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The certificate that the other side showed, in DER.
    pub fn peer_certificate(&self) -> Option<Vec<u8>> {
        let connection = self.connection.borrow();
        connection.peer_certificates().and_then(|chain| chain.first()).map(|own| own.as_ref().to_vec())
    }

    /// The protocol that both sides agreed on, if any was offered.
    pub fn speaks_http2(&self) -> bool {
        self.connection.borrow().alpn_protocol() == Some(b"h2")
    }

    /// Whether a read may find plaintext without the socket.
    pub const fn may_have_plaintext(&self) -> bool {
        self.plaintext.get()
    }

    /// Whether ciphertext waits for room in the kernel.
    pub fn has_unsent(&self) -> bool {
        self.connection.borrow().wants_write()
    }

    /// Reads the socket once and deals with what came.
    fn fill(&self) -> io::Result<Filled> {
        let mut connection = self.connection.borrow_mut();
        let count = connection.read_tls(&mut Raw(&self.socket))?;
        let state = match connection.process_new_packets() {
            Ok(state) => state,
            Err(error) => {
                // The alert tells the other side which rule it broke.
                let _ = connection.write_tls(&mut Raw(&self.socket));
                return Err(io::Error::new(ErrorKind::InvalidData, error));
            }
        };
        if state.plaintext_bytes_to_read() > 0 {
            self.plaintext.set(true);
        }
        let filled = Filled { ended: count == 0, closed: state.peer_has_closed() };
        if connection.wants_write() && !connection.is_handshaking() {
            drop(connection);
            // Answers of TLS's own: what does not fit now goes with the next write.
            let _ = self.flush();
        }
        Ok(filled)
    }

    /// Reads plaintext.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; `UnexpectedEof` for an end that was not announced.
    pub fn try_read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.connection.borrow_mut().reader().read(bytes);
            match read {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.plaintext.set(false),
                done => return done,
            }
            self.fill()?;
        }
    }

    /// Encrypts as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when what was encrypted before has not left yet.
    pub fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush()?;
        let count = self.connection.borrow_mut().writer().write_vectored(slices)?;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    /// Encrypts as much as may be held, and sends only where that is nothing. Whoever calls it has to flush.
    ///
    /// # Errors
    /// `WouldBlock` when what was encrypted before has not left yet.
    pub fn try_hold(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.connection.borrow_mut().writer().write_vectored(slices)?;
        if count == 0 { self.try_write(slices) } else { Ok(count) }
    }

    /// Moves ciphertext to the kernel until none is left.
    ///
    /// # Errors
    /// `WouldBlock` when the kernel has no room.
    pub fn flush(&self) -> io::Result<()> {
        let mut connection = self.connection.borrow_mut();
        while connection.wants_write() {
            connection.write_tls(&mut Raw(&self.socket))?;
        }
        Ok(())
    }

    /// Waits until all ciphertext has left.
    ///
    /// # Errors
    /// [`IoEnd`].
    pub async fn drain(&self, pace: Pace<'_>) -> Result<(), IoEnd> {
        self.drain_within(Some(pace)).await
    }

    async fn drain_within(&self, pace: Option<Pace<'_>>) -> Result<(), IoEnd> {
        loop {
            match self.flush() {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(pace, self.socket.writable()).await?.map_err(|_| IoEnd::Gone)?;
                }
                Err(_) => return Err(IoEnd::Gone),
            }
        }
    }

    /// See [`crate::stream::Stream::poll_gone`].
    pub fn poll_gone(&self, watch: &mut bool, context: &mut Context<'_>) -> bool {
        while *watch {
            if self.plaintext.get() {
                *watch = false;
                break;
            }
            if !self.socket.poll_read_ready(context).is_ready() {
                break;
            }
            match self.fill() {
                Ok(filled) if filled.ended || filled.closed => return !self.plaintext.get(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return true,
            }
        }
        false
    }

    /// Announces the end of this side, as far as the kernel has room.
    pub fn close_notify(&self) {
        self.connection.borrow_mut().send_close_notify();
        let _ = self.flush();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A response that ends with the connection must not look cut short.
        self.close_notify();
    }
}
