//! The other proxies: what we forward has to be the same messages to each of them.
//!
//! Each stands in front of a recorder of its own and is given, on one connection, exactly the bytes that the gateway
//! forwarded in a case and one request more. It may refuse them; what it passes on must be the same requests with the same
//! bodies. The other way round, it is given what the gateway sent to a client as the answer of a replica.

use super::common::PATIENCE;
use super::reader;
use super::recorder::{Recorder, SENTINEL};
use super::{Bench, Case, corpus, run, talk};
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A proxy that may be installed. The first two are Debian packages, which CI installs.
const PEERS: [&str; 4] = ["haproxy", "nginx", "caddy", "envoy"];

struct Running {
    address: SocketAddr,
    recorder: Recorder,
    child: Child,
    _directory: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn haproxy(port: u16, backend: SocketAddr, _: &Path) -> (String, Vec<&'static str>) {
    let text = format!(
        "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n option http-keep-alive\n\
         listen all\n bind 127.0.0.1:{port}\n server one {backend}\n"
    );
    (text, vec!["-db", "-f"])
}

fn nginx(port: u16, backend: SocketAddr, folder: &Path) -> (String, Vec<&'static str>) {
    let folder = folder.display();
    let text = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n\
         uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; client_max_body_size 0; large_client_header_buffers 8 64k;\n\
         server {{ listen 127.0.0.1:{port}; merge_slashes off; underscores_in_headers on;\n\
         location / {{ proxy_pass http://{backend}; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         proxy_request_buffering off; proxy_buffering off; proxy_set_header Host $http_host; }} }} }}\n"
    );
    (text, vec!["-c"])
}

fn caddy(port: u16, backend: SocketAddr, _: &Path) -> (String, Vec<&'static str>) {
    let text = format!("{{\n admin off\n auto_https off\n}}\nhttp://:{port} {{\n reverse_proxy {backend}\n}}\n");
    (text, vec!["run", "--adapter", "caddyfile", "--config"])
}

fn envoy(port: u16, backend: SocketAddr, _: &Path) -> (String, Vec<&'static str>) {
    let text = format!(
        r#"{{"static_resources":{{"listeners":[{{"address":{{"socket_address":{{"address":"127.0.0.1","port_value":{port}}}}},
        "filter_chains":[{{"filters":[{{"name":"envoy.filters.network.http_connection_manager","typed_config":{{
        "@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix":"a","route_config":{{"virtual_hosts":[{{"name":"a","domains":["*"],"routes":[
        {{"match":{{"prefix":"/"}},"route":{{"cluster":"one"}}}}]}}]}},"http_filters":[{{"name":"envoy.filters.http.router",
        "typed_config":{{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}}}]}}}}]}}]}}],
        "clusters":[{{"name":"one","load_assignment":{{"cluster_name":"one","endpoints":[{{"lb_endpoints":[{{"endpoint":
        {{"address":{{"socket_address":{{"address":"127.0.0.1","port_value":{backend_port}}}}}}}}}]}}]}}}}]}}}}"#,
        backend_port = backend.port()
    );
    (text, vec!["--concurrency", "1", "-l", "off", "-c"])
}

fn start(name: &str, program: &Path) -> Running {
    let recorder = Recorder::start();
    let directory = tempfile::tempdir().unwrap();
    // The port is free when it is asked for; whoever takes it in between makes the start fail, loudly.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (text, arguments) = match name {
        "haproxy" => haproxy(port, recorder.address, directory.path()),
        "nginx" => nginx(port, recorder.address, directory.path()),
        "caddy" => caddy(port, recorder.address, directory.path()),
        _ => envoy(port, recorder.address, directory.path()),
    };
    let config = directory.path().join(if name == "envoy" { "config.json" } else { "config" });
    std::fs::write(&config, text).unwrap();
    let child = Command::new(program)
        .args(arguments)
        .arg(&config)
        .env("HOME", directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut running = Running { address, recorder, child, _directory: directory };
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        assert!(running.child.try_wait().unwrap().is_none(), "{name} ended at its start");
        assert!(Instant::now() < deadline, "{name} does not listen");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    running
}

/// Method, target and body of each message.
type Seen = Vec<(String, String, Vec<u8>)>;

#[derive(Default)]
struct Count {
    same: usize,
    refused: usize,
    wrong: String,
}

/// A target with its escapes decoded: some proxies escape what need not be, which is no matter of framing.
fn decoded(target: &str) -> String {
    let mut parts = target.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(char::from(byte));
                out.push_str(&part[2..]);
            }
            None => {
                out.push('%');
                out.push_str(part);
            }
        }
    }
    out
}

