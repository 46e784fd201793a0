//! Scaling: policies, stabilisation, steps, forecast.

mod ahead;
mod guard;
mod supply;

use super::cron::CRON;
use super::hpa::HPA;
use super::kpa::CONCURRENCY;
use super::vertical::VERTICAL;
use crate::field::Fallback::{Absent, Inner, Is};
use crate::field::Literal::{Integer, Text};
use crate::field::{Choice, DAY, Field, Kind, SECOND, Section, count, duration, rate, share, thousandths};
use crate::form::Form;
use ahead::{EVENTS, SEASONAL};
use guard::GUARD;
use supply::{BACKLOG, FORMULA, HEADROOM, LAZY};

pub static SCALING: Section = Section {
    name: "scaling",
    path: "services.NAME.scaling",
    doc: "How many replicas there should be: each target present is a policy, the highest proposal wins, then it is \
          stabilised and bounded. Times are trace time. Targets have no default, because they are yours to choose.",
    short: &[],
    fields: &[
        Field::new(
            "cpu",
            share(1, 10_000),
            Absent("no such policy"),
            "Wanted mean CPU of ready replicas, as a share of their request.",
        ),
        Field::new(
            "memory",
            share(1, 10_000),
            Absent("no such policy"),
            "Wanted mean memory of ready replicas, as a share of their request.",
        ),
        Field::new(
            "request_rate",
            rate(1, 1_000_000_000),
            Absent("no such policy"),
            "Wanted requests per second per replica.",
        ),
        Field::new(
            "in_flight",
            thousandths(1, 1_000_000_000),
            Absent("no such policy"),
            "Wanted requests in flight per replica.",
        ),
        Field::new(
            "hpa",
            Kind::Table(&HPA),
            Absent("no such policy"),
            "A Kubernetes HorizontalPodAutoscaler, in its own field names.",
        ),
        Field::new("concurrency", Kind::Table(&CONCURRENCY), Absent("no such policy"), "A Knative autoscaler."),
        Field::new("cron", Kind::Tables(&CRON), Absent("no such policy"), "Windows of the calendar, as KEDA has them."),
        Field::new(
            "capacity",
            rate(1, 1_000_000_000),
            Absent("the `request_rate` target, or what is learnt from CPU per request under the `cpu` target"),
            "Requests per second of one replica that is as busy as it should be, for what looks ahead or back.",
        ),
        Field::new(
            "events",
            Kind::Tables(&EVENTS),
            Absent("no event is announced"),
            "Announced events and the load that is expected of them.",
        ),
        Field::new(
            "seasonal",
            Kind::Table(&SEASONAL),
            Absent("no such policy"),
            "As many replicas as were needed one season ago.",
        ),
        Field::new(
            "backlog",
            Kind::Table(&BACKLOG),
            Absent("no such policy"),
            "Replicas for work that waits in a queue.",
        ),
        Field::new("lazy", Kind::Table(&LAZY), Absent("no such policy"), "Lazy capacity provisioning."),
        Field::new(
            "headroom",
            Kind::Table(&HEADROOM),
            Absent("no such policy"),
            "Headroom that is learnt from how far the need rises before a replica is ready.",
        ),
        Field::new("formula", Kind::Table(&FORMULA), Absent("no such policy"), "A number of replicas by a formula."),
        Field::new(
            "tolerance",
            share(0, 1_000),
            Is(Text("10%"), "the tolerance of the Kubernetes autoscaler; measurements are no better than this"),
            "No change while the measured value is within this share of the target.",
        ),
        Field::new("stabilization", Kind::Table(&STABILIZATION), Inner, "How long a proposal must hold."),
        Field::new("step", Kind::Table(&STEP), Inner, "How fast the number may change."),
        Field::new(
            "reserve",
            count(0, 10_000),
            Is(Integer(0), "spare replicas cost all day; a forecast or a lower target is the cheaper first choice"),
            "Spare replicas on top of what the demand needs. Of this and the next two, the most holds.",
        ),
        Field::new(
            "reserve_share",
            share(0, 10_000),
            Is(Text("0%"), "as for `reserve`"),
            "Spare replicas as a share of what the demand needs, rounded up.",
        ),
        Field::new(
            "reserve_burst",
            share(500, 999),
            Absent("none for bursts"),
            "Spare replicas for this quantile of how much the load has grown within one start-up time.",
        ),
        Field::new(
            "forecast",
            Kind::Table(&FORECAST),
            Absent("no forecast"),
            "Seasonal forecast of the request rate; may add replicas, never remove them.",
        ),
        Field::new("guard", Kind::Table(&GUARD), Inner, "What holds decisions back."),
        Field::new(
            "vertical",
            Kind::Table(&VERTICAL),
            Absent("no right-sizing"),
            "How large one replica should be; the number of replicas never depends on it.",
        ),
    ],
};

