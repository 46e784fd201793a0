//! The generator against real sockets on loopback.

mod common;

use common::{Testbed, check_counts, constant, raw_server, read_head, send};
use plimsoll_loadgen::{Ended, FailureKind, LoadPlan, Options, Shape, Spacing, Stop, Target, run_blocking};
use plimsoll_model::{Millis, Permille, Timestamp};
use plimsoll_traces::RateSeries;
use rustix::net::{AddressFamily, SocketType};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn target(address: SocketAddr) -> Target {
    format!("http://{address}").parse().expect("a target")
}

fn reserve_port() -> OwnedFd {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    socket
}

#[test]
fn the_rate_is_held_and_every_request_is_accounted_for() {
    let testbed = Testbed::start(r#"{"cpu_us":0}"#);
    let mut plan = constant(500.0, 4.0);
    plan.mix.post_share = Permille(200);
    plan.mix.paths = vec!["/a".into(), "/b?c=1".into()];
    let report = send(&plan, &testbed.target(), &Options::default());
    let expected = 2_000.0_f64;
    assert!((report.sent as f64 - expected).abs() < 5.0 * expected.sqrt(), "{}", report.sent);
    assert_eq!((report.succeeded, report.ended), (report.sent, Ended::Completed), "{report}");
    assert!((4_000..5_500).contains(&report.elapsed_ms.0), "{}", report.elapsed_ms);
    assert!(report.bytes_received == report.sent * 128, "{}", report.bytes_received);
    assert!(report.connections_opened < 200, "{}", report.connections_opened);
    // The last second may hold only what fell on its edge.
    assert!(report.timeline[..3].iter().all(|second| second.sent > 350 && second.planned_rps == Some(500.0)));
}

#[test]
fn a_trace_replays_at_its_rate_on_a_faster_clock_and_its_gap_sends_nothing() {
    let testbed = Testbed::start(r#"{"cpu_us":0}"#);
    let rates = [Some(200.0), None, Some(400.0)];
    let series = RateSeries::try_new("day", Timestamp(0), Millis(60_000), rates).unwrap();
    let mut plan = LoadPlan::new(Shape::Trace { series: Arc::new(series), speed: 60 });
    plan.scale = 0.5;
    plan.spacing = Spacing::Even;
    let report = send(&plan, &testbed.target(), &Options::default());
    assert_eq!((report.sent, report.succeeded, report.gap_slots), (300, 300, 1), "{report}");
    let planned: Vec<_> = report.timeline[..3].iter().map(|second| (second.planned_rps, second.trace_time)).collect();
    assert_eq!(
        planned,
        [(Some(100.0), Some(Timestamp(0))), (None, Some(Timestamp(60_000))), (Some(200.0), Some(Timestamp(120_000)))]
    );
}

/// Answers at once, except that the whole server stands still from 0.5 to 1.0 s of its life.
#[test]
fn a_stall_of_the_server_shows_in_the_quantiles() {
    fn serve(mut stream: TcpStream) {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        let start = *START.get_or_init(Instant::now);
        while read_head(&mut stream) {
            let age = start.elapsed();
            if (Duration::from_millis(500)..Duration::from_millis(1_000)).contains(&age) {
                std::thread::sleep(Duration::from_millis(1_000) - age);
            }
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
                return;
            }
        }
    }
    let address = raw_server(serve);
    // Two connections: a closed loop would meet the stall with two requests of 400.
    let options = Options { connections_max: 2, ..Options::default() };
    let report = send(&constant(200.0, 2.0), &target(address), &options);
    assert_eq!(report.failed.total(), 0, "{report}");
    assert!(report.latency.p99.0 >= 400_000, "{report}");
    assert!(report.latency.max.0 >= 480_000, "{report}");
    assert!(report.latency.p90.0 >= 200_000, "a fifth of the requests fell due in the stall: {report}");
    assert!(report.waited > 50, "{report}");
    assert!(report.service_time.p90.0 < 100_000, "the uncorrected figure hides it: {:?}", report.service_time);
}

#[test]
fn failures_are_told_apart_and_listed() {
    fn cut(mut stream: TcpStream) {
        if read_head(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
        }
    }
    fn hang_up(mut stream: TcpStream) {
        read_head(&mut stream);
    }
    fn silent(mut stream: TcpStream) {
        while read_head(&mut stream) {}
    }
    fn garbage(mut stream: TcpStream) {
        read_head(&mut stream);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH\r\n\r\n");
    }
    fn not_found(mut stream: TcpStream) {
        while read_head(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        }
    }
    fn unavailable(mut stream: TcpStream) {
        while read_head(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
        }
    }
    // Bound and not listening: nobody else gets the port, and connecting is refused.
    let reserved = reserve_port();
    let closed = rustix::net::getsockname(&reserved).unwrap().try_into().unwrap();
    let options = Options { timeout: Duration::from_millis(300), ..Options::default() };
    for (address, kind) in [
        (closed, FailureKind::Connect),
        (raw_server(cut), FailureKind::Reset),
        (raw_server(hang_up), FailureKind::Reset),
        (raw_server(silent), FailureKind::Timeout),
        (raw_server(garbage), FailureKind::Protocol),
        (raw_server(not_found), FailureKind::Status4xx),
        (raw_server(unavailable), FailureKind::Status5xx),
    ] {
        let mut plan = constant(400.0, 0.3);
        plan.spacing = Spacing::Even;
        let report = send(&plan, &target(address), &options);
        assert_eq!((report.sent, report.failed.total(), report.succeeded), (120, 120, 0), "{kind:?}: {report}");
        assert_eq!(report.failures.len(), 100);
        let other = report.failures.iter().find(|failure| failure.kind != kind);
        assert_eq!(other, None, "{kind:?}: {report}");
        let seen = &report.failures[99];
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", "/"));
        assert!(!seen.what.is_empty() && seen.ended_ms >= seen.due_ms);
        assert_eq!(
            serde_json::from_str::<plimsoll_loadgen::LoadReport>(&serde_json::to_string(&report).unwrap()).unwrap(),
            report
        );
    }
}

#[test]
fn past_the_line_of_waiting_requests_a_request_fails_and_is_counted() {
    fn silent(mut stream: TcpStream) {
        while read_head(&mut stream) {}
    }
    let options =
        Options { connections_max: 2, waiting_max: 10, timeout: Duration::from_millis(500), ..Options::default() };
    let mut plan = constant(500.0, 0.2);
    plan.spacing = Spacing::Even;
    let report = send(&plan, &target(raw_server(silent)), &options);
    assert_eq!(report.planned, 100);
    // Two are sent, ten stand in line until their time is over, the rest finds the line full.
    assert!(report.failed.overflow >= 88 && report.failed.timeout >= 2, "{report}");
    assert_eq!(report.failed.total(), 100);
}

#[test]
fn a_stop_ends_the_run_with_a_report_of_what_was_open() {
    fn silent(mut stream: TcpStream) {
        while read_head(&mut stream) {}
    }
    let address = raw_server(silent);
    let (handle, stop) = Stop::pair();
    let options = Options {
        connections_max: 5,
        stop_grace: Duration::from_millis(100),
        progress_every: Duration::from_millis(20),
        ..Options::default()
    };
    let mut shown = 0;
    let report = run_blocking(&constant(100.0, 3_600.0), &target(address), &options, stop, |progress| {
        shown += 1;
        if progress.waiting >= 10 {
            handle.stop();
        }
    })
    .unwrap();
    check_counts(&report);
    assert_eq!((report.ended, report.sent, report.cancelled), (Ended::Stopped, 5, 5), "{report}");
    assert!(report.unsent >= 10 && shown > 1, "{report}");
}

#[test]
fn bounds_in_requests_and_time_end_a_run() {
    let testbed = Testbed::start(r#"{"cpu_us":0}"#);
    let mut plan = constant(1_000.0, 60.0);
    plan.requests_max = 150;
    let report = send(&plan, &testbed.target(), &Options::default());
    assert_eq!((report.planned, report.succeeded, report.ended), (150, 150, Ended::RequestLimit));
    plan.duration_max = Duration::from_millis(100);
    plan.spacing = Spacing::Even;
    plan.requests_max = 1_000;
    let report = send(&plan, &testbed.target(), &Options::default());
    assert_eq!((report.planned, report.ended), (100, Ended::TimeLimit));
}

#[test]
fn a_connection_that_the_server_closed_while_idle_costs_no_request() {
    fn one_answer_each(mut stream: TcpStream) {
        if read_head(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    }
    let mut plan = constant(50.0, 1.0);
    plan.spacing = Spacing::Even;
    let report = send(&plan, &target(raw_server(one_answer_each)), &Options::default());
    assert_eq!((report.succeeded, report.connections_opened), (50, 50), "{report}");
}

#[test]
fn an_hour_of_the_world_cup_arrives_as_recorded() {
    let test = "an_hour_of_the_world_cup_arrives_as_recorded";
    let name = "web-traffic/wc98_per_minute_dev_to_0624.csv.xz";
    let Some(path) = plimsoll_traces::dataset::find_for_test(test, name) else { return };
    let day = RateSeries::read(path.to_str().unwrap()).unwrap().day("1998-06-10").unwrap();
    let from = Timestamp(day.start().0 + 20 * 3_600_000);
    let hour = day.window(from, Timestamp(from.0 + 3_600_000)).unwrap();
    let testbed = Testbed::start(r#"{"cpu_us":0}"#);
    let mut plan = LoadPlan::new(Shape::Trace { series: Arc::new(hour.clone()), speed: 1_200 });
    plan.scale = 0.3;
    let report = send(&plan, &testbed.target(), &Options::default());
    let expected = hour.requests() / 1_200.0 * 0.3;
    assert!((report.sent as f64 - expected).abs() < 5.0 * expected.sqrt(), "{} {expected}", report.sent);
    assert_eq!(report.failed.total(), 0, "{report}");
    let last = report.timeline[2].trace_time;
    assert_eq!(last, Some(Timestamp(from.0 + 2_400_000)), "{report}");
}
