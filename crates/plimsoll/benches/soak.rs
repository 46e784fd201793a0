//! `cargo xtask prove soak`: the real gateway for twenty minutes (`--short`: one) while everything changes at once.
//!
//! The gateway is the real binary, run by a file; replicas are processes of their own; clients speak HTTP/1.1, HTTP/1.1
//! within TLS, and HTTP/2 with and without TLS. Meanwhile endpoints come and go by reload, are rolled (taken out, told to
//! end, started anew) and killed (`kill -9`, also in the middle of bodies), routes and listeners change, certificates are
//! replaced, slow clients read and write in drops, others leave in the middle, and new processes take the sockets over.
//!
//! Every request is accounted for: answered whole with the bytes it asked for, or failed and judged by [`ledger`]. What may
//! fail is only what nobody can save: an answer that a killed replica had begun, and a request that may not be sent twice
//! and was at a replica when that was killed. Everything else must not happen; the exit status says whether it did.
//! Memory and descriptors of the last process, which runs for most of the time, must be flat ([`vitals`]).
//!
//! `--seconds N` for another length, `--seed N` for another order of events.

mod soak {
    pub mod bytes;
    pub mod certificates;
    pub mod clients;
    pub mod disturb;
    pub mod fleet;
    pub mod gateway;
    pub mod http1;
    pub mod http2;
    pub mod ledger;
    pub mod replica;
    pub mod request;
    pub mod vitals;
    pub mod wire;
}

use soak::certificates::Authority;
use soak::disturb::Disturber;
use soak::fleet::Fleet;
use soak::gateway::{Addresses, Gateway};
use soak::ledger::Ledger;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

type Failure = Box<dyn Error + Send + Sync>;

const LONG: Duration = Duration::from_secs(20 * 60);
const SHORT: Duration = Duration::from_secs(60);
/// Replicas.
const REPLICAS: usize = 6;

/// What clients and the disturber share.
pub struct Site {
    /// The moment that all times count from.
    pub start: Instant,
    /// Where the gateway listens.
    pub addresses: Addresses,
    /// What became of every request.
    pub ledger: Ledger,
    /// Clients end with their current request.
    pub is_over: AtomicBool,
    /// Who vouches for the gateway's certificates.
    pub authority: Authority,
    /// Seeds every random choice.
    pub seed: u64,
}

impl Site {
    /// Milliseconds since the start.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &text[..] {
        ["--role", "replica", address, name] => soak::replica::serve(address.parse()?, name),
        // `cargo test` builds and runs benches too; there is nothing to prove then.
        _ if text.contains(&"--test") => Ok(()),
        _ => {
            let number = |name: &str| -> Result<Option<u64>, Failure> {
                let at = text.iter().position(|word| *word == name);
                let value = at.map(|at| text.get(at + 1).ok_or_else(|| format!("{name} needs a number")));
                Ok(value.transpose()?.map(|value| value.parse()).transpose()?)
            };
            let length = if text.contains(&"--short") { SHORT } else { LONG };
            let length = number("--seconds")?.map_or(length, Duration::from_secs);
            soak(length, number("--seed")?.unwrap_or(1))
        }
    }
}

fn soak(length: Duration, seed: u64) -> Result<(), Failure> {
    println!("seed {seed}, {} s", length.as_secs());
    let folder = tempfile::tempdir()?;
    let authority = Authority::new(folder.path())?;
    let mut fleet = Fleet::start(REPLICAS)?;
    let addresses = Addresses::free()?;
    let gateway = Gateway::start(folder.path(), addresses, &fleet)?;
    let site = Arc::new(Site {
        start: Instant::now(),
        addresses,
        ledger: Ledger::default(),
        is_over: AtomicBool::new(false),
        authority,
        seed,
    });
    let clients = std::thread::spawn({
        let site = Arc::clone(&site);
        move || soak::clients::run(&site).map_err(|error| error.to_string())
    });
    let mut disturber = Disturber::new(Arc::clone(&site), gateway, &mut fleet, length);
    let disturbed = disturber.run();
    site.is_over.store(true, Ordering::SeqCst);
    clients.join().map_err(|_| "a client panicked")??;
    disturbed?;
    let end = disturber.end()?;
    let failed = site.ledger.judge(&end.kills, &end.failures_logged);
    println!("{}", site.ledger.table());
    println!("{}", end.events);
    failed.print();
    for process in &end.processes {
        println!("{process}");
    }
    let mut wrong: Vec<String> = end.wrong;
    wrong.extend(failed.verdict());
    if site.ledger.answered() == 0 {
        wrong.push("no request was answered".to_owned());
    }
    if wrong.is_empty() {
        println!("verdict: holds");
        return Ok(());
    }
    println!("verdict: does not hold");
    wrong.iter().for_each(|line| println!("  {line}"));
    Err("the soak does not hold".into())
}
