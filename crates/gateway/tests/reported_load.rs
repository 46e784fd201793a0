//! Endpoints that report their load with their answers get requests as it allows.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Backend, Gateway, eventually, service, snapshot};
use plimsoll_gateway::Snapshot;
use plimsoll_model::Millis;
use plimsoll_model::load::LoadSpec;
use plimsoll_model::spec::Algorithm;
use std::net::SocketAddr;

/// Answers with its name and this field.
fn reporting(name: &'static str, field: &'static str) -> Backend {
    Backend::start(move |peer| {
        while peer.head().is_some() {
            let length = name.len();
            if !peer.send(format!("HTTP/1.1 200 OK\r\n{field}\r\nX-Kept: 1\r\nContent-Length: {length}\r\n\r\n{name}"))
            {
                return;
            }
        }
    })
}

fn by_load(addresses: &[SocketAddr], keep: bool) -> Snapshot {
    let mut spec = snapshot(1, addresses);
    spec.gateway.workers = Some(1);
    let balance = &mut spec.pools.get_mut(&service("shop")).unwrap().balance;
    balance.algorithm = Algorithm::WeightedByLoad;
    balance.load = LoadSpec { blackout: Millis(0), update: Millis(100), keep, ..LoadSpec::default() };
    spec
}

#[test]
fn requests_go_where_reports_say_that_there_is_room() {
    let busy = reporting("busy", "Endpoint-Load-Metrics: TEXT cpu_utilization=0.9,rps_fractional=90");
    let free = reporting("free", "endpoint-load-metrics: JSON {\"cpu_utilization\":0.1,\"rps_fractional\":90}");
    let mut gateway = Gateway::start(by_load(&[busy.address, free.address], false));
    let mut client = gateway.connect();
    let mut of_fifty = || {
        let answers: Vec<_> = (0..50).map(|_| client.get("/")).collect();
        assert!(answers.iter().all(|answer| answer.field("endpoint-load-metrics").is_none()));
        assert!(answers.iter().all(|answer| answer.field("x-kept") == Some("1")));
        answers.iter().filter(|answer| answer.text() == "free").count()
    };
    // The weights are 100 and 900: nine of ten.
    eventually("the free one gets nine of ten", || (43..=47).contains(&of_fifty()));
    let report = gateway.control.await_report("weights", |report| {
        report.services[&service("shop")].endpoints.iter().all(|endpoint| endpoint.load_weight_milli.is_some())
    });
    let weights =
        report.services[&service("shop")].endpoints.iter().map(|endpoint| endpoint.load_weight_milli.unwrap());
    assert_eq!(weights.map(|milli| (milli + 500) / 1_000).collect::<Vec<_>>(), [100, 900]);
}

#[test]
fn reports_are_kept_where_the_spec_says_so_and_broken_ones_are_counted() {
    let (good, bad) = ("endpoint-load-metrics: TEXT cpu_utilization=0.5,rps=10", "endpoint-load-metrics: TEXT eps=-1");
    let backends = [reporting("a", good), reporting("b", bad)];
    let mut gateway = Gateway::start(by_load(&backends.each_ref().map(|backend| backend.address), true));
    let mut client = gateway.connect();
    for _ in 0..20 {
        assert!(client.get("/").field("endpoint-load-metrics").is_some_and(|value| value.starts_with("TEXT")));
    }
    let report = gateway.control.await_report("all counted", |report| {
        let endpoints = &report.services[&service("shop")].endpoints;
        endpoints.iter().map(|endpoint| endpoint.load_reports + endpoint.load_reports_invalid).sum::<u64>() == 20
    });
    let endpoints = &report.services[&service("shop")].endpoints;
    assert_eq!((endpoints[0].load_reports_invalid, endpoints[1].load_reports), (0, 0));
    assert_eq!((endpoints[0].load_reports, endpoints[1].load_weight_milli), (10, None), "one report is round robin");
}

#[test]
fn where_nobody_goes_by_reports_they_pass_like_any_other_field() {
    let backend = reporting("a", "endpoint-load-metrics: TEXT eps=-1");
    let mut gateway = Gateway::start(snapshot(1, &[backend.address]));
    assert_eq!(gateway.connect().get("/").field("endpoint-load-metrics"), Some("TEXT eps=-1"));
    let report = gateway.control.await_report("one", |report| report.services[&service("shop")].finished == 1);
    assert_eq!(report.services[&service("shop")].endpoints[0].load_reports_invalid, 0);
}
