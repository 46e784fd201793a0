//! The nginx example with a real nginx: its command starts one on the port it is told, and SIGTERM ends it cleanly.
//!
//! Where nginx is not installed the test says that it did not run.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

/// Says that a test did not run, where `cargo xtask test` looks for it.
fn did_not_run(line: &str) {
    eprintln!("did not run: {line}");
    if let Some(log) = std::env::var_os("PLIMSOLL_SKIP_LOG") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        writeln!(file, "did not run: {line}").unwrap();
    }
}

/// Ends the process group of a failed test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Repeats until it gives a value or the deadline is over.
fn poll<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not happen within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_nginx_example_starts_a_real_nginx_on_its_port() {
    if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
        did_not_run("the_nginx_example_starts_a_real_nginx_on_its_port: needs nginx");
        return;
    }
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/nginx.toml");
    let spec = plimsoll_config::load(&examples).unwrap_or_else(|report| panic!("{report}")).spec;
    let run = &spec.services.values().next().unwrap().run;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let command: Vec<String> = run.command.iter().map(|part| part.replace("{port}", &port.to_string())).collect();
    let temporary = tempfile::tempdir().unwrap();
    let child = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(run.directory.as_ref().unwrap())
        .env("TMPDIR", temporary.path())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let health = poll("the health check", || {
        assert!(running.0.try_wait().unwrap().is_none(), "nginx ended before it was ready");
        get(port, "/healthz").ok().filter(|answer| !answer.is_empty())
    });
    assert!(health.starts_with("HTTP/1.1 200 OK\r\nServer: nginx"), "{health}");
    assert!(get(port, "/").unwrap().contains("Plimsoll chose"));
    assert!(get(port, "/nothing").unwrap().starts_with("HTTP/1.1 404"));

    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = poll("the end", || running.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "its folder is left behind");
    assert!(get(port, "/healthz").is_err(), "it still listens");
}
