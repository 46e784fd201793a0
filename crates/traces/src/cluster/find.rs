//! A cluster set by its short name, or a file told apart by what stands in it.
//!
//! The content decides and not the name, since downloads are renamed. Several files are joined by `+` (the nodes of one
//! and the tasks of another); a path that exists as it stands is taken whole.

use super::ClusterSet;
use crate::csv::{Row, Rows};
use crate::dataset::resolve;
use crate::sets::SetError;
use crate::source::Source;
use crate::{ReadError, azure_vm, borg, cluster_file, dlrm, openb, philly, swf};
use plimsoll_config::nearest;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

/// What the first line of each format looks like, for errors.
const KNOWN: &str = "openb nodes (sn,cpu_milli,memory_mib,gpu,model) | openb pods (name,cpu_milli,memory_mib,num_gpu,\
                     gpu_milli,...) | Standard Workload Format (18 numbers, comments start with ;) | Borg 2011 \
                     task events (13 columns, no header) | Philly (timestamp,duration,num_gpus,gpu_time,cluster) | DLRM \
                     (instance_sn,role,app_name,...) | Plimsoll's own (JSON Lines)";

/// Parts of the Borg trace that a short name can ask for: `borg:0-0` to `borg:0-7`, always from the state at time 0.
const BORG_PARTS: u32 = 8;

/// Why a cluster set could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// It is no short name and no file.
    #[error("{name:?} is no cluster set and no file{}; the sets are {known}", crate::did_you_mean(nearest.as_deref()))]
    Name {
        /// What was asked for.
        name: String,
        /// The name that was probably meant.
        nearest: Option<String>,
        /// Every name.
        known: String,
    },
    /// Two of the joined files have something of the same name.
    #[error("{file}: the {kind} {name:?} stands already in a file before it")]
    Twice {
        /// What it is: a node or a task.
        kind: &'static str,
        /// The name.
        name: String,
        /// The later file.
        file: String,
    },
    /// It is not on this machine or could not be read.
    #[error(transparent)]
    Set(#[from] SetError),
}

/// Every short name, in order.
#[must_use]
pub fn cluster_set_names() -> Vec<String> {
    let part = |prefix: &'static str| move |name: &str| format!("{prefix}:{name}");
    let mut names: Vec<String> = openb::LISTS.iter().copied().map(part("openb")).collect();
    names.extend(openb::LISTS.iter().copied().map(part("openb-all")));
    names.extend(swf::LOGS.iter().map(|(name, _)| *name).map(part("swf")));
    names.extend(swf::EASY_RESULTS.iter().map(|(name, _)| *name).map(part("easy")));
    names.extend((0..BORG_PARTS).map(|last| format!("borg:0-{last}")));
    names.extend(azure_vm::PARTS.iter().map(|(name, _, _)| *name).map(part("azure-vm")));
    names.extend(["philly".to_owned(), "dlrm".to_owned()]);
    names
}

/// The set of that short name ([`cluster_set_names`]), or the file (or files joined by `+`) of any known format.
///
/// # Errors
/// [`ClusterError`], which names what is wrong with its file, line and field.
pub fn cluster_set(name_or_path: &str) -> Result<ClusterSet, ClusterError> {
    if !Path::new(name_or_path).exists() {
        if cluster_set_names().iter().any(|known| known == name_or_path) {
            return Ok(by_name(name_or_path)?);
        }
        if name_or_path.contains('+') {
            return joined(name_or_path);
        }
    }
    one(name_or_path)
}