/// Whether the peer passes on the same messages, or the first of them and then a refusal.
fn requests(peer: &Running, raw: &[u8], ours: &Seen) -> Result<bool, String> {
    peer.recorder.reset(None, false);
    let last = format!("GET {SENTINEL} HTTP/1.1\r\nHost: end\r\nConnection: close\r\n\r\n");
    let received = talk(peer.address, &[raw, last.as_bytes()].concat(), &[], false)?;
    let record = peer.recorder.record();
    let seen: Seen = record
        .messages
        .iter()
        .map(|each| (each.message.word(0).to_owned(), each.message.word(1).to_owned(), each.message.body.clone()))
        .collect();
    if let [why, ..] = &record.broken[..] {
        return Err(format!("it sends on what is not canonical: {why}"));
    }
    let plain = |seen: &Seen| -> Seen {
        seen.iter().map(|(method, target, body)| (method.clone(), decoded(target), body.clone())).collect()
    };
    if plain(&seen) == plain(ours) && record.sentinel.is_some() {
        return Ok(true);
    }
    // Some answer a question about the server themselves.
    let is_about_us = matches!(&ours[..], [(method, target, _)] if method == "OPTIONS" && target == "*");
    if is_about_us && seen.is_empty() && record.sentinel.is_some() {
        return Ok(false);
    }
    let text = String::from_utf8_lossy(&received);
    let refuses =
        [" 400 ", " 403 ", " 405 ", " 411 ", " 413 ", " 414 ", " 417 ", " 426 ", " 431 ", " 500 ", " 501 ", " 502 "];
    let refused = refuses.iter().any(|status| text.contains(&format!("HTTP/1.1{status}")));
    if refused && ours.starts_with(&seen) && (record.sentinel.is_none() || seen.len() + 1 == ours.len()) {
        return Ok(false);
    }
    Err(format!("it sees {seen:?}\n  we forwarded {ours:?}\n  it answered {text:?}"))
}

/// Whether the peer reads the answer that we sent to a client as we meant it.
fn responses(peer: &Running, answer: &[u8], method: &str) -> Result<bool, String> {
    let ours = reader::response(answer, method, true)?.ok_or("no whole response of ours")?;
    peer.recorder.reset(Some(answer[..ours.length].to_vec()), false);
    let asked = format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let received = talk(peer.address, asked.as_bytes(), &[], false)?;
    let text = String::from_utf8_lossy(&received);
    let seen = reader::response(&received, method, true).map_err(|why| format!("{why}: {text:?}"))?;
    let seen = seen.ok_or_else(|| format!("no whole response: {text:?}"))?;
    match (seen.word(1) == ours.word(1), seen.body == ours.body && seen.length == received.len()) {
        (true, true) => Ok(true),
        (false, _) if seen.word(1) == "502" => Ok(false),
        _ => Err(format!("it answers {text:?}\n  we sent {:?}", String::from_utf8_lossy(answer))),
    }
}

/// What the gateway sent to the client, when it is one response that ends by itself.
fn answer_of(case: &Case) -> Option<(Vec<u8>, &'static str)> {
    let answer = case.client.clone().or_else(|| case.answer.clone().filter(|_| !case.drops))?;
    let is_head = case.send.starts_with(b"HEAD ");
    let is_final =
        answer.starts_with(b"HTTP/1.1 2") || answer.starts_with(b"HTTP/1.1 3") || answer.starts_with(b"HTTP/1.1 4");
    let ends = answer
        .windows(16)
        .any(|w| w.eq_ignore_ascii_case(b"content-length: ") || w.eq_ignore_ascii_case(b"transfer-encodin"));
    let usable = is_final && (ends || is_head) && case.refuse.is_none() && case.tunnel.is_none() && !case.ends;
    usable.then_some((answer, if is_head { "HEAD" } else { "GET" }))
}

#[test]
fn no_other_proxy_frames_what_we_forward_differently() {
    let bench = Bench::start();
    let mut forwarded = Vec::new();
    let mut answers = Vec::new();
    for case in corpus::load() {
        if case.replica.is_some() && case.tunnel.is_none() && !case.fin {
            let record = run(&bench, &case, &[]).unwrap_or_else(|why| panic!("{}: {}: {why}", case.file, case.name));
            let raw: Vec<u8> = record.messages.iter().flat_map(|each| each.raw.clone()).collect();
            let seen = record.messages.iter().map(|each| &each.message);
            let seen: Seen = seen.map(|m| (m.word(0).to_owned(), m.word(1).to_owned(), m.body.clone())).collect();
            forwarded.push((format!("{}: {}", case.file, case.name), raw, seen));
        }
        if let Some((answer, method)) = answer_of(&case) {
            answers.push((format!("{}: {}", case.file, case.name), answer, method));
        }
    }
    assert!(forwarded.len() > 100 && answers.len() > 20, "{} and {}", forwarded.len(), answers.len());
    let mut wrong = String::new();
    for name in PEERS {
        let Some(program) = program(name) else {
            if name == "haproxy" || name == "nginx" {
                println!("did not run: framing beside {name}: needs {name}");
                assert_ne!(std::env::var("PLIMSOLL_REQUIRE_ALL").as_deref(), Ok("1"), "{name} is not installed");
            } else {
                println!("note: framing was not compared with {name}, which is not installed");
            }
            continue;
        };
        let peer = start(name, &program);
        let mut counts = [Count::default(), Count::default()];
        for (case, raw, seen) in &forwarded {
            tally(&mut counts[0], case, requests(&peer, raw, seen));
        }
        for (case, answer, method) in &answers {
            tally(&mut counts[1], case, responses(&peer, answer, method));
        }
        for (count, what) in counts.iter().zip(["requests", "responses"]) {
            println!("{name:<8} {what:<9} framed the same: {:>4}, refused: {:>3}", count.same, count.refused);
            if !count.wrong.is_empty() {
                let _ = writeln!(wrong, "{name}, {what}:\n{}", count.wrong);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn tally(count: &mut Count, case: &str, verdict: Result<bool, String>) {
    match verdict {
        Ok(true) => count.same += 1,
        Ok(false) => count.refused += 1,
        Err(why) => {
            let _ = writeln!(count.wrong, "{case}: {why}");
        }
    }
}
