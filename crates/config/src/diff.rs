//! What a reload changes, field by field in the file's own words, and what each change costs.

use crate::field::{Kind, Reload, Section};
use crate::secret;
use crate::table::ROOT;
use crate::write::{Branch, Node, tree};
use plimsoll_model::{JobName, ServiceName, Spec};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The differences of two specs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpecDiff {
    /// Services that are new, gone or changed.
    pub services: BTreeMap<ServiceName, Change>,
    /// Jobs that are new, gone or changed.
    pub jobs: BTreeMap<JobName, Change>,
    /// Changes of the gateway.
    pub gateway: Vec<FieldChange>,
    /// Changes of everything else: clock, node, API, history, queue.
    pub rest: Vec<FieldChange>,
}

/// What happened to a service or job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// These fields differ.
    Changed(Vec<FieldChange>),
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The field as in the file, `services.shop.replicas.max`.
    pub field: String,
    /// The old value as TOML; none where it was left out. Values that look like secrets are starred out.
    pub old: Option<String>,
    /// The new value as TOML; none where it is left out. Values that look like secrets are starred out.
    pub new: Option<String>,
    /// What the change does.
    pub reload: Reload,
}

impl SpecDiff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.jobs.is_empty() && self.gateway.is_empty() && self.rest.is_empty()
    }

    /// Every field that differs, of services and jobs that stay and of everything else.
    pub fn fields(&self) -> impl Iterator<Item = &FieldChange> {
        let changed = |change: &'_ Change| matches!(change, Change::Changed(_));
        let services = self.services.values().filter(move |change| changed(change));
        let jobs = self.jobs.values().filter(move |change| changed(change));
        let inner = services.chain(jobs).flat_map(|change| match change {
            Change::Changed(fields) => fields.as_slice(),
            Change::Added | Change::Removed => &[],
        });
        self.rest.iter().chain(&self.gateway).chain(inner)
    }

    /// Whether a part of it takes effect only at the next start of `plimsoll up`.
    #[must_use]
    pub fn needs_restart(&self) -> bool {
        self.fields().any(|field| field.reload == Reload::Restart)
    }
}

impl fmt::Display for SpecDiff {
    /// One line per difference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.services.iter().map(|(name, change)| (format!("services.{name}"), change));
        let jobs = self.jobs.iter().map(|(name, change)| (format!("jobs.{name}"), change));
        for (path, change) in services.chain(jobs) {
            match change {
                Change::Added => writeln!(f, "{path}: new")?,
                Change::Removed => writeln!(f, "{path}: gone")?,
                Change::Changed(_) => {}
            }
        }
        for FieldChange { field, old, new, reload } in self.fields() {
            let effect = match reload {
                Reload::Live => "",
                Reload::Next => " (for what starts from now on)",
                Reload::Replace => " (replaces what runs)",
                Reload::Restart => " (at the next start)",
            };
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
            writeln!(f, "{field}: {} → {}{effect}", shown(old), shown(new))?;
        }
        Ok(())
    }
}

/// What differs from `old` to `new`.
#[must_use]
pub fn diff(old: &Spec, new: &Spec) -> SpecDiff {
    let (before, after) = (leaves(old), leaves(new));
    let mut diff = SpecDiff { services: BTreeMap::new(), jobs: BTreeMap::new(), gateway: Vec::new(), rest: Vec::new() };
    presence(old.services.keys(), new.services.keys(), &mut diff.services);
    presence(old.jobs.keys(), new.jobs.keys(), &mut diff.jobs);
    let paths: BTreeSet<&Vec<String>> = before.keys().chain(after.keys()).collect();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        if old == new {
            continue;
        }
        let is_secret = path.iter().any(|key| key == "env") && path.last().is_some_and(|name| secret::is_likely(name));
        let shown =
            |value: Option<&String>| value.map(|value| if is_secret { "\"***\"".into() } else { value.clone() });
        let change = FieldChange { field: dotted(path), old: shown(old), new: shown(new), reload: effect(path) };
        match (path.first().map(String::as_str), path.get(1)) {
            (Some("services"), Some(name)) => {
                place(&mut diff.services, ServiceName::try_new(name.as_str()).ok(), change)
            }
            (Some("jobs"), Some(name)) => place(&mut diff.jobs, JobName::try_new(name.as_str()).ok(), change),
            (Some("gateway"), _) => diff.gateway.push(change),
            _ => diff.rest.push(change),
        }
    }
    diff
}

fn presence<'a, N: Ord + Clone + 'a>(
    old: impl Iterator<Item = &'a N>,
    new: impl Iterator<Item = &'a N>,
    into: &mut BTreeMap<N, Change>,
) {
    let (old, new): (BTreeSet<&N>, BTreeSet<&N>) = (old.collect(), new.collect());
    into.extend(new.difference(&old).map(|name| ((*name).clone(), Change::Added)));
    into.extend(old.difference(&new).map(|name| ((*name).clone(), Change::Removed)));
}

/// The fields of a service that is new or gone are not listed: all of them differ.
fn place<N: Ord>(into: &mut BTreeMap<N, Change>, name: Option<N>, change: FieldChange) {
    let Some(name) = name else { return };
    if let Change::Changed(fields) = into.entry(name).or_insert_with(|| Change::Changed(Vec::new())) {
        fields.push(change);
    }
}

fn leaves(spec: &Spec) -> BTreeMap<Vec<String>, String> {
    let mut found = BTreeMap::new();
    collect(&tree(spec), &mut Vec::new(), &mut found);
    found
}

fn collect(branch: &Branch, path: &mut Vec<String>, found: &mut BTreeMap<Vec<String>, String>) {
    for (key, node) in &branch.0 {
        path.push(key.clone());
        match node {
            Node::Leaf(literal) => {
                found.insert(path.clone(), literal.clone());
            }
            Node::Branch(inner) => collect(inner, path, found),
            Node::List(list) => {
                for (index, inner) in list.iter().enumerate() {
                    path.push(format!("[{index}]"));
                    collect(inner, path, found);
                    path.pop();
                }
            }
        }
        path.pop();
    }
}

fn dotted(path: &[String]) -> String {
    path.iter().fold(String::new(), |so_far, key| match key.starts_with('[') {
        true => so_far + key,
        false => crate::read::join(&so_far, key),
    })
}

/// What the table says of a change at this path.
fn effect(path: &[String]) -> Reload {
    let mut section: &Section = &ROOT;
    let mut keys = path.iter().filter(|key| !key.starts_with('['));
    while let Some(field) = keys.next().and_then(|key| section.field(key)) {
        match field.kind {
            Kind::Table(inner) | Kind::Tables(inner) => section = inner,
            Kind::Named(inner) => {
                section = inner;
                keys.next();
            }
            // A run of a job is never replaced; the next one is started with the new value.
            _ if path.first().is_some_and(|key| key == "jobs") => return field.reload.min(Reload::Next),
            _ => return field.reload,
        }
    }
    Reload::Restart
}
