//! A service: replicas, health, restart.

use super::analyst::SERVICE_ANALYST;
use super::balance::BALANCE;
use super::metrics::METRICS;
use super::scaling::SCALING;
use super::workload::{COMMAND, DIRECTORY, ENV, LIMITS, LOG, REQUESTS, SANDBOX};
use crate::field::Fallback::{Absent, Inner, Is, Required};
use crate::field::Literal::{Integer, Text};
use crate::field::{DAY, Field, HOUR, Kind, MINUTE, Section, count, duration};
use crate::form::Form;

pub static SERVICE: Section = Section {
    name: "service",
    path: "services.NAME",
    doc: "A long-running workload of interchangeable replicas.",
    short: &[],
    fields: &[
        COMMAND,
        ENV,
        DIRECTORY,
        Field::new("replicas", Kind::Table(&REPLICAS), Required, "How many replicas there may be."),
        Field::new("requests", Kind::Table(&REQUESTS), Required, "What each replica is reserved.").replaces(),
        Field::new("limits", Kind::Table(&LIMITS), Inner, "What each replica may use at most.").replaces(),
        Field::new("health", Kind::Table(&HEALTH), Inner, "How readiness is found out.").starts(),
        Field::new(
            "startup",
            duration(0, HOUR),
            Is(Text("1s"), "an interpreter with a small program; measure yours, the forecast looks this far ahead"),
            "Expected time from start to ready, in physical time.",
        ),
        Field::new(
            "grace",
            duration(0, HOUR),
            Is(Text("10s"), "the time that Docker gives; requests in flight end in it"),
            "Longest time to drain and stop, in physical time, before SIGKILL.",
        ),
        Field::new("balance", Kind::Table(&BALANCE), Inner, "How requests are spread over replicas."),
        Field::new("scaling", Kind::Table(&SCALING), Inner, "How many replicas there should be."),
        Field::new(
            "metrics",
            Kind::Tables(&METRICS),
            Absent("only what the gateway and the kernel measure is known"),
            "Figures that somebody else measures, and where they come from.",
        ),
        Field::new(
            "priority",
            count(-1_000_000, 1_000_000),
            Is(Integer(10), "above the default of jobs, because somebody waits for a service"),
            "Higher goes first when capacity is scarce.",
        ),
        Field::new(
            "weight",
            count(1, 1_000_000),
            Is(Integer(1), "without a reason to prefer one, shares are equal"),
            "Its share among services of the same priority when capacity is scarce.",
        ),
        Field::new("restart", Kind::Table(&RESTART), Inner, "When a replica that exits is started again."),
        Field::new("sandbox", Kind::Table(&SANDBOX), Inner, "What a replica may touch.").replaces(),
        Field::new("log", Kind::Table(&LOG), Inner, "Captured standard output and error.").starts(),
        Field::new("analyst", Kind::Table(&SERVICE_ANALYST), Inner, "What the analyst may do about it."),
    ],
};

static REPLICAS: Section = Section {
    name: "replicas",
    path: "services.NAME.replicas",
    doc: "Bounds on the number of replicas. A plain number fixes it.",
    short: &["min", "max"],
    fields: &[
        Field::new(
            "min",
            count(0, 10_000),
            Is(Integer(1), "at zero the first request would wait for a start"),
            "Fewest replicas.",
        ),
        Field::new("max", count(1, 10_000), Required, "Most replicas."),
        Field::new(
            "guaranteed",
            count(0, 10_000),
            Absent("`min`"),
            "Replicas that it has before any service of its priority or below gets more than a guarantee.",
        ),
    ],
};

static HEALTH: Section = Section {
    name: "health",
    path: "services.NAME.health",
    doc: "How readiness is found out. Times are physical.",
    short: &["path"],
    fields: &[
        Field::new(
            "path",
            Kind::Text(Form::UrlPath),
            Absent("the port accepting a connection is enough"),
            "`GET` of this path on the replica answers 200 to 399.",
        )
        .starts(),
        Field::new(
            "interval",
            duration(10, HOUR),
            Is(Text("1s"), "a check on this machine costs microseconds, and a dead replica is noticed at once"),
            "Time between two checks of a ready replica.",
        )
        .starts(),
        Field::new(
            "timeout",
            duration(1, MINUTE),
            Is(Text("1s"), "the time-out of a Kubernetes probe"),
            "Longest wait for an answer.",
        )
        .starts(),
        Field::new(
            "healthy_after",
            count(1, 100),
            Is(Integer(1), "as a Kubernetes probe: the first answer proves that it serves"),
            "Passed checks in a row that make a replica ready.",
        )
        .starts(),
        Field::new(
            "unhealthy_after",
            count(1, 100),
            Is(Integer(3), "as a Kubernetes probe: one lost answer under load is no outage"),
            "Failed checks in a row that make it not ready.",
        )
        .starts(),
        Field::new(
            "startup_max",
            duration(100, DAY),
            Is(Text("1m"), "long for a process on a warm disk; a slow starter says so"),
            "A replica that is not ready by then is stopped and started again.",
        )
        .starts(),
    ],
};

static RESTART: Section = Section {
    name: "restart",
    path: "services.NAME.restart",
    doc: "Restart backoff and the crash-loop verdict. Times are physical.",
    short: &[],
    fields: &[
        Field::new(
            "backoff",
            duration(10, HOUR),
            Is(Text("500ms"), "one crash is repaired before people notice, and a loop doubles away from it"),
            "Wait before the first restart; doubles at each further one.",
        ),
        Field::new("backoff_max", duration(10, DAY), Is(Text("5m"), "the cap of Kubernetes"), "Longest wait."),
        Field::new(
            "crash_loop_after",
            count(1, 1_000),
            Is(Integer(5), "the start limit of systemd"),
            "Exits in a row that make a crash loop, which is reported and then tried only `backoff_max` apart.",
        ),
        Field::new(
            "stable_after",
            duration(100, DAY),
            Is(Text("1m"), "longer than a crash at start-up takes"),
            "A replica that ran this long ends a row of exits.",
        ),
    ],
};
