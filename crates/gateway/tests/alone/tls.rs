//! TLS from clients and to endpoints: names, resumption, rotation, certificates on both sides.

use crate::common::{Backend, PATIENCE};
use crate::{Lone, file, listener, mirror, pool, route};
use plimsoll_model::gateway::{
    CertificateSpec, ListenerRules, StaticPool, TlsSpec, UpstreamProtocol, UpstreamSpec, UpstreamTls,
};
use plimsoll_model::spec::ListenerSpec;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

/// An authority, and files that it made.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// Writes `name.pem` and `name.key` for these names.
    pub(crate) fn issue(&self, folder: &Path, name: &str, names: &[&str]) -> CertificateSpec {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = [folder.join(format!("{name}.pem")), folder.join(format!("{name}.key"))];
        std::fs::write(&paths[0], certificate.pem()).unwrap();
        std::fs::write(&paths[1], key.serialize_pem()).unwrap();
        std::fs::set_permissions(&paths[1], std::fs::Permissions::from_mode(0o600)).unwrap();
        let [certificate, key] = paths.map(|path| path.to_str().unwrap().to_owned());
        CertificateSpec { certificate, key }
    }

    /// Writes its own certificate.
    fn publish(&self, folder: &Path, name: &str) -> String {
        let path = folder.join(name);
        std::fs::write(&path, self.issuer.pem()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn store(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        store.add(CertificateDer::from_pem_slice(self.issuer.pem().as_bytes()).unwrap()).unwrap();
        store
    }

    /// What a client of this authority's servers uses.
    pub(crate) fn client(&self, own: Option<&CertificateSpec>) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(self.store());
        Arc::new(match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivateKeyDer::from_pem_file(&own.key).unwrap();
                let chain = CertificateDer::pem_file_iter(&own.certificate).unwrap().map(Result::unwrap).collect();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

pub(crate) fn connect(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Tls {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), socket)
}

/// One request on an open connection; the response's head and body.
pub(crate) fn ask(tls: &mut Tls, path: &str) -> std::io::Result<String> {
    tls.write_all(format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n").as_bytes())?;
    let mut got = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.to_lowercase().split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse::<usize>();
            if body.len() >= length.unwrap() {
                return Ok(text);
            }
        }
        let mut bytes = [0; 16 * 1024];
        match tls.read(&mut bytes)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => got.extend_from_slice(&bytes[..count]),
        }
    }
}

pub(crate) fn served(config: &Arc<ClientConfig>, address: SocketAddr, name: &str) -> std::io::Result<String> {
    ask(&mut connect(address, config, name), "/")
}

fn secured(certificates: Vec<CertificateSpec>, client_ca: Option<String>) -> ListenerSpec {
    let tls = Some(TlsSpec { certificates, client_ca, client_optional: false, client_forward: false });
    ListenerSpec { rules: ListenerRules { tls, ..ListenerRules::default() }, ..listener(vec![route("shop")]) }
}

#[test]
fn a_client_gets_the_certificate_of_the_name_that_it_asks_for() {
    let (authority, folder, backend) = (Authority::new(), tempfile::tempdir().unwrap(), mirror());
    let certificates = vec![
        authority.issue(folder.path(), "first", &["first.example"]),
        authority.issue(folder.path(), "shop", &["shop.example", "www.shop.example"]),
        authority.issue(folder.path(), "wild", &["*.wild.example"]),
    ];
    let lone = Lone::start(file(secured(certificates, None), [("shop", pool(&[backend.address]))]));
    let config = authority.client(None);
    for name in ["first.example", "shop.example", "www.shop.example", "a.wild.example"] {
        let answer = served(&config, lone.address, name).unwrap();
        assert!(answer.contains("X-Forwarded-Proto: https\r\n") && answer.contains(";proto=https\r\n"), "{answer}");
    }
    for name in ["other.example", "a.b.wild.example"] {
        assert!(served(&config, lone.address, name).is_err(), "{name}: the first certificate is not for it");
    }
    // Many requests, pipelined and large, on one connection.
    let mut tls = connect(lone.address, &config, "shop.example");
    for round in 0..50 {
        let path = format!("/{}", "x".repeat(round * 100));
        assert!(ask(&mut tls, &path).unwrap().contains(&format!("GET {path} HTTP/1.1")));
    }
}

