//! Where a service's live figures come from.

use crate::field::Fallback::{Absent, Is, Required};
use crate::field::Literal::Text;
use crate::field::{Choice, DAY, Field, GIB, HOUR, KIB, Kind, MINUTE, SECOND, Section, bytes, duration};
use crate::form::Form;

pub static METRICS: Section = Section {
    name: "metric_source",
    path: "services.NAME.metrics",
    doc: "A figure that somebody else measures, and where it comes from: a `/metrics` page (`select`) or a query to a \
          Prometheus server (`query`). Only GET requests are sent. While it cannot be had, its last value grows old, and a \
          figure that is too old removes no replicas. Times are physical.",
    short: &[],
    fields: &[
        Field::new(
            "name",
            Kind::Text(Form::Text),
            Required,
            "What policies call it, as in an HPA's `External` metric.",
        )
        .long("An external metric with labels is called `name{label=\"value\"}`, an object's `KIND/NAME/metric`."),
        Field::new(
            "feeds",
            Kind::Choice(FEEDS),
            Is(Text("metric"), "most figures are looked up by their name"),
            "What of the service's observation it is.",
        ),
        Field::new(
            "url",
            Kind::Text(Form::Text),
            Required,
            "`http://` or `https://`: the page itself, or the root of the Prometheus server; no user or password in it.",
        ),
        Field::new(
            "select",
            Kind::Text(Form::Text),
            Absent("`query` says what is taken"),
            "Series of the page: `http_requests_total{job=\"shop\",code!~\"5..\"}`.",
        ),
        Field::new(
            "query",
            Kind::Text(Form::Text),
            Absent("`select` says what is taken"),
            "An expression in PromQL, asked of `/api/v1/query`; its own times are the times of the figure.",
        ),
        Field::new(
            "read",
            Kind::Choice(READS),
            Is(Text("auto"), "a page says which of its families are counters"),
            "Whether a value is a level or a count that grows.",
        ),
        Field::new(
            "combine",
            Kind::Choice(COMBINES),
            Is(Text("sum"), "the load of a service is the sum over its parts"),
            "How several series become one figure.",
        ),
        Field::new(
            "interval",
            duration(100, HOUR),
            Is(Text("5s"), "three of them are within the 15 s in which figures count as fresh"),
            "Time from one question to the next.",
        ),
        Field::new(
            "timeout",
            duration(10, 5 * MINUTE),
            Is(Text("4s"), "shorter than the interval, so that questions do not pile up"),
            "Longest wait for a whole answer.",
        ),
        Field::new(
            "stale_after",
            duration(SECOND, DAY),
            Absent("three intervals, and at least 15 s"),
            "Age above which it may not remove replicas.",
        ),
        Field::new(
            "size_max",
            bytes(KIB, GIB),
            Is(Text("16MiB"), "ten thousand series with long labels"),
            "Longest answer that is read.",
        ),
        Field::new("auth", Kind::Table(&AUTH), Absent("nothing is sent"), "Who asks."),
        Field::new(
            "ca_file",
            Kind::Text(Form::File),
            Absent("those of the system"),
            "Authorities that may have signed the certificate of an `https://` server, a PEM file.",
        ),
    ],
};

static AUTH: Section = Section {
    name: "metric_auth",
    path: "services.NAME.metrics.auth",
    doc: "Who asks: with `user`, HTTP basic authentication; without it, a bearer token. The secret never stands in a spec: \
          a file or a variable of the daemon holds it, and it is read anew for each question.",
    short: &[],
    fields: &[
        Field::new("user", Kind::Text(Form::FieldValue), Absent("the secret is a bearer token"), "The user."),
        Field::new(
            "secret_file",
            Kind::Text(Form::File),
            Absent("`secret_env` says where"),
            "A file that holds the password or token and nothing else; a line feed at its end does not count.",
        ),
        Field::new(
            "secret_env",
            Kind::Text(Form::Text),
            Absent("`secret_file` says where"),
            "An environment variable of the daemon that holds it.",
        ),
    ],
};

const FEEDS: &[Choice] = &[
    Choice { word: "metric", doc: "a figure by its name, for `scaling.hpa`" },
    Choice { word: "queue", doc: "items that wait, for `scaling.backlog`" },
    Choice { word: "queue_oldest", doc: "seconds for which the oldest item has waited" },
    Choice { word: "queue_work", doc: "seconds that one replica would need for all that waits" },
];

const READS: &[Choice] = &[
    Choice { word: "auto", doc: "a counter of a page by its growth per second, all else as it is" },
    Choice { word: "level", doc: "the value itself" },
    Choice { word: "rate", doc: "its growth per second; none for an interval in which it went backwards" },
];

const COMBINES: &[Choice] = &[
    Choice { word: "sum", doc: "added" },
    Choice { word: "avg", doc: "their mean" },
    Choice { word: "max", doc: "the highest" },
    Choice { word: "min", doc: "the lowest" },
];
