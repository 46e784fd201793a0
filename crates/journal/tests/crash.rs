//! Real crashes: a writer killed with SIGKILL while it commits, and disks that are really full. Each needs a process
//! of its own, so this binary starts itself again with a role as its first argument.

mod common;

use common::{expected, options, record, scratch, segments, write};
use plimsoll_journal::{AppendError, CommitError, Journal, Kind, Options, Reader, Record, Seq, Start};
use plimsoll_model::Timestamp;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--role-writer") => role_writer(Path::new(&arguments[2])),
        Some("--role-full") => role_full(Path::new(&arguments[2])),
        Some("--role-limit") => role_limit(Path::new(&arguments[2])),
        _ => {
            test("a_writer_killed_at_any_moment_loses_no_acknowledged_record", killed_writer);
            test("a_file_size_limit_is_survived_like_a_full_disk", file_size_limit);
            test("a_full_disk_is_survived_and_writing_goes_on_when_there_is_room", full_disk);
        }
    }
    ExitCode::SUCCESS
}

/// Runs a test, which says whether it could.
fn test(name: &str, body: fn() -> bool) {
    if body() {
        println!("test {name} ... ok");
    } else {
        println!("test {name} did not run: neither root nor a user namespace may mount a tmpfs here");
    }
}

fn again() -> Command {
    Command::new(std::env::current_exe().expect("the test's own path"))
}

/// The record that the killed writer appends as `seq`: a snapshot every 50.
fn crash_record(seq: u64) -> Record {
    Record { kind: if seq.is_multiple_of(50) { Kind::SNAPSHOT } else { Kind::INPUT }, ..record(seq) }
}

fn role_writer(dir: &Path) {
    let (mut journal, _) = Journal::open(dir, Options { segment_bytes: 3_000, ..options() }).expect("recovers");
    let mut out = std::io::stdout();
    loop {
        let seq = journal.next_seq().0;
        for seq in seq..seq + 1 + seq % 7 {
            let record = crash_record(seq);
            journal.append(record.kind, record.at, &record.payload).expect("appends");
        }
        let through = journal.commit().expect("commits").through.expect("something was committed");
        writeln!(out, "{through}").and_then(|()| out.flush()).expect("the parent listens");
    }
}

fn killed_writer() -> bool {
    let dir = scratch();
    let mut acknowledged = 0;
    for round in 0..15_usize {
        let mut child = again().arg("--role-writer").arg(dir.path()).stdout(Stdio::piped()).spawn().expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        for line in lines.take(5 + round * 13) {
            acknowledged = line.expect("a line").parse().expect("a number");
        }
        child.kill().expect("kills");
        child.wait().expect("ends");
        let read: Vec<Record> =
            Reader::open(dir.path(), Start::Oldest).expect("opens").collect::<Result<_, _>>().expect("intact");
        assert!(read.len() as u64 >= acknowledged, "{} records of {acknowledged} acknowledged", read.len());
        for (index, found) in read.iter().enumerate() {
            assert_eq!(*found, crash_record(index as u64 + 1));
        }
    }
    assert!(acknowledged > 1_000, "only {acknowledged} records were written in all rounds");
    true
}

/// Appends until the commit fails for lack of room; returns how many records are committed.
fn fill(journal: &mut Journal) -> u64 {
    loop {
        let seq = journal.next_seq().0;
        let failed = match journal.append(record(seq).kind, record(seq).at, &record(seq).payload) {
            Ok(_) => journal.commit().err(),
            Err(AppendError::Commit(error)) => return full(&error, seq - 1),
            Err(other) => panic!("{other}"),
        };
        if let Some(error) = failed {
            assert_eq!(journal.buffered(), 1);
            return full(&error, seq - 1);
        }
    }
}

fn full(error: &CommitError, committed: u64) -> u64 {
    assert!(error.is_disk_full(), "{error:?}");
    committed
}

fn check(dir: &Path, committed: u64) {
    let read: Vec<Record> = Reader::open(dir, Start::Oldest).expect("opens").collect::<Result<_, _>>().expect("intact");
    assert_eq!(read, expected(1, committed + 1));
}

/// On a file system of 1 MiB: fills it, speaks its last words from the reserve, and goes on when there is room.
fn role_full(mount: &Path) {
    let (dir, ballast) = (mount.join("journal"), mount.join("ballast"));
    let (mut journal, _) = Journal::open(&dir, options()).expect("opens");
    write(&mut journal, 1, 20, 3);
    std::fs::write(&ballast, vec![1; 500 << 10]).expect("half the disk");
    let committed = fill(&mut journal);
    check(&dir, committed);
    let length = std::fs::metadata(&segments(&dir)[0]).expect("a segment").len();
    assert!(journal.commit().expect_err("still full").is_disk_full());
    let after = std::fs::metadata(&segments(&dir)[0]).expect("a segment").len();
    assert_eq!(length, after, "a failed commit is cut back");
    journal.spend_reserve().expect("gives room");
    assert_eq!(journal.commit().expect("there is room").through, Some(Seq(committed + 1)));
    check(&dir, committed + 1);
    let committed = fill(&mut journal);
    journal.discard_buffered();
    let refused = journal.append(Kind::SNAPSHOT, Timestamp(0), &[9; 100]);
    match refused {
        Err(AppendError::Commit(error)) => assert!(error.is_disk_full(), "{error}"),
        Ok(_) => assert!(journal.commit().expect_err("no room for a snapshot").is_disk_full()),
        Err(other) => panic!("{other}"),
    }
    journal.discard_buffered();
    std::fs::remove_file(&ballast).expect("makes room");
    let seq = committed + 1;
    write(&mut journal, seq, seq + 100, 7);
    check(&dir, seq + 99);
    drop(journal);
    let (_, recovery) = Journal::open(&dir, options()).expect("recovers");
    assert_eq!((recovery.records, recovery.truncated), (expected(1, seq + 100), None));
}

/// A mount namespace of its own, so that the file system goes with the process; a user namespace where that needs one.
fn full_disk() -> bool {
    let dir = scratch();
    let me = std::env::current_exe().expect("the test's own path");
    let script = "mount -t tmpfs -o size=1m tmpfs \"$1\" || exit 77; exec \"$2\" --role-full \"$1\"";
    for flags in ["-m", "-Urm"] {
        let mut command = Command::new("unshare");
        command.arg(flags).args(["sh", "-c", script, "sh"]).arg(dir.path()).arg(&me);
        match command.output() {
            Ok(output) if output.status.success() => return true,
            Ok(output) if output.status.code() == Some(101) => {
                panic!("{}", String::from_utf8_lossy(&output.stderr));
            }
            _ => {}
        }
    }
    false
}

/// Under a limit on file sizes of 8 KiB, which the process may raise again.
fn role_limit(dir: &Path) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let (mut journal, _) = Journal::open(dir, options()).expect("opens");
    let committed = fill(&mut journal);
    assert!(committed > 20);
    check(dir, committed);
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: maximum, maximum }).expect("raises its soft limit");
    assert_eq!(journal.commit().expect("there is room").records, 1);
    write(&mut journal, committed + 2, committed + 50, 3);
    check(dir, committed + 49);
}

fn file_size_limit() -> bool {
    let dir = scratch();
    let me = std::env::current_exe().expect("the test's own path");
    // Ignored, the signal leaves the write to fail with an error, which is what is wanted here.
    let script = "trap '' XFSZ; ulimit -S -f 16; exec \"$2\" --role-limit \"$1\"";
    let output = Command::new("sh").args(["-c", script, "sh"]).arg(dir.path()).arg(me).output().expect("sh starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}