#[test]
fn bodies_pass_through_tls_both_ways() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let certificates = vec![authority.issue(folder.path(), "shop", &["shop.example"])];
    let body: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
    let expected = body.clone();
    let backend = Backend::start(move |peer| {
        if peer.head().is_some() {
            let got = peer.take(expected.len());
            assert!(got == expected, "the request's body arrived changed");
            // Closed by the end of the connection: only an announced end makes it whole.
            peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            peer.send(&got);
        }
    });
    let lone = Lone::start(file(secured(certificates, None), [("shop", pool(&[backend.address]))]));
    let mut tls = connect(lone.address, &authority.client(None), "shop.example");
    let request = format!("POST / HTTP/1.0\r\nHost: shop.example\r\nContent-Length: {}\r\n\r\n", body.len());
    tls.write_all(request.as_bytes()).unwrap();
    tls.write_all(&body).unwrap();
    let mut got = Vec::new();
    tls.read_to_end(&mut got).unwrap();
    let start = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(got[start..] == body, "{} of {} bytes", got.len() - start, body.len());
}

#[test]
fn a_session_is_resumed_even_after_the_certificate_was_rotated() {
    let (authority, folder, backend) = (Authority::new(), tempfile::tempdir().unwrap(), mirror());
    let issue = || vec![authority.issue(folder.path(), "shop", &["shop.example"])];
    let with = |certificates| file(secured(certificates, None), [("shop", pool(&[backend.address]))]);
    let mut lone = Lone::start(with(issue()));
    let config = authority.client(None);
    let kind = |address| {
        let mut tls = connect(address, &config, "shop.example");
        ask(&mut tls, "/").unwrap();
        tls.conn.handshake_kind().unwrap()
    };
    assert_eq!(kind(lone.address), HandshakeKind::Full);
    assert_eq!(kind(lone.address), HandshakeKind::Resumed);
    let mut open = connect(lone.address, &config, "shop.example");
    ask(&mut open, "/").unwrap();
    let before = open.conn.peer_certificates().unwrap()[0].clone();
    let mut fresh = ClientConfig::clone(&config);
    fresh.resumption = rustls::client::Resumption::disabled();
    lone.reload(Ok(with(issue()))).unwrap();
    ask(&mut open, "/").expect("an open connection goes on");
    assert_eq!(kind(lone.address), HandshakeKind::Resumed, "tickets outlive a reload");
    let mut rotated = connect(lone.address, &Arc::new(fresh), "shop.example");
    ask(&mut rotated, "/").unwrap();
    assert!(rotated.conn.peer_certificates().unwrap()[0] != before, "new connections get the new certificate");
}

#[test]
fn a_broken_or_exposed_file_refuses_the_reload_and_names_itself() {
    let (authority, folder, backend) = (Authority::new(), tempfile::tempdir().unwrap(), mirror());
    let good = authority.issue(folder.path(), "good", &["shop.example"]);
    let with = |certificates| file(secured(certificates, None), [("shop", pool(&[backend.address]))]);
    let mut lone = Lone::start(with(vec![good.clone()]));
    let other = authority.issue(folder.path(), "other", &["shop.example"]);
    let exposed = authority.issue(folder.path(), "exposed", &["shop.example"]);
    std::fs::set_permissions(&exposed.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let garbled = folder.path().join("garbled.key");
    std::fs::write(&garbled, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n").unwrap();
    std::fs::set_permissions(&garbled, std::fs::Permissions::from_mode(0o600)).unwrap();
    let garbled = garbled.to_str().unwrap().to_owned();
    for (certificate, key, words) in [
        (good.certificate.clone(), "/nowhere.key".to_owned(), "/nowhere.key"),
        (good.certificate.clone(), other.key.clone(), "other.key"),
        (good.certificate.clone(), exposed.key.clone(), "644"),
        (good.certificate.clone(), garbled, "garbled.key"),
        (good.key.clone(), good.key.clone(), "good.key"),
    ] {
        let error = lone.reload(Ok(with(vec![CertificateSpec { certificate, key }]))).unwrap_err();
        assert!(error.contains(words) && !error.contains("c2VjcmV0"), "{error}");
    }
    assert!(served(&authority.client(None), lone.address, "shop.example").is_ok());
}

#[test]
fn only_clients_of_the_named_authority_are_let_in() {
    let (authority, clients, folder, backend) =
        (Authority::new(), Authority::new(), tempfile::tempdir().unwrap(), mirror());
    let certificates = vec![authority.issue(folder.path(), "shop", &["shop.example"])];
    let ca = clients.publish(folder.path(), "clients.pem");
    let mut lone = Lone::start(file(secured(certificates, Some(ca)), [("shop", pool(&[backend.address]))]));
    let own = clients.issue(folder.path(), "client", &["client.example"]);
    let foreign = authority.issue(folder.path(), "foreign", &["client.example"]);
    assert!(served(&authority.client(Some(&own)), lone.address, "shop.example").is_ok());
    assert!(served(&authority.client(None), lone.address, "shop.example").is_err());
    assert!(served(&authority.client(Some(&foreign)), lone.address, "shop.example").is_err());
    lone.control.await_report("two refused handshakes", |report| report.refused.get("tls-failed") == Some(&2));
}

/// A TLS server that answers each connection's first request; clients must show a certificate of `clients` if given.
fn tls_backend(authority: &Authority, own: &CertificateSpec, clients: Option<&Authority>) -> Backend {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let roots = Arc::new(clients.store());
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let _ = authority;
    let key = PrivateKeyDer::from_pem_file(&own.key).unwrap();
    let chain = CertificateDer::pem_file_iter(&own.certificate).unwrap().map(Result::unwrap).collect();
    let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
    Backend::start(move |peer| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = rustls::Stream::new(&mut connection, &mut peer.stream);
        let mut got = Vec::new();
        loop {
            let mut bytes = [0; 4_096];
            match stream.read(&mut bytes) {
                Ok(count) if count > 0 => got.extend_from_slice(&bytes[..count]),
                _ => return,
            }
            while let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") {
                got.drain(..end + 4);
                if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret").is_err() {
                    return;
                }
            }
        }
    })
}

