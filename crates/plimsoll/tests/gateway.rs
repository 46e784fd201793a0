//! `plimsoll gateway` as a person uses it: check, run, reload, top, takeover, drain.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn plimsoll(arguments: &[&str], config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.arg("gateway").args(arguments).arg("--config").arg(config);
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Answers every request with its name, for as long as the process lives.
fn backend(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let mut stream = stream;
                while let Some(Ok(line)) = lines.next() {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                    if line.is_empty() && stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn get(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

struct Site {
    folder: tempfile::TempDir,
    listen: SocketAddr,
}

impl Site {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), listen: free() }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    fn write(&self, endpoint: SocketAddr) {
        let text = format!(
            "workers = 1\n[[listeners]]\nlisten = \"{}\"\nroutes = [{{ pool = \"web\" }}]\n\
             [pools.web]\nendpoints = [{{ address = \"{endpoint}\" }}]\n",
            self.listen
        );
        std::fs::write(self.config(), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Running {
        Running(plimsoll(arguments, &self.config()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn answers(&self, name: &str) {
        eventually(name, || get(self.listen).is_ok_and(|text| text.ends_with(name)));
    }
}

struct Running(Child);

impl Running {
    fn ended_well(&mut self) {
        eventually("it ends", || self.0.try_wait().unwrap().is_some());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_file_is_run_reloaded_handed_over_and_drained() {
    let site = Site::new();
    let (one, two) = (backend("one"), backend("two"));
    site.write(one);
    let checked = plimsoll(&["check"], &site.config()).output().unwrap();
    assert!(said(&checked).contains("1 listeners, 1 pools, 1 endpoints: the file holds"), "{}", said(&checked));
    let mut old = site.run(&[]);
    site.answers("one");

    site.write(two);
    let reloaded = plimsoll(&["reload"], &site.config()).output().unwrap();
    assert!(reloaded.status.success() && said(&reloaded).contains(&site.listen.to_string()), "{}", said(&reloaded));
    site.answers("two");

    site.write(one);
    let pid = rustix::process::Pid::from_child(&old.0);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    site.answers("one");

    let good = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), good.replace("pool = \"web\"", "pool = \"wbe\"")).unwrap();
    let refused = plimsoll(&["reload"], &site.config()).output().unwrap();
    assert_eq!(refused.status.code(), Some(3));
    assert!(said(&refused).contains("gateway.toml:4") && said(&refused).contains("wbe"), "{}", said(&refused));
    site.answers("one");

    std::fs::write(site.config(), good).unwrap();
    let top = plimsoll(&["top", "--once", "--interval", "0.25"], &site.config()).output().unwrap();
    assert!(said(&top).contains("web") && said(&top).contains(&one.to_string()), "{}", said(&top));
    let top = plimsoll(&["top", "--once", "--interval", "0.25", "--output", "json"], &site.config()).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&top.stdout).unwrap();
    assert!(report["services"]["web"]["finished"].as_u64().unwrap() > 0, "{report}");

    let mut new = site.run(&["--takeover"]);
    old.ended_well();
    site.answers("one");
    assert!(plimsoll(&["drain"], &site.config()).status().unwrap().success());
    new.ended_well();
    assert!(get(site.listen).is_err());
}

#[test]
fn a_second_gateway_of_the_same_file_is_refused_and_changes_nothing() {
    let site = Site::new();
    site.write(backend("one"));
    let _running = site.run(&[]);
    site.answers("one");
    let second = plimsoll(&[], &site.config()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(said(&second).contains("another gateway answers there"), "{}", said(&second));
    site.answers("one");
}

#[test]
fn nobody_runs_is_said() {
    let site = Site::new();
    site.write(free());
    let reload = plimsoll(&["reload"], &site.config()).output().unwrap();
    assert_eq!(reload.status.code(), Some(1));
    assert!(said(&reload).contains("no gateway answers at"), "{}", said(&reload));
}
