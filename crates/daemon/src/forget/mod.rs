//! Forgets a service: everything that is kept about one goes, and everything else stays as it was.
//!
//! The journal keeps every record's number, kind and time; a record that named the service keeps the SHA-256 of what it held and
//! what is left of it ([`content`]), so that a replay still goes through and says how many records were forgotten. A snapshot of
//! the present state is written at the end, because what is left of old inputs no longer leads to it. Samples, logs, proposals,
//! the audit and what usage counts go with them. Nothing is changed in place: see [`place`].
//!
//! Only without a daemon, and only what is no longer in the policy: whatever runs would be remembered again at the next tick.

mod content;
mod place;

pub use content::{Eraser, PLACEHOLDER};
pub use place::{PlaceError, Steps, mend};

use crate::analyst::FILE as PROPOSALS;
use crate::analyst::seek::FILE as SEARCHES;
use crate::clock::wall_ms;
use crate::engine::recover::{Recovered, recover};
use crate::record::Note;
use crate::state_dir::StateDir;
use place::{Order, STAGED, beside};
use plimsoll_collect::history::{CopyError, History, OpenError as HistoryError, Retention};
use plimsoll_journal::{Change, Journal, Kind, OpenError, Options, ReadError, Record, RewriteError, rewrite};
use plimsoll_model::id::ServiceName;
use plimsoll_model::{Bytes, Millis, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A copy must not retire what the daemon, which knows the spec's bounds, would have kept.
const KEEP_ALL: Retention = Retention { raw: Millis(u64::MAX), summary: Millis(u64::MAX), size_max: Bytes(u64::MAX) };
/// Where the driver keeps logs of what ended, a folder per service.
const LOGS: &str = "driver/logs";
/// Where it keeps what is there, a folder per workload.
const WORKLOADS: &str = "driver/workloads";
/// Texts of the state directory's root that are read and written whole: none is larger.
const TEXT_MAX: u64 = 64 << 20;

/// Why nothing was forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// It is still wanted.
    #[error(
        "service {service} is in the policy in force; take it out of the spec, let `plimsoll up` or `plimsoll reload` stop \
         it, then `plimsoll down`, then forget"
    )]
    InForce {
        /// Which.
        service: ServiceName,
    },
    /// The policy names it elsewhere, and would write it down again.
    #[error(
        "the policy in force still names {service} at {place}; change the spec, `plimsoll reload`, `plimsoll down`, then forget"
    )]
    Named {
        /// Which.
        service: ServiceName,
        /// Where in the policy.
        place: String,
    },
    /// Something was decided and perhaps not done.
    #[error(
        "the last daemon ended in the middle of a step; start it once more and end it with `plimsoll down`, then forget"
    )]
    Unfinished,
    /// The journal does not open.
    #[error("journal in {}", path.display())]
    Journal {
        /// Its directory.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: OpenError,
    },
    /// The journal's copy.
    #[error("the journal without the service")]
    Rewrite(#[source] RewriteError<serde_json::Error>),
    /// The snapshot at the end of the copy.
    #[error("the snapshot at the journal's end: {0}")]
    Snapshot(String),
    /// The history does not open.
    #[error("the history: {0}; nothing was forgotten")]
    History(#[from] HistoryError),
    /// The history's copy.
    #[error("the history without the service")]
    Copy(#[from] CopyError),
    /// Putting it in place.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The system refused something else.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What there is about a service, or what was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Found {
    /// Records of the journal in all.
    pub records: u64,
    /// Of those, records that name it.
    pub records_named: u64,
    /// Series of the history.
    pub series: usize,
    /// Logs and records of its replicas.
    pub replica_files: usize,
    /// Proposals of the analyst for it.
    pub proposals: usize,
    /// Other texts of the state directory that name it.
    pub texts: Vec<PathBuf>,
    /// Segments that were put aside as damaged, and ends that were cut off: nobody can say what is in them.
    pub unreadable: Vec<PathBuf>,
    /// Files that are somebody else's and name it; they stay.
    pub left: Vec<PathBuf>,
}

impl Found {
    /// Whether there is nothing to forget.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.records_named == 0
            && (self.series, self.replica_files, self.proposals) == (0, 0, 0)
            && self.texts.is_empty()
            && self.unreadable.is_empty()
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ForgetError {
    let path = path.to_owned();
    move |source| ForgetError::Io { doing, path, source }
}

/// A service that may be forgotten. The caller holds the daemon's lock and has seen that nothing of the installation runs.
#[derive(Debug)]
pub struct Forgetting {
    dir: StateDir,
    eraser: Eraser,
    service: ServiceName,
    /// Held for its lock.
    _journal: Journal,
    recovered: Recovered,
}

impl Forgetting {
    /// Opens what is kept, first doing what an interrupted run left.
    ///
    /// # Errors
    /// [`ForgetError`] when the service is still wanted, or something cannot be read.
    pub fn open(dir: StateDir, service: ServiceName) -> Result<Self, ForgetError> {
        mend(dir.root(), &mut Steps::default())?;
        let path = dir.journal();
        let (journal, recovery) =
            Journal::open(&path, Options::default()).map_err(|source| ForgetError::Journal { path, source })?;
        let recovered = recover(&recovery);
        if !recovered.unapplied.is_empty() || recovered.unrecorded.is_some() {
            return Err(ForgetError::Unfinished);
        }
        let eraser = Eraser::new(service.clone());
        if let Some(spec) = &recovered.state.spec {
            if spec.services.contains_key(&service) {
                return Err(ForgetError::InForce { service });
            }
            if let Some(place) = eraser.first_mention(spec) {
                return Err(ForgetError::Named { service, place });
            }
        }
        Ok(Self { dir, eraser, service, _journal: journal, recovered })
    }

    /// What would be forgotten.
    ///
    /// # Errors
    /// [`ForgetError`] when something cannot be read.
    pub fn find(&self) -> Result<Found, ForgetError> {
        let mut found = Found::default();
        let read = |error: ReadError| ForgetError::Rewrite(RewriteError::Read(error));
        let mut reader =
            plimsoll_journal::Reader::open(self.dir.journal(), plimsoll_journal::Start::Oldest).map_err(read)?;
        while let Some(record) = reader.read().map_err(read)? {
            found.records += 1;
            found.records_named += u64::from(self.eraser.is_named_in(&record.payload));
        }
        if self.dir.history().exists() {
            let history = History::open(self.dir.history(), KEEP_ALL)?;
            found.series =
                history.series().iter().filter(|series| self.eraser.is_named_in(series.as_str().as_bytes())).count();
        }
        found.replica_files = self.replica_places()?.len();
        found.proposals = self.proposals().iter().filter(|kept| self.is_its_proposal(kept)).count();
        found.texts = self.texts()?;
        found.unreadable = self.unreadable()?;
        found.left = self.left()?;
        Ok(found)
    }

    /// Forgets. What was found before is what is gone afterwards.
    ///
    /// # Errors
    /// [`ForgetError`]; what counts then, the old or the new, is settled by [`mend`].
    pub fn carry_out(self, steps: &mut Steps) -> Result<(), ForgetError> {
        let root = self.dir.root().to_owned();
        let mut order = Order { replace: vec!["journal".into()], remove: self.replica_places()? };
        self.stage_journal()?;
        if self.dir.history().exists() {
            let history = History::open(self.dir.history(), KEEP_ALL)?;
            let is_its =
                |series: &plimsoll_collect::history::SeriesId| self.eraser.is_named_in(series.as_str().as_bytes());
            history.copy_without(&beside(&self.dir.history(), STAGED), KEEP_ALL, is_its)?;
            order.replace.push("history.redb".into());
        }
        for name in self.texts()? {
            self.stage_text(&root.join(&name))?;
            order.replace.push(name);
        }
        place::carry_out(&root, &order, steps)?;
        Ok(())
    }

    /// The journal without the service, and behind it a note and the present state: what is left of the inputs does not lead
    /// to that any more.
    fn stage_journal(&self) -> Result<(), ForgetError> {
        let to = beside(&self.dir.journal(), STAGED);
        let options = Options::default();
        let done = rewrite(&self.dir.journal(), &to, options.compress_over_bytes, |record: &Record| {
            Ok::<_, serde_json::Error>(self.eraser.left_of(record)?.map_or(Change::Keep, |left| Change::Forget {
                left,
                was: record.forgotten.unwrap_or_else(|| crate::audit::digest(&record.payload)),
            }))
        })
        .map_err(ForgetError::Rewrite)?;
        let mut state = self.recovered.state.clone();
        self.eraser.state(&mut state);
        let text = |error: &dyn std::error::Error| ForgetError::Snapshot(error.to_string());
        let (mut journal, _) =
            Journal::open(&to, options).map_err(|source| ForgetError::Journal { path: to.clone(), source })?;
        let at = self.recovered.last_at.unwrap_or(Timestamp::ZERO);
        let note = Note::Forgot { wall_ms: wall_ms(), records: done.changed };
        let note = serde_json::to_vec(&note).map_err(|error| text(&error))?;
        let state = serde_json::to_vec(&state).map_err(|error| text(&error))?;
        journal.append(Kind::NOTE, at, &note).map_err(|error| text(&error))?;
        journal.append(Kind::SNAPSHOT, at, &state).map_err(|error| text(&error))?;
        journal.commit().map_err(|error| text(&error))?;
        Ok(())
    }

    fn stage_text(&self, path: &Path) -> Result<(), ForgetError> {
        let staged = beside(path, STAGED);
        let old = fs::read(path).map_err(failed("read", path))?;
        let listed = [PROPOSALS, SEARCHES].into_iter().find(|file| path.file_name().is_some_and(|name| name == *file));
        let new = if let Some(file) = listed {
            let all: Vec<Value> = self.dir.read_json(file).unwrap_or_default();
            let kept: Vec<Value> = all.into_iter().filter(|kept| !self.is_its_proposal(kept)).collect();
            let text = serde_json::to_vec_pretty(&kept).unwrap_or_default();
            self.eraser.text(&text)
        } else {
            self.eraser.text(&old)
        };
        let mode = fs::metadata(path).map_err(failed("stat", path))?.permissions();
        let written = fs::File::create(&staged).and_then(|mut file| {
            file.set_permissions(mode)?;
            io::Write::write_all(&mut file, &new)?;
            file.sync_all()
        });
        written.map_err(failed("write", &staged))
    }

    fn proposals(&self) -> Vec<Value> {
        self.dir.read_json(PROPOSALS).unwrap_or_default()
    }

    fn is_its_proposal(&self, kept: &Value) -> bool {
        kept["service"] == self.service.as_str()
    }

    /// Directories of its replicas, kept logs and such as nobody cleared away, relative to the state directory.
    fn replica_places(&self) -> Result<Vec<PathBuf>, ForgetError> {
        let its = format!("service.{}", self.service);
        let is_its = |name: &str, folder: &str| match name.strip_prefix(&its) {
            Some(rest) => rest.is_empty() && folder == LOGS || rest.starts_with('.') && folder == WORKLOADS,
            None => false,
        };
        let mut found = Vec::new();
        for folder in [LOGS, WORKLOADS] {
            let all = names(&self.dir.root().join(folder))?.into_iter();
            found.extend(all.filter(|name| is_its(name, folder)).map(|name| Path::new(folder).join(name)));
        }
        Ok(found)
    }

    /// Texts in the root of the state directory that name it.
    fn texts(&self) -> Result<Vec<PathBuf>, ForgetError> {
        let mut found = Vec::new();
        for name in names(self.dir.root())? {
            let path = self.dir.root().join(&name);
            let is_text = [".json", ".log"].iter().any(|ending| name.ends_with(ending));
            let about = fs::symlink_metadata(&path).map_err(failed("stat", &path))?;
            if is_text && about.is_file() && about.len() <= TEXT_MAX {
                let bytes = fs::read(&path).map_err(failed("read", &path))?;
                if self.eraser.is_named_in(&bytes) {
                    found.push(name.into());
                }
            }
        }
        Ok(found)
    }

    /// What lies in the journal's directory and is no segment, lock or reserve: it goes with the old directory.
    fn unreadable(&self) -> Result<Vec<PathBuf>, ForgetError> {
        let is_known = |name: &String| name.ends_with(".pjl") || name == "lock" || name == "reserve";
        let names = names(&self.dir.journal())?.into_iter().filter(|name| !is_known(name));
        Ok(names.map(|name| Path::new("journal").join(name)).collect())
    }

    /// Files of others that name it: what other workloads printed, above all.
    fn left(&self) -> Result<Vec<PathBuf>, ForgetError> {
        let its = self.replica_places()?;
        let mut found = Vec::new();
        let mut folders = vec![PathBuf::from("driver")];
        while let Some(folder) = folders.pop() {
            for name in names(&self.dir.root().join(&folder))? {
                let place = folder.join(name);
                let path = self.dir.root().join(&place);
                let about = fs::symlink_metadata(&path).map_err(failed("stat", &path))?;
                if its.contains(&place) {
                    continue;
                }
                if about.is_dir() {
                    folders.push(place);
                } else if about.is_file() && about.len() <= TEXT_MAX {
                    let bytes = fs::read(&path).map_err(failed("read", &path))?;
                    if self.eraser.is_named_in(&bytes) {
                        found.push(place);
                    }
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Names in a directory, in order; none where it is not there.
fn names(dir: &Path) -> Result<Vec<String>, ForgetError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", dir)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        found.push(entry.map_err(failed("list", dir))?.file_name().to_string_lossy().into_owned());
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
