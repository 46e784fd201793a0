//! A real installation for a test: the real binary, real processes, loopback, and a state directory that goes with it.
#![allow(clippy::unwrap_used, reason = "a harness that cannot go on should stop the test where it stands")]
#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod analyst;
pub mod disk;
pub mod load;
pub mod pty;
pub mod target;

use plimsoll_http_client::{Ask, Budget, exchange};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything in a test; the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The binary under test.
pub const PLIMSOLL: &str = env!("CARGO_BIN_EXE_plimsoll");

/// One installation.
pub struct Installation {
    /// Holds spec and state; removed at the end.
    pub dir: tempfile::TempDir,
    /// Port of the gateway.
    pub port: u16,
    /// The state directory's own small disk, where it has one.
    pub disk: Option<disk::SmallDisk>,
    daemon: Option<Child>,
    env: Vec<(String, String)>,
}

/// A spec of one service `web` that follows its arrivals at once, 20/s a replica, at least `min` and at most five of them.
pub fn follower(name: &str, min: u32) -> String {
    FOLLOWER.replace("NAME", name).replace("MIN", &min.to_string())
}

const FOLLOWER: &str = r#"
name = "NAME"
tick = "1s"
[api]
listen = "127.0.0.1:0"
[gateway]
listen = "127.0.0.1:PORT"
workers = 1
[[gateway.routes]]
path = "/"
service = "web"
[services.web]
command = ["plimsoll", "testbed", "serve", "--port", "{port}"]
replicas = { min = MIN, max = 5 }
requests = { cpu = "20m", memory = "16MiB" }
health = { path = "/healthz", interval = "200ms" }
startup = "500ms"
grace = "1s"
[services.web.scaling]
request_rate = "20/s"
stabilization = { up = "0s", down = "0s" }
step = { up = 5, down = 5, period = "1s" }
"#;

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until `ready` gives something.
pub fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `GET`, whole; none when there is no answer.
pub fn get(url: &str) -> Option<(u16, String)> {
    send(Ask::get(url.parse().unwrap()))
}

/// One exchange; none when there is no answer.
pub fn send(ask: Ask) -> Option<(u16, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(exchange(ask, Budget::default())).ok()?;
    Some((answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()))
}

impl Installation {
    /// Writes `spec` (with `PORT` replaced by a free port) and starts it.
    pub fn start(spec: &str) -> Self {
        let mut installation = Self::prepare(spec, &[]);
        installation.up();
        installation
    }

    /// As [`Self::start`], with its state on a disk of `mib` MiB where this user may mount one.
    pub fn start_on_small_disk(spec: &str, mib: u32) -> Self {
        let mut installation = Self::prepare(spec, &[]);
        installation.disk = disk::SmallDisk::mount(&installation.state_dir(), mib);
        installation.up();
        installation
    }

    /// A directory with the spec in it; nothing runs yet.
    pub fn prepare(spec: &str, env: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new().prefix("plm").tempdir().unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let installation = Self { dir, port: free_port(), disk: None, daemon: None, env };
        installation.write_spec(spec);
        installation
    }

    /// Writes the spec file.
    pub fn write_spec(&self, spec: &str) {
        fs::write(self.spec_path(), spec.replace("PORT", &self.port.to_string())).unwrap();
    }

    /// The spec file.
    pub fn spec_path(&self) -> PathBuf {
        self.dir.path().join("spec.toml")
    }

    /// The state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    /// Starts the daemon and waits for its API.
    pub fn up(&mut self) {
        self.up_until(|installation| installation.get("/v1/state"));
    }

    /// Starts the daemon and waits until `ready` gives something, which may need a token or a certificate.
    pub fn up_until<T>(&mut self, ready: impl Fn(&Self) -> Option<T>) {
        let log = fs::OpenOptions::new().append(true).create(true).open(self.dir.path().join("up.log")).unwrap();
        let child = Command::new(PLIMSOLL)
            .arg("up")
            .arg(self.spec_path())
            .arg("--state-dir")
            .arg(self.state_dir())
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let pid = child.id();
        self.daemon = Some(child);
        eventually("the API of a new daemon", || {
            if let Some(status) = self.daemon.as_mut().unwrap().try_wait().unwrap() {
                panic!("the daemon ended with {status}:\n{}", self.log());
            }
            let file: Value = serde_json::from_slice(&fs::read(self.state_dir().join("daemon.json")).ok()?).ok()?;
            (file["pid"] == pid).then_some(())?;
            ready(self).map(drop)
        });
    }

    /// `GET` from the API with the token of the state directory, as JSON.
    pub fn get_as_owner(&self, path: &str) -> Option<Value> {
        let file: Value = serde_json::from_slice(&fs::read(self.state_dir().join("daemon.json")).ok()?).ok()?;
        let token = fs::read_to_string(self.state_dir().join("token")).ok()?;
        let url = format!("http://{}{path}", file["api"].as_str()?);
        let (status, body) = send(Ask::get(url.parse().ok()?).bearer(token.trim()))?;
        (status == 200).then(|| serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// What the daemon printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("up.log")).unwrap_or_default()
    }

    /// `GET` from the API, as JSON.
    pub fn get(&self, path: &str) -> Option<Value> {
        let file: Value = serde_json::from_slice(&fs::read(self.state_dir().join("daemon.json")).ok()?).ok()?;
        let (status, body) = get(&format!("http://{}{path}", file["api"].as_str()?))?;
        (status == 200).then(|| serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// `/v1/state`.
    pub fn state(&self) -> Value {
        eventually("/v1/state", || self.get("/v1/state"))
    }

    /// The view of one service.
    pub fn service(&self, name: &str) -> Value {
        let state = self.state();
        state["services"]
            .as_array()
            .unwrap()
            .iter()
            .find(|service| service["name"] == name)
            .cloned()
            .unwrap_or_default()
    }

    /// What the state finds worth knowing.
    pub fn findings(&self) -> Vec<String> {
        let state = self.state();
        let lines = state["findings"].as_array().unwrap();
        lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// Waits until `count` replicas of `service` are ready.
    pub fn wait_ready(&self, service: &str, count: u64) -> Value {
        eventually(&format!("{count} ready replicas of {service}; log:\n{}", self.log()), || {
            let view = self.service(service);
            (view["ready"].as_u64()? >= count).then_some(view)
        })
    }

    /// Address of the gateway.
    pub fn gateway(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs a command of the binary on this installation.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(PLIMSOLL).args(arguments).env("PLIMSOLL_STATE_DIR", self.state_dir()).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    pub fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?} ended with {}\n{out}\n{err}", output.status);
        out.into_owned()
    }

    /// The daemon's process id.
    pub fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().id()
    }

    /// Kills the daemon, as a crash would.
    pub fn kill_daemon(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }

    /// Sends SIGTERM to the daemon and waits for its end.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        signal(self.daemon_pid(), rustix::process::Signal::TERM);
        self.ended()
    }

    /// Waits for the end of a daemon that was told to end.
    pub fn ended(&mut self) -> std::process::ExitStatus {
        let mut daemon = self.daemon.take().unwrap();
        eventually("the daemon's end", || daemon.try_wait().unwrap())
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let _ = self.run(&["down", "--now"]);
        // Before the directory under it is removed.
        drop(self.disk.take());
        if std::thread::panicking() {
            eprintln!("--- daemon's output ---\n{}", self.log());
        }
    }
}

/// Sends a signal.
pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Is there such a process (not a zombie)?
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}
