//! A gateway file says what it says, and every mistake is named with its line, field, value and range.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use plimsoll_model::Permille;
use plimsoll_model::gateway::{ProxyVersion, RateSpec, SourcePrefix, SplitBy, UpstreamProtocol};
use plimsoll_model::route::{HashBy, HedgeAfter, HedgeSpec, RouteBalance};
use plimsoll_model::spec::{Algorithm, Probe};

fn parse(text: &str) -> Result<LoadedGateway, Report> {
    parse_gateway(text, Path::new("/etc/lb/gateway.toml"))
}

const SMALL: &str = "[[listeners]]\nlisten = \"0.0.0.0:80\"\n[[listeners.routes]]\npool = \"shop\"\n\
                     [pools.shop]\nendpoints = [{ address = \"10.0.0.1:80\" }]\n";

#[test]
fn a_pool_and_a_route_are_enough() {
    let loaded = parse(SMALL).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(loaded.file.control, "/etc/lb/gateway.sock");
    let pool = loaded.file.pools.values().next().unwrap();
    assert_eq!((pool.endpoints[0].weight, pool.check.clone()), (1, None));
    assert_eq!(pool.balance.algorithm, Algorithm::Prequal);
    assert_eq!(loaded.file.gateway.listeners[0].routes[0].rules, Default::default());
}

#[test]
fn every_rule_arrives() {
    let text = r#"
        trusted_proxies = ["10.0.0.0/8"]
        access_log = "access.log"
        limits = { source_prefix_ipv4 = 24, source_prefix_ipv6 = 56 }
        otlp = { address = "10.0.0.9:4318", sample = "100%" }
        [[listeners]]
        listen = "0.0.0.0:443"
        proxy_protocol = true
        tls.certificates = [{ certificate = "a.pem", key = "a.key" }]
        tls.client_ca = "ca.pem"
        tls.client_forward = true
        [[listeners.routes]]
        host = "Shop.example"
        path = "/api"
        exact = true
        methods = ["GET"]
        headers = [{ name = "X-Beta", value = "1" }]
        pool = "shop"
        split = [{ pool = "canary", share = "10%" }]
        split_by = "cookie"
        split_key = "id"
        rate = "100/s"
        client_rate = { rate = "0.5/s", burst = 3 }
        sticky = "lb"
        hedge = { quantile = "95%", budget = "2%" }
        balance = { algorithm = "ring_hash", hash_by = "header", hash_key = "X-Tenant" }
        request.set = { X-Zone = "a" }
        response.remove = ["Server"]
        [[listeners.redirects]]
        path = "/old"
        to = "https://{host}/new"
        [pools.shop]
        check = "/healthz"
        balance = { algorithm = "weighted_by_load", load = { blackout = "0s", error_penalty = 2.5 } }
        proxy_protocol = "v2"
        zone = "a"
        endpoints = [{ address = "10.0.0.1:80", zone = "a", weight = 3 }]
        tls = { ca = "ca.pem", server_name = "shop.internal" }
        subset.size = 5
        [pools.canary]
        check.tcp = true
        endpoints = [{ address = "10.0.0.2:80" }]
        [pools.calls]
        protocol = "h2"
        check = { grpc = true, grpc_service = "shop.v1.Shop" }
        endpoints = [{ address = "10.0.0.3:80" }]
    "#;
    let file = parse(text).unwrap_or_else(|report| panic!("{report}")).file;
    let listener = &file.gateway.listeners[0];
    assert_eq!(listener.rules.tls.as_ref().unwrap().certificates[0].key, "/etc/lb/a.key");
    assert_eq!(listener.rules.redirects[0].status, 308);
    assert!(listener.rules.tls.as_ref().unwrap().client_forward);
    assert_eq!(file.gateway.limits.source, SourcePrefix { ipv4: 24, ipv6: 56 });
    let rules = &listener.routes[0].rules;
    assert_eq!(rules.rate, Some(RateSpec { rate_milli: 100_000, burst: 100 }));
    assert_eq!(rules.client_rate, Some(RateSpec { rate_milli: 500, burst: 3 }));
    assert_eq!(rules.split_by, SplitBy::Cookie("id".to_owned()));
    assert_eq!((rules.split[0].share, rules.exact), (100, true));
    assert_eq!(rules.request.set["X-Zone"], "a");
    let balance = RouteBalance { algorithm: Some(Algorithm::RingHash), hash_by: HashBy::Header("X-Tenant".to_owned()) };
    assert_eq!(rules.balance, balance);
    let hedge = HedgeSpec { after: HedgeAfter::Quantile(Permille(950)), budget: Permille(20) };
    assert_eq!(rules.hedge, Some(hedge));
    assert_eq!(rules.sticky.as_ref().unwrap().cookie, "lb");
    let shop = &file.pools[&plimsoll_model::ServiceName::try_new("shop").unwrap()];
    assert_eq!(shop.check.as_ref().unwrap().probe, Probe::Http { path: "/healthz".to_owned() });
    assert_eq!(shop.balance.algorithm, Algorithm::WeightedByLoad);
    assert_eq!((shop.balance.load.blackout.get(), shop.balance.load.error_penalty.get()), (0, 2_500));
    assert_eq!(shop.upstream.proxy_protocol, Some(ProxyVersion::V2));
    assert_eq!(shop.upstream.subset.unwrap().size, 5);
    assert_eq!(shop.upstream.tls.as_ref().unwrap().server_name, "shop.internal");
    let calls = &file.pools[&plimsoll_model::ServiceName::try_new("calls").unwrap()];
    assert_eq!((shop.upstream.protocol, calls.upstream.protocol), (UpstreamProtocol::Http1, UpstreamProtocol::H2));
    assert_eq!(calls.check.as_ref().unwrap().grpc.as_deref(), Some("shop.v1.Shop"));
    let otlp = file.gateway.observe.otlp.as_ref().unwrap();
    assert_eq!((otlp.address.port(), otlp.path.as_str(), otlp.sample.get()), (4318, "/v1/traces", 1_000));
    assert_eq!(file.gateway.observe.access_log.as_ref().unwrap().file, "/etc/lb/access.log");
}

