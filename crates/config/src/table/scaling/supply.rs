//! Policies that look at the work and at the price of supply: a queue's backlog, and lazy provisioning.

use crate::field::Fallback::{Absent, Is};
use crate::field::Literal::{Integer, Text};
use crate::field::{DAY, Field, Kind, Section, count, duration, thousandths};
use crate::form::Form;

pub static BACKLOG: Section = Section {
    name: "scaling_backlog",
    path: "services.NAME.scaling.backlog",
    doc: "Replicas for work that waits in a queue: the fewest with which it is done in time, counting the start-up time of \
          new ones. Needs a source that observes the queue.",
    short: &[],
    fields: &[
        Field::new(
            "within",
            duration(1, 366 * DAY),
            Absent("only the deadline counts"),
            "Longest time from an item's arrival until it is done.",
        ),
        Field::new(
            "deadline",
            Kind::Text(Form::Moment),
            Absent("only `within` counts"),
            "The moment by which everything that waits has to be done.",
        ),
        Field::new(
            "item",
            duration(1, 366 * DAY),
            Absent("the queue says how much work remains"),
            "Work of one item, where the queue only counts items.",
        ),
        Field::new(
            "concurrency",
            count(1, 1_000_000),
            Is(Integer(1), "a worker takes one item at a time"),
            "Items that one replica works on at a time.",
        ),
    ],
};

pub static LAZY: Section = Section {
    name: "scaling_lazy",
    path: "services.NAME.scaling.lazy",
    doc: "Lazy capacity provisioning: what the load needs is started at once, and a replica stays through a gap until idling \
          has cost as much as starting it again. No forecast; the windows and steps above do not apply to it.",
    short: &[],
    fields: &[
        Field::new(
            "switching",
            duration(0, 366 * DAY),
            Is(Text("0s"), "the start-up time counts in any case, because a starting replica is paid for"),
            "What starting a replica costs beyond its start-up time, as time of one running replica.",
        ),
        Field::new(
            "missing_price",
            thousandths(1_000, 1_000_000_000),
            Absent("beyond any price: what is needed is always started"),
            "Price of a missing replica, as a multiple of a running one's.",
        ),
    ],
};

pub static FORMULA: Section = Section {
    name: "scaling_formula",
    path: "services.NAME.scaling.formula",
    doc: "A formula of the policy language that says how many replicas there should be, from what learnt headroom knows \
          (docs/scaling.md lists its inputs). It is refused where it cannot be proved to be bounded and never to fall with the \
          load. The windows and steps above apply to it.",
    short: &["text"],
    fields: &[
        Field::new("text", Kind::Text(Form::Text), Absent("it stands in `file`"), "The formula."),
        Field::new(
            "file",
            Kind::Text(Form::File),
            Absent("it stands in `text`"),
            "A policy file of `kind: scaling` with it; its name and prices hold where none stand here.",
        ),
        Field::new(
            "name",
            Kind::Text(Form::FieldValue),
            Is(Text("own"), "a formula in a spec needs no name; one of a file has one"),
            "What reasons call it.",
        ),
        Field::new(
            "price",
            count(1, 1_000_000),
            Is(Integer(80), "as for learnt headroom"),
            "Price of a moment in which replicas are missing, in idle replicas of that moment; what `start_margin` rests on.",
        ),
        Field::new(
            "price_keep",
            count(1, 1_000_000),
            Is(Integer(160), "as for learnt headroom"),
            "The same where a replica runs already and is only kept, at least `price`; what `keep_margin` rests on.",
        ),
    ],
};

pub static HEADROOM: Section = Section {
    name: "scaling_headroom",
    path: "services.NAME.scaling.headroom",
    doc: "Headroom that is learnt: how far the need rises until a replica started now is ready, at this time of the hour and \
          of the day, as far as that is worth its price. The windows and steps above do not apply to it.",
    short: &[],
    fields: &[
        Field::new(
            "price",
            count(1, 1_000_000),
            Is(Integer(80), "fixed on every other series of the public sets; see docs/default-policy.md"),
            "Price of a moment in which replicas are missing, in idle replicas of that moment; a replica is started for it.",
        ),
        Field::new(
            "price_keep",
            count(1, 1_000_000),
            Is(Integer(160), "fixed together with `price`; twice it keeps replicas through short dips"),
            "The same where a replica runs already and is only kept; at least `price`.",
        ),
    ],
};
