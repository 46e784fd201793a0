//! From the files that a spec names to configurations of rustls.
//!
//! Files are read here, by the supervisor and before any worker sees the plan, so that a missing or wrong file refuses the
//! plan as a whole. Which certificate a client gets is decided by the names in the certificates themselves.
//!
//! Must never put the content of a key file into an error.
//!
//! # Source
//! RFC 6066 section 3 (server name), RFC 6125 section 6.4.3 (a wildcard stands for one label).

use plimsoll_model::gateway::{CertificateSpec, TlsSpec, UpstreamProtocol, UpstreamTls};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

/// Largest certificate or key file that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is too large.
    #[error("{path}: larger than {FILE_BYTES_MAX} bytes, the most that is read")]
    TooLarge {
        /// Which.
        path: String,
    },
    /// A key that others may read.
    #[error("{path}: other users may read this private key (mode {mode:03o}); allowed is 600, 640 or less")]
    Exposed {
        /// Which.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// A file without what it should hold.
    #[error("{path}: no {what} in PEM form")]
    Pem {
        /// Which.
        path: String,
        /// What is missing.
        what: &'static str,
    },
    /// rustls refuses what a file holds.
    #[error("{path}: {source}")]
    Refused {
        /// Which.
        path: String,
        /// Why.
        source: rustls::Error,
    },
    /// Authorities that cannot be used.
    #[error("{path}: {reason}")]
    Authorities {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A name that no certificate can be for.
    #[error("server_name {name:?} is no name that a certificate can be for")]
    Name {
        /// As written.
        name: String,
    },
}

fn read(path: &str) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge { path: path.to_owned() });
    }
    std::fs::read(path).map_err(failed)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn chain(path: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let missing = || TlsError::Pem { path: path.to_owned(), what: "certificate" };
    let bytes = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(|_| missing())?;
    if chain.is_empty() { Err(missing()) } else { Ok(chain) }
}

fn key(path: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    let failed = |source| TlsError::File { path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    // A group of its own for keys is usual; everybody is not.
    if mode & 0o027 != 0 {
        return Err(TlsError::Exposed { path: path.to_owned(), mode });
    }
    // The error of the parser could repeat bytes of the key.
    PrivateKeyDer::from_pem_slice(&read(path)?)
        .map_err(|_| TlsError::Pem { path: path.to_owned(), what: "private key" })
}

fn certified(spec: &CertificateSpec) -> Result<CertifiedKey, TlsError> {
    let refused = |source| TlsError::Refused { path: spec.key.clone(), source };
    CertifiedKey::from_der(chain(&spec.certificate)?, key(&spec.key)?, &provider()).map_err(refused)
}

fn authorities(path: &str) -> Result<Arc<RootCertStore>, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in chain(path)? {
        store.add(certificate).map_err(|source| TlsError::Refused { path: path.to_owned(), source })?;
    }
    Ok(Arc::new(store))
}

/// Certificates by the names that they are for.
#[derive(Debug)]
struct ByName {
    exact: BTreeMap<String, Arc<CertifiedKey>>,
    /// By what stands behind `*.`.
    wildcard: BTreeMap<String, Arc<CertifiedKey>>,
    first: Arc<CertifiedKey>,
}

impl ByName {
    fn new(certificates: &[CertificateSpec]) -> Result<Self, TlsError> {
        let mut exact = BTreeMap::new();
        let mut wildcard = BTreeMap::new();
        let mut first = None;
        for spec in certificates {
            let certified = Arc::new(self::certified(spec)?);
            let refused = |error: webpki::Error| TlsError::Authorities {
                path: spec.certificate.clone(),
                reason: format!("no usable certificate: {error:?}"),
            };
            let own = certified
                .end_entity_cert()
                .map_err(|source| TlsError::Refused { path: spec.certificate.clone(), source })?;
            let own = webpki::EndEntityCert::try_from(own).map_err(refused)?;
            for name in own.valid_dns_names() {
                let name = name.to_ascii_lowercase();
                let (names, name) = match name.strip_prefix("*.") {
                    Some(rest) => (&mut wildcard, rest.to_owned()),
                    None => (&mut exact, name),
                };
                names.entry(name).or_insert_with(|| Arc::clone(&certified));
            }
            first.get_or_insert(certified);
        }
        let first = first.ok_or_else(|| TlsError::Pem { path: "tls.certificates".to_owned(), what: "certificate" })?;
        Ok(Self { exact, wildcard, first })
    }

    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        self.exact.get(&name).or_else(|| self.wildcard.get(name.split_once('.')?.1))
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = hello.server_name().and_then(|name| self.find(name));
        Some(Arc::clone(found.unwrap_or(&self.first)))
    }
}