/// The file, with one line replaced or added at the end, is refused with words at this line.
fn refused(text: &str, line: &str, words: &[&str]) {
    let report = parse(text).unwrap_err();
    let lines = format!("{}\n{report}", report.lines().join("\n"));
    assert!(lines.contains(&format!("gateway.toml:{line}")), "{lines}");
    for word in words {
        assert!(lines.contains(word), "no {word:?} in {lines}");
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    refused(&SMALL.replace("pool = \"shop\"", "pool = \"shpo\""), "4", &["shpo", "\"shop\""]);
    refused(&SMALL.replace("10.0.0.1:80", "10.0.0.1"), "6", &["port"]);
    refused(&SMALL.replace("\" }]", "\", weight = 1001 }]"), "6", &["1001", "0 to 1000"]);
    refused(&format!("{SMALL}check.interval = \"1ms\"\n"), "7", &["interval", "10ms to 1h"]);
    refused(&format!("{SMALL}balance.breaker.probes = 0\n"), "7", &["breaker.probes", "0", "1 to 1000"]);
    refused(&format!("{SMALL}balance.breaker = {{ open = \"2m\" }}\n"), "7", &["`open` (2m)", "`open_max` (1m)"]);
    refused(
        &SMALL.replace("[pools", "request.set = { Host = \"x\" }\n[pools"),
        "5",
        &["Host", "no rule may change it"],
    );
    refused(&SMALL.replace("[pools", "request.set = { X-A = \"a\\r\\nb\" }\n[pools"), "5", &["X-A", "'\\r'"]);
    refused(&SMALL.replace("[pools", "split = [{ pool = \"shop\", share = \"101%\" }]\n[pools"), "5", &["101%"]);
    refused(
        &SMALL.replace("[[listeners.routes]]", "proxy_protocol = true\n[[listeners.routes]]"),
        "3",
        &["trusted_proxies"],
    );
    refused(&format!("{SMALL}balance.load.update = \"50ms\"\n"), "7", &["load.update", "50ms", "100ms to 1h"]);
    refused(&format!("otlp = \"collector\"\n{SMALL}"), "1", &["otlp", "collector", "port"]);
    refused(&format!("otlp.batch_max = 0\n{SMALL}"), "1", &["otlp.batch_max", "1 to 100000"]);
    let routed = |line: &str| SMALL.replace("[pools", &format!("{line}\n[pools"));
    refused(&routed("balance.hash_by = \"path\""), "5", &["hash_by", "prequal", "source_hash"]);
    refused(&routed("balance = { algorithm = \"ring_hash\", hash_by = \"cookie\" }"), "5", &["hash_key"]);
    refused(&routed("hedge = \"0ms\""), "5", &["hedge", "0ms", "1ms to 1h"]);
    refused(&routed("hedge = { after = \"5ms\", quantile = \"90%\" }"), "5", &["`after` and `quantile`"]);
    refused(&routed("balance = \"ring_hsh\""), "5", &["ring_hsh", "ring_hash"]);
    refused(&format!("{SMALL}tls.ca = \"ca.pem\"\n"), "7", &["server_name"]);
    refused(&SMALL.replace("listen =", "lissten ="), "2", &["lissten"]);
    refused(&format!("limits.source_prefix_ipv6 = 129\n{SMALL}"), "1", &["129", "1 to 128"]);
    let forwards =
        "tls = { certificates = [{ certificate = \"a\", key = \"b\" }], client_forward = true }\n[[listeners.routes]]";
    refused(&SMALL.replace("[[listeners.routes]]", forwards), "3", &["client_ca"]);
    refused(&SMALL.replace("[pools", "request.set = { Client-Cert = \"x\" }\n[pools"), "5", &["Client-Cert"]);
    refused(&format!("{SMALL}protocol = \"h3\"\n"), "7", &["h3", "http1", "auto"]);
    refused(&format!("{SMALL}protocol = \"auto\"\n"), "7", &["TLS", "h2"]);
    refused(&format!("{SMALL}protocol = \"h2\"\nproxy_protocol = \"v2\"\n"), "8", &["PROXY protocol"]);
    refused(&format!("{SMALL}check.grpc = true\n"), "7", &["HTTP/2"]);
    refused(&format!("{SMALL}check.grpc_service = \"a\"\n"), "7", &["`grpc`"]);
    let passed_through = SMALL.replace("[[listeners.routes]]\npool", "tcp");
    refused(&format!("{passed_through}protocol = \"h2\"\n"), "3", &["TCP listener"]);
    refused("[pools]\n", "1", &["listeners"]);
}
