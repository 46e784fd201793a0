//! The clients: connections that ask again as soon as they were answered, plain, within TLS, or by streams of HTTP/2.
//!
//! TLS is the same for every proxy because the client offers nothing else: TLS 1.3, AES-128-GCM, X25519, no resumption. It
//! checks no certificate, which costs no proxy anything and leaves the client's core more for asking.

use crate::Failure;
use crate::stage::{CLIENT_CORE, pin};
use bytes::Bytes;
use h2::client::SendRequest;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How a client talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// HTTP/1.1 over kept connections.
    Plain,
    /// The same within TLS.
    Tls,
    /// A connection, a full handshake and one request each.
    Handshakes,
    /// HTTP/2 by prior knowledge, so many streams of a connection at once.
    Http2(usize),
    /// The same within TLS.
    Http2Tls(usize),
}

impl Talk {
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Handshakes | Self::Http2Tls(_))
    }

    pub const fn is_http2(self) -> bool {
        matches!(self, Self::Http2(_) | Self::Http2Tls(_))
    }
}

/// What every client of a run does.
#[derive(Clone)]
pub struct Clients {
    pub to: SocketAddr,
    pub talk: Talk,
    pub body: usize,
    /// Requests that were answered.
    pub done: Arc<AtomicU64>,
    pub stop: Arc<AtomicBool>,
}

impl Clients {
    /// Runs them on the client's core until they are told to stop.
    pub fn drive(self, connections: usize) -> Result<(), Failure> {
        pin(&[CLIENT_CORE]);
        let connector = TlsConnector::from(config(if self.talk.is_http2() { b"h2" } else { b"http/1.1" })?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
        runtime.block_on(async {
            let start = |_| {
                let (clients, connector) = (self.clone(), connector.clone());
                tokio::task::spawn_local(
                    async move { clients.run(&connector).await.map_err(|error| error.to_string()) },
                )
            };
            let all: Vec<_> = (0..connections).map(start).collect();
            for one in all {
                one.await??;
            }
            Ok(())
        })
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    async fn run(&self, connector: &TlsConnector) -> Result<(), Failure> {
        let name = ServerName::try_from("shop.example")?;
        let connect = async || {
            let stream = TcpStream::connect(self.to).await?;
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(stream)
        };
        let shake = async || connector.connect(name.clone(), connect().await?).await;
        match self.talk {
            Talk::Plain => Ok(self.converse(connect().await?).await?),
            Talk::Tls => Ok(self.converse(shake().await?).await?),
            Talk::Http2(streams) => self.streams(connect().await?, streams).await,
            Talk::Http2Tls(streams) => self.streams(shake().await?, streams).await,
            Talk::Handshakes => {
                let mut answer = vec![0; 64 * 1024];
                while !self.is_over() {
                    self.ask(&mut shake().await?, &mut answer, "Connection: close\r\n").await?;
                }
                Ok(())
            }
        }
    }

    async fn converse(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut answer = vec![0; 64 * 1024];
        while !self.is_over() {
            self.ask(&mut stream, &mut answer, "").await?;
        }
        Ok(())
    }

    /// One request; any answer but a whole 200 is an error.
    async fn ask(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        answer: &mut Vec<u8>,
        field: &str,
    ) -> io::Result<()> {
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let request = format!(
            "GET /{} HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\nUser-Agent: bench\r\n{field}\r\n",
            self.body
        );
        stream.write_all(request.as_bytes()).await?;
        let mut have = 0;
        let mut whole = usize::MAX;
        while have < whole {
            let count = stream.read(&mut answer[have..]).await?;
            if count == 0 {
                return Err(broken("the connection ended"));
            }
            have += count;
            if whole == usize::MAX {
                whole = whole_length(&answer[..have]).map_err(|what| broken(&what))?.unwrap_or(usize::MAX);
                answer.resize(answer.len().max(whole.min(1 << 30)), 0);
            }
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// So many streams of one connection of HTTP/2 at once.
    async fn streams(&self, wire: impl AsyncRead + AsyncWrite + Unpin + 'static, count: usize) -> Result<(), Failure> {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(1 << 20).initial_connection_window_size(8 << 20);
        let (sender, connection) = builder.handshake(wire).await?;
        let driver = tokio::task::spawn_local(async move { drop(connection.await) });
        let start = |_| {
            let (clients, sender) = (self.clone(), sender.clone());
            tokio::task::spawn_local(async move { clients.stream(sender).await.map_err(|error| error.to_string()) })
        };
        let all: Vec<_> = (0..count).map(start).collect();
        for one in all {
            one.await??;
        }
        driver.abort();
        Ok(())
    }

    async fn stream(&self, mut sender: SendRequest<Bytes>) -> Result<(), Failure> {
        while !self.is_over() {
            sender = sender.ready().await?;
            let request = http::Request::get(format!("https://shop.example/{}", self.body))
                .header("accept", "*/*")
                .header("user-agent", "bench")
                .body(())?;
            let response = sender.send_request(request, true)?.0.await?;
            if response.status() != 200 {
                return Err(format!("answered {}", response.status()).into());
            }
            let mut body = response.into_body();
            let mut have = 0;
            while let Some(data) = body.data().await {
                let data = data?;
                have += data.len();
                body.flow_control().release_capacity(data.len())?;
            }
            if have != self.body {
                return Err(format!("{have} bytes of {}", self.body).into());
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Bytes of head and body once the head is there.
fn whole_length(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head]).map_err(|error| error.to_string())?;
    if !text.starts_with("HTTP/1.1 200") {
        return Err(format!("answered {text:?}"));
    }
    let length = text.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    length.map(|length: usize| Some(head + length)).ok_or_else(|| format!("no length in {text:?}"))
}

fn config(protocol: &[u8]) -> Result<Arc<ClientConfig>, Failure> {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    });
    let anybody = Arc::new(Anybody(Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(anybody)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Arc::new(config))
}

/// Takes any certificate.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