fn by_name(name: &str) -> Result<ClusterSet, SetError> {
    let (kind, part) = name.split_once(':').unwrap_or((name, ""));
    let log = |logs: &[(&str, &'static str)]| {
        logs.iter().find(|(known, _)| *known == part).map(|(_, path)| *path).unwrap_or_default()
    };
    match kind {
        "openb" => openb::set(part, openb::Nodes::WithGpus),
        "openb-all" => openb::set(part, openb::Nodes::All),
        "swf" => swf::set(name, log(swf::LOGS)),
        "borg" => borg::set(0..=part.strip_prefix("0-").and_then(|last| last.parse().ok()).unwrap_or(0)),
        "azure-vm" => azure_vm::set(part),
        "dlrm" => dlrm::set(),
        "philly" => philly::set(),
        _ => swf::set(name, log(swf::EASY_RESULTS)),
    }
}

fn one(path: &str) -> Result<ClusterSet, ClusterError> {
    let found = match resolve(path) {
        Ok(found) => found,
        Err(missing) if path.contains(['/', '.']) => return Err(SetError::from(missing).into()),
        Err(_) => {
            let names = cluster_set_names();
            let nearest = nearest(path, names.iter().map(String::as_str)).map(str::to_owned);
            return Err(ClusterError::Name { name: path.to_owned(), nearest, known: names.join(", ") });
        }
    };
    let source = Source::parse(&found.to_string_lossy());
    let format = source.with_reader(|reader| Format::of(path, reader)).map_err(SetError::from)?;
    let mut set = source.with_reader(|reader| format.read(path, reader)).map_err(SetError::from)?;
    set.name = path.to_owned();
    Ok(set)
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Borg,
    Dlrm,
    OpenbNodes,
    OpenbPods,
    Own,
    Philly,
    Swf,
}

impl Format {
    /// # Errors
    /// [`ReadError::UnknownFormat`] with the first line.
    fn of(file: &str, reader: &mut dyn Read) -> Result<Self, ReadError> {
        let mut rows = Rows::new(file, reader);
        let Some(row) = rows.next_row()? else {
            return Err(ReadError::Empty { file: file.to_owned() });
        };
        Self::told_from(&row).ok_or_else(|| ReadError::UnknownFormat {
            file: file.to_owned(),
            found: row.text.chars().take(120).collect(),
            known: KNOWN.to_owned(),
        })
    }

    /// A table is told by two of its columns, so that a mistyped third one is an error of that format.
    fn told_from(row: &Row<'_>) -> Option<Self> {
        let text = row.text.trim_start();
        let columns: Vec<&str> = text.split(',').map(|name| name.trim().trim_matches('"')).collect();
        let has = |names: &[&str]| names.iter().filter(|name| columns.contains(name)).count() >= 2;
        if text.starts_with('{') {
            return Some(Self::Own);
        }
        if text.starts_with(';') {
            return Some(Self::Swf);
        }
        let numbers: Vec<&str> = text.split_ascii_whitespace().collect();
        if numbers.len() == 18 && numbers.iter().all(|number| number.parse::<f64>().is_ok()) {
            return Some(Self::Swf);
        }
        if columns.len() < 3 {
            return None;
        }
        if columns.len() == 13 && columns[..6].iter().all(|field| field.is_empty() || field.parse::<u64>().is_ok()) {
            return Some(Self::Borg);
        }
        match columns[0] {
            "sn" => Some(Self::OpenbNodes),
            "name" if has(&["num_gpu", "gpu_milli", "cpu_milli", "memory_mib"]) => Some(Self::OpenbPods),
            _ if has(dlrm::COLUMNS) => Some(Self::Dlrm),
            _ if has(philly::COLUMNS) => Some(Self::Philly),
            _ if has(&["num_gpu", "gpu_milli"]) => Some(Self::OpenbPods),
            _ => None,
        }
    }

    fn read(self, file: &str, reader: &mut dyn Read) -> Result<ClusterSet, ReadError> {
        let empty = ClusterSet::default();
        Ok(match self {
            Self::OpenbNodes => ClusterSet { nodes: openb::nodes(file, reader)?, ..empty },
            Self::OpenbPods => ClusterSet { tasks: openb::tasks(file, reader)?, ..empty },
            Self::Own => cluster_file::read(file, reader)?,
            Self::Borg => borg::read(file, reader)?,
            Self::Dlrm => dlrm::read(file, reader)?,
            Self::Philly => philly::read(file, reader)?,
            Self::Swf => swf::read(file, reader)?,
        })
    }
}

/// Files joined by `+`: everything of each, in their order; names must be unique over all of them.
fn joined(paths: &str) -> Result<ClusterSet, ClusterError> {
    let mut whole = ClusterSet { name: paths.to_owned(), ..ClusterSet::default() };
    for path in paths.split('+') {
        let part = cluster_set(path)?;
        unique("node", &whole.nodes, &part.nodes, path, |node| &node.name)?;
        unique("task", &whole.tasks, &part.tasks, path, |recorded| &recorded.task.id)?;
        whole.nodes.extend(part.nodes);
        whole.tasks.extend(part.tasks);
        whole.sites.extend(part.sites);
        whole.quotas.extend(part.quotas);
        whole.faults.extend(part.faults);
        whole.skipped.append(part.skipped);
        whole.notes.extend(part.notes);
    }
    Ok(whole)
}

fn unique<T>(kind: &'static str, have: &[T], more: &[T], file: &str, name: fn(&T) -> &str) -> Result<(), ClusterError> {
    let known: BTreeSet<&str> = have.iter().map(name).collect();
    match more.iter().map(name).find(|name| known.contains(name)) {
        Some(twice) => Err(ClusterError::Twice { kind, name: twice.to_owned(), file: file.to_owned() }),
        None => Ok(()),
    }
}