#[test]
fn endpoints_are_reached_by_tls_and_have_to_be_who_they_say() {
    let (authority, clients, stranger, folder) =
        (Authority::new(), Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let own = authority.issue(folder.path(), "backend", &["shop.internal"]);
    let certificate = clients.issue(folder.path(), "gateway", &["gateway.internal"]);
    let backend = tls_backend(&authority, &own, Some(&clients));
    let ca = authority.publish(folder.path(), "ca.pem");
    let strangers = stranger.publish(folder.path(), "stranger.pem");
    let tls = |ca: &str, name: &str, certificate: Option<&CertificateSpec>| {
        let tls = UpstreamTls { ca: ca.to_owned(), server_name: name.to_owned(), certificate: certificate.cloned() };
        let upstream = UpstreamSpec { tls: Some(tls), ..UpstreamSpec::default() };
        file(listener(vec![route("shop")]), [("shop", StaticPool { upstream, ..pool(&[backend.address]) })])
    };
    let mut lone = Lone::start(tls(&ca, "shop.internal", Some(&certificate)));
    let mut client = lone.connect_client();
    for _ in 0..20 {
        assert_eq!(client.get("/").text(), "secret");
    }
    assert!(backend.connections.load(std::sync::atomic::Ordering::SeqCst) <= 2, "sessions are kept, one per worker");
    for (ca, name, certificate) in [
        (&ca, "other.internal", Some(&certificate)),
        (&strangers, "shop.internal", Some(&certificate)),
        (&ca, "shop.internal", None),
    ] {
        lone.reload(Ok(tls(ca, name, certificate))).unwrap();
        let response = lone.get("/", "");
        assert!(matches!(response.status, 502), "{name} by {ca}: {}", response.head);
    }
}

#[test]
fn http2_is_agreed_on_where_both_sides_speak_it() {
    let (authority, folder, backend) = (Authority::new(), tempfile::tempdir().unwrap(), mirror());
    let mut listener = secured(vec![authority.issue(folder.path(), "shop", &["shop.example"])], None);
    listener.rules.http2 = true;
    let lone = Lone::start(file(listener, [("shop", pool(&[backend.address]))]));
    let offering = |protocols: &[&[u8]]| {
        let mut config = ClientConfig::clone(&authority.client(None));
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        connect(lone.address, &Arc::new(config), "shop.example")
    };
    for (offered, wanted) in [(&[&b"http/1.1"[..]][..], Some(&b"http/1.1"[..])), (&[], None)] {
        let mut tls = offering(offered);
        assert!(ask(&mut tls, "/").unwrap().contains("GET / HTTP/1.1"));
        assert_eq!(tls.conn.alpn_protocol(), wanted);
    }
    let mut tls = offering(&[b"h2", b"http/1.1"]);
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = [0; 9];
    tls.read_exact(&mut frame).unwrap();
    assert_eq!(tls.conn.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(frame[3], 4, "SETTINGS is the first frame of a server");
}

#[test]
fn endpoints_choose_their_protocol_within_tls() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let own = authority.issue(folder.path(), "backend", &["shop.internal"]);
    let ca = authority.publish(folder.path(), "ca.pem");
    let (one, two) = (tls_backend(&authority, &own, None), mirror());
    // The endpoint that speaks both is a gateway.
    let mut both = secured(vec![own], None);
    both.rules.http2 = true;
    let both = Lone::start(file(both, [("shop", pool(&[two.address]))]));
    let over = |protocol, address| {
        let tls = UpstreamTls { ca: ca.clone(), server_name: "shop.internal".to_owned(), certificate: None };
        let upstream = UpstreamSpec { tls: Some(tls), protocol, ..UpstreamSpec::default() };
        file(listener(vec![route("shop")]), [("shop", StaticPool { upstream, ..pool(&[address]) })])
    };
    let mut lone = Lone::start(over(UpstreamProtocol::H2, both.address));
    for protocol in [UpstreamProtocol::H2, UpstreamProtocol::Auto, UpstreamProtocol::Http1] {
        lone.reload(Ok(over(protocol, both.address))).unwrap();
        let mut client = lone.connect_client();
        for _ in 0..20 {
            let head = client.get("/a").text().to_owned();
            assert!(head.starts_with("GET /a HTTP/1.1\r\nHost: shop.example\r\n"), "{head}");
            // Names are in lower case where they came over HTTP/2.
            let is_http2 = head.contains("\r\nx-request-id: ");
            assert_eq!(is_http2, protocol != UpstreamProtocol::Http1, "{protocol:?}: {head}");
        }
    }
    lone.reload(Ok(over(UpstreamProtocol::Auto, one.address))).unwrap();
    let mut client = lone.connect_client();
    for _ in 0..20 {
        assert_eq!(client.get("/").text(), "secret", "it speaks HTTP/1.1 alone");
    }
    assert!(one.connections.load(std::sync::atomic::Ordering::SeqCst) <= 2, "its connections are kept");
    lone.reload(Ok(over(UpstreamProtocol::H2, one.address))).unwrap();
    assert_eq!(lone.get("/", "").field("x-plimsoll-reason"), Some("connect-failed"));
}

#[test]
fn endpoints_are_told_which_certificate_a_client_showed_and_no_client_can_say_so_itself() {
    let (authority, clients, folder, backend) =
        (Authority::new(), Authority::new(), tempfile::tempdir().unwrap(), mirror());
    let own = authority.issue(folder.path(), "shop", &["shop.example"]);
    let (ca, clients_ca) = (authority.publish(folder.path(), "ca.pem"), clients.publish(folder.path(), "clients.pem"));
    let client = clients.issue(folder.path(), "client", &["client.example"]);
    let der = CertificateDer::pem_file_iter(&client.certificate).unwrap().next().unwrap().unwrap();
    let with = |client_forward| {
        let mut listener = secured(vec![own.clone()], Some(clients_ca.clone()));
        listener.rules.http2 = true;
        let tls = listener.rules.tls.as_mut().unwrap();
        (tls.client_optional, tls.client_forward) = (true, client_forward);
        file(listener, [("shop", pool(&[backend.address]))])
    };
    let mut lone = Lone::start(with(true));
    let told = |head: &str| {
        let lines: Vec<_> = head.lines().filter(|line| line.to_lowercase().starts_with("client")).collect();
        let [line] = lines[..] else { return lines.len().to_string() };
        line.strip_prefix("Client-Cert: :").and_then(|value| value.strip_suffix(':')).unwrap().to_owned()
    };
    let wanted: String = {
        let pem = std::fs::read_to_string(&client.certificate).unwrap();
        pem.lines().take_while(|line| !line.starts_with("-----END")).skip(1).collect()
    };
    assert!(wanted.len() > der.len());
    let mut tls = connect(lone.address, &authority.client(Some(&client)), "shop.example");
    assert_eq!(told(&ask(&mut tls, "/").unwrap()), wanted);
    assert_eq!(told(&served(&authority.client(None), lone.address, "shop.example").unwrap()), "0", "it showed none");
    // Over HTTP/2: the client is a gateway, and what its own client says of certificates ends there already.
    let tls = UpstreamTls { ca, server_name: "shop.example".to_owned(), certificate: Some(client.clone()) };
    let upstream = UpstreamSpec { tls: Some(tls), protocol: UpstreamProtocol::H2, ..UpstreamSpec::default() };
    let pool = StaticPool { upstream, ..pool(&[lone.address]) };
    let front = Lone::start(file(listener(vec![route("shop")]), [("shop", pool)]));
    let answer = front.get("/", "Client-Cert: :ZXZpbA==:\r\nClient_Cert: :ZXZpbA==:\r\n");
    assert_eq!(told(answer.text()), wanted);
    lone.reload(Ok(with(false))).unwrap();
    assert_eq!(told(&served(&authority.client(Some(&client)), lone.address, "shop.example").unwrap()), "0");
}
