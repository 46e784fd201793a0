//! The proxy from end to end over loopback sockets.

mod common;

use common::{Backend, Gateway, eventually, snapshot};

#[test]
fn requests_go_round_the_endpoints_over_kept_connections() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let mut spec = snapshot(1, &[a.address, b.address]);
    spec.gateway.workers = Some(1);
    let mut gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    let bodies: Vec<String> = (0..10).map(|_| client.get("/").text().to_owned()).collect();
    assert_eq!(bodies.iter().filter(|body| *body == "a").count(), 5, "{bodies:?}");
    assert!(bodies.windows(2).all(|pair| pair[0] != pair[1]), "{bodies:?}");
    eventually("one connection each", || {
        a.connections.load(std::sync::atomic::Ordering::SeqCst) == 1
            && b.connections.load(std::sync::atomic::Ordering::SeqCst) == 1
    });
    let shop = common::service("shop");
    let report = gateway.control.await_report("10 finished", |report| report.services[&shop].finished == 10);
    let counted = &report.services[&shop];
    assert_eq!((counted.arrived, counted.failed, counted.retried), (10, 0, 0));
    assert_eq!(counted.endpoints.iter().map(|endpoint| endpoint.finished).collect::<Vec<_>>(), [5, 5]);
}
