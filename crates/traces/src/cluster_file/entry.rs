//! One line of a cluster file as a checked value.
//!
//! Types and names are checked by [`Strict`](super::strict::Strict); what holds between fields is checked here, so that a
//! simulation never meets a GPU share above one GPU or a gang of nobody.

use super::VERSION;
use super::strict::{Strict, Unique, Wrong};
use crate::cluster::{Fault, RecordedTask};
use plimsoll_model::Millis;
use plimsoll_model::cluster::{Demand, GPU_WHOLE, Node, QuotaSpec, Site, Task};
use serde::Deserialize;
use serde_json::Value;

/// One thing in a cluster file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The first line, which names the format's version.
    Version,
    /// A machine.
    Node(Box<Node>),
    /// Work.
    Task(Box<RecordedTask>),
    /// A place with nodes.
    Site(Site),
    /// What somebody may have.
    Quota(QuotaSpec),
    /// A node that is lost for a while.
    Fault(Fault),
    /// What was assumed when the file was made.
    Note(String),
}

#[derive(Deserialize)]
struct Line {
    plimsoll_cluster: Option<u32>,
    node: Option<Box<Node>>,
    task: Option<Box<Task>>,
    site: Option<Site>,
    quota: Option<QuotaSpec>,
    fault: Option<Fault>,
    note: Option<String>,
    run_time_true_ms: Option<Millis>,
    wait_ms: Option<Millis>,
}

impl Entry {
    /// # Errors
    /// [`Wrong`], with the path of the field.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let Unique(value) = serde_json::from_str(text).map_err(|error| Wrong::no_json(&error))?;
        let line = Line::deserialize(Strict(&value))?;
        speed_up(&value)?;
        line.entry()
    }
}

impl Line {
    fn entry(self) -> Result<Entry, Wrong> {
        let is_task = self.task.is_some();
        for (name, given) in [("run_time_true_ms", self.run_time_true_ms), ("wait_ms", self.wait_ms)] {
            if given.is_some() && !is_task {
                return Err(Wrong::at(name, "stands beside a task and nothing else"));
            }
        }
        let (run_time_true, wait) = (self.run_time_true_ms, self.wait_ms);
        let version = self.plimsoll_cluster.map(|version| match version {
            VERSION => Ok(Entry::Version),
            other => Err(Wrong::at("plimsoll_cluster", &format!("{other} is no version that is known; {VERSION} is"))),
        });
        let task = self.task.map(|task| Entry::Task(Box::new(RecordedTask { task: *task, run_time_true, wait })));
        let found = [
            version.transpose()?,
            self.node.map(Entry::Node),
            task,
            self.site.map(Entry::Site),
            self.quota.map(Entry::Quota),
            self.fault.map(Entry::Fault),
            self.note.map(Entry::Note),
        ];
        let mut found = found.into_iter().flatten();
        match (found.next(), found.next()) {
            (Some(entry), None) => check(&entry).map(|()| entry),
            _ => Err(Wrong::at(
                "(whole line)",
                "a line holds exactly one of node, task, site, quota, fault, note, plimsoll_cluster",
            )),
        }
    }
}

fn check(entry: &Entry) -> Result<(), Wrong> {
    match entry {
        Entry::Task(recorded) => check_task(&recorded.task),
        Entry::Node(node) => {
            let gpus = &node.capacity.gpus;
            wrong_if(gpus.count == 0 && !gpus.model.is_empty(), "node.capacity.gpus.model", "there are no GPUs")
        }
        Entry::Quota(quota) => wrong_if(quota.weight == 0, "quota.weight", "0 is not at least 1"),
        Entry::Fault(fault) => {
            let is_backwards = fault.until.is_some_and(|until| until <= fault.at);
            wrong_if(is_backwards, "fault.until_ms", "it is not after at_ms")
        }
        Entry::Site(_) | Entry::Note(_) | Entry::Version => Ok(()),
    }
}

fn check_task(task: &Task) -> Result<(), Wrong> {
    check_gpu(&task.requests, "task.requests.gpu.milli")?;
    if let Some(limits) = &task.limits {
        check_gpu(limits, "task.limits.gpu.milli")?;
    }
    let is_empty = task.gang.as_ref().is_some_and(|gang| gang.size == 0);
    wrong_if(is_empty, "task.gang.size", "0 is not at least 1")?;
    if let Some(elastic) = &task.elastic {
        let is_range = (1..=elastic.workers_max).contains(&elastic.workers_min);
        wrong_if(!is_range, "task.elastic.workers_min", "it is not between 1 and workers_max")?;
    }
    let off = |weight: u32| !(1..=100).contains(&weight);
    wrong_if(task.prefers.iter().any(|(_, weight)| off(*weight)), "task.prefers", "a weight is not from 1 to 100")?;
    let is_off = task.affinity.iter().filter_map(|affinity| affinity.weight).any(off);
    wrong_if(is_off, "task.affinity", "a weight is not from 1 to 100")
}

fn check_gpu(demand: &Demand, field: &str) -> Result<(), Wrong> {
    let (count, milli) = (demand.gpu.count, demand.gpu.milli);
    let is_fitting = match count {
        0 => milli == 0,
        1 => (1..=GPU_WHOLE).contains(&milli),
        _ => milli == GPU_WHOLE,
    };
    let problem = format!("{milli} of each of {count} is not 0 without a GPU, 1 to 1000 of one, 1000 of several");
    wrong_if(!is_fitting, field, &problem)
}

fn wrong_if(is_wrong: bool, field: &str, problem: &str) -> Result<(), Wrong> {
    if is_wrong { Err(Wrong::at(field, problem)) } else { Ok(()) }
}

/// The one noun whose fields depend on a tag, which hides them from [`Strict`].
fn speed_up(line: &Value) -> Result<(), Wrong> {
    let Some(Value::Object(fields)) = line.pointer("/task/elastic/speed_up") else { return Ok(()) };
    let known: &'static [&'static str] = match fields.get("law").and_then(Value::as_str) {
        Some("amdahl") => &["law", "serial"],
        _ => &["law", "speeds"],
    };
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        Some(stranger) => Err(Wrong::unknown(stranger, known).inside("task.elastic.speed_up")),
        None => Ok(()),
    }
}
