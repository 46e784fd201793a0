//! Servers that the tests send load to: the testbed as a process, and raw sockets that misbehave.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_loadgen::{LoadPlan, LoadReport, Options, Shape, Stop, Target, run_blocking};

/// A testbed process; killed when dropped.
pub struct Testbed {
    pub child: Child,
    pub address: SocketAddr,
}

impl Testbed {
    pub fn start(options: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll-testbed"))
            .arg(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the testbed starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("the testbed says where it listens");
        Self { child, address: line.trim().parse().expect("an address") }
    }

    pub fn target(&self) -> Target {
        format!("http://{}", self.address).parse().expect("a target")
    }

    pub fn post(&self, path: &str) -> String {
        request(self.address, "POST", path)
    }

    pub fn get(&self, path: &str) -> String {
        request(self.address, "GET", path)
    }

    /// Sends SIGTERM, as a supervisor does.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("not zero");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the testbed lives");
    }

    /// The process's CPU time in seconds and resident memory in KiB.
    pub fn usage(&self) -> (f64, u64) {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("procfs");
        let nanoseconds: f64 = read("schedstat").split_whitespace().next().expect("a field").parse().expect("a number");
        let status = read("status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        (nanoseconds / 1e9, resident.trim().trim_end_matches(" kB").parse().expect("a number"))
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request by hand; the whole answer as text, empty when the connection ended without one.
pub fn request(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A server that hands each accepted connection to `serve` on a thread of its own.
pub fn raw_server(serve: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Reads up to the end of a request head; false at the end of the connection.
pub fn read_head(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    let mut byte = [0_u8];
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => seen.push(byte[0]),
            _ => return false,
        }
    }
    true
}

pub fn constant(rps: f64, seconds: f64) -> LoadPlan {
    LoadPlan::new(Shape::Constant { rps, duration: Duration::from_secs_f64(seconds) })
}

pub fn send(plan: &LoadPlan, target: &Target, options: &Options) -> LoadReport {
    let report = run_blocking(plan, target, options, Stop::never(), |_| {}).expect("the plan is valid");
    check_counts(&report);
    report
}

/// The identities that the report promises.
pub fn check_counts(report: &LoadReport) {
    let failed = report.failed.total();
    assert_eq!(report.planned, report.sent + report.failed.overflow + report.unsent, "{report:?}");
    assert_eq!(report.sent, report.succeeded + failed - report.failed.overflow + report.cancelled, "{report:?}");
    assert_eq!(report.latency.count, report.succeeded);
    assert_eq!(report.latency_failed.count, failed);
    assert_eq!(report.failed_by_method.values().sum::<u64>(), failed);
    let seconds =
        |pick: fn(&plimsoll_loadgen::Second) -> u32| report.timeline.iter().map(|s| u64::from(pick(s))).sum::<u64>();
    assert_eq!(
        (seconds(|s| s.sent), seconds(|s| s.succeeded), seconds(|s| s.failed)),
        (report.sent, report.succeeded, failed)
    );
}

/// Polls until `done`, failing after ten seconds.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "not within 10 s: {what}");
        std::thread::yield_now();
    }
}
