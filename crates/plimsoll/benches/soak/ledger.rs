//! What became of every request, and whether a failure could have been avoided.
//!
//! A failure is excused only by a killed replica, and only where nobody could have saved the request: the answer had begun
//! (the answer's head names the replica), or the request may not be sent twice and was at that replica (the gateway's
//! access log names the endpoint of every failed request). The kill has to lie within the request's time; a request that
//! began after it is not excused.

use crate::soak::request::{Asked, Kind};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Mutex;

/// How far a kill may lie outside of a request as the client timed it: what the kernel and a busy machine take to deliver
/// the news, ms.
const SLACK_MS: u64 = 150;
/// Failures that are printed one by one.
const SHOWN: usize = 20;

/// How a request failed, as the client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// No connection to the gateway.
    Connect(String),
    /// The connection ended before a byte of the answer; the flag says whether it had carried requests before.
    Ended(bool),
    /// The answer broke off; who had begun it.
    Cut(String),
    /// The gateway refused it.
    Refused(u16, String),
    /// It took longer than anything may.
    Late,
    /// The answer is not what was asked for.
    Wrong(String),
}

impl How {
    fn word(&self) -> String {
        match self {
            Self::Connect(_) => "no connection".to_owned(),
            Self::Ended(false) => "ended without an answer".to_owned(),
            Self::Ended(true) => "ended without an answer, kept connection".to_owned(),
            Self::Cut(_) => "answer cut".to_owned(),
            Self::Refused(status, reason) => format!("{status} {reason}"),
            Self::Late => "late".to_owned(),
            Self::Wrong(_) => "wrong answer".to_owned(),
        }
    }
}

/// One that failed.
#[derive(Debug, Clone)]
pub struct Failed {
    protocol: &'static str,
    kind: Kind,
    path: String,
    begin_ms: u64,
    end_ms: u64,
    how: How,
}

/// A replica that was killed.
#[derive(Debug, Clone)]
pub struct Kill {
    /// Its name, as its answers say it.
    pub name: String,
    /// Where it listened.
    pub address: SocketAddr,
    /// When.
    pub at_ms: u64,
}

#[derive(Debug, Default)]
struct Count {
    asked: u64,
    answered: u64,
    asked_again: u64,
}

/// All requests.
#[derive(Debug, Default)]
pub struct Ledger {
    counts: Mutex<BTreeMap<(&'static str, Kind), Count>>,
    failed: Mutex<Vec<Failed>>,
}

impl Ledger {
    fn count(&self, protocol: &'static str, kind: Kind, change: impl FnOnce(&mut Count)) {
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(counts.entry((protocol, kind)).or_default());
    }

    /// A request that ended.
    pub fn ended(&self, protocol: &'static str, asked: &Asked, begin_ms: u64, end_ms: u64, how: Result<(), How>) {
        self.count(protocol, asked.kind, |count| {
            count.asked += 1;
            count.answered += u64::from(how.is_ok());
        });
        if let Err(how) = how {
            let path = asked.path.clone();
            let failed = Failed { protocol, kind: asked.kind, path, begin_ms, end_ms, how };
            self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(failed);
        }
    }

    /// A stream that HTTP/2 says was not looked at, and that the client asked again.
    pub fn asked_again(&self, protocol: &'static str, kind: Kind) {
        self.count(protocol, kind, |count| count.asked_again += 1);
    }

    /// Requests that were answered.
    pub fn answered(&self) -> u64 {
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).values().map(|count| count.answered).sum()
    }

