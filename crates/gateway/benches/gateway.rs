//! CPU time per request of the gateway against other proxies, side by side in one run.
//!
//! Method: one worker each, pinned to core 0; a tiny backend on three ports and a closed-loop keep-alive client, both
//! here, on core 1. With two workers each has both cores, which client and backend then share with it. Rounds are
//! interleaved and only figures of the same round are compared, because a shared machine drifts by more between minutes
//! than the proxies differ. CPU is the on-CPU time of all threads of the proxy (`/proc/PID/task/*/schedstat`), divided by
//! the requests that the client completed in the same window. All balance by least connections (or what is nearest to
//! it), keep upstream connections, and add `X-Forwarded-For`; ours also counts latencies, keeps a retry budget and writes
//! the other forwarding fields.
//!
//! Within TLS, keep-alive requests and full handshakes (each with one request) are apart. HTTP/2 is spoken by clients;
//! replicas are asked by HTTP/1.1 by everyone.
//!
//! Peers: `haproxy` and `nginx` from the system's packages, `envoy` and `caddy` where they are on the path, and the
//! HAProxy that `PLIMSOLL_BENCH_HAPROXY` names (a newer one). For long bodies HAProxy also runs with `splice-auto`.
//! `PLIMSOLL_BENCH_BEFORE` names this same program as an earlier commit built it: then only two of ours are compared.
//!
//! Environment: `PLIMSOLL_BENCH_ROUNDS` (5), `PLIMSOLL_BENCH_SECONDS` per measurement (3), `PLIMSOLL_BENCH_CASES`, words
//! of the cases' names, such as `256` (all).

#[path = "gateway/clients.rs"]
mod clients;
#[allow(dead_code, reason = "another bench uses the rest")]
#[path = "gateway/configs.rs"]
mod configs;
#[path = "gateway/load.rs"]
mod load;
#[path = "gateway/peers.rs"]
mod peers;
#[path = "gateway/shop.rs"]
mod shop;
#[path = "gateway/stage.rs"]
mod stage;

use clients::Talk;
use load::{Cost, load};
use peers::{Proxy, Start};
use stage::{CLIENT_CORE, number, pin};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

type Failure = Box<dyn Error>;

/// Before measuring, each proxy is asked for so long; a peer that does not answer is left out.
const PROBE: Duration = Duration::from_millis(100);

/// What is measured.
pub struct Case {
    name: &'static str,
    talk: Talk,
    body: usize,
    connections: usize,
    workers: usize,
}

const fn case(name: &'static str, talk: Talk, body: usize, connections: usize, workers: usize) -> Case {
    Case { name, talk, body, connections, workers }
}

const CASES: [Case; 13] = [
    case("1 KiB, c=64", Talk::Plain, 1 << 10, 64, 1),
    case("1 KiB, c=512", Talk::Plain, 1 << 10, 512, 1),
    case("16 KiB, c=64", Talk::Plain, 16 << 10, 64, 1),
    case("256 KiB, c=64", Talk::Plain, 256 << 10, 64, 1),
    case("1 KiB, c=64, two workers", Talk::Plain, 1 << 10, 64, 2),
    case("1 KiB, c=512, two workers", Talk::Plain, 1 << 10, 512, 2),
    case("TLS 1 KiB, c=64", Talk::Tls, 1 << 10, 64, 1),
    case("TLS 16 KiB, c=64", Talk::Tls, 16 << 10, 64, 1),
    case("TLS 256 KiB, c=64", Talk::Tls, 256 << 10, 64, 1),
    case("TLS handshakes with a request each, c=32", Talk::Handshakes, 1 << 10, 32, 1),
    case("HTTP/2 1 KiB, c=8 of 8 streams", Talk::Http2(8), 1 << 10, 8, 1),
    case("HTTP/2 within TLS 1 KiB, c=8 of 8 streams", Talk::Http2Tls(8), 1 << 10, 8, 1),
    case("HTTP/2 within TLS 16 KiB, c=8 of 8 streams", Talk::Http2Tls(8), 16 << 10, 8, 1),
];

fn main() -> Result<(), Failure> {
    stage::enter(measure)
}

fn measure() -> Result<(), Failure> {
    let rounds = number("PLIMSOLL_BENCH_ROUNDS", 5);
    let window = Duration::from_secs(number("PLIMSOLL_BENCH_SECONDS", 3));
    let wanted = std::env::var("PLIMSOLL_BENCH_CASES").unwrap_or_default();
    let backends = load::backend()?;
    pin(&[CLIENT_CORE]);
    println!(
        "{rounds} rounds of {} s; ratio: our CPU per request / theirs, same round, median [range]",
        window.as_secs()
    );
    for case in CASES.iter().filter(|case| case.name.contains(&wanted)) {
        let directory = tempfile::tempdir()?;
        let (folder, workers) = (directory.path(), case.workers);
        certificate(folder)?;
        let start =
            Start { folder, backends: &backends, workers, tls: case.talk.is_tls(), http2: case.talk.is_http2() };
        let mut proxies = start.all(case.body >= 64 << 10)?;
        let ours = proxies.remove(0);
        load(&ours, case, PROBE)?;
        proxies.retain(|peer| match load(peer, case, PROBE) {
            Ok(_) => true,
            Err(error) => {
                println!("note: {} is not compared in {}: {error}", peer.name, case.name);
                false
            }
        });
        proxies.insert(0, ours);
        compare(case, &proxies, rounds, window)?;
    }
    Ok(())
}

/// A certificate for every proxy: ECDSA over P-256, the key beside it and both in one file as HAProxy likes them.
fn certificate(folder: &Path) -> Result<(), Failure> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec!["shop.example".to_owned()])?.self_signed(&key)?;
    let (pem, key) = (certificate.pem(), key.serialize_pem());
    for (name, text) in [("front.pem", &pem), ("front.key", &key), ("both.pem", &format!("{pem}{key}"))] {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(folder.join(name))?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn compare(case: &Case, proxies: &[Proxy], rounds: u64, window: Duration) -> Result<(), Failure> {
    let mut costs: BTreeMap<usize, Vec<Cost>> = BTreeMap::new();
    for round in 0..rounds {
        for step in 0..proxies.len() {
            // Who goes first alternates, so that drift within a round favours nobody.
            let which = (step + round as usize) % proxies.len();
            let cost = load(&proxies[which], case, window)?;
            costs.entry(which).or_default().push(cost);
        }
    }
    println!("{}", case.name);
    for (which, proxy) in proxies.iter().enumerate() {
        let theirs = &costs[&which];
        let median = |of: &dyn Fn(&Cost) -> f64| {
            let mut all: Vec<f64> = theirs.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let mut ratios: Vec<f64> =
            costs[&0].iter().zip(theirs).map(|(ours, theirs)| ours.cpu_us / theirs.cpu_us).collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "  {:<28} {:8.2} us CPU/request (user {:4.0} %) {:8.0} requests/s  cores {:4.2}  ratio {:.3} [{:.3} to {:.3}]",
            proxy.name,
            median(&|cost| cost.cpu_us),
            median(&|cost| cost.user_share * 100.0),
            median(&|cost| cost.rate),
            median(&|cost| cost.busy),
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1],
        );
    }
    Ok(())
}