static STABILIZATION: Section = Section {
    name: "stabilization",
    path: "services.NAME.scaling.stabilization",
    doc: "How long a proposal must hold before it is followed.",
    short: &[],
    fields: &[
        Field::new(
            "up",
            duration(0, DAY),
            Is(Text("0s"), "as the Kubernetes autoscaler: load that is there needs replicas now"),
            "Scale out only to the lowest proposal of this window.",
        ),
        Field::new(
            "down",
            duration(0, DAY),
            Is(Text("5m"), "as the Kubernetes autoscaler: a short dip is not worth stopping what is warm"),
            "Scale in only to the highest proposal of this window.",
        ),
    ],
};

static STEP: Section = Section {
    name: "step",
    path: "services.NAME.scaling.step",
    doc: "How fast the number of replicas may change.",
    short: &[],
    fields: &[
        Field::new(
            "up",
            count(1, 10_000),
            Is(Integer(4), "as the Kubernetes autoscaler for small services"),
            "Most replicas added within `period`.",
        ),
        Field::new(
            "down",
            count(1, 10_000),
            Is(Integer(2), "half of `up`: a replica too many costs money, one too few costs requests"),
            "Most replicas removed within `period`.",
        ),
        Field::new(
            "period",
            duration(SECOND, DAY),
            Is(Text("15s"), "one tick of the default length, as the Kubernetes autoscaler"),
            "The period of the two bounds above.",
        ),
    ],
};

static FORECAST: Section = Section {
    name: "forecast",
    path: "services.NAME.scaling.forecast",
    doc: "A seasonal forecast of the request rate. Needs to know what one replica can do: `capacity`, `request_rate` or `cpu`.",
    short: &[],
    fields: &[
        Field::new(
            "season",
            duration(60 * SECOND, 366 * DAY),
            Is(
                Text("1d"),
                "people sleep at night; a season that is not there costs nothing, its experts get no weight",
            ),
            "Length of one season.",
        ),
        Field::new(
            "season_long",
            duration(60 * SECOND, 366 * DAY),
            Absent("one season only"),
            "Length of a second season above the first, a multiple of it: the week above the day.",
        ),
        Field::new(
            "quantile",
            share(500, 999),
            Is(Text("95%"), "one moment in twenty is left to the reactive policies"),
            "The quantile of the demand that replicas must cover.",
        ),
        Field::new(
            "missing_price",
            thousandths(1_000, 1_000_000),
            Absent("`quantile` holds"),
            "Price of a missing replica, as a multiple of an idle one's; r sets the quantile to r / (1 + r).",
        ),
        Field::new(
            "history",
            Kind::Text(Form::File),
            Absent("the forecast learns from what it sees"),
            "Recorded demand that came before: a CSV file of (seconds, requests per second), read at start-up.",
        ),
        Field::new(
            "models",
            Kind::Choices(MODELS),
            Absent("none: the forecast uses what it learns as it goes"),
            "Models fitted to the demand seen so far, in the background; each joins the forecast and gets the weight it earns.",
        ),
        Field::new(
            "refit",
            duration(60 * SECOND, 366 * DAY),
            Is(Text("1d"), "a day brings a new season of data; fitting more often changes little and costs CPU"),
            "Time from one fit of `models` to the next.",
        ),
    ],
};

/// Models of the forecasting crate that give a forecast of the next minutes at a price worth paying in the background.
static MODELS: &[Choice] = &[
    Choice { word: "ridge", doc: "linear regression on lags and time of day, for exactly the horizon asked for" },
    Choice { word: "boosting", doc: "boosted trees on the pinball loss, for exactly the horizon asked for" },
    Choice { word: "auto-ets-following", doc: "exponential smoothing whose level follows every step" },
    Choice { word: "mstl", doc: "seasons by loess, each carried on, and a trend" },
    Choice { word: "pretrained", doc: "a small network trained on made-up series, for services with little history" },
];
