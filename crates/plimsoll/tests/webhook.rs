//! Webhooks of a real installation: what begins is told, signed; a receiver that refuses is asked again; one that hangs costs
//! nobody anything.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::{Installation, eventually, follower};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

/// What came: head in lower case, and body.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// Reads one request.
fn read(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        head.push_str(&line.to_lowercase());
        line.clear();
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

/// A receiver that notes what comes and answers what `answer` says of its number; nothing at all where that is none.
fn receiver(answer: impl Fn(usize) -> Option<u16> + Send + 'static) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let seen: Seen = Arc::default();
    let noted = seen.clone();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for (number, stream) in listener.incoming().flatten().enumerate() {
            if let Some(request) = read(&stream) {
                noted.lock().unwrap().push(request);
            }
            match answer(number) {
                Some(status) => {
                    let _ = write!(&stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                }
                // Kept open without an answer.
                None => held.push(stream),
            }
        }
    });
    (url, seen)
}

fn hook(name: &str, url: &str, more: &str) -> String {
    format!("[webhooks.{name}]\nurl = \"{url}\"\nbackoff = \"20ms\"\ntimeout = \"500ms\"\n{more}\n")
}

#[test]
fn a_crash_loop_is_told_signed_and_neither_a_refusal_nor_silence_holds_anything_up() {
    let (good, told) = receiver(|_| Some(204));
    let (stubborn, refused) = receiver(|number| Some(if number < 2 { 500 } else { 200 }));
    let (silent, ignored) = receiver(|_| None);
    let mut installation = Installation::prepare("", &[]);
    let secret = installation.dir.path().join("hook.secret");
    std::fs::write(&secret, "s3cret\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let crashing = follower("hooks", 1)
        .replace("\"testbed\", \"serve\", \"--port\", \"{port}\"", "\"completions\", \"bash\", \"#{port}\"")
        + "[services.web.restart]\nbackoff = \"10ms\"\nbackoff_max = \"20ms\"\ncrash_loop_after = 2\n"
        + &hook("good", &good, "secret = \"hook.secret\"\nevents = [\"crash_loop\"]")
        + &hook("stubborn", &stubborn, "")
        + &hook("silent", &silent, "tries = 2");
    installation.write_spec(&crashing);
    installation.up();
    let (head, body) = eventually("a message", || told.lock().unwrap().first().cloned());
    let message: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((message["event"].as_str(), message["state"].as_str()), (Some("crash_loop"), Some("firing")), "{body}");
    assert_eq!((message["service"].as_str(), message["version"].as_u64()), (Some("web"), Some(1)), "{body}");
    assert!(message["summary"].as_str().unwrap().contains("in a row"), "{body}");
    let field = |name: &str| {
        let line = head.lines().find(|line| line.starts_with(&format!("{name}: "))).unwrap_or_else(|| panic!("{head}"));
        line.split_once(": ").unwrap().1.trim().to_owned()
    };
    assert_eq!(field("x-plimsoll-event"), "crash_loop");
    let signature = field("x-plimsoll-signature");
    let (time, sum) = signature.split_once(",v1=").unwrap();
    let signed = format!("{}.{body}", time.strip_prefix("t=").unwrap());
    assert_eq!(sum, hmac(b"s3cret", signed.as_bytes()));
    // The same message comes again until it is taken, with the same id.
    eventually("the third try", || (refused.lock().unwrap().len() >= 3).then_some(()));
    let tries: Vec<Value> =
        refused.lock().unwrap().iter().take(3).map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    assert!(tries.iter().all(|one| one["id"] == tries[0]["id"]));
    assert!(!refused.lock().unwrap()[0].0.contains("x-plimsoll-signature"), "it has no secret");
    eventually("a request to the one that is silent", || (!ignored.lock().unwrap().is_empty()).then_some(()));
    // While it is silent, steps go on: a tick is a second, and its time-out half of one.
    let steps = installation.state()["steps"].as_u64().unwrap();
    eventually("further steps", || (installation.state()["steps"].as_u64()? > steps + 2).then_some(()));
    let metrics = eventually("a message that was given up", || {
        let page = installation.get("/metrics")?.as_str()?.to_owned();
        page.contains("plimsoll_webhook_messages_total{hook=\"silent\",outcome=\"failed\"} 1").then_some(page)
    });
    assert!(metrics.contains("plimsoll_webhook_messages_total{hook=\"good\",outcome=\"sent\"} 1"), "{metrics}");
    eventually("the reason among the findings", || {
        installation.findings().iter().any(|line| line.starts_with("webhook silent: ")).then_some(())
    });
}

/// What came to a receiver, parsed.
fn messages(seen: &Seen) -> Vec<Value> {
    seen.lock().unwrap().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
}

#[test]
fn a_service_that_burns_its_error_budget_is_told_once_with_the_numbers_to_whoever_asked_for_it() {
    let (url, told) = receiver(|_| Some(204));
    let failing = follower("burn", 1).replace("\"{port}\"", "\"{port}\", \"--error-share\", \"0.9\"")
        + &hook("strict", &url, "events = [\"slo_burn\"]\nerrors_max = \"1%\"");
    let (calm, untold) = receiver(|_| Some(204));
    let failing = failing + &hook("others", &calm, "events = [\"crash_loop\", \"frozen\"]");
    let mut installation = Installation::start(&failing);
    installation.wait_ready("web", 1);
    // A burn is failures between two looks, so they have to come over more than one step.
    let mut sent = 0;
    let message = eventually("a burn", || {
        common::get(&installation.gateway());
        sent += 1;
        messages(&told).first().cloned()
    });
    assert_eq!((message["event"].as_str(), message["state"].as_str()), (Some("slo_burn"), Some("firing")), "{message}");
    assert_eq!(message["service"], "web");
    let details = &message["details"];
    let (failed, finished) = (details["failed"].as_u64().unwrap(), details["finished"].as_u64().unwrap());
    assert!(failed >= 10 && failed * 10 >= finished && finished <= sent, "{message}");
    assert_eq!((details["errors_max_permille"].as_u64(), details["burn"].as_u64()), (Some(10), Some(10)), "{message}");
    assert!(message["summary"].as_str().unwrap().contains(&format!("{failed} of the last {finished} requests")));
    // Five minutes without a failure would be its end; until then nothing is said twice.
    let steps = installation.state()["steps"].as_u64().unwrap();
    eventually("further steps", || (installation.state()["steps"].as_u64()? > steps + 2).then_some(()));
    assert_eq!(messages(&told).len(), 1);
    assert_eq!(messages(&untold), Vec::<Value>::new(), "it asked for other things");
    installation.terminate();
}

#[test]
fn a_full_disk_is_told_as_frozen_and_its_end_too_while_requests_go_on() {
    let (url, told) = receiver(|_| Some(204));
    let spec = follower("frozen", 1) + &hook("ops", &url, "events = [\"frozen\"]");
    let mut installation = Installation::start_on_small_disk(&spec, 64);
    let Some(_) = &installation.disk else {
        let test = "a_full_disk_is_told_as_frozen_and_its_end_too_while_requests_go_on";
        return common::disk::did_not_run(test, "this user may not mount a disk of its own");
    };
    installation.wait_ready("web", 1);
    installation.disk.as_ref().unwrap().fill();
    let message = eventually("a frozen controller", || messages(&told).first().cloned());
    assert_eq!((message["event"].as_str(), message["state"].as_str()), (Some("frozen"), Some("firing")), "{message}");
    assert!(message["service"].is_null() && message["summary"].as_str().unwrap().contains("no room"), "{message}");
    assert_eq!(common::get(&installation.gateway()).unwrap().0, 200, "the gateway goes on");
    installation.disk.as_ref().unwrap().free();
    let message = eventually("its end", || messages(&told).get(1).cloned());
    assert_eq!((message["event"].as_str(), message["state"].as_str()), (Some("frozen"), Some("resolved")), "{message}");
    assert!(installation.terminate().success(), "{}", installation.log());
}

/// HMAC-SHA-256 by OpenSSL's command, so that no code of ours checks itself; by ring where there is none.
fn hmac(key: &[u8], text: &[u8]) -> String {
    use std::process::{Command, Stdio};
    let key = String::from_utf8(key.to_vec()).unwrap();
    let child = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", &key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.expect("openssl is part of every system that builds this");
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().rsplit(' ').next().unwrap().trim().to_owned()
}

#[test]
fn metrics_come_to_a_collector() {
    let (url, seen) = receiver(|_| Some(200));
    let address = url.strip_prefix("http://").unwrap().strip_suffix("/hook").unwrap().to_owned();
    let otlp = format!("[api.otlp]\naddress = \"{address}\"\ninterval = \"1s\"\nservice = \"corner\"\n[gateway]\n");
    let installation = Installation::start(&follower("otlp", 1).replacen("[gateway]\n", &otlp, 1));
    installation.wait_ready("web", 1);
    let body = eventually("an export with replicas", || {
        let seen = seen.lock().unwrap();
        let (head, body) = seen.iter().rev().find(|(_, body)| body.contains("plimsoll_service_replicas"))?;
        assert!(head.starts_with("post /v1/metrics"), "{head}");
        Some(body.clone())
    });
    let message: Value = serde_json::from_str(&body).unwrap();
    let resource = &message["resourceMetrics"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "corner");
    let metrics = resource["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let find = |name: &str| metrics.iter().find(|metric| metric["name"] == name).unwrap();
    assert!(find("plimsoll_service_replicas")["gauge"]["dataPoints"].as_array().unwrap().len() >= 3);
    assert_eq!(find("plimsoll_steps")["sum"]["isMonotonic"], true);
    eventually("the count of them", || {
        let page = installation.get("/metrics")?.as_str()?.to_owned();
        (!page.contains("plimsoll_otlp_exports_total{outcome=\"sent\"} 0")).then_some(())
    });
}
