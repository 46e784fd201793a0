//! What tests of a running analyst share: an installation that has room to propose, and what it wrote down.

use super::Installation;
use plimsoll_journal::{Kind, Reader, Start};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Six replicas at least where one would do. Ten seconds of trace time are one of ours.
const SPEC: &str = r#"
name = "NAME"
tick = "1s"
clock = { speed = 10 }
[analyst]
every = "20s"
MODEL
[api]
listen = "127.0.0.1:0"
[gateway]
listen = "127.0.0.1:PORT"
workers = 1
[[gateway.routes]]
path = "/"
service = "web"
[services.web]
command = ["plimsoll", "testbed", "serve", "--port", "{port}", "--latency-ms", "20"]
replicas = { min = 6, max = 8 }
requests = { cpu = "200m", memory = "16MiB" }
health = { path = "/healthz", interval = "200ms" }
startup = "200ms"
grace = "1s"
analyst = { mode = "MODE", trial = "1h", burn = "3s", failed_max = "5%", replicas_least = 1, replicas_most = 8 }
[services.web.balance]
in_flight_max = 2
queue_max = 2
[services.web.scaling]
request_rate = "200/s"
stabilization = { down = "5s" }
"#;

/// A spec of this name, with the service's mode and the table of a model.
pub fn spec(name: &str, mode: &str, model: &str) -> String {
    SPEC.replace("NAME", name).replace("MODEL", model).replace("\"MODE\"", &format!("\"{mode}\""))
}

/// Bytes as text.
pub fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All proposals in short.
pub fn proposals(installation: &Installation) -> Vec<Value> {
    let found = installation.get("/v1/proposals").unwrap_or_default();
    found["proposals"].as_array().cloned().unwrap_or_default()
}

/// One, with its verdict.
pub fn whole(installation: &Installation, id: &str) -> Value {
    installation.get(&format!("/v1/proposals/{id}")).unwrap_or_default()
}

/// All, each with its verdict.
pub fn all_whole(installation: &Installation) -> Vec<Value> {
    proposals(installation).iter().map(|it| whole(installation, it["id"].as_str().unwrap())).collect()
}

/// The first line of `/metrics` that begins so, by its value.
pub fn metric(installation: &Installation, begins: &str) -> Option<f64> {
    let all = installation.get("/metrics")?;
    let line = all.as_str()?.lines().find(|line| line.starts_with(begins))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// What the analyst wrote into the journal under this word, oldest first.
pub fn noted(installation: &Installation, word: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let Ok(mut reader) = Reader::open(installation.state_dir().join("journal"), Start::Oldest) else { return found };
    while let Ok(Some(record)) = reader.read() {
        if record.kind == Kind::PROPOSAL {
            let note: Value = serde_json::from_slice(&record.payload).unwrap();
            found.extend(note.get(word).cloned());
        }
    }
    found
}

/// Waits as long as a proof at idle priority may take on a busy machine.
pub fn in_time<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited for: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
