//! The history store killed with SIGKILL while it writes: what was flushed is there, and every summary still is that of
//! its samples. The writer is this binary started again with a role as its first argument.

use plimsoll_collect::history::{AppendError, FLUSH_EVERY, History, Retention, SeriesId};
use plimsoll_model::{Bytes, Millis, Timestamp};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

const STEP_MS: i64 = 700;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|role| role == "--role-writer") {
        write(Path::new(&arguments[2]));
    }
    if arguments.get(1).is_some_and(|role| role == "--role-full") {
        return fill(Path::new(&arguments[2]));
    }
    killed();
    println!("test a_store_killed_while_it_writes_opens_whole ... ok");
    full("a_full_disk_costs_batches_and_no_restart");
}

/// On a file system of 4 MiB: fills it, reads, and goes on when there is room.
fn fill(mount: &Path) {
    let ballast = mount.join("ballast");
    let history = open(mount);
    std::fs::write(&ballast, vec![1; 1 << 20]).expect("there is room");
    let names = names();
    let append = |n: i64| {
        let batch: Vec<(SeriesId, i64)> = names.iter().map(|name| (name.clone(), n)).collect();
        history.append(Timestamp(n * 60_000), &batch)
    };
    let mut n = 0;
    let refused = loop {
        match append(n) {
            Ok(()) => n += 1,
            Err(error) => break error,
        }
        assert!(n < 1_000_000, "the disk never fills");
    };
    assert!(matches!(refused, AppendError::DiskFull { .. }), "{refused:?}");
    // What was not durable yet is given up, which makes a little room, until that is full too.
    let mut failures = 1;
    for _ in 0..30 {
        n += 1;
        failures += i64::from(append(n).is_err());
    }
    assert!(failures > 1, "the disk was full only once");
    std::fs::remove_file(&ballast).expect("makes room");
    for _ in 0..30 {
        n += 1;
        append(n).expect("there is room again");
    }
    let kept = count(&history, &names[0]);
    let lost = failures * i64::from(FLUSH_EVERY);
    assert!((n + 1 - lost..=n + 1).contains(&kept), "{kept} of {} batches with {failures} failures", n + 1);
    for name in &names {
        assert_eq!(count(&history, name), kept, "all series alike");
    }
    drop(history);
    assert_eq!(count(&open(mount), &names[0]), kept);
}

/// A mount namespace of its own, so that the file system goes with the process; a user namespace where that needs one.
fn full(name: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let me = std::env::current_exe().expect("the test's own path");
    let script = "mount -t tmpfs -o size=4m tmpfs \"$1\" || exit 77; exec \"$2\" --role-full \"$1\"";
    for flags in ["-m", "-Urm"] {
        let mut command = Command::new("unshare");
        command.arg(flags).args(["sh", "-c", script, "sh"]).arg(dir.path()).arg(&me);
        match command.output() {
            Ok(output) if output.status.success() => return println!("test {name} ... ok"),
            Ok(output) if output.status.code() == Some(101) => {
                panic!("{}", String::from_utf8_lossy(&output.stderr));
            }
            _ => {}
        }
    }
    println!("test {name} did not run: neither root nor a user namespace may mount a tmpfs here");
}

fn open(dir: &Path) -> History {
    let retention = Retention { raw: Millis(1 << 40), summary: Millis(1 << 40), size_max: Bytes(1 << 30) };
    History::open(dir.join("history.redb"), retention).expect("opens")
}

fn names() -> Vec<SeriesId> {
    (0..20).map(|n| SeriesId::try_new(format!("series/{n}")).expect("a name")).collect()
}

fn count(history: &History, series: &SeriesId) -> i64 {
    let hours = history.query(series, Timestamp(0), Timestamp(1 << 41), 1).expect("reads");
    hours.iter().map(|hour| hour.count as i64).sum()
}

fn write(dir: &Path) -> ! {
    let history = open(dir);
    let mut out = std::io::stdout();
    let names = names();
    let start = count(&history, &names[0]);
    for n in start.. {
        let batch: Vec<(SeriesId, i64)> = names.iter().map(|name| (name.clone(), n)).collect();
        history.append(Timestamp(n * STEP_MS), &batch).expect("appends");
        writeln!(out, "{}", n + 1).and_then(|()| out.flush()).expect("the parent listens");
    }
    unreachable!("the writer ends by being killed")
}

fn killed() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut last = 0;
    for round in 0..8_usize {
        let me = std::env::current_exe().expect("the test's own path");
        let mut command = Command::new(me);
        let mut child = command.arg("--role-writer").arg(dir.path()).stdout(Stdio::piped()).spawn().expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut appended = 0;
        for line in lines.take(15 + round * 7) {
            appended = line.expect("a line").parse().expect("a number");
        }
        child.kill().expect("kills");
        child.wait().expect("ends");
        let history = open(dir.path());
        for series in names() {
            let kept = count(&history, &series);
            assert!(kept > appended - i64::from(FLUSH_EVERY), "{kept} of {appended} batches, all series alike");
            let end = Timestamp(kept * STEP_MS);
            let samples = history.query(&series, Timestamp(0), end, 10_000).expect("reads");
            assert_eq!(samples.len() as i64, kept);
            assert!(samples.iter().enumerate().all(|(n, sample)| sample.max == n as i64 && sample.count == 1));
            let minutes = history.query(&series, Timestamp(0), Timestamp(1 << 33), 10_000).expect("reads");
            let counted: u64 = minutes.iter().map(|minute| minute.count).sum();
            assert_eq!(counted as i64, kept);
            last = kept;
        }
    }
    assert!(last > 100, "only {last} batches in all rounds");
}
