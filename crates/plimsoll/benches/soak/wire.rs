//! One client connection's bytes, plain or within TLS, and whether the other side has ended it.

use crate::Failure;
use crate::soak::certificates::NAME;
use rustix::net::RecvFlags;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A connection's bytes.
pub enum Wire {
    /// As they are.
    Plain(TcpStream),
    /// Within a TLS session.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Connects, with TLS where a configuration is given.
    pub async fn connect(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Result<Self, Failure> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let Some(tls) = tls else { return Ok(Self::Plain(socket)) };
        let session = TlsConnector::from(Arc::clone(tls)).connect(ServerName::try_from(NAME)?, socket).await?;
        Ok(Self::Tls(Box::new(session)))
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(session) => session.get_ref().0,
        }
    }

    /// Whether the other side has ended this idle connection, as far as this side's kernel knows: asked before each request,
    /// so that only a request that crosses the end on its way is lost by it.
    pub async fn has_ended(&mut self) -> bool {
        loop {
            let mut byte = [0u8; 1];
            match rustix::net::recv(self.socket(), &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
                Err(rustix::io::Errno::AGAIN) => return false,
                Ok((1.., _)) => {}
                _ => return true,
            }
            if matches!(self, Self::Plain(_)) {
                // Nothing is due: an answer that nobody asked for ends the connection here too.
                return true;
            }
            // Tickets, or the announcement of the end: the session has to look.
            let mut nothing = [0u8; 1];
            tokio::select! {
                biased;
                _ = self.read(&mut nothing) => return true,
                () = tokio::task::yield_now() => {}
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, into),
            Self::Tls(session) => Pin::new(session.as_mut()).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Tls(session) => Pin::new(session.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(context),
            Self::Tls(session) => Pin::new(session.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Tls(session) => Pin::new(session.as_mut()).poll_shutdown(context),
        }
    }
}