    /// The counts: kinds down, protocols across.
    pub fn table(&self) -> String {
        let counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut protocols: Vec<&str> = counts.keys().map(|(protocol, _)| *protocol).collect();
        protocols.sort_unstable();
        protocols.dedup();
        let mut kinds: Vec<Kind> = counts.keys().map(|(_, kind)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut text = format!("{:<14}", "answered/asked");
        for protocol in &protocols {
            let _ = write!(text, "{protocol:>22}");
        }
        let cell = |text: &mut String, chosen: &dyn Fn(&str, Kind) -> bool| {
            let of = |pick: &dyn Fn(&Count) -> u64| -> u64 {
                counts
                    .iter()
                    .filter(|((protocol, kind), _)| chosen(protocol, *kind))
                    .map(|(_, count)| pick(count))
                    .sum()
            };
            let shown = format!("{}/{}", of(&|count| count.answered), of(&|count| count.asked));
            let _ = write!(text, "{shown:>22}");
        };
        for kind in kinds {
            let _ = write!(text, "\n{:<14}", kind.name());
            protocols.iter().for_each(|protocol| cell(&mut text, &|p, k| p == *protocol && k == kind));
        }
        let _ = write!(text, "\n{:<14}", "all");
        protocols.iter().for_each(|protocol| cell(&mut text, &|p, _| p == *protocol));
        let again: u64 = counts.values().map(|count| count.asked_again).sum();
        let _ = write!(text, "\nstreams refused unprocessed by GOAWAY and asked again: {again}");
        text
    }

    /// Each failure with its excuse, if it has one. `logged` has the endpoint of failed requests by path.
    pub fn judge(&self, kills: &[Kill], logged: &BTreeMap<String, Option<SocketAddr>>) -> Judged {
        let failed = self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut judged = Judged::default();
        for one in failed.iter() {
            match excuse(one, kills, logged) {
                Some(excuse) => *judged.excused.entry((excuse, one.how.word())).or_default() += 1,
                None => judged.inexcusable.push((one.clone(), logged.get(&one.path).copied().flatten())),
            }
        }
        judged
    }
}

fn excuse(failed: &Failed, kills: &[Kill], logged: &BTreeMap<String, Option<SocketAddr>>) -> Option<&'static str> {
    let within = |kill: &&Kill| kill.at_ms + SLACK_MS >= failed.begin_ms && kill.at_ms <= failed.end_ms + SLACK_MS;
    match &failed.how {
        How::Cut(name) => kills.iter().filter(within).any(|kill| kill.name == *name).then_some("its answer had begun"),
        How::Refused(502, _) | How::Ended(_) if !failed.kind.is_repeatable() => {
            let endpoint = logged.get(&failed.path).copied().flatten()?;
            let was_killed = kills.iter().filter(within).any(|kill| kill.address == endpoint);
            was_killed.then_some("it may not be sent twice")
        }
        _ => None,
    }
}

/// Failures by whether they could have been avoided.
#[derive(Debug, Default)]
pub struct Judged {
    excused: BTreeMap<(&'static str, String), u64>,
    inexcusable: Vec<(Failed, Option<SocketAddr>)>,
}

impl Judged {
    /// Prints both, the inexcusable ones one by one.
    pub fn print(&self) {
        println!("failed, and could not be saved (a replica was killed): {}", self.excused.values().sum::<u64>());
        for ((excuse, how), count) in &self.excused {
            println!("  {count:>6}  {excuse}: {how}");
        }
        println!("failed, and must not: {}", self.inexcusable.len());
        for (failed, endpoint) in self.inexcusable.iter().take(SHOWN) {
            let Failed { protocol, kind, path, begin_ms, end_ms, how } = failed;
            let at = endpoint.map_or_else(|| "none in the log".to_owned(), |endpoint| endpoint.to_string());
            println!("  {protocol} {} {path}: {how:?}, from {begin_ms} to {end_ms} ms, endpoint {at}", kind.name());
        }
    }

    /// What speaks against the gateway.
    pub fn verdict(&self) -> Option<String> {
        let mut by_word: BTreeMap<String, u64> = BTreeMap::new();
        self.inexcusable.iter().for_each(|(failed, _)| *by_word.entry(failed.how.word()).or_default() += 1);
        let words: Vec<String> = by_word.iter().map(|(word, count)| format!("{count} {word}")).collect();
        (!words.is_empty()).then(|| format!("requests failed that must not: {}", words.join(", ")))
    }
}
