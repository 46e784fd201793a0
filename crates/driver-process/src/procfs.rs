//! The few things this crate reads from /proc: a process' identity, family and resident memory, and the boot.
//!
//! Own code and not a crate: three fields of one line, read by a shim that may use 1 MB in all.
//! Source: proc_pid_stat(5), proc_pid_statm(5), proc_pid_smaps_rollup (Linux, Documentation/filesystems/proc.rst).

use std::io::{self, Error, ErrorKind};
use std::{fs, str};

/// Of /proc/PID/stat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// One letter: R, S, D, T, Z, X, ….
    pub state: u8,
    /// Parent.
    pub ppid: i32,
    /// Process group.
    pub pgid: i32,
    /// Session.
    pub sid: i32,
    /// CPU time used, user and system, clock ticks.
    pub cpu_ticks: u64,
    /// Start time, clock ticks since boot.
    pub start_ticks: u64,
    /// Resident memory in pages.
    pub rss_pages: u64,
}

impl Stat {
    /// A zombie, or gone.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

/// Reads /proc/PID/stat.
///
/// # Errors
/// `NotFound` when there is no such process, `InvalidData` when the line has another shape.
pub fn stat(pid: i32) -> io::Result<Stat> {
    let mut path = *b"/proc/-2147483648/stat";
    let path = stat_path(pid, &mut path);
    let line = fs::read(path)?;
    parse(&line).ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("/proc/{pid}/stat has another shape")))
}

fn stat_path(pid: i32, room: &mut [u8; 22]) -> &str {
    use std::io::Write;
    let mut rest = &mut room[..];
    // 22 bytes hold the longest pid, so this cannot fail; an empty path would read as "not found".
    let _fits = write!(rest, "/proc/{pid}/stat");
    let length = 22 - rest.len();
    str::from_utf8(&room[..length]).unwrap_or("")
}

/// The command in parentheses may hold spaces and parentheses, so fields are counted from the last one.
fn parse(line: &[u8]) -> Option<Stat> {
    let line = str::from_utf8(&line[line.iter().rposition(|byte| *byte == b')')? + 1..]).ok()?;
    let mut fields = line.split_ascii_whitespace();
    let state = fields.next()?.bytes().next()?;
    let ppid = fields.next()?.parse().ok()?;
    let pgid = fields.next()?.parse().ok()?;
    let sid = fields.next()?.parse().ok()?;
    // Field numbers of the manual page: sid is 6, utime 14, stime 15, starttime 22, rss 24.
    let user: u64 = fields.nth(14 - 7)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let start_ticks = fields.nth(22 - 16)?.parse().ok()?;
    let rss_pages = fields.nth(24 - 23)?.parse().ok()?;
    Some(Stat { state, ppid, pgid, sid, cpu_ticks: user.saturating_add(system), start_ticks, rss_pages })
}

/// The random id of this boot.
///
/// # Errors
/// When /proc is not mounted.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim_end().to_owned())
}

/// Every pid there is, in no order.
///
/// # Errors
/// When /proc is not mounted.
pub fn pids() -> io::Result<impl Iterator<Item = i32>> {
    Ok(fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()))
}

/// Proportional set size of a process in bytes: shared pages are split among those that share them.
///
/// # Errors
/// When the process is gone or another user's.
pub fn proportional_memory(pid: i32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")).and_then(|kib| kib.trim().parse::<u64>().ok());
    kib.map(|kib| kib.saturating_mul(1_024)).ok_or_else(|| Error::from(ErrorKind::InvalidData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let line = b"42 (a) b (c) S 7 42 41 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 12345 999 77 18446744073709551615";
        let expected =
            Stat { state: b'S', ppid: 7, pgid: 42, sid: 41, cpu_ticks: 110, start_ticks: 12_345, rss_pages: 77 };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse(b"42 (a) S 7"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn this_process_is_found() {
        let own = std::process::id().cast_signed();
        let stat = stat(own).unwrap();
        assert!(stat.start_ticks > 0 && stat.rss_pages > 0 && !stat.is_dead());
        assert!(pids().unwrap().any(|pid| pid == own));
        assert!(proportional_memory(own).unwrap() > 0);
        assert_eq!(super::stat(i32::MAX).unwrap_err().kind(), ErrorKind::NotFound);
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line: Vec<u8>) {
            let _any = parse(&line);
        }
    }
}
