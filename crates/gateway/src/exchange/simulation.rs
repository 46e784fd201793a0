//! One worker with its clients and replicas in one thread, driven by a seed: any split of bytes, any side gone at any
//! byte, any time-out, a drain at any moment.
//!
//! Clients and replicas speak HTTP/1.1, or in some scenes HTTP/2.
//!
//! What must hold whatever happens: a replica never reads a request on a connection whose last exchange was not complete
//! on both sides, and acts on no POST twice; a client never receives a byte of another request's response; what is idle in a pool is at a message
//! boundary; and when all clients are gone, nothing is in flight, waiting or open. The sockets are loopback sockets, which
//! deliver within the system call; time is the simulation's own. A failing seed is printed and becomes a named test.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod client;
mod client_http2;
#[path = "../../tests/common/reader.rs"]
mod reader;
mod replica;
mod replica_http2;
mod scene;

use scene::{Rng, Scene};

/// Runs one seed to its end and checks everything.
fn simulate(seed: u64, tally: &mut scene::Tally) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Sockets are looked at between any two polls, so that what is ready is seen in the order in which it became so.
        .event_interval(1)
        .build_local(Default::default())
        .unwrap();
    let mut rng = Rng(seed);
    runtime.block_on(async {
        let scene = Scene::start(&mut rng).await;
        scene.play(&mut rng).await;
        scene.check(tally).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    });
}

#[test]
fn no_half_used_connection_is_used_again_and_no_response_reaches_another_request() {
    let is_long = std::env::var_os("PLIMSOLL_PROVE").is_some();
    let first = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    let count = if is_long { 100_000 } else { 1_000 };
    println!("seeds {first} to {}", first + count - 1);
    let mut tally = scene::Tally::default();
    for seed in first..first + count {
        simulate(seed, &mut tally);
    }
    println!("{tally:#?}");
    // A simulation in which nothing happens proves nothing.
    let seen = &tally.seen;
    assert!(seen.answered > count && seen.refused > count / 50 && seen.cut > count / 50, "{tally:?}");
    assert!(seen.over_http2 > count / 2, "{tally:?}");
    assert!(tally.streams > count / 4 && tally.unread > count / 200, "{tally:?}");
    assert!(tally.hedged > count / 20 && tally.hedges_won > count / 100, "{tally:?}");
    assert!(tally.reused > count / 10 && tally.drained > count / 50 && seen.trailers > count / 100, "{tally:?}");
}
