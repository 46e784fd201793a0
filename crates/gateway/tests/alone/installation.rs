//! What a spec of an installation asks of its gateway, from the text of the spec to the sockets.

use crate::common::{Backend, Client, Gateway, endpoints, service};
use crate::tls::{Authority, served};
use plimsoll_gateway::Snapshot;
use plimsoll_gateway::control::PoolSnapshot;
use plimsoll_model::spec::Spec;
use std::net::SocketAddr;
use std::path::Path;

const SPEC: &str = r#"
name = "small"

[[gateway.listeners]]
listen = "127.0.0.1:0"
redirects = [{ to = "https://{host}{path}" }]

[[gateway.listeners]]
listen = "127.0.0.2:0"
http2 = true
tls.certificates = [{ certificate = "shop.pem", key = "shop.key" }]

[[gateway.listeners.routes]]
path = "/limited"
service = "shop"
rate = { rate = "0.001/s", burst = 2 }

[[gateway.listeners.routes]]
service = "shop"
methods = ["GET"]
response.set = { X-Entered-By = "small" }
hedge = { quantile = "95%" }

[services.shop]
command = ["shop", "{port}"]
replicas = 2
requests = { cpu = "100m", memory = "64MiB" }
balance = { algorithm = "round_robin", breaker = "50%" }
"#;

/// As the daemon makes it of a spec and the replicas that are ready.
fn snapshot(version: u64, spec: &Spec, replicas: &[SocketAddr]) -> Snapshot {
    let pools = spec.services.iter().map(|(name, service)| {
        let (balance, endpoints) = (service.balance.clone(), endpoints(replicas));
        (name.clone(), PoolSnapshot { balance, endpoints, upstream: Default::default() })
    });
    Snapshot { version, gateway: spec.gateway.clone(), pools: pools.collect() }
}

fn read(folder: &Path) -> Spec {
    let loaded = plimsoll_config::parse(SPEC, &folder.join("small.toml")).unwrap_or_else(|report| panic!("{report}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    loaded.spec
}

#[test]
fn a_small_installation_speaks_tls_redirects_and_keeps_its_rates_while_replicas_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let files = authority.issue(folder.path(), "shop", &["shop.example"]);
    let spec = read(folder.path());
    let backends = [Backend::named("a"), Backend::named("b")];
    let addresses = backends.each_ref().map(|backend| backend.address);
    let mut gateway = Gateway::start(snapshot(1, &spec, &addresses[..1]));
    let listening = gateway.control.apply(snapshot(2, &spec, &addresses[..1])).unwrap();
    let redirected = Client::connect(listening[0]).get("/x?y=1");
    assert_eq!((redirected.status, redirected.field("location")), (308, Some("https://shop.example/x?y=1")));
    let client = authority.client(None);
    let answer = |path: &str| {
        let mut tls = crate::tls::connect(listening[1], &client, "shop.example");
        crate::tls::ask(&mut tls, path).unwrap()
    };
    let got = answer("/");
    assert!(got.ends_with("\r\n\r\na") && got.contains("X-Entered-By: small\r\n"), "{got}");
    assert!(answer("/limited").starts_with("HTTP/1.1 200") && answer("/limited").starts_with("HTTP/1.1 200"));
    // A replica comes, at a moment at which the key is being replaced.
    std::fs::remove_file(&files.key).unwrap();
    gateway.control.apply(snapshot(3, &spec, &addresses)).unwrap();
    let both: std::collections::BTreeSet<_> = (0..8).map(|_| answer("/").chars().last().unwrap()).collect();
    assert_eq!(both, ['a', 'b'].into());
    assert!(answer("/limited").starts_with("HTTP/1.1 429"), "the bucket has not been filled by a new replica");
    let mut other = spec;
    other.gateway.listeners[0].rules.redirects.clear();
    let refused = gateway.control.apply(snapshot(4, &other, &addresses)).unwrap_err();
    assert!(refused.contains("shop.key"), "a change of the gateway itself needs its files: {refused}");
    assert!(served(&client, listening[1], "shop.example").is_ok());
    let report = gateway.control.await_report("a circuit", |report| report.snapshot_version == 3);
    assert!(report.services[&service("shop")].circuit.is_some());
}
