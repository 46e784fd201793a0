//! What a bench of proxies is before it measures: which part this process plays, on which cores, at which priority.

use crate::Failure;
use plimsoll_gateway::{GatewayError, Options};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Where a proxy with one worker runs.
pub const PROXY_CORE: usize = 0;
/// Where clients and endpoints run.
pub const CLIENT_CORE: usize = 1;

/// Plays a child's part where one is given, and measures otherwise.
pub fn enter(measure: fn() -> Result<(), Failure>) -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--role") {
        Some(at) => play(&arguments[at + 1..]),
        // `cargo test` builds and runs benches too; there is nothing to measure then.
        None if arguments.iter().any(|argument| argument == "--test") => Ok(()),
        None => {
            // A session of its own with the best autogroup priority, so that other jobs on the machine disturb less.
            let _ = rustix::process::setsid();
            if std::fs::write("/proc/self/autogroup", "-20").is_err() {
                println!("note: no autogroup priority; figures are noisier");
            }
            measure()
        }
    }
}

/// A child's part: pin itself to its cores, then become what it is asked to be.
fn play(arguments: &[String]) -> Result<(), Failure> {
    let [role, workers, rest @ ..] = arguments else { return Err(format!("unknown role {arguments:?}").into()) };
    pin(if workers == "1" { &[PROXY_CORE] } else { &[PROXY_CORE, CLIENT_CORE] });
    match rest {
        [control] if role == "gateway" => Ok(plimsoll_gateway::run(Options::new(control))
            .map_err(|error: GatewayError| -> Failure { Box::new(error) })?),
        [program, rest @ ..] if role == "exec" => Err(Box::new(Command::new(program).args(rest).exec())),
        _ => Err(format!("unknown role {arguments:?}").into()),
    }
}

/// Keeps this thread on these cores, if the kernel lets it.
pub fn pin(to: &[usize]) {
    let mut cores = rustix::thread::CpuSet::new();
    to.iter().for_each(|core| cores.set(*core));
    if let Err(error) = rustix::thread::sched_setaffinity(None, &cores) {
        eprintln!("not pinned to cores {to:?}: {error}");
    }
}

/// A number from the environment.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
