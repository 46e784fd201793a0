//! Where it would run: the state directory and the ports.

use super::{Check, Status};
use crate::args::Doctor;
use plimsoll_daemon::StateDir;
use plimsoll_model::{Bytes, Spec};
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// Room below which a history and a journal of the default sizes do not fit.
const ROOM_GOOD: u64 = 1 << 30;
/// Room below which not even a journal can begin.
const ROOM_MIN: u64 = 16 << 20;
/// Longest path of a Unix socket, the NUL included; the gateway's is below the state directory.
const SOCKET_PATH_MAX: usize = 108;

/// The state directory is made where it is not, written, and left as it was found.
pub fn state(typed: &Doctor, spec: Option<&Spec>) -> Check {
    let name = spec.map_or("", |spec| spec.name.as_str());
    let root = typed.state_dir.clone().unwrap_or_else(|| StateDir::default_path(name));
    let shown = root.display().to_string();
    let remedy = format!("mkdir -p {shown} && chmod 700 {shown}   # or name another one: --state-dir DIR");
    let problem =
        |evidence: String, meaning: &str| Check::not("state directory", Status::Problem, evidence).so(meaning, &remedy);
    let there = nearest(&root);
    if let Err(error) = write_in(&there) {
        return problem(format!("{}: {error}", there.display()), "journal, history and sockets have no place");
    }
    let longest = root.join("gateway.sock").as_os_str().len();
    if longest >= SOCKET_PATH_MAX {
        let evidence = format!("{shown} is {} bytes long; a socket's path has at most {SOCKET_PATH_MAX}", shown.len());
        return problem(evidence, "the gateway's socket has no name that the kernel takes");
    }
    let room = rustix::fs::statvfs(&there).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize));
    let evidence = format!("a file was written and synchronised in {}; {} are free", there.display(), Bytes(room));
    match room {
        ROOM_GOOD.. => Check::ok("state directory", evidence),
        ROOM_MIN.. => Check::not("state directory", Status::Weak, evidence).so(
            "journal and history may fill the disk; a full disk freezes decisions",
            &format!("df -h {}", there.display()),
        ),
        _ => problem(evidence, "a full disk freezes decisions from the start"),
    }
}

/// The directory itself, or the nearest one above it that is there.
fn nearest(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|path| path.is_dir());
    there.map_or_else(|| PathBuf::from("."), |path| if path.as_os_str().is_empty() { ".".into() } else { path.into() })
}

fn write_in(directory: &Path) -> std::io::Result<()> {
    let path = directory.join(format!(".plimsoll-doctor-{}", std::process::id()));
    let written = fs::File::create_new(&path).and_then(|mut file| {
        file.write_all(b"doctor")?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed)
}

/// Every address of the spec is listened on; without a spec, any one of the loopback.
pub fn ports(spec: Option<&Spec>) -> Vec<Check> {
    let Some(spec) = spec else { return vec![port("127.0.0.1:0", "a port")] };
    let gateway = spec.gateway.listeners.iter().map(|listener| listener.address.as_str());
    let mut checks: Vec<Check> = gateway.map(|address| port(address, "gateway port")).collect();
    checks.push(port(&spec.api_listen, "API port"));
    checks
}

fn port(address: &str, name: &'static str) -> Check {
    match TcpListener::bind(address) {
        Ok(listener) => {
            let bound = listener.local_addr().map_or_else(|_| address.to_owned(), |bound| bound.to_string());
            Check::ok(name, format!("{bound} was listened on"))
        }
        Err(error) => {
            let meaning = "requests have nowhere to go; an installation that runs here already holds its own ports";
            let port = address.rsplit(':').next().unwrap_or_default();
            let remedy = format!("ss -ltnp 'sport = :{port}'   # or name another port in the spec");
            Check::not(name, Status::Problem, format!("{address}: {error}")).so(meaning, &remedy)
        }
    }
}
