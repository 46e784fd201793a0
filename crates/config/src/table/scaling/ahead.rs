//! What is known or expected of the load to come: announced events and the season before.

use crate::field::Fallback::{Absent, Is, Required};
use crate::field::Literal::Text;
use crate::field::{DAY, Field, Kind, SECOND, Section, duration, rate, share, thousandths};
use crate::form::Form;

pub static EVENTS: Section = Section {
    name: "scaling_event",
    path: "services.NAME.scaling.events",
    doc: "An announced event: what the load will be from `start` to `end`. Replicas are there one start-up time before. An \
          event only adds replicas. One that was not foreseen is announced with `plimsoll event`.",
    short: &[],
    fields: &[
        Field::new("name", Kind::Text(Form::Name), Required, "What it is called."),
        Field::new("start", Kind::Text(Form::Moment), Required, "First moment of its load."),
        Field::new("end", Kind::Text(Form::Moment), Required, "First moment after its load."),
        Field::new(
            "factor",
            thousandths(1, 1_000_000),
            Absent("given by `rate` or `curve`"),
            "The load, as a multiple of what it would be without the event.",
        ),
        Field::new(
            "rate",
            rate(1, 1_000_000_000_000),
            Absent("given by `factor` or `curve`"),
            "The load, over all replicas.",
        ),
        Field::new(
            "curve",
            Kind::Tables(&CURVE),
            Absent("the same load until the end"),
            "How the load goes on after the start, in the order of time.",
        ),
    ],
};

static CURVE: Section = Section {
    name: "scaling_event_point",
    path: "services.NAME.scaling.events.curve",
    doc: "The load from a moment of the event on, up to the next one.",
    short: &[],
    fields: &[
        Field::new("at", duration(0, 366 * DAY), Required, "Time after the start of the event."),
        Field::new(
            "factor",
            thousandths(1, 1_000_000),
            Absent("given by `rate`"),
            "The load, as a multiple of what it would be without the event.",
        ),
        Field::new("rate", rate(1, 1_000_000_000_000), Absent("given by `factor`"), "The load, over all replicas."),
    ],
};

pub static SEASONAL: Section = Section {
    name: "scaling_seasonal",
    path: "services.NAME.scaling.seasonal",
    doc: "As many replicas as were needed one season ago, from now to the moment at which a replica started now would be \
          ready. Only adds replicas; what was needed is kept by the minute.",
    short: &[],
    fields: &[
        Field::new(
            "season",
            duration(60 * SECOND, 366 * DAY),
            Is(Text("1d"), "people sleep at night"),
            "Length of the season.",
        ),
        Field::new(
            "share",
            share(1, 10_000),
            Is(Text("100%"), "what was needed at the targets of the other policies"),
            "Share of what was needed that is kept.",
        ),
    ],
};
