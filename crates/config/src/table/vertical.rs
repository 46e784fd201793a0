//! Right-sizing: what is done with a recommended size, and how it is found.

use crate::field::Fallback::{Absent, Is};
use crate::field::Literal::Text;
use crate::field::{Choice, DAY, Field, HOUR, Kind, SECOND, Section, bytes, cpu, duration, share};

/// What is done with a recommended size, with the words of the file.
const MODES: &[Choice] = &[
    Choice { word: "off", doc: "it is shown, and nothing is changed" },
    Choice { word: "initial", doc: "replicas that start later get it" },
    Choice { word: "in_place", doc: "running replicas get it too, where that needs no restart" },
    Choice { word: "recreate", doc: "running replicas get it, and are replaced one by one where it needs a restart" },
];

const LIMITS: &[Choice] = &[
    Choice { word: "scale", doc: "they keep their proportion to the requests" },
    Choice { word: "keep", doc: "they stay what the spec says" },
];

pub static VERTICAL: Section = Section {
    name: "vertical",
    path: "services.NAME.scaling.vertical",
    doc: "How large one replica should be, from what replicas used; the algorithm and the defaults are those of the \
          Kubernetes vertical autoscaler. A plain word chooses the mode. Times are trace time.",
    short: &["mode"],
    fields: &[
        Field::new(
            "mode",
            Kind::Choice(MODES),
            Is(Text("off"), "see what it would do before it does it"),
            "What is done with a recommended size.",
        ),
        Field::new(
            "limits",
            Kind::Choice(LIMITS),
            Is(Text("scale"), "as the Kubernetes vertical autoscaler"),
            "What happens to limits when requests change.",
        ),
        Field::new(
            "cpu_min",
            cpu(1, 1_000_000),
            Is(Text("25m"), "the floor of the Kubernetes vertical autoscaler"),
            "No replica is recommended less CPU.",
        ),
        Field::new(
            "memory_min",
            bytes(1 << 20, 1 << 44),
            Is(Text("250MiB"), "the floor of the Kubernetes vertical autoscaler"),
            "No replica is recommended less memory.",
        ),
        Field::new("cpu_max", cpu(1, 1_000_000), Absent("no bound"), "No replica is recommended more CPU."),
        Field::new("memory_max", bytes(1 << 20, 1 << 44), Absent("no bound"), "No replica is recommended more memory."),
        Field::new(
            "quantile",
            share(500, 999),
            Is(Text("90%"), "as the Kubernetes vertical autoscaler"),
            "Share of the use that the recommended size covers, before the margin.",
        ),
        Field::new(
            "margin",
            share(0, 10_000),
            Is(Text("15%"), "as the Kubernetes vertical autoscaler"),
            "Room above that share.",
        ),
        Field::new(
            "half_life",
            duration(HOUR, 365 * DAY),
            Is(Text("1d"), "as the Kubernetes vertical autoscaler"),
            "A sample counts half after this time.",
        ),
        Field::new(
            "memory_window",
            duration(HOUR, 365 * DAY),
            Is(Text("1d"), "as the Kubernetes vertical autoscaler"),
            "Memory counts as one peak per window of this length.",
        ),
        Field::new(
            "every",
            duration(SECOND, DAY),
            Is(Text("1m"), "as the Kubernetes vertical autoscaler"),
            "Time between two looks at whether to change the size.",
        ),
        Field::new(
            "age_min",
            duration(0, 365 * DAY),
            Is(Text("12h"), "as the Kubernetes vertical autoscaler"),
            "A size that is neither too small nor too large for certain is changed only when it is this old.",
        ),
        Field::new(
            "change_min",
            share(0, 10_000),
            Is(Text("10%"), "as the Kubernetes vertical autoscaler"),
            "A size that is neither too small nor too large for certain is changed only by more than this.",
        ),
    ],
};
