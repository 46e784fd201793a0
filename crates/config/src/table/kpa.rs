//! A Knative-style autoscaler: `scaling.concurrency`, in Knative's names with `_` for `-`.

use crate::field::Fallback::{Is, Required};
use crate::field::Literal::{Integer, Text};
use crate::field::{
    Choice, DAY, Field, HOUR, Kind, SECOND, Section, count, duration, or_unlimited, share, thousandths,
};

pub static CONCURRENCY: Section = Section {
    name: "concurrency",
    path: "services.NAME.scaling.concurrency",
    doc: "The Knative autoscaler: requests in flight (or per second) over a stable and a panic window; nothing is removed \
          while in panic. It damps itself, so the windows and steps of the service do not apply to it.",
    short: &[],
    fields: &[
        Field::new(
            "target",
            thousandths(10, 1_000_000_000),
            Required,
            "What one replica can take: requests in flight, or per second. Knative's own default is 100, or 200 per second.",
        ),
        Field::new(
            "metric",
            Kind::Choice(METRICS),
            Is(Text("concurrency"), "Knative's own; a slow answer shows in it at once"),
            "What is averaged.",
        ),
        Field::new(
            "target_utilization",
            share(10, 1_000),
            Is(Text("70%"), "Knative's own, `container-concurrency-target-percentage`"),
            "The share of `target` that is wanted.",
        ),
        Field::new(
            "stable_window",
            duration(6 * SECOND, HOUR),
            Is(Text("60s"), "Knative's own, `stable-window`"),
            "Length of the stable window.",
        ),
        Field::new(
            "panic_window",
            share(10, 1_000),
            Is(Text("10%"), "Knative's own, `panic-window-percentage`: six seconds"),
            "Length of the panic window as a share of the stable one.",
        ),
        Field::new(
            "panic_threshold",
            share(1_100, 10_000),
            Is(Text("200%"), "Knative's own, `panic-threshold-percentage`"),
            "Panic begins when the panic window alone asks for this share of the ready replicas.",
        ),
        Field::new(
            "max_scale_up_rate",
            thousandths(1_001, 1_000_000_000),
            Is(Integer(1_000), "Knative's own, `max-scale-up-rate`"),
            "At most this many times the ready replicas at once.",
        ),
        Field::new(
            "max_scale_down_rate",
            thousandths(1_001, 1_000_000_000),
            Is(Integer(2), "Knative's own, `max-scale-down-rate`"),
            "At least the ready replicas divided by this at once.",
        ),
        Field::new(
            "target_burst_capacity",
            or_unlimited(thousandths(0, 1_000_000_000)),
            Is(Integer(211), "Knative's own, `target-burst-capacity`"),
            "Requests that should fit on top of what runs; reported, `\"unlimited\"` is Knative's -1.",
        ),
        Field::new(
            "scale_down_delay",
            duration(0, HOUR),
            Is(Text("0s"), "Knative's own, `scale-down-delay`"),
            "The highest number of this window is kept.",
        ),
        Field::new(
            "activation_scale",
            count(1, 10_000),
            Is(Integer(1), "Knative's own, `activation-scale`"),
            "Fewest replicas once there is any demand.",
        ),
        Field::new(
            "scale_to_zero_grace_period",
            duration(0, DAY),
            Is(Text("30s"), "Knative's own, `scale-to-zero-grace-period`"),
            "The last replica stays this long after the demand has gone.",
        ),
    ],
};

static METRICS: &[Choice] =
    &[Choice { word: "concurrency", doc: "requests in flight" }, Choice { word: "rps", doc: "requests per second" }];
