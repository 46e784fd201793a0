//! What the benches of placement share: CPU time and arguments.
#![allow(dead_code, reason = "each bench takes what it needs")]

/// CPU seconds of this process so far.
pub fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// The value after `--name`.
pub fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next()?;
    arguments.next()
}

/// The number after `--name`, or `otherwise`.
pub fn number(name: &str, otherwise: u64) -> u64 {
    argument(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
