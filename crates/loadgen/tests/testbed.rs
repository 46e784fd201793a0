//! The testbed as a process: its cost, its dials, its faults and its way to leave.

mod common;

use common::{Testbed, constant, request, send, until};
use plimsoll_loadgen::{Options, Spacing};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_request_costs_the_cpu_time_that_was_asked_for() {
    let testbed = Testbed::start(r#"{"cpu_us":4000}"#);
    let (before, _) = testbed.usage();
    let mut plan = constant(50.0, 3.0);
    plan.spacing = Spacing::Even;
    let report = send(&plan, &testbed.target(), &Options::default());
    assert_eq!(report.succeeded, 150, "{report}");
    let per_request = (testbed.usage().0 - before) / 150.0;
    assert!((0.0040..0.0048).contains(&per_request), "{per_request} s per request");
}

#[test]
fn it_is_small_and_starts_fast() {
    let start = Instant::now();
    let testbed = Testbed::start("{}");
    let listening = start.elapsed();
    assert!(testbed.get("/healthz").starts_with("HTTP/1.1 200 "));
    let (_, resident_kib) = testbed.usage();
    eprintln!("testbed: listening after {listening:?}, {resident_kib} KiB resident");
    assert!(resident_kib < 8 * 1_024, "{resident_kib} KiB");
    // The goal is 20 ms on an idle machine; a busy one may schedule the process late.
    assert!(listening < Duration::from_millis(500), "{listening:?}");
}

#[test]
fn memory_asked_for_is_resident() {
    let testbed = Testbed::start(r#"{"memory_mib":32,"control":true}"#);
    let (_, held) = testbed.usage();
    assert!((32 * 1_024..40 * 1_024).contains(&held), "{held} KiB");
    assert!(testbed.post("/control/leak?mib=16").contains("holding 48 MiB"));
    assert!(testbed.usage().1 >= 48 * 1_024);
}

#[test]
fn start_up_answers_503_until_it_is_over() {
    let start = Instant::now();
    let testbed = Testbed::start(r#"{"startup_ms":400}"#);
    assert!(testbed.get("/healthz").starts_with("HTTP/1.1 503 "));
    assert!(testbed.get("/").starts_with("HTTP/1.1 503 "));
    until("ready", || testbed.get("/healthz").starts_with("HTTP/1.1 200 "));
    assert!(start.elapsed() >= Duration::from_millis(400));
}

#[test]
fn start_up_may_also_not_listen_at_all() {
    let start = Instant::now();
    let testbed = Testbed::start(r#"{"startup_ms":300,"startup_listening":false}"#);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(testbed.get("/healthz").starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_share_of_errors_and_the_latency_are_as_set() {
    let testbed = Testbed::start(r#"{"cpu_us":0,"error_permille":250,"latency":{"constant":{"us":20000}}}"#);
    let report = send(&constant(300.0, 3.0), &testbed.target(), &Options::default());
    let share = report.failed.status_5xx as f64 / report.sent as f64;
    assert!((0.18..0.32).contains(&share), "{share}");
    assert_eq!(report.failed.total(), report.failed.status_5xx, "{report}");
    assert!(report.latency.min.0 >= 20_000 && report.latency.p50.0 < 40_000, "{report}");
}

#[test]
fn past_its_limits_it_sheds_and_says_when_to_come_back() {
    let testbed =
        Testbed::start(r#"{"cpu_us":0,"concurrency_max":1,"queue_max":1,"latency":{"constant":{"us":300000}}}"#);
    let address = testbed.address;
    let (send, answers) = std::sync::mpsc::channel();
    for _ in 0..4 {
        let send = send.clone();
        std::thread::spawn(move || send.send(request(address, "GET", "/")));
    }
    let answers: Vec<String> = answers.iter().take(4).collect();
    let shed: Vec<&String> = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 503 ")).collect();
    assert_eq!(shed.len(), 2, "{answers:?}");
    assert!(shed.iter().all(|answer| answer.contains("retry-after: 1")));
}

#[test]
fn a_long_request_body_is_refused() {
    let testbed = Testbed::start(r#"{"cpu_us":0,"request_body_bytes_max":1000}"#);
    let mut plan = constant(50.0, 0.2);
    plan.mix.post_share = plimsoll_model::Permille(1_000);
    plan.mix.post_body_bytes = 1_001;
    let report = send(&plan, &testbed.target(), &Options::default());
    assert_eq!(report.failed.status_4xx, report.sent, "{report}");
    plan.mix.post_body_bytes = 1_000;
    assert_eq!(send(&plan, &testbed.target(), &Options::default()).failed.total(), 0);
}

#[test]
fn control_breaks_it_on_request_and_only_where_it_was_allowed() {
    let closed = Testbed::start(r#"{"cpu_us":0}"#);
    assert!(closed.post("/control/fail").ends_with('.'), "without control the path is work like any other");
    assert!(closed.get("/").starts_with("HTTP/1.1 200 "));

    let mut testbed = Testbed::start(r#"{"cpu_us":1000,"control":true}"#);
    assert!(testbed.get("/control/crash").starts_with("HTTP/1.1 405 "));
    assert!(testbed.post("/control/fail?share=2").starts_with("HTTP/1.1 400 "));
    assert!(testbed.post("/control/nothing").starts_with("HTTP/1.1 404 "));
    assert!(testbed.post("/control/fail?share=1").contains("fail 1"));
    assert!(testbed.get("/").starts_with("HTTP/1.1 500 "));
    assert!(testbed.post("/control/fail?share=0").contains("fail 0"));

    assert!(testbed.post("/control/slow?factor=50").contains("slow 50"));
    let (before, _) = testbed.usage();
    assert!(testbed.get("/").starts_with("HTTP/1.1 200 "));
    let used = testbed.usage().0 - before;
    assert!((0.050..0.065).contains(&used), "{used}");

    assert!(testbed.post("/control/hang?on=true").contains("hung true"));
    let mut stuck = TcpStream::connect(testbed.address).unwrap();
    stuck.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stuck.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert!(stuck.read(&mut [0; 1]).is_err(), "a hung service answers nothing");
    assert!(testbed.post("/control/hang?on=false").contains("hung false"));

    assert_eq!(testbed.post("/control/crash?code=3"), "");
    assert_eq!(testbed.child.wait().unwrap().code(), Some(3));
}

#[test]
fn sigterm_ends_open_requests_and_exits_0() {
    let mut testbed = Testbed::start(r#"{"cpu_us":30000,"latency":{"constant":{"us":500000}}}"#);
    let address = testbed.address;
    let mut idle = TcpStream::connect(address).unwrap();
    let (before, _) = testbed.usage();
    let open = std::thread::spawn(move || request(address, "GET", "/"));
    // Its CPU time says that the request is in work; the half second that it then sleeps leaves room for the signal.
    until("the request is in work", || testbed.usage().0 - before >= 0.030);
    testbed.terminate();
    assert!(open.join().unwrap().starts_with("HTTP/1.1 200 "));
    assert_eq!(testbed.child.wait().unwrap().code(), Some(0));
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0, "the idle connection was closed");
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for options in [r#"{"cpu_us":70000000}"#, r#"{"cpu":1}"#, "x"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll-testbed")).arg(options).output().unwrap();
        assert!(!output.status.success() && output.stderr.starts_with(b"plimsoll-testbed: the options are not valid"));
    }
}

#[test]
fn an_overloaded_testbed_still_answers_its_health_check() {
    let testbed = Testbed::start(r#"{"cpu_us":20000}"#);
    let address = testbed.address;
    let overloaded = Arc::new(AtomicBool::new(true));
    let running = Arc::clone(&overloaded);
    let checks = std::thread::spawn(move || {
        let mut longest = Duration::ZERO;
        while running.load(Ordering::Relaxed) {
            let start = Instant::now();
            assert!(request(address, "GET", "/healthz").starts_with("HTTP/1.1 200 "));
            longest = longest.max(start.elapsed());
        }
        longest
    });
    // Twice what one core can do, for a second.
    let mut plan = constant(100.0, 1.0);
    plan.spacing = Spacing::Even;
    let report = send(&plan, &testbed.target(), &Options::default());
    overloaded.store(false, Ordering::Relaxed);
    let longest = checks.join().unwrap();
    assert_eq!(report.succeeded, 100, "{report}");
    assert!(report.latency.p50 > plimsoll_model::Micros(100_000), "it was not overloaded: {report}");
    assert!(longest < Duration::from_millis(500), "{longest:?}");
}
