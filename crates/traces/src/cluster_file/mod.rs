//! Plimsoll's own cluster file: JSON Lines, one thing per line.
//!
//! `{"node": …}`, `{"task": …, "run_time_true_ms": …, "wait_ms": …}`, `{"site": …}`, `{"quota": …}`,
//! `{"fault": {"node": …, "at_ms": …, "until_ms": …}}`, `{"note": "…"}` and, first and optional, `{"plimsoll_cluster": 1}`.
//! The nouns are those of `plimsoll_model::cluster` in their serialised form. Lines and not one document, so that a file of a
//! million tasks is read as a stream and an error has a line. A field that is not known is refused at any depth: a mistyped
//! one would read as "nothing asked". `docs/cluster-formats.md` shows every field.
//!
//! # Source
//! JSON: RFC 8259; JSON Lines: jsonlines.org.

mod entry;
mod strict;
mod write;

pub use entry::Entry;
pub use write::write;

use crate::ReadError;
use crate::cluster::ClusterSet;
use crate::columns::Seen;
use crate::csv::Rows;
use std::io::Read;

/// The version of the format that is read and written.
pub const VERSION: u32 = 1;

/// A stream of the things in a cluster file.
pub struct Entries<'a> {
    rows: Rows<'a>,
    nodes: Seen,
    tasks: Seen,
    sites: Seen,
    quotas: Seen,
}

impl<'a> Entries<'a> {
    /// Entries of `reader`; `file` is what errors call it.
    pub fn new(file: &'a str, reader: &'a mut dyn Read) -> Self {
        let rows = Rows::new(file, reader);
        Self { rows, nodes: Seen::default(), tasks: Seen::default(), sites: Seen::default(), quotas: Seen::default() }
    }

    /// The next thing with its line, or `None` at the end.
    ///
    /// # Errors
    /// [`ReadError::Field`] with line and field, [`ReadError::Duplicate`] for a name that stands twice.
    pub fn next_entry(&mut self) -> Result<Option<(u64, Entry)>, ReadError> {
        let Some(row) = self.rows.next_row()? else { return Ok(None) };
        let entry = Entry::parse(row.text).map_err(|wrong| ReadError::Field {
            file: row.file.to_owned(),
            line: row.number,
            field: wrong.path,
            problem: wrong.problem,
        })?;
        match &entry {
            Entry::Node(node) => self.nodes.add(&row, &node.name, "node.name")?,
            Entry::Task(recorded) => self.tasks.add(&row, &recorded.task.id, "task.id")?,
            Entry::Site(site) => self.sites.add(&row, &site.name, "site.name")?,
            Entry::Quota(quota) => self.quotas.add(&row, &quota.holder, "quota.holder")?,
            Entry::Fault(_) | Entry::Note(_) | Entry::Version => {}
        }
        Ok(Some((row.number, entry)))
    }
}

/// Reads a whole cluster file; `file` is what errors call it, and the set's name.
///
/// # Errors
/// [`ReadError`] with line and field; a fault of a node that the file does not have is one.
pub fn read(file: &str, reader: &mut dyn Read) -> Result<ClusterSet, ReadError> {
    let mut set = ClusterSet { name: file.to_owned(), ..ClusterSet::default() };
    let mut fault_lines = Vec::new();
    let mut entries = Entries::new(file, reader);
    while let Some((line, entry)) = entries.next_entry()? {
        match entry {
            Entry::Node(node) => set.nodes.push(*node),
            Entry::Task(recorded) => set.tasks.push(*recorded),
            Entry::Site(site) => set.sites.push(site),
            Entry::Quota(quota) => set.quotas.push(quota),
            Entry::Note(note) => set.notes.push(note),
            Entry::Version => {}
            Entry::Fault(fault) => {
                fault_lines.push(line);
                set.faults.push(fault);
            }
        }
    }
    let stranger = set.faults.iter().zip(fault_lines).find(|(fault, _)| !entries.nodes.has(&fault.node));
    if let Some((fault, line)) = stranger {
        return Err(ReadError::Field {
            file: file.to_owned(),
            line,
            field: "fault.node".into(),
            problem: format!("{:?} is no node of this file", fault.node),
        });
    }
    Ok(set)
}

#[cfg(test)]
mod tests;
