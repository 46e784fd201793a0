//! `cargo xtask prove newcomer`: the path of somebody who installs the package and has never seen Plimsoll, with the seconds that
//! each command takes: install, `doctor`, `watch`, `plan`, `up`, `explain`.
//!
//! The package is the one that `cargo xtask dist` makes, unpacked into an empty folder with `dpkg-deb`, so that nobody's machine
//! is changed; the spec is the package's own example. What is timed is what a person waits for: of `up` the time until the first
//! replica serves through the gateway, of `watch` the length of the look, which is asked for, and the rest.

use crate::dist::{self, Dist};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for one thing.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long `watch` is asked to look.
const WATCHED: &str = "20s";

/// Builds or takes the program (`--binary FILE`), packages it, and walks the path.
///
/// # Errors
/// When a step of the path fails: then the path is broken, which is what this is for.
pub fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let binary = match args {
        [] => None,
        [flag, file] if flag == "--binary" => Some(PathBuf::from(file)),
        _ => bail!("newcomer takes `--binary FILE` and nothing else"),
    };
    let out = workspace.root.join("target/newcomer");
    if out.exists() {
        fs::remove_dir_all(&out).context("what an earlier run left")?;
    }
    let is_fast = binary.is_some();
    dist::run(workspace, &Dist { out: out.join("dist"), target: None, binary, fast: is_fast })?;
    let package = fs::read_dir(out.join("dist"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .context("dist made no package")?;
    let mut path =
        Walk { rows: Vec::new(), root: out.join("root"), state: out.join("state"), spec: out.join("shop.toml") };
    path.walk(&package)?;
    println!("\n| step | command | seconds |\n| --- | --- | ---: |");
    for (step, command, seconds) in &path.rows {
        println!("| {step} | `{command}` | {seconds:.1} |");
    }
    let all: f64 = path.rows.iter().map(|row| row.2).sum();
    println!("| all | | {all:.1} |");
    Ok(())
}

struct Walk {
    rows: Vec<(&'static str, String, f64)>,
    root: PathBuf,
    state: PathBuf,
    spec: PathBuf,
}

impl Walk {
    fn walk(&mut self, package: &Path) -> Result<()> {
        let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let unpack = |root: &Path| Command::new("dpkg-deb").arg("-x").arg(package).arg(root).status();
        let began = Instant::now();
        if !unpack(&self.root).context("dpkg-deb")?.success() {
            bail!("the package does not unpack");
        }
        self.row("install", format!("dpkg-deb -x {name} ROOT"), began);
        self.command("what can be enforced here", &["doctor"], &[0, 3])?;

        // A service that is there already and that Plimsoll does not run.
        let port = free_port()?;
        let mut theirs = Ended(self.program().args(["testbed", "serve", "--port", &port.to_string()]).spawn()?);
        let pid = theirs.0.id().to_string();
        self.command(
            "watch a service that runs",
            &["watch", "--pid", &pid, "--every", "1s", "--tick", "5s", "--for", WATCHED],
            &[0],
        )?;
        theirs.end();

        let example = fs::read_to_string(self.root.join("etc/plimsoll/plimsoll.toml.example"))?;
        let gateway = free_port()?;
        let spec = example
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{gateway}"))
            .replace("/usr/bin/plimsoll", &self.root.join("usr/bin/plimsoll").to_string_lossy());
        fs::write(&self.spec, spec + "[api]\nlisten = \"127.0.0.1:0\"\n")?;
        fs::create_dir_all(&self.state)?;
        let spec = self.spec.to_string_lossy().into_owned();
        self.command("what the spec would do", &["plan", &spec], &[0, 2])?;
        let began = Instant::now();
        let up = self.program().args(["up", &spec]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut up = Ended(up);
        until("an answer through the gateway", || answers(gateway))?;
        self.row("run it, until it answers", "plimsoll up shop.toml".to_owned(), began);
        self.command("why it has the replicas it has", &["explain", "hello"], &[0])?;
        self.command("stop it", &["down"], &[0])?;
        up.end();
        Ok(())
    }

    fn program(&self) -> Command {
        let mut command = Command::new(self.root.join("usr/bin/plimsoll"));
        command.env("PLIMSOLL_STATE_DIR", &self.state).stdin(Stdio::null());
        command
    }

    /// Runs a command that has to end with one of `good`, and notes it.
    fn command(&mut self, step: &'static str, typed: &[&str], good: &[i32]) -> Result<()> {
        let began = Instant::now();
        let output = self.program().args(typed).output()?;
        if !output.status.code().is_some_and(|code| good.contains(&code)) {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`plimsoll {}` ended with {}: {said}", typed.join(" "), output.status);
        }
        println!("$ plimsoll {}\n{}", typed.join(" "), String::from_utf8_lossy(&output.stdout).trim_end());
        let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
        let shown = typed.iter().map(|word| match word {
            word if is_number(word) => "PID",
            word if word.ends_with("shop.toml") => "shop.toml",
            word => word,
        });
        let shown = shown.collect::<Vec<_>>().join(" ");
        self.row(step, format!("plimsoll {shown}"), began);
        Ok(())
    }

    fn row(&mut self, step: &'static str, command: String, began: Instant) {
        self.rows.push((step, command, began.elapsed().as_secs_f64()));
    }
}

/// A process that ends with the walk, however that ends.
struct Ended(Child);

impl Ended {
    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.end();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Whether a `GET /` through the gateway is answered with 200.
fn answers(port: u16) -> bool {
    let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"HTTP/1.1 200")
    });
    asked.unwrap_or(false)
}

fn until(what: &str, mut ready: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        if Instant::now() > deadline {
            bail!("waited {} s for {what}", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
