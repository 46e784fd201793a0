//! What holds decisions back.

use crate::field::Fallback::{Absent, Is, Required};
use crate::field::Literal::{Integer, Text};
use crate::field::{Choice, DAY, Field, Kind, SECOND, Section, count, duration};

pub static GUARD: Section = Section {
    name: "scaling_guard",
    path: "services.NAME.scaling.guard",
    doc: "What holds decisions back, whatever the policies say. A budget that is used up stops removing and never adding. \
          The bounds of `replicas` hold in any case.",
    short: &[],
    fields: &[
        Field::new(
            "pause",
            Kind::Choice(PAUSES),
            Is(Text("none"), "a pause is for the hours in which somebody wants it"),
            "Directions in which nothing is changed.",
        ),
        Field::new(
            "changes_per_hour",
            count(1, 10_000),
            Absent("no such budget"),
            "Changes of the target within an hour after which nothing is removed.",
        ),
        Field::new(
            "flaps",
            Kind::Table(&FLAPS),
            Absent("no such budget"),
            "Changes of direction after which nothing is removed.",
        ),
        Field::new(
            "fallback",
            Kind::Table(&FALLBACK),
            Absent("without figures the present number stays"),
            "What holds when a policy has been without its figure for long.",
        ),
    ],
};

static PAUSES: &[Choice] = &[
    Choice { word: "none", doc: "both directions are free" },
    Choice { word: "in", doc: "nothing is removed" },
    Choice { word: "out", doc: "nothing is added" },
    Choice { word: "both", doc: "frozen: the target stays" },
];

static FLAPS: Section = Section {
    name: "scaling_flaps",
    path: "services.NAME.scaling.guard.flaps",
    doc: "A budget of changes of direction.",
    short: &[],
    fields: &[
        Field::new(
            "max",
            count(0, 1_000),
            Is(Integer(4), "a day's rise and fall is two; four leave room for a burst"),
            "Most changes of direction within `period`.",
        ),
        Field::new(
            "period",
            duration(SECOND, 7 * DAY),
            Is(Text("1h"), "long enough to see an oscillation, short enough to be forgotten by the next rise"),
            "The period.",
        ),
    ],
};

static FALLBACK: Section = Section {
    name: "scaling_fallback",
    path: "services.NAME.scaling.guard.fallback",
    doc: "What a policy votes for when its figure stays away. Until then it votes for the present number.",
    short: &[],
    fields: &[
        Field::new(
            "after",
            duration(0, 7 * DAY),
            Is(Text("3m"), "twelve ticks of the default length; a restart of a source takes less"),
            "How long the figure has to be missing.",
        ),
        Field::new("then", Kind::Choice(FALLBACKS), Required, "What the policy votes for then."),
        Field::new("replicas", count(0, 10_000), Required, "The number that `then` names."),
    ],
};

static FALLBACKS: &[Choice] = &[
    Choice { word: "replicas", doc: "this many" },
    Choice { word: "current_if_higher", doc: "the present number, or this many where that is more" },
    Choice { word: "current_if_lower", doc: "the present number, or this many where that is fewer" },
];
