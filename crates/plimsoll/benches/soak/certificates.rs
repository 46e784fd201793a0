//! An authority of the soak's own, and certificates of the gateway that are replaced while it runs.

use crate::Failure;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name that clients ask for.
pub const NAME: &str = "shop.example";

/// Who vouches for every certificate of the gateway.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    /// Makes one, and the first certificate.
    pub fn new(folder: &Path) -> Result<Self, Failure> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let authority = Self { issuer, folder: folder.to_owned() };
        authority.replace()?;
        Ok(authority)
    }

    /// Another certificate and key in the place of those before. Each file is replaced at once; between the two they do not
    /// match, so nobody may reload meanwhile.
    pub fn replace(&self) -> Result<(), Failure> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![NAME.to_owned()])?.signed_by(&key, &self.issuer)?;
        self.write("shop.pem", &certificate.pem())?;
        self.write("shop.key", &key.serialize_pem())
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let new = self.folder.join(format!("{name}.new"));
        let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(std::fs::rename(&new, self.folder.join(name))?)
    }

    /// How a client checks them.
    pub fn client(&self, protocols: &[&[u8]]) -> Result<Arc<ClientConfig>, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.issuer.der().to_vec()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }
}
