//! The analyst: how often it looks, and what it may do about a service.

use crate::field::Fallback::{Absent, Is};
use crate::field::Literal::{Integer, Text};
use crate::field::{Choice, DAY, Field, HOUR, Kind, SECOND, Section, count, duration, share};

pub static ANALYST: Section = Section {
    name: "analyst",
    path: "analyst",
    doc: "How the analyst works: it diagnoses, proposes and proves in the background (docs/gate.md).",
    short: &[],
    fields: &[
        Field::new(
            "every",
            duration(SECOND, 31 * DAY),
            Is(Text("1h"), "policies are worth changing by the hour, not by the minute"),
            "Time from one look at a service to the next, in trace time. A burn asks for one at once.",
        ),
        Field::new(
            "samples",
            count(72, 4_000),
            Is(Integer(2_000), "eight hours of a tick of 15 s"),
            "Newest samples that are looked at, one per tick.",
        ),
        Field::new(
            "steps",
            count(1_000, 100_000_000),
            Is(Integer(200_000), "a second or two of CPU at idle priority"),
            "Most steps of the controller that one proof may take.",
        ),
    ],
};

pub static SERVICE_ANALYST: Section = Section {
    name: "service_analyst",
    path: "services.NAME.analyst",
    doc: "What the analyst may do about this service. A plain word is its mode.",
    short: &["mode"],
    fields: &[
        Field::new(
            "mode",
            Kind::Choice(MODES),
            Is(Text("advise"), "nothing changes without a person until somebody says so"),
            "What becomes of what it proposes.",
        ),
        Field::new(
            "trial",
            duration(SECOND, 31 * DAY),
            Is(Text("30m"), "long enough to see a few scalings, short enough to watch"),
            "How long a proposal is on trial, in trace time.",
        ),
        Field::new(
            "stands",
            duration(SECOND, 366 * DAY),
            Is(Text("7d"), "a week; what is still right then can be written into the spec"),
            "How long a proposal stands at most, in trace time.",
        ),
        Field::new(
            "failed_max",
            share(0, 1_000),
            Is(Text("1%"), "the usual error budget of a service"),
            "A larger share of failed requests takes a proposal back.",
        ),
        Field::new(
            "burn",
            duration(0, HOUR),
            Is(Text("2m"), "a restart of a replica is shorter, an outage is not"),
            "How long what is watched burns before a proposal is taken back, in trace time.",
        ),
        Field::new(
            "replicas_least",
            count(0, 10_000),
            Absent("for `auto` it has to be said"),
            "Envelope: the fewest that a proposal may make of `replicas.min`.",
        ),
        Field::new(
            "replicas_most",
            count(1, 10_000),
            Absent("for `auto` it has to be said"),
            "Envelope: the most that a proposal may make of `replicas.max`.",
        ),
    ],
};

static MODES: &[Choice] = &[
    Choice { word: "off", doc: "nothing is looked at" },
    Choice { word: "advise", doc: "it proposes and proves; a person approves" },
    Choice { word: "shadow", doc: "what it would do is followed and told" },
    Choice { word: "auto", doc: "what is proved and lies in the envelope comes into force by itself, on trial first" },
];
