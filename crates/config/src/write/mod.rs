//! From a spec back to a spec file: every field, defaults included, in the units that people use.
//!
//! Reading what is written gives the same spec (a test proves it for each field). Every struct of the model is taken
//! apart by name, so a field added there does not compile here until the file format has it.

mod analyst;
mod gateway;
mod kubernetes;
mod metrics;
mod operations;
mod scaling;
mod vertical;
mod workload;

use crate::unit::Unit;
use analyst::write_analyst;
use gateway::write_gateway;
use operations::{write_address, write_operations};
use plimsoll_model::scaling::HpaSpec;
use plimsoll_model::spec::{ClockSpec, HistorySpec, NodeSpec, QueueSpec, Spec};
use std::fmt::Write as _;
use workload::{write_job, write_service};

/// What stands at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A value, as TOML.
    Leaf(String),
    /// A table.
    Branch(Branch),
    /// A list of tables.
    List(Vec<Branch>),
}

/// A table: keys and what stands there, in the order of the reference page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branch(pub Vec<(String, Node)>);

/// The spec as the text of a spec file, with every field. Paths are written as they are in the spec (absolute, if it was
/// loaded from a file).
#[must_use]
pub fn render(spec: &Spec) -> String {
    let mut text = String::new();
    write_branch(&mut text, &tree(spec), "");
    text
}

/// A branch as text below a path; empty for the top of a file.
#[must_use]
pub fn print(branch: &Branch, path: &str) -> String {
    let mut text = String::new();
    write_branch(&mut text, branch, path);
    text
}

/// Bounds and an autoscaler, as a service says them.
#[must_use]
pub fn hpa_branch(replicas_min: u32, replicas_max: u32, hpa: &HpaSpec) -> Branch {
    let mut service = Branch::default();
    service.leaf("replicas", format!("{{ min = {replicas_min}, max = {replicas_max} }}"));
    service.branch("scaling", |at| at.branch("hpa", |at| kubernetes::write_hpa(at, hpa)));
    service
}

fn write_branch(text: &mut String, branch: &Branch, path: &str) {
    for (key, node) in &branch.0 {
        if let Node::Leaf(literal) = node {
            let _ = writeln!(text, "{} = {literal}", quoted_key(key));
        }
    }
    for (key, node) in &branch.0 {
        let path = if path.is_empty() { quoted_key(key) } else { format!("{path}.{}", quoted_key(key)) };
        match node {
            Node::Leaf(_) => {}
            Node::Branch(inner) => {
                let _ = write!(text, "\n[{path}]\n");
                write_branch(text, inner, &path);
            }
            Node::List(list) => {
                for inner in list {
                    let _ = write!(text, "\n[[{path}]]\n");
                    write_branch(text, inner, &path);
                }
            }
        }
    }
}

fn quoted_key(key: &str) -> String {
    let is_bare =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Branch {
    fn leaf(&mut self, key: &str, literal: String) {
        self.0.push((key.to_owned(), Node::Leaf(literal)));
    }

    fn unit(&mut self, key: &str, unit: Unit, value: u64) {
        self.leaf(key, unit.literal(signed(value)));
    }

    fn unit_if(&mut self, key: &str, unit: Unit, value: Option<u64>) {
        if let Some(value) = value {
            self.unit(key, unit, value);
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.leaf(key, quoted(text));
    }

    fn text_if(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// Adds a table to a list of tables.
    fn item(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, Node::List(list))) => list.push(inner),
            _ => self.0.push((key.to_owned(), Node::List(vec![inner]))),
        }
    }

    fn branch(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.0.push((key.to_owned(), Node::Branch(inner)));
    }
}

/// The spec as a tree of the file's keys.
#[must_use]
pub fn tree(spec: &Spec) -> Branch {
    let Spec { name, clock, tick, node, gateway, api_listen, queue, services, jobs, history, analyst, operations } =
        spec;
    let mut root = Branch::default();
    root.text("name", name);
    root.unit("tick", Unit::Duration, tick.get());
    root.branch("clock", |branch| write_clock(branch, clock));
    root.branch("node", |branch| write_node(branch, node));
    root.branch("gateway", |branch| write_gateway(branch, gateway));
    write_operations(&mut root, api_listen, operations);
    root.branch("history", |branch| write_history(branch, history));
    root.branch("analyst", |branch| write_analyst(branch, analyst));
    root.branch("queue", |branch| write_queue(branch, queue));
    root.branch("services", |branch| {
        services.iter().for_each(|(name, service)| branch.branch(name.as_str(), |at| write_service(at, service)));
    });
    root.branch("jobs", |branch| {
        jobs.iter().for_each(|(name, job)| branch.branch(name.as_str(), |at| write_job(at, job)));
    });
    root
}

fn write_queue(at: &mut Branch, QueueSpec { order, backfill, ageing, patience }: &QueueSpec) {
    at.text("order", order);
    at.text("backfill", backfill);
    at.unit("ageing", Unit::Duration, ageing.get());
    at.unit("patience", Unit::Duration, patience.get());
}

fn write_clock(at: &mut Branch, ClockSpec { speed, start }: &ClockSpec) {
    at.unit("speed", Unit::Count, u64::from(*speed));
    at.text_if("start", start.map(|start| start.to_string()).as_deref());
}

fn write_node(at: &mut Branch, NodeSpec { name, cpu, memory, reserved_cpu, reserved_memory }: &NodeSpec) {
    at.text("name", name.as_str());
    at.unit_if("cpu", Unit::Cpu, cpu.map(|cpu| cpu.get()));
    at.unit_if("memory", Unit::Bytes, memory.map(|memory| memory.get()));
    at.unit("reserved_cpu", Unit::Cpu, reserved_cpu.get());
    at.unit("reserved_memory", Unit::Bytes, reserved_memory.get());
}

fn write_history(at: &mut Branch, history: &HistorySpec) {
    let HistorySpec { raw, summary, size_max, journal, journal_size_max } = history;
    at.unit("raw", Unit::Duration, raw.get());
    at.unit("summary", Unit::Duration, summary.get());
    at.unit("size_max", Unit::Bytes, size_max.get());
    at.unit("journal", Unit::Duration, journal.get());
    at.unit("journal_size_max", Unit::Bytes, journal_size_max.get());
}
