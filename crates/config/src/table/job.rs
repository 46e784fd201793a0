//! A job: schedule, retries, pre-emption.

use super::workload::{COMMAND, DIRECTORY, ENV, LIMITS, LOG, REQUESTS, SANDBOX};
use crate::field::Fallback::{Absent, Inner, Is, Required};
use crate::field::Literal::{Decimal, Flag, Integer, Text};
use crate::field::{DAY, Field, HOUR, Kind, MIB, Section, TIB, bytes, count, duration, thousandths};
use crate::form::Form;

pub static JOB: Section = Section {
    name: "job",
    path: "jobs.NAME",
    doc: "A workload that runs to its end.",
    short: &[],
    fields: &[
        COMMAND,
        ENV,
        DIRECTORY,
        Field::new("requests", Kind::Table(&REQUESTS), Required, "What a run is reserved.").replaces(),
        Field::new("limits", Kind::Table(&LIMITS), Inner, "What a run may use at most.").replaces(),
        Field::new(
            "priority",
            count(-1_000_000, 1_000_000),
            Is(Integer(0), "below the default of services, because nobody waits for it on a screen"),
            "Higher goes first, and may pre-empt lower.",
        ),
        Field::new(
            "schedule",
            Kind::Text(Form::Schedule),
            Is(Text("once"), "what a batch queue does with a job"),
            "When it runs, in trace time.",
        )
        .long(
            "`once` at start-up; `every 1h` from start-up on (a run that still goes lets the next one pass); \
             `daily 03:30` in UTC; `manual` only when asked.",
        ),
        Field::new("run_time", duration(1, 366 * DAY), Absent("unknown"), "Expected run time, in trace time."),
        Field::new(
            "retries",
            count(0, 1_000),
            Is(Integer(0), "only its author knows whether it may run twice"),
            "Further tries after a failure.",
        ),
        Field::new(
            "memory_retry",
            Kind::Table(&MEMORY_RETRY),
            Absent("tried again with the same memory"),
            "Memory growth per retry after running out of memory.",
        ),
        Field::new(
            "preemptible",
            Kind::Flag,
            Is(Flag(false), "only its author knows whether it may be stopped half way"),
            "May be stopped to make room for something more important; it is queued again.",
        ),
        Field::new(
            "grace",
            duration(0, HOUR),
            Is(Text("10s"), "the time that Docker gives"),
            "Time from SIGTERM to SIGKILL, physical.",
        ),
        Field::new("sandbox", Kind::Table(&SANDBOX), Inner, "What it may touch.").replaces(),
        Field::new("log", Kind::Table(&LOG), Inner, "Captured standard output and error.").starts(),
    ],
};

static MEMORY_RETRY: Section = Section {
    name: "memory_retry",
    path: "jobs.NAME.memory_retry",
    doc: "How a job that ran out of memory is tried again.",
    short: &[],
    fields: &[
        Field::new(
            "factor",
            thousandths(1_001, 10_000),
            Is(Decimal("1.5"), "reaches four times the memory in four tries without wasting half of it"),
            "Request and limit are multiplied by this at each such retry.",
        ),
        Field::new("max", bytes(MIB, 1_024 * TIB), Required, "Never above this."),
    ],
};
