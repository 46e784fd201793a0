//! What an order of the queue may name.
//!
//! All of it is known when a task is submitted, but for what is in scope `moving`: the clock, and what the task's holder
//! used. The true run time is not among them.

use super::input::{InputEntry, Scope, Step};
use plimsoll_expr::Schema;

/// Where the value of an input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueSource {
    /// Time of submission.
    Submitted,
    /// Time since then.
    Wait,
    /// Expected run time.
    RunTime,
    /// Whole cores.
    Processors,
    /// Dominant share.
    Share,
    /// CPU asked for.
    Cpu,
    /// Memory asked for.
    Memory,
    /// GPUs asked for.
    Gpu,
    /// Priority.
    Priority,
    /// Decayed use of the holder over what it is entitled to.
    OverUse,
}

type Entry = InputEntry<QueueSource>;

/// 35,000 years in milliseconds: no clock of a trace is beyond.
const TIME: i64 = 1 << 50;
const AMOUNT: i64 = 1 << 32;

/// All of them, in the order of the documentation.
pub static QUEUE_INPUTS: [Entry; 10] = [
    Entry {
        name: "submitted",
        source: QueueSource::Submitted,
        step: Step::Millisecond,
        least: -TIME,
        most: TIME,
        scope: Scope::Task,
        meaning: "when the task was submitted, since the start of the trace's clock",
    },
    entry("wait", QueueSource::Wait, Step::Millisecond, 0, TIME, Scope::Moving, "how long it has waited"),
    entry(
        "run_time",
        QueueSource::RunTime,
        Step::Millisecond,
        1,
        TIME,
        Scope::Task,
        "how long it is expected to run: what was asked for, or predicted where the scheduler predicts; a service runs for ever",
    ),
    entry(
        "procs",
        QueueSource::Processors,
        Step::Plain,
        1,
        AMOUNT - 1,
        Scope::Task,
        "whole cores it asks for, rounded up, all members of its gang together",
    ),
    entry(
        "share",
        QueueSource::Share,
        Step::Plain,
        0,
        1_000_000_000_000,
        Scope::Task,
        "the largest share it asks of any resource of the cluster, in 10^-12 of all there is, all members together",
    ),
    entry("cpu", QueueSource::Cpu, Step::Millicore, 0, 1 << 50, Scope::Task, "CPU it asks for, all members together"),
    entry("memory", QueueSource::Memory, Step::Mebibyte, 0, AMOUNT, Scope::Task, "memory, all members together"),
    entry("gpu", QueueSource::Gpu, Step::Milligpu, 0, AMOUNT, Scope::Task, "GPUs, all members together"),
    entry(
        "priority",
        QueueSource::Priority,
        Step::Plain,
        i32::MIN as i64,
        i32::MAX as i64,
        Scope::Task,
        "its priority; higher is more important",
    ),
    entry(
        "over_use",
        QueueSource::OverUse,
        Step::Plain,
        0,
        1_000_000_000_000,
        Scope::Moving,
        "what its user or queue used of late over what it is entitled to, in millionths: 1000000 is exactly its share",
    ),
];

const fn entry(
    name: &'static str,
    source: QueueSource,
    step: Step,
    least: i64,
    most: i64,
    scope: Scope,
    meaning: &'static str,
) -> Entry {
    Entry { name, source, step, least, most, scope, meaning }
}

/// The schema of queue orders.
#[must_use]
pub fn queue_schema() -> Schema {
    let inputs = QUEUE_INPUTS.iter().map(|entry| entry.input(false)).collect();
    Schema::try_new(inputs).expect("invariant: the table of queue inputs is a schema")
}
