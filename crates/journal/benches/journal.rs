//! Records and bytes per second by the size of a group commit, beside the limit that this disk sets: how long one
//! write and one `fdatasync` of as many bytes take without any journal.
//!
//! `cargo bench -p plimsoll-journal`; the directory is `target` unless `PLIMSOLL_BENCH_DIR` names another.

use plimsoll_journal::{Journal, Kind, Options, Reader, Start};
use plimsoll_model::Timestamp;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

const PAYLOAD_BYTES: usize = 1_000;
const ROUND: Duration = Duration::from_millis(1_500);

fn main() {
    let place = std::env::var("PLIMSOLL_BENCH_DIR").unwrap_or_else(|_| "../../target".to_owned());
    let dir = tempfile::tempdir_in(&place).expect("a directory to write to");
    let payload = payload();
    println!("payload {PAYLOAD_BYTES} bytes of JSON; limit = the same bytes by plain write + fdatasync");
    println!("{:>6} {:>12} {:>11} {:>9} {:>13} {:>7}", "group", "commit us", "records/s", "MB/s", "limit us", "ratio");
    for group in [1, 10, 100, 1_000] {
        let (journal_us, limit_us) = measure(dir.path(), group, &payload);
        let records = 1e6 * group as f64 / journal_us;
        println!(
            "{group:>6} {journal_us:>12.1} {records:>11.0} {:>9.2} {limit_us:>13.1} {:>7.2}",
            records * PAYLOAD_BYTES as f64 / 1e6,
            journal_us / limit_us
        );
    }
    append_only(dir.path(), &payload);
    recover(dir.path());
}

fn payload() -> Vec<u8> {
    let mut text = String::new();
    let mut n = 1_u64;
    while text.len() < PAYLOAD_BYTES {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{{\"service\":\"shop\",\"rate_milli_rps\":{}}},", n >> 40));
    }
    text.into_bytes()[..PAYLOAD_BYTES].to_vec()
}

/// Mean microseconds per commit, of the journal and of the bare file, in alternating slices of one run.
fn measure(dir: &Path, group: usize, payload: &[u8]) -> (f64, f64) {
    let options = Options { compress_over_bytes: usize::MAX, ..Options::default() };
    let (mut journal, _) = Journal::open(dir.join(format!("group{group}")), options).expect("opens");
    let mut bare = std::fs::File::create(dir.join(format!("bare{group}"))).expect("creates");
    let block = vec![b'x'; group * (payload.len() + 36)];
    let (mut journal_time, mut bare_time, mut rounds) = (Duration::ZERO, Duration::ZERO, 0_u32);
    while journal_time + bare_time < ROUND {
        let start = Instant::now();
        for _ in 0..group {
            journal.append(Kind::INPUT, Timestamp(0), payload).expect("appends");
        }
        journal.commit().expect("commits");
        journal_time += start.elapsed();
        let start = Instant::now();
        bare.write_all(&block).and_then(|()| bare.sync_data()).expect("writes");
        bare_time += start.elapsed();
        rounds += 1;
    }
    (journal_time.as_secs_f64() * 1e6 / f64::from(rounds), bare_time.as_secs_f64() * 1e6 / f64::from(rounds))
}

fn append_only(dir: &Path, payload: &[u8]) {
    for (name, compress_over_bytes) in [("plain", usize::MAX), ("LZ4", 64)] {
        let options = Options { compress_over_bytes, ..Options::default() };
        let (mut journal, _) = Journal::open(dir.join(name), options).expect("opens");
        let start = Instant::now();
        for _ in 0..50_000 {
            journal.append(Kind::INPUT, Timestamp(0), payload).expect("appends");
        }
        let ns = start.elapsed().as_secs_f64() * 1e9 / 50_000.0;
        let bytes = journal.commit().expect("commits").bytes;
        println!("append, {name}: {ns:.0} ns per record, {} bytes each in the file", bytes / 50_000);
    }
}

fn recover(dir: &Path) {
    let start = Instant::now();
    let (_journal, recovery) = Journal::open(dir.join("plain"), Options::default()).expect("opens");
    let open = start.elapsed();
    let start = Instant::now();
    let read = Reader::open(dir.join("plain"), Start::Oldest).expect("opens").map_while(Result::ok).count();
    println!(
        "recovery of {} records: {:.1} ms; reading {read}: {:.1} ms",
        recovery.records.len(),
        open.as_secs_f64() * 1e3,
        start.elapsed().as_secs_f64() * 1e3
    );
}
