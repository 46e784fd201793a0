//! Reads the audit back from the journal: requests with their answers, oldest first.
//!
//! Works on the files alone, so it answers for a daemon that runs, that has ended, and that crashed.

use crate::api::access::Role;
use crate::audit::{Asked, Entry};
use crate::past::{PastError, records};
use crate::record::Note;
use plimsoll_journal::{Kind, Start};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::Path;

/// Requests whose answer is looked for: more than can be under way at once.
const OPEN_MAX: usize = 256;

/// One request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// Number of its record in the journal.
    pub seq: u64,
    /// Trace time.
    pub at_ms: i64,
    /// Wall clock, milliseconds since the Unix epoch.
    pub wall_ms: i64,
    /// Who.
    pub who: String,
    /// What they may do.
    pub role: Option<Role>,
    /// From where.
    pub from: String,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The service or job that it is about.
    pub subject: Option<String>,
    /// What was ordered, where it is short.
    pub request: Option<serde_json::Value>,
    /// Of the body.
    pub body_sha256: String,
    /// Status of HTTP; none when the daemon ended before it answered.
    pub status: Option<u16>,
    /// What was said.
    pub said: String,
    /// Refused ones before it that left no record.
    pub suppressed: u64,
}

/// Which requests are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this service or job.
    pub subject: Option<String>,
    /// From this moment on, wall clock.
    pub since_ms: Option<i64>,
    /// At most so many, the newest.
    pub limit: Option<usize>,
}

impl Wanted {
    fn takes_note(&self, note: &Note) -> bool {
        self.subject.is_none() && self.since_ms.is_none_or(|since| note.wall_ms() >= since)
    }

    fn takes(&self, view: &AuditView) -> bool {
        self.since_ms.is_none_or(|since| view.wall_ms >= since)
            && self.subject.as_ref().is_none_or(|subject| view.subject.as_ref() == Some(subject))
    }
}

fn view(seq: u64, at_ms: i64, asked: Asked) -> (u64, AuditView) {
    let subject = asked.subject();
    let Asked { id, wall_ms, who, role, from, method, path, body_sha256, request, body_bytes: _ } = asked;
    let (status, said) = (None, String::new());
    let view = AuditView {
        seq,
        at_ms,
        wall_ms,
        who,
        role,
        from,
        method,
        path,
        subject,
        request,
        body_sha256,
        status,
        said,
        suppressed: 0,
    };
    (id, view)
}

/// What the journal says of who changed what.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Audited {
    /// Requests that asked for a change, oldest first.
    pub requests: Vec<AuditView>,
    /// What the daemon erased or dropped by itself, oldest first; none where only one service is asked about.
    pub notes: Vec<Note>,
}

/// The requests and notes that `wanted` names.
///
/// # Errors
/// [`PastError`].
pub fn read(journal: &Path, wanted: &Wanted) -> Result<Audited, PastError> {
    let mut found: VecDeque<(u64, AuditView)> = VecDeque::new();
    let mut notes: VecDeque<Note> = VecDeque::new();
    records(journal, Start::Oldest, |record| {
        if record.kind == Kind::NOTE {
            let note = serde_json::from_slice::<Note>(&record.payload).ok().filter(|note| wanted.takes_note(note));
            notes.extend(note);
            if wanted.limit.is_some_and(|limit| notes.len() > limit) {
                notes.pop_front();
            }
        }
        if record.kind != Kind::AUDIT {
            return Ok(());
        }
        // A record whose content was forgotten, or that a newer release wrote, is no request that could be shown.
        let Ok(entry) = serde_json::from_slice::<Entry>(&record.payload) else { return Ok(()) };
        let (seq, at) = (record.seq.0, record.at.get());
        let mut keep = |(id, view): (u64, AuditView)| {
            if wanted.takes(&view) {
                found.push_back((id, view));
            }
        };
        match entry {
            Entry::Asked(asked) => keep(view(seq, at, asked)),
            Entry::Refused { asked, status, said, suppressed } => {
                let (id, view) = view(seq, at, asked);
                keep((id, AuditView { status: Some(status), said, suppressed, ..view }));
            }
            Entry::Answered { id, status, said } => {
                let mut open = found.iter_mut().rev().take(OPEN_MAX);
                if let Some((_, view)) = open.find(|(known, view)| *known == id && view.status.is_none()) {
                    (view.status, view.said) = (Some(status), said);
                }
            }
        }
        if wanted.limit.is_some_and(|limit| found.len() > limit) {
            found.pop_front();
        }
        Ok(())
    })?;
    Ok(Audited { requests: found.into_iter().map(|(_, view)| view).collect(), notes: notes.into() })
}
