//! Routes and redirects of a gateway file, and what routes of a spec share with them.

use super::balance::ALGORITHMS;
use crate::field::Fallback::{Absent, Inner, Is, Required};
use crate::field::Literal::{Flag, Integer, Text};
use crate::field::{Choice, Field, HOUR, Kind, Section, count, duration, joined, rate, share};
use crate::form::Form;

const WHOLE: Field = Field::new(
    "exact",
    Kind::Flag,
    Is(Flag(false), "a prefix of whole segments, which is what most routes are for"),
    "The whole path has to be equal, not only its start.",
);

pub const HOST: Field =
    Field::new("host", Kind::Text(Form::Host), Absent("every host matches"), "Host to match, without port.");

/// What a route demands of a request beyond host and path.
pub const DEMANDS: &[Field] = &[
    WHOLE,
    Field::new(
        "methods",
        Kind::Texts { form: Form::Token, min: 0 },
        Absent("every method"),
        "Methods to match, as clients write them.",
    ),
    Field::new(
        "headers",
        Kind::Tables(&HEADER),
        Absent("every request"),
        "Fields that a request must have; all of them.",
    ),
];

/// What decides which part of a split a request belongs to.
pub const SPLITTING: &[Field] = &[
    Field::new(
        "split_by",
        Kind::Choice(SPLIT_BY),
        Is(Text("chance"), "the shares are met soonest"),
        "What decides which part a request belongs to.",
    ),
    Field::new(
        "split_key",
        Kind::Text(Form::Token),
        Absent("needed with `header` and `cookie`"),
        "Name of the field or cookie that decides; requests without it go by chance.",
    ),
];

/// What a route does with a request.
pub const TREATMENT: &[Field] = &[
    Field::new("request", Kind::Table(&HEADER_RULES), Inner, "Changes of the request's head."),
    Field::new("response", Kind::Table(&HEADER_RULES), Inner, "Changes of the response's head."),
    Field::new(
        "rate",
        Kind::Table(&RATE),
        Inner,
        "Bound on all of its requests together. What is above is answered with 429.",
    ),
    Field::new(
        "client_rate",
        Kind::Table(&RATE),
        Inner,
        "Bound on the requests of one client, by its address (IPv6: its /64).",
    ),
    Field::new("sticky", Kind::Table(&STICKY), Inner, "Keep a client at the endpoint that answered it first."),
    Field::new(
        "balance",
        Kind::Table(&ROUTE_BALANCE),
        Inner,
        "Balancing of its own over the same pool. A plain word chooses the algorithm.",
    ),
    Field::new("hedge", Kind::Table(&HEDGE), Inner, "Ask a second endpoint when the first one is slow."),
];

pub static ROUTE: Section = Section {
    name: "gateway_route",
    path: "listeners.routes",
    doc: "Which requests go where, and what is done with them. A rule that is left out costs nothing.",
    short: &[],
    fields: &joined::<18>(&[
        &[
            HOST,
            Field::new(
                "path",
                Kind::Text(Form::UrlPath),
                Is(Text("/"), "everything"),
                "Path to match, by whole segments.",
            ),
        ],
        DEMANDS,
        &[
            Field::new("pool", Kind::Text(Form::Name), Required, "Who answers."),
            Field::new(
                "split",
                Kind::Tables(&SPLIT),
                Absent("all to `pool`"),
                "Other pools that get a part: a canary.",
            ),
        ],
        SPLITTING,
        &[
            Field::new(
                "timeout",
                duration(10, 24 * HOUR),
                Is(
                    Text("30s"),
                    "longer than an interactive client waits, so a hung endpoint is told apart from a slow one",
                ),
                "Longest time of one try to the end of the response's head.",
            ),
            Field::new(
                "retry",
                Kind::Flag,
                Is(Flag(true), "only what may be repeated is, within `limits.retry_budget`"),
                "One retry for idempotent requests while the retry budget lasts.",
            ),
        ],
        TREATMENT,
    ]),
};

static HEDGE: Section = Section {
    name: "hedge",
    path: "listeners.routes.hedge",
    doc: "Reads (GET, HEAD and OPTIONS without a body) that are slow to be answered are asked of a second endpoint; the \
          first answer counts, and the other connection is closed. A plain duration sets `after`.",
    short: &["after"],
    fields: &[
        Field::new(
            "after",
            duration(1, HOUR),
            Absent("no second endpoint, unless `quantile` says when"),
            "Ask the second one after so long.",
        ),
        Field::new(
            "quantile",
            share(500, 999),
            Absent("`after` says when, if anything"),
            "Ask the second one when it takes longer than this share of the pool's recent answers.",
        )
        .long("Not before a worker has seen 100 answers."),
        Field::new(
            "budget",
            share(1, 1_000),
            Is(Text("5%"), "what the 95th percentile asks for: load grows by a twentieth and no more"),
            "At most this share of the requests that could be is asked twice.",
        ),
    ],
};

