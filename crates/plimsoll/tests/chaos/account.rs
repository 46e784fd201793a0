//! The account of a chaos run: what was done when, which requests failed, and which of those nothing could have saved.
//!
//! A failed request is excused by one thing only: it was a POST, and while it was open the replica that had it was killed,
//! hung or failing, which shows in the answer. A GET is never excused, because another replica can answer it.

use serde_json::Value;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Clocks are read in different processes, and a fault takes a moment to be in force. ms.
const SLACK_MS: i64 = 100;

/// Wall clock, milliseconds since the epoch.
pub fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A replica is broken from one moment to another.
struct Fault {
    what: String,
    /// What a request that it took with it looks like.
    answers: &'static [&'static str],
    from_ms: i64,
    to_ms: i64,
}

/// Something began.
struct Phase {
    name: String,
    from_ms: i64,
}

/// A failed request, on the wall clock.
struct Failed {
    method: String,
    what: String,
    due_ms: i64,
    ended_ms: i64,
}

/// What was done when.
#[derive(Default)]
pub struct Account {
    faults: Vec<Fault>,
    phases: Vec<Phase>,
}

impl Account {
    /// What comes now is called `name`.
    pub fn phase(&mut self, name: impl Into<String>) {
        let name = name.into();
        println!("{:>8.3}  {name}", self.phases.first().map_or(0, |first| now_ms() - first.from_ms) as f64 / 1_000.0);
        self.phases.push(Phase { name, from_ms: now_ms() });
    }

    /// A replica breaks now, and stays so until [`Self::healed`]. `answers` are what its open POSTs end with.
    pub fn broke(&mut self, what: impl Into<String>, answers: &'static [&'static str]) -> usize {
        self.faults.push(Fault { what: what.into(), answers, from_ms: now_ms(), to_ms: i64::MAX });
        self.faults.len() - 1
    }

    /// The end of a fault.
    pub fn healed(&mut self, fault: usize) {
        self.faults[fault].to_ms = now_ms();
    }

    /// The figures by phase and every failed request with its excuse; then the failed ones without.
    pub fn settle(&self, report: &Value) -> (String, Vec<String>) {
        let failed = failed(report);
        let mut text = format!("{:<34} {:>6} {:>11} {:>12}\n", "phase", "sent", "failed GET", "failed POST");
        for (index, phase) in self.phases.iter().enumerate() {
            let to_ms = self.phases.get(index + 1).map_or(i64::MAX, |next| next.from_ms);
            let during = |at_ms: i64| (phase.from_ms..to_ms).contains(&at_ms);
            let of = |method| failed.iter().filter(|one| one.method == method && during(one.due_ms)).count();
            let sent = sent(report, phase.from_ms, to_ms);
            let _ = writeln!(text, "{:<34} {sent:>6.0} {:>11} {:>12}", phase.name, of("GET"), of("POST"));
        }
        let (total, listed) = (total(&report["failed"]), failed.len());
        let _ = writeln!(text, "{} sent, {} succeeded, {total} failed:", report["sent"], report["succeeded"]);
        let mut unexcused = unexcused_unlisted(report);
        for one in &failed {
            let since = |at_ms| (at_ms - self.phases[0].from_ms) as f64 / 1_000.0;
            let (due, ended) = (since(one.due_ms), since(one.ended_ms));
            // The latest: what was broken before had its requests before.
            let excuse = self.faults.iter().rev().find(|fault| fault.excuses(one)).map(|fault| fault.what.as_str());
            let line = format!("{due:>8.3} to {ended:>8.3}  {} {}", one.method, one.what);
            let _ = writeln!(text, "{line}: {}", excuse.unwrap_or("NO EXCUSE"));
            if excuse.is_none() {
                unexcused.push(line);
            }
        }
        if total > listed as u64 {
            let _ = writeln!(text, "only the first {listed} are listed and stand in the table; the counts are of all");
        }
        (text, unexcused)
    }
}

/// The sum of counts by kind or by method.
pub fn total(counts: &Value) -> u64 {
    counts.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

/// What the counts say of the failures beyond those that the generator lists one by one. Every excuse is for a POST that a
/// proxy or replica answered 5xx, so that any other method or kind is without one.
fn unexcused_unlisted(report: &Value) -> Vec<String> {
    let listed = report["failures"].as_array().unwrap();
    let beyond = |counts: &str, field: &str, excused: &str| -> Vec<String> {
        let counts = report[counts].as_object().unwrap().iter().filter(|(name, _)| *name != excused);
        counts
            .filter_map(|(name, count)| {
                let unlisted =
                    count.as_u64().unwrap() - listed.iter().filter(|one| one[field] == **name).count() as u64;
                (unlisted > 0).then(|| format!("{unlisted} failures of {field} {name} that are not listed"))
            })
            .collect()
    };
    let mut unexcused = beyond("failed", "kind", "status_5xx");
    unexcused.extend(beyond("failed_by_method", "method", "POST"));
    let (by_kind, by_method) = (total(&report["failed"]), total(&report["failed_by_method"]));
    if by_kind != by_method {
        unexcused.push(format!("{by_kind} failures by kind and {by_method} by method"));
    }
    unexcused
}

impl Fault {
    fn excuses(&self, failed: &Failed) -> bool {
        let overlaps =
            failed.due_ms <= self.to_ms.saturating_add(SLACK_MS) && failed.ended_ms >= self.from_ms - SLACK_MS;
        failed.method == "POST" && self.answers.contains(&failed.what.as_str()) && overlaps
    }
}

fn failed(report: &Value) -> Vec<Failed> {
    let started_ms = report["started_at"].as_i64().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let listed = report["failures"].as_array().unwrap();
    listed
        .iter()
        .map(|one| Failed {
            method: text(&one["method"]),
            what: text(&one["what"]),
            due_ms: started_ms + one["due_ms"].as_i64().unwrap(),
            ended_ms: started_ms + one["ended_ms"].as_i64().unwrap(),
        })
        .collect()
}

/// Requests sent between two moments; a second that is cut counts by the share that lies between them.
fn sent(report: &Value, from_ms: i64, to_ms: i64) -> f64 {
    let started_ms = report["started_at"].as_i64().unwrap();
    let share = |second: &Value| {
        let begin_ms = started_ms + second["second"].as_i64().unwrap() * 1_000;
        let within_ms = to_ms.min(begin_ms + 1_000) - from_ms.max(begin_ms);
        second["sent"].as_f64().unwrap() * within_ms.max(0) as f64 / 1_000.0
    };
    report["timeline"].as_array().unwrap().iter().map(share).sum()
}
