//! Writing a cluster file, so that any set (a trace, a workload made of one) can be kept, edited and read again.
//!
//! What a trace left out cannot be written as tasks; it is written as notes, so that the file still says so.

use super::VERSION;
use crate::cluster::{ClusterSet, Fault, RecordedTask};
use plimsoll_model::Millis;
use plimsoll_model::cluster::{Node, QuotaSpec, Site, Task};
use serde::Serialize;
use std::io::{Result, Write};

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    PlimsollCluster(u32),
    Note(&'a str),
    Site(&'a Site),
    Node(&'a Node),
    Quota(&'a QuotaSpec),
    Fault(&'a Fault),
}

#[derive(Serialize)]
struct TaskLine<'a> {
    task: &'a Task,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_time_true_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<Millis>,
}

/// Writes `set` as a cluster file: its version, notes, sites, nodes, quotas, faults, then tasks, each in their order. The
/// same set gives the same bytes; the set's name is not part of it.
///
/// # Errors
/// What `to` says.
pub fn write(set: &ClusterSet, to: &mut dyn Write) -> Result<()> {
    line(to, &Line::PlimsollCluster(VERSION))?;
    for note in &set.notes {
        line(to, &Line::Note(note))?;
    }
    for text in set.skipped.to_string().lines() {
        line(to, &Line::Note(text))?;
    }
    for site in &set.sites {
        line(to, &Line::Site(site))?;
    }
    for node in &set.nodes {
        line(to, &Line::Node(node))?;
    }
    for quota in &set.quotas {
        line(to, &Line::Quota(quota))?;
    }
    for fault in &set.faults {
        line(to, &Line::Fault(fault))?;
    }
    for RecordedTask { task, run_time_true, wait } in &set.tasks {
        line(to, &TaskLine { task, run_time_true_ms: *run_time_true, wait_ms: *wait })?;
    }
    Ok(())
}

fn line(to: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}
