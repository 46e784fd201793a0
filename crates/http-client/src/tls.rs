//! Encrypted connections: who is trusted, and the name that a certificate has to be for.
//!
//! The system's authorities are read from the bundle that the system keeps, or from `SSL_CERT_FILE`; none are compiled in,
//! so that an administrator's word is the only one. There is no way to switch the check off.
//!
//! # Source
//! RFC 8446 (TLS 1.3), RFC 6125 (names in certificates).

use crate::Url;
use crate::pinned::Pinned;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Largest file of certificates that is read, bytes: a system's bundle has 200 KiB.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Where systems keep their authorities: Debian, Red Hat, SUSE, Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Who may have signed a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Whom the system trusts.
    #[default]
    System,
    /// Who stands in this PEM file, and nobody else.
    File(PathBuf),
    /// Only the peer that shows the first certificate of this PEM file, whatever names are in it.
    Exactly(PathBuf),
}

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("authorities in {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no certificate.
    #[error("{path}: no certificate in PEM form, or larger than {FILE_BYTES_MAX} bytes")]
    Pem {
        /// Which.
        path: PathBuf,
    },
    /// The system keeps no bundle where bundles are kept.
    #[error("no bundle of authorities is at {}; install one (ca-certificates) or name it in SSL_CERT_FILE", BUNDLES.join(", "))]
    NoBundle,
    /// A host that no certificate can be for.
    #[error("{host:?} is no name that a certificate can be for")]
    Name {
        /// The host.
        host: String,
    },
    /// The library refuses the set-up.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// What connects to `url`, and the name that its certificate has to be for.
pub(crate) fn connector(trust: &Trust, url: &Url) -> Result<(TlsConnector, ServerName<'static>), TrustError> {
    let name = ServerName::try_from(url.host.clone()).map_err(|_| TrustError::Name { host: url.host.clone() })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match trust {
        Trust::File(path) => builder.with_root_certificates(authorities(path)?),
        Trust::System => builder.with_root_certificates(authorities(&bundle()?)?),
        Trust::Exactly(path) => {
            let none = || TrustError::Pem { path: path.clone() };
            let first = CertificateDer::pem_slice_iter(&read(path)?).next().ok_or_else(none)?.map_err(|_| none())?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Pinned::new(first, provider)))
        }
    };
    Ok((TlsConnector::from(Arc::new(builder.with_no_client_auth())), name))
}

fn bundle() -> Result<PathBuf, TrustError> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = || BUNDLES.iter().map(PathBuf::from).find(|path| path.is_file());
    named.or_else(usual).ok_or(TrustError::NoBundle)
}

fn read(path: &Path) -> Result<Vec<u8>, TrustError> {
    let failed = |source| TrustError::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(TrustError::Pem { path: path.to_owned() });
    }
    std::fs::read(path).map_err(failed)
}

fn authorities(path: &Path) -> Result<RootCertStore, TrustError> {
    let bytes = read(path)?;
    let mut store = RootCertStore::empty();
    // A bundle may hold one that this library does not know; the others count.
    for certificate in CertificateDer::pem_slice_iter(&bytes).flatten() {
        let _unknown = store.add(certificate);
    }
    if store.is_empty() { Err(TrustError::Pem { path: path.to_owned() }) } else { Ok(store) }
}

#[cfg(test)]
mod tests {
    use crate::{Ask, Budget, ExchangeError, Trust, Url, exchange};
    use rustls::ServerConfig;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use std::io::Write as _;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server with a certificate for `localhost`, and the file that says who signed it.
    async fn server() -> (Url, tempfile::NamedTempFile) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(made.cert.pem().as_bytes()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/metrics", listener.local_addr().unwrap().port()).parse().unwrap();
        tokio::spawn(async move {
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
                let _ = stream.flush().await;
            }
        });
        (url, file)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_server_of_a_trusted_authority_answers_and_one_of_nobody_does_not() {
        let (url, authority) = server().await;
        let trusted = Ask::get(url.clone()).trusting(Trust::File(authority.path().to_owned()));
        let answer = exchange(trusted, Budget::default()).await.unwrap();
        assert_eq!(&answer.body[..], b"hello");
        let (_, stranger) = server().await;
        let refused = Ask::get(url).trusting(Trust::File(stranger.path().to_owned()));
        assert!(matches!(exchange(refused, Budget::default()).await, Err(ExchangeError::Tls { .. })));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_certificate_for_another_name_is_refused() {
        let (url, authority) = server().await;
        let other = Url { host: "127.0.0.1".to_owned(), ..url };
        let ask = Ask::get(other).trusting(Trust::File(authority.path().to_owned()));
        assert!(matches!(exchange(ask, Budget::default()).await, Err(ExchangeError::Tls { .. })));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_peer_of_one_certificate_is_taken_by_any_name_and_no_other_peer_is() {
        let (url, certificate) = server().await;
        let other = Url { host: "127.0.0.1".to_owned(), ..url.clone() };
        let ask = Ask::get(other.clone()).trusting(Trust::Exactly(certificate.path().to_owned()));
        assert_eq!(&exchange(ask, Budget::default()).await.unwrap().body[..], b"hello");
        let (_, stranger) = server().await;
        let ask = Ask::get(other).trusting(Trust::Exactly(stranger.path().to_owned()));
        assert!(matches!(exchange(ask, Budget::default()).await, Err(ExchangeError::Tls { .. })));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn authorities_that_cannot_be_read_are_named_before_anybody_is_connected_to() {
        let url: Url = "https://localhost:1/".parse().unwrap();
        let ask = Ask::get(url.clone()).trusting(Trust::File("/nowhere/ca.pem".into()));
        let error = exchange(ask, Budget::default()).await.unwrap_err();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
        let empty = tempfile::NamedTempFile::new().unwrap();
        let ask = Ask::get(url).trusting(Trust::File(empty.path().to_owned()));
        assert!(exchange(ask, Budget::default()).await.unwrap_err().to_string().contains("no certificate"));
    }
}
