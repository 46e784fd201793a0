//! The history store killed with SIGKILL while it writes: what was flushed is there, and every summary still is that of
//! its samples. The writer is this binary started again with a role as its first argument.

use plimsoll_collect::history::{FLUSH_EVERY, History, Retention, SeriesId};
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
    killed();
    println!("test a_store_killed_while_it_writes_opens_whole ... ok");
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