/// What a listener's sessions are made with.
#[derive(Debug)]
pub struct ServerTls {
    /// For rustls.
    pub config: Arc<ServerConfig>,
    /// Endpoints are told which certificate a client showed.
    pub forwards_certificate: bool,
    tickets: Arc<dyn ProducesTickets>,
    /// What the authorities' file held: a session that was begun under others must not be resumed.
    client_ca: Option<Vec<u8>>,
}

/// Reads what a listener names. Sessions of `before` can be resumed where clients are asked for the same.
///
/// # Errors
/// [`TlsError`].
pub fn server(spec: &TlsSpec, http2: bool, before: Option<&ServerTls>) -> Result<ServerTls, TlsError> {
    let client_ca = spec.client_ca.as_deref().map(read).transpose()?;
    let provider = provider();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Refused { path: "TLS versions".to_owned(), source })?;
    let builder = match &spec.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(authorities(path)?, provider);
            let verifier = if spec.client_optional { verifier.allow_unauthenticated() } else { verifier };
            let verifier = verifier
                .build()
                .map_err(|error| TlsError::Authorities { path: path.clone(), reason: error.to_string() })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName::new(&spec.certificates)?));
    let kept = before.filter(|before| before.client_ca == client_ca).map(|before| Arc::clone(&before.tickets));
    let tickets = match kept {
        Some(tickets) => tickets,
        None => {
            ring::Ticketer::new().map_err(|source| TlsError::Refused { path: "session tickets".to_owned(), source })?
        }
    };
    config.ticketer = Arc::clone(&tickets);
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(ServerTls { config: Arc::new(config), forwards_certificate: spec.client_forward, tickets, client_ca })
}

/// What sessions with endpoints are made with.
#[derive(Debug)]
pub struct ClientTls {
    /// For rustls.
    pub config: Arc<ClientConfig>,
    /// Whose certificate is asked for.
    pub name: ServerName<'static>,
    files: Vec<Vec<u8>>,
    protocol: UpstreamProtocol,
}

/// Reads what a pool names; `before` itself where no file has changed, so that its sessions can be resumed.
///
/// # Errors
/// [`TlsError`].
pub fn client(
    spec: &UpstreamTls,
    protocol: UpstreamProtocol,
    before: Option<&Arc<ClientTls>>,
) -> Result<Arc<ClientTls>, TlsError> {
    let certificate = spec.certificate.iter().flat_map(|spec| [&spec.certificate, &spec.key]);
    let files: Vec<Vec<u8>> =
        std::iter::once(&spec.ca).chain(certificate).map(|path| read(path)).collect::<Result<_, _>>()?;
    let name = ServerName::try_from(spec.server_name.clone())
        .map_err(|_| TlsError::Name { name: spec.server_name.clone() })?;
    let is_same =
        |before: &&Arc<ClientTls>| before.files == files && before.name == name && before.protocol == protocol;
    if let Some(before) = before.filter(is_same) {
        return Ok(Arc::clone(before));
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Refused { path: "TLS versions".to_owned(), source })?
        .with_root_certificates(authorities(&spec.ca)?);
    let mut config = match &spec.certificate {
        None => builder.with_no_client_auth(),
        Some(own) => builder
            .with_client_auth_cert(chain(&own.certificate)?, key(&own.key)?)
            .map_err(|source| TlsError::Refused { path: own.key.clone(), source })?,
    };
    let offered: &[&[u8]] = match protocol {
        UpstreamProtocol::Http1 => &[],
        UpstreamProtocol::H2 => &[b"h2"],
        UpstreamProtocol::Auto => &[b"h2", b"http/1.1"],
    };
    config.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(ClientTls { config: Arc::new(config), name, files, protocol }))
}
