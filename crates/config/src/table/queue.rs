//! The queue of jobs: its order, and who may pass whom.

use crate::field::Fallback::Is;
use crate::field::Literal::Text;
use crate::field::{Choice, DAY, Field, Kind, SECOND, Section, duration};

/// The orders that a live queue can be kept in, with the words of the file.
pub const ORDERS: &[Choice] = &[
    Choice { word: "ageing", doc: "by priority, which waiting raises; then the earlier" },
    Choice { word: "priority", doc: "by priority; then the earlier" },
    Choice { word: "fifo", doc: "the earlier" },
    Choice { word: "sjf", doc: "the shorter by `run_time`; without one a day is assumed" },
    Choice { word: "saf", doc: "the smaller product of size and `run_time`" },
    Choice { word: "density", doc: "the higher `P = R / T`: share of the node per time" },
    Choice { word: "priority-over-time", doc: "the lower priority per `run_time`" },
    Choice { word: "wfp3", doc: "the higher `(wait / run_time)³ × cores`" },
    Choice { word: "unicep", doc: "the higher `wait / (log₂ cores × run_time)`" },
];

/// What may start while the first has no room, with the words of the file.
pub const BACKFILLS: &[Choice] = &[
    Choice { word: "greedy", doc: "whatever fits" },
    Choice { word: "easy", doc: "what does not delay the first, the earlier before the later; needs `run_time`" },
    Choice { word: "easy-sjbf", doc: "the same, the shorter before the longer" },
    Choice { word: "conservative", doc: "what delays nobody before it; needs `run_time`" },
    Choice { word: "none", doc: "nothing" },
];

pub static QUEUE: Section = Section {
    name: "queue",
    path: "queue",
    doc: "The order in which waiting jobs are looked at, and which of them may pass one that has no room.",
    short: &["order"],
    fields: &[
        Field::new(
            "order",
            Kind::Choice(ORDERS),
            Is(Text("ageing"), "importance decides, and nobody waits for ever"),
            "The order, by the name that `plimsoll policies` lists.",
        ),
        Field::new(
            "backfill",
            Kind::Choice(BACKFILLS),
            Is(Text("greedy"), "needs no estimate of how long a job runs"),
            "What may start while the first has no room.",
        ),
        Field::new(
            "ageing",
            duration(SECOND, 366 * DAY),
            Is(Text("10m"), "a job ten points below another passes it within two hours"),
            "Wait that is worth one point of priority, in trace time; only the order `ageing` counts it.",
        ),
        Field::new(
            "patience",
            duration(SECOND, 366 * DAY),
            Is(Text("1h"), "small jobs may pass a large one for so long and no longer"),
            "Wait after which nothing behind may start first, in trace time.",
        ),
    ],
};
