//! The gateway as a person runs it: a file, a process, orders by the command line.

use crate::Failure;
use crate::soak::fleet::Fleet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
/// As the file says it; a request takes less.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Where it listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// HTTP/1.1, and HTTP/2 by prior knowledge.
    pub plain: SocketAddr,
    /// Both within TLS.
    pub tls: SocketAddr,
    /// A listener that comes and goes.
    pub extra: SocketAddr,
}

impl Addresses {
    /// Three that are free.
    pub fn free() -> Result<Self, Failure> {
        let held = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|held| held.local_addr()));
        let [plain, tls, extra] = held;
        Ok(Self { plain: plain?, tls: tls?, extra: extra? })
    }
}

/// What of the file changes besides endpoints.
#[derive(Debug, Clone, Copy, Default)]
pub struct Variant(pub u64);

/// The gateway, of which a new process may take the place.
pub struct Gateway {
    folder: PathBuf,
    addresses: Addresses,
    /// The process that accepts.
    pub child: Child,
    started: usize,
}

impl Gateway {
    /// Writes the file and starts the first process.
    pub fn start(folder: &Path, addresses: Addresses, fleet: &Fleet) -> Result<Self, Failure> {
        write(folder, addresses, fleet, Variant::default())?;
        let child = spawn(folder, 0, false)?;
        let gateway = Self { folder: folder.to_owned(), addresses, child, started: 1 };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(addresses.tls).is_err() {
            if Instant::now() > deadline {
                return Err(format!("the gateway does not start: {}", gateway.said()?).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(gateway)
    }

    /// Writes the file anew.
    pub fn write(&self, fleet: &Fleet, variant: Variant) -> Result<(), Failure> {
        write(&self.folder, self.addresses, fleet, variant)
    }

    fn order(&self, words: &[&str]) -> Result<String, Failure> {
        let output = plimsoll().args(words).arg("--config").arg(config(&self.folder)).output()?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if output.status.success() { Ok(said) } else { Err(format!("`gateway {}`: {said}", words.join(" ")).into()) }
    }

    /// Makes it use the file as it is now, as a whole.
    pub fn reload(&self) -> Result<(), Failure> {
        self.order(&["reload"]).map(drop)
    }

    /// The same by a signal, which is not answered.
    pub fn hang_up(&self) -> Result<(), Failure> {
        let pid = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(pid, rustix::process::Signal::HUP)?)
    }

    /// A report of the running process.
    pub fn report(&self) -> Result<serde_json::Value, Failure> {
        Ok(serde_json::from_str(&self.order(&["top", "--once", "--interval", "0.25", "--output", "json"])?)?)
    }

    /// Starts a new process in the place of the one that runs, and gives that one, which drains.
    pub fn take_over(&mut self) -> Result<Child, Failure> {
        let control = self.folder.join("gateway.sock");
        let inode = |path: &Path| std::fs::metadata(path).map(|meta| meta.ino()).ok();
        let before = inode(&control);
        let mut new = spawn(&self.folder, self.started, true)?;
        self.started += 1;
        let deadline = Instant::now() + PATIENCE;
        while inode(&control).is_none_or(|inode| Some(inode) == before) {
            if Instant::now() > deadline || new.try_wait()?.is_some() {
                return Err(format!("the successor does not start: {}", self.said()?).into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(std::mem::replace(&mut self.child, new))
    }

    /// Makes it finish what it has and end.
    pub fn drain(&self) -> Result<(), Failure> {
        self.order(&["drain"]).map(drop)
    }

    /// What all its processes wrote to standard error.
    pub fn said(&self) -> Result<String, Failure> {
        let mut text = String::new();
        for number in 0..self.started {
            text.push_str(&std::fs::read_to_string(self.folder.join(format!("gateway-{number}.err")))?);
        }
        Ok(text)
    }

    /// The access log.
    pub fn log(&self) -> Result<String, Failure> {
        Ok(std::fs::read_to_string(self.folder.join("access.log"))?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(folder: &Path) -> PathBuf {
    folder.join("gateway.toml")
}

fn plimsoll() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.arg("gateway");
    command
}

fn spawn(folder: &Path, number: usize, takes_over: bool) -> Result<Child, Failure> {
    let errors = std::fs::File::create(folder.join(format!("gateway-{number}.err")))?;
    let mut command = plimsoll();
    command.arg("--config").arg(config(folder)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
    if takes_over {
        command.arg("--takeover");
    }
    Ok(command.spawn()?)
}

/// The file is replaced at once, so that a reload never reads half of it.
fn write(folder: &Path, addresses: Addresses, fleet: &Fleet, variant: Variant) -> Result<(), Failure> {
    let new = folder.join("gateway.toml.new");
    std::fs::write(&new, text(addresses, fleet, variant)?)?;
    Ok(std::fs::rename(new, config(folder))?)
}

/// Everything that a user would have on, in one of several variants.
fn text(addresses: Addresses, fleet: &Fleet, Variant(variant): Variant) -> Result<String, Failure> {
    let mut text = String::from(
        "workers = 2\naccess_log = { file = \"access.log\", sample = \"1%\" }\ntrace = true\n\
         [limits]\nidle_timeout = \"30s\"\ndrain = \"10s\"\n",
    );
    let mut listener = |listen: SocketAddr, rest: &str| -> Result<(), Failure> {
        write!(text, "[[listeners]]\nlisten = \"{listen}\"\nhttp2 = true\n{rest}")?;
        if variant & 1 == 1 {
            write!(
                text,
                "[[listeners.routes]]\npath = \"/chunked\"\npool = \"other\"\ntimeout = \"{}s\"\n\
                 response.set = {{ X-Variant = \"{variant}\" }}\n",
                10 + variant % 7
            )?;
        }
        if variant & 2 == 2 {
            write!(
                text,
                "[[listeners.routes]]\nhost = \"shop.example\"\npool = \"web\"\n\
                 split = [{{ pool = \"other\", share = \"{}%\" }}]\nsticky = \"lb\"\n",
                1 + variant % 60
            )?;
        }
        text.push_str("[[listeners.routes]]\npool = \"web\"\n");
        Ok(())
    };
    let tls = "tls.certificates = [{ certificate = \"shop.pem\", key = \"shop.key\" }]\n";
    listener(addresses.plain, "")?;
    listener(addresses.tls, tls)?;
    if variant & 4 == 4 {
        listener(addresses.extra, "")?;
    }
    let algorithms = ["power_of_two", "peak_ewma", "least_connections", "prequal", "round_robin"];
    for (pool, shift) in [("web", 0), ("other", 1)] {
        let algorithm = algorithms[(usize::try_from(variant / 8)? + shift) % algorithms.len()];
        write!(
            text,
            "[pools.{pool}]\nbalance = \"{algorithm}\"\nendpoints = [\n{}]\n\
             [pools.{pool}.check]\npath = \"/healthz\"\ninterval = \"200ms\"\ntimeout = \"2s\"\n",
            fleet.offered().map(|address| format!("  {{ address = \"{address}\" }},\n")).collect::<String>()
        )?;
    }
    Ok(text)
}
