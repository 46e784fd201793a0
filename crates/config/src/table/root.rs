//! The top of the file: name, clock, tick, node, history, API.

use super::access::API;
use super::analyst::ANALYST;
use super::gateway::GATEWAY;
use super::job::JOB;
use super::operations::{PRICES, RETENTION, USER, WEBHOOK};
use super::queue::QUEUE;
use super::service::SERVICE;
use crate::field::Fallback::{Absent, Inner, Is, Required};
use crate::field::Literal::{Integer, Text};
use crate::field::{DAY, Field, HOUR, Kind, MIB, SECOND, Section, TIB, bytes, count, cpu, duration};
use crate::form::Form;

/// The whole file.
pub static ROOT: Section = Section {
    name: "spec",
    path: "",
    doc: "Everything that one `plimsoll up` levels.",
    short: &[],
    fields: &[
        Field::new("name", Kind::Text(Form::Name), Required, "What this installation is called.")
            .long("Names the state directory, so two specs with one name share their state.")
            .restarts(),
        Field::new(
            "tick",
            duration(SECOND, HOUR),
            Is(Text("15s"), "the period of the Kubernetes autoscaler; shorter reacts sooner to noise, not to load"),
            "How often the controller decides, in trace time.",
        )
        .restarts(),
        Field::new("clock", Kind::Table(&CLOCK), Inner, "How trace time passes.").restarts(),
        Field::new("node", Kind::Table(&NODE), Inner, "The capacity that may be given to workloads."),
        Field::new("gateway", Kind::Table(&GATEWAY), Inner, "Listeners, routes and limits of the data plane."),
        Field::new("api", Kind::Table(&API), Inner, "The HTTP API and the dashboard.").restarts(),
        Field::new(
            "retention",
            Kind::Table(&RETENTION),
            Inner,
            "How long what has no bound of its own in `history` is kept.",
        ),
        Field::new("prices", Kind::Table(&PRICES), Inner, "What things cost, for `plimsoll usage`."),
        Field::new("users", Kind::Named(&USER), Absent("nobody owns anything"), "Users by name, for `plimsoll usage`."),
        Field::new("webhooks", Kind::Named(&WEBHOOK), Absent("nobody is told"), "Receivers of messages, by name."),
        Field::new("history", Kind::Table(&HISTORY), Inner, "What is kept of history and for how long.").restarts(),
        Field::new("analyst", Kind::Table(&ANALYST), Inner, "How the analyst works."),
        Field::new("queue", Kind::Table(&QUEUE), Inner, "The order of waiting jobs. A plain word chooses it."),
        Field::new("services", Kind::Named(&SERVICE), Absent("no services"), "Services by name.")
            .long("A service is a long-running workload of interchangeable replicas."),
        Field::new("jobs", Kind::Named(&JOB), Absent("no jobs"), "Jobs by name.")
            .long("A job is a workload that runs to its end. No job has the name of a service."),
    ],
};

static CLOCK: Section = Section {
    name: "clock",
    path: "clock",
    doc: "How trace time passes: `trace = start + speed × elapsed`. Policy durations, seasons, schedules and history are \
          in trace time; start-up, time-outs and health checks are physical.",
    short: &[],
    fields: &[
        Field::new(
            "speed",
            count(1, 3_600),
            Is(Integer(1), "real time, which is what a service in use needs"),
            "Trace seconds per physical second.",
        )
        .long("With 360, a recorded day is replayed in four minutes.")
        .restarts(),
        Field::new(
            "start",
            Kind::Text(Form::Moment),
            Absent("the wall clock at start-up"),
            "Trace time at which the clock starts.",
        )
        .restarts(),
    ],
};

static NODE: Section = Section {
    name: "node",
    path: "node",
    doc: "The capacity that may be given to workloads.",
    short: &[],
    fields: &[
        Field::new(
            "name",
            Kind::Text(Form::Name),
            Is(Text("local"), "there is one node, and its name is only read by people"),
            "The node's name.",
        )
        .restarts(),
        Field::new("cpu", cpu(10, 4_096_000), Absent("what the host has, less `reserved_cpu`"), "CPU for workloads."),
        Field::new(
            "memory",
            bytes(MIB, 1_024 * TIB),
            Absent("what the host has, less `reserved_memory`"),
            "Memory for workloads.",
        ),
        Field::new(
            "reserved_cpu",
            cpu(0, 4_096_000),
            Is(Text("100m"), "the idle cost of daemon and gateway with room to spare; raise it for heavy traffic"),
            "CPU kept for the system and Plimsoll itself.",
        )
        .long("Not subtracted from `cpu` where that is given."),
        Field::new(
            "reserved_memory",
            bytes(0, 1_024 * TIB),
            Is(Text("256MiB"), "the daemon (60 MB) and the gateway with full buffers, and as much again"),
            "Memory kept for the system and Plimsoll itself.",
        )
        .long("Not subtracted from `memory` where that is given."),
    ],
};

static HISTORY: Section = Section {
    name: "history",
    path: "history",
    doc: "What is kept of history and for how long.",
    short: &[],
    fields: &[
        Field::new(
            "raw",
            duration(HOUR, 3_660 * DAY),
            Is(Text("2d"), "long enough to explain yesterday at full resolution"),
            "How long samples at tick resolution are kept, in trace time.",
        )
        .restarts(),
        Field::new(
            "summary",
            duration(HOUR, 36_600 * DAY),
            Is(Text("400d"), "a year and a month, so that a forecast can see the same week of last year"),
            "How long one-minute and hourly summaries are kept, in trace time.",
        )
        .restarts(),
        Field::new(
            "size_max",
            bytes(16 * MIB, 16 * TIB),
            Is(Text("1GiB"), "a year of summaries of fifty services, and bounded on any disk"),
            "Bound on the history store's size on disk.",
        )
        .restarts(),
        Field::new(
            "journal",
            duration(HOUR, 3_660 * DAY),
            Is(Text("30d"), "a month in which a decision can be replayed and explained"),
            "How long journal segments are kept, in physical time.",
        )
        .restarts(),
        Field::new(
            "journal_size_max",
            bytes(16 * MIB, 16 * TIB),
            Is(Text("1GiB"), "bounds the journal where the clock is fast or the services are many"),
            "Bound on the journal's size on disk.",
        )
        .restarts(),
    ],
};
