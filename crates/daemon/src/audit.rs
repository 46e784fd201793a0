//! The audit: what every writing request was, who sent it from where, and what became of it. Records of the journal.
//!
//! A request that is let through leaves two records: one before it is looked at, which is on disk with the step that it
//! causes, and one with the answer, which is on disk before the client hears it. A crash between the two leaves a request
//! without an answer, and it is shown so. One that is turned away leaves a single record, and only so many of those: what
//! is beyond is counted, and the next record says how many.
//!
//! Must never hold a secret: of a body only its hash, and its text where it is a small order in JSON.

use crate::api::access::{Caller, Refused, Role, hex};
use hyper::Method;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Longest text of an order that is kept, bytes.
const REQUEST_MAX: usize = 512;
/// Longest text of an answer that is kept, bytes.
const SAID_MAX: usize = 300;
/// Longest path that is kept, bytes.
const PATH_MAX: usize = 200;

/// What came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Tells the requests of one run of the daemon apart.
    pub id: u64,
    /// Wall clock, milliseconds since the Unix epoch.
    pub wall_ms: i64,
    /// `token NAME`, `owner (uid N)`, `signal` or `anonymous`.
    pub who: String,
    /// What they may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Address and port, or `this machine`.
    pub from: String,
    /// HTTP's method, or the signal.
    pub method: String,
    /// Without a query.
    pub path: String,
    /// Length of the body.
    #[serde(default)]
    pub body_bytes: u64,
    /// Of the body, hexadecimal; empty where nobody read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body_sha256: String,
    /// The body itself, where it is JSON and short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<serde_json::Value>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "audit", rename_all = "snake_case")]
pub enum Entry {
    /// A request that was let through.
    Asked(Asked),
    /// What became of it.
    Answered {
        /// Whose.
        id: u64,
        /// Status of HTTP.
        status: u16,
        /// What was said.
        said: String,
    },
    /// A request that had no effect.
    Refused {
        /// What it was.
        #[serde(flatten)]
        asked: Asked,
        /// Status of HTTP.
        status: u16,
        /// What was said.
        said: String,
        /// Refused ones before it that left no record of their own.
        #[serde(default)]
        suppressed: u64,
    },
}

/// At most so much of a text, whole characters.
fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

impl Asked {
    /// A request of `caller`.
    #[must_use]
    pub fn of(id: u64, caller: &Caller, method: &Method, path: &str, body: &[u8]) -> Self {
        let request = (body.len() <= REQUEST_MAX).then(|| serde_json::from_slice(body).ok()).flatten();
        Self {
            role: caller.role,
            body_bytes: body.len() as u64,
            body_sha256: sha256(body),
            request,
            ..Self::bare(id, caller.who.word(), caller.from.to_string(), method.as_str(), path)
        }
    }

    /// A request that was turned away unread.
    #[must_use]
    pub fn turned_away(id: u64, refused: &Refused, from: SocketAddr, method: &Method, path: &str) -> Self {
        let bare = Self::bare(id, refused.who.word(), from.to_string(), method.as_str(), path);
        Self { role: refused.role, ..bare }
    }

    /// A signal.
    #[must_use]
    pub fn signal(id: u64, name: &str) -> Self {
        Self::bare(id, "signal".to_owned(), "this machine".to_owned(), name, "")
    }

    fn bare(id: u64, who: String, from: String, method: &str, path: &str) -> Self {
        Self {
            id,
            wall_ms: crate::clock::wall_ms(),
            who,
            role: None,
            from,
            method: cut(method, PATH_MAX),
            path: cut(path, PATH_MAX),
            body_bytes: 0,
            body_sha256: String::new(),
            request: None,
        }
    }

    /// The service or job that it is about, as its path or its body says.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        let mut parts = self.path.split('/').skip(2);
        if let (Some("services" | "jobs"), Some(name)) = (parts.next(), parts.next()) {
            return Some(name.to_owned());
        }
        Some(self.request.as_ref()?.get("service")?.as_str()?.to_owned())
    }
}

impl Entry {
    /// What became of request `id`.
    #[must_use]
    pub fn answered(id: u64, status: u16, said: &str) -> Self {
        Self::Answered { id, status, said: cut(said, SAID_MAX) }
    }

    /// A request without effect.
    #[must_use]
    pub fn refused(asked: Asked, status: u16, said: &str, suppressed: u64) -> Self {
        Self::Refused { asked, status, said: cut(said, SAID_MAX), suppressed }
    }
}

/// SHA-256 in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&digest(bytes))
}

/// SHA-256.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}

/// How many refused requests may leave a record: so many at once, and one more every so often. A record is some 500 bytes, so
/// whoever is turned away as fast as he can writes less than 15 MB a day, and the journal's own bound holds beyond that.
#[derive(Debug)]
pub struct Allowance {
    left: u32,
    since: std::time::Instant,
    suppressed: u64,
}

impl Allowance {
    /// Records at once.
    const BURST: u32 = 20;
    /// Time for one more.
    const EVERY: std::time::Duration = std::time::Duration::from_secs(3);

    /// A full one.
    #[must_use]
    pub const fn new(now: std::time::Instant) -> Self {
        Self { left: Self::BURST, since: now, suppressed: 0 }
    }

    /// Some when a record may be written, with the number of those that were not since the last.
    pub fn take(&mut self, now: std::time::Instant) -> Option<u64> {
        let grown = now.saturating_duration_since(self.since).as_millis() / Self::EVERY.as_millis();
        if grown > 0 {
            let grown = u32::try_from(grown).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(grown).min(Self::BURST);
            self.since += Self::EVERY * grown.min(1_000_000);
            if now.saturating_duration_since(self.since) > Self::EVERY {
                self.since = now;
            }
        }
        if self.left == 0 {
            self.suppressed += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn refused_requests_leave_so_many_records_and_the_next_one_says_how_many_did_not() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let taken = (0..1_000).filter(|_| allowance.take(start).is_some()).count();
        assert_eq!(taken, 20);
        assert_eq!(allowance.take(start + Duration::from_secs(3)), Some(980));
        assert_eq!(allowance.take(start + Duration::from_secs(3)), None);
        assert_eq!(allowance.take(start + Duration::from_secs(3_600)), Some(1));
        let again = (0..1_000).filter(|_| allowance.take(start + Duration::from_secs(3_600)).is_some()).count();
        assert_eq!(again, 19, "a quiet hour gives no more than a full burst");
    }

    #[test]
    fn a_request_is_about_the_service_of_its_path_or_its_body() {
        let asked = |path: &str, body: &str| {
            let caller = Caller {
                who: crate::api::access::Who::Owner,
                role: Some(Role::Operate),
                from: "127.0.0.1:1".parse().unwrap(),
            };
            Asked::of(1, &caller, &Method::POST, path, body.as_bytes())
        };
        assert_eq!(asked("/v1/services/shop/wheel", "{}").subject().as_deref(), Some("shop"));
        assert_eq!(asked("/v1/jobs/report/run", "").subject().as_deref(), Some("report"));
        assert_eq!(asked("/v1/events", "{\"service\":\"shop\"}").subject().as_deref(), Some("shop"));
        assert_eq!(asked("/v1/reload", "").subject(), None);
        let policy = asked("/v1/policy", &format!("\"{}\"", "x".repeat(600)));
        assert_eq!((policy.request.clone(), policy.body_bytes), (None, 602));
        assert_eq!(policy.body_sha256.len(), 64);
        let entry = Entry::refused(policy, 422, "no", 3);
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
    }
}