static ROUTE_BALANCE: Section = Section {
    name: "route_balance",
    path: "listeners.routes.balance",
    doc: "How this route chooses among the endpoints of its pool. What is known of them (requests in flight, latencies, \
          ejection, queue) is shared with the pool's other routes.",
    short: &["algorithm"],
    fields: &[
        Field::new("algorithm", Kind::Choice(ALGORITHMS), Absent("the pool's"), "Which endpoint gets a request."),
        Field::new(
            "hash_by",
            Kind::Choice(HASH_BY),
            Absent("the client's address"),
            "What `source_hash` and `ring_hash` hash.",
        ),
        Field::new(
            "hash_key",
            Kind::Text(Form::Token),
            Absent("needed with `header` and `cookie`"),
            "Name of the field or cookie; requests without it go by the client's address.",
        ),
    ],
};

const HASH_BY: &[Choice] = &[
    Choice { word: "source", doc: "the client's address" },
    Choice { word: "path", doc: "the path without the query: each file in one endpoint's cache" },
    Choice { word: "header", doc: "the value of the field `hash_key`" },
    Choice { word: "cookie", doc: "the value of the cookie `hash_key`" },
];

static HEADER: Section = Section {
    name: "header_match",
    path: "listeners.routes.headers",
    doc: "A field that a request must have.",
    short: &[],
    fields: &[
        Field::new("name", Kind::Text(Form::Token), Required, "Its name, letters in any case."),
        Field::new("value", Kind::Text(Form::FieldValue), Absent("any value"), "Its whole value."),
    ],
};

const SPLIT_BY: &[Choice] = &[
    Choice { word: "chance", doc: "each request anew" },
    Choice { word: "source", doc: "the client's address: a client stays in its part" },
    Choice { word: "header", doc: "the value of the field `split_key`" },
    Choice { word: "cookie", doc: "the value of the cookie `split_key`" },
];

static SPLIT: Section = Section {
    name: "split",
    path: "listeners.routes.split",
    doc: "A part of the requests.",
    short: &[],
    fields: &[
        Field::new("pool", Kind::Text(Form::Name), Required, "Who answers it."),
        Field::new("share", share(0, 1_000), Required, "Its share of the requests."),
    ],
};

static HEADER_RULES: Section = Section {
    name: "header_rules",
    path: "listeners.routes.request",
    doc: "Changes of a head, in this order: remove, set, add. Fields that frame a message, `Host` and those that say who \
          the client is cannot be changed.",
    short: &[],
    fields: &[
        Field::new("remove", Kind::Texts { form: Form::Token, min: 0 }, Absent("none"), "Fields that go."),
        Field::new("set", Kind::Variables, Absent("none"), "Fields that have this value and no other."),
        Field::new("add", Kind::Variables, Absent("none"), "Fields that are added to those that are there."),
    ],
};

static RATE: Section = Section {
    name: "rate",
    path: "listeners.routes.rate",
    doc: "A token bucket. A plain rate sets it with a burst of one second.",
    short: &["rate"],
    fields: &[
        Field::new("rate", rate(1, 1_000_000_000_000), Absent("no bound"), "Requests per second in the long run."),
        Field::new(
            "burst",
            count(1, 1_000_000_000),
            Absent("what comes in one second, and at least 1"),
            "Requests that may come at once.",
        ),
    ],
};

static STICKY: Section = Section {
    name: "sticky",
    path: "listeners.routes.sticky",
    doc: "Stickiness by a cookie that says nothing about the endpoint. When the endpoint is gone, another one takes over.",
    short: &["cookie"],
    fields: &[
        Field::new("cookie", Kind::Text(Form::Token), Absent("not sticky"), "Name of the cookie."),
        Field::new(
            "age",
            duration(1_000, 400 * 24 * HOUR),
            Absent("until the browser is closed"),
            "How long a browser keeps it.",
        ),
    ],
};

pub static REDIRECT: Section = Section {
    name: "redirect",
    path: "listeners.redirects",
    doc: "Requests answered with another address.",
    short: &[],
    fields: &[
        HOST,
        Field::new(
            "path",
            Kind::Text(Form::UrlPath),
            Is(Text("/"), "everything, as when all of a host goes elsewhere"),
            "Path to match, by whole segments.",
        ),
        WHOLE,
        Field::new(
            "status",
            count(301, 308),
            Is(Integer(308), "permanent, and the method stays what it was"),
            "301, 302, 303, 307 or 308.",
        ),
        Field::new(
            "to",
            Kind::Text(Form::FieldValue),
            Required,
            "The address; `{host}` and `{path}` (with the query) stand for the request's.",
        ),
    ],
};
