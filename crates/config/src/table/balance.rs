//! Balancing: algorithm, queue, slow start, ejection.

use crate::field::Fallback::{Absent, Inner, Is};
use crate::field::Literal::{Flag, Integer, Text};
use crate::field::{Choice, DAY, Field, HOUR, Kind, Section, count, duration, share, thousandths};

/// The algorithms, with the words of the file.
pub const ALGORITHMS: &[Choice] = &[
    Choice { word: "round_robin", doc: "each in turn" },
    Choice { word: "weighted_round_robin", doc: "in turn by weight, interleaved smoothly" },
    Choice { word: "random", doc: "uniformly at random" },
    Choice { word: "least_connections", doc: "fewest requests in flight per weight" },
    Choice { word: "source_hash", doc: "the same client address to the same replica (Maglev)" },
    Choice { word: "ring_hash", doc: "the same client address to the same replica, with bounded loads" },
    Choice { word: "power_of_two", doc: "the less loaded of two drawn at random" },
    Choice { word: "peak_ewma", doc: "the lower latency-and-load cost of two drawn at random" },
    Choice { word: "prequal", doc: "hot/cold choice over probed load and latency" },
    Choice { word: "weighted_by_load", doc: "in turn by the load that replicas report with their answers (ORCA)" },
];

pub static BALANCE: Section = Section {
    name: "balance",
    path: "services.NAME.balance",
    doc: "How requests are spread over replicas. A plain word chooses the algorithm.",
    short: &["algorithm"],
    fields: &[
        Field::new(
            "algorithm",
            Kind::Choice(ALGORITHMS),
            Is(
                Text("prequal"),
                "keeps requests off slow replicas, at constant cost; as good as any where all are alike",
            ),
            "Which replica gets a request.",
        ),
        Field::new(
            "slow_start",
            duration(0, HOUR),
            Is(Text("0s"), "off: a replica is ready only when it is, and few need to warm up"),
            "A new replica's share grows to its full weight over this physical time; zero turns it off.",
        ),
        Field::new(
            "in_flight_max",
            count(1, 1_000_000),
            Absent("no bound"),
            "Most requests in flight per replica; further ones wait.",
        ),
        Field::new(
            "queue_max",
            count(0, 1_000_000),
            Is(Integer(1_000), "a second of waiting at 1,000 requests per second; more would only be late"),
            "Most requests waiting for a replica before 503.",
        ),
        Field::new(
            "queue_timeout",
            duration(1, HOUR),
            Is(Text("5s"), "covers a start-up of the default length and shorter than a client's patience"),
            "Longest wait in that queue, physical.",
        ),
        Field::new("ejection", Kind::Table(&EJECTION), Inner, "When a replica is taken out for a while."),
        Field::new("load", Kind::Table(&LOAD), Inner, "What is made of the load that replicas report."),
        Field::new("breaker", Kind::Table(&BREAKER), Inner, "Bounds of all replicas together; when none is asked."),
    ],
};

static EJECTION: Section = Section {
    name: "ejection",
    path: "services.NAME.balance.ejection",
    doc: "When a replica is taken out for a while, by what the gateway sees of it. Times are physical.",
    short: &[],
    fields: &[
        Field::new(
            "consecutive_errors",
            count(0, 1_000),
            Is(Integer(5), "the default of Envoy"),
            "Failed requests in a row that eject a replica; zero turns this rule off.",
        ),
        Field::new(
            "success_rate_min",
            share(0, 1_000),
            Is(Text("50%"), "a replica that fails every other request while its peers do not is broken"),
            "Eject below this success rate while the pool's mean is ten points above it; zero turns this rule off.",
        ),
        Field::new(
            "latency_ratio_max",
            thousandths(0, 1_000_000),
            Is(Integer(10), "ten times slower than its peers is sick rather than busy"),
            "Eject when latency is over this multiple of the pool's median; zero turns this rule off.",
        ),
        Field::new(
            "duration",
            duration(100, HOUR),
            Is(Text("30s"), "the base ejection time of Envoy"),
            "First ejection time; grows with each repetition.",
        ),
        Field::new(
            "duration_max",
            duration(100, DAY),
            Is(Text("5m"), "the longest ejection time of Envoy"),
            "Longest ejection time.",
        ),
        Field::new(
            "share_max",
            share(0, 1_000),
            Is(Text("50%"), "half the pool must go on: when more look bad, the cause is not in them"),
            "At most this share of the replicas is ejected at once.",
        ),
    ],
};

static BREAKER: Section = Section {
    name: "breaker",
    path: "services.NAME.balance.breaker",
    doc: "Bounds of all replicas together, and when none of them is asked for a while because too many requests fail: the \
          circuit opens, answers 503 at once, and closes when a few requests that are let through succeed. A plain share \
          sets `failure_share`. Times are physical.",
    short: &["failure_share"],
    fields: &[
        Field::new(
            "failure_share",
            share(1, 1_000),
            Absent("the circuit never opens"),
            "Share of failed requests within `window` at which the circuit opens.",
        )
        .long("Failed is what the replicas are to blame for: statuses of 500 and above, lost connections, time-outs."),
        Field::new(
            "requests_min",
            count(1, 1_000_000),
            Is(Integer(20), "at 20 requests one failure is 5 %"),
            "Fewest requests within `window` before the share is judged.",
        ),
        Field::new(
            "window",
            duration(100, HOUR),
            Is(Text("10s"), "the rolling window of Hystrix"),
            "How far back requests count.",
        ),
        Field::new(
            "open",
            duration(100, HOUR),
            Is(Text("5s"), "the sleep window of Hystrix, and as long as a short restart takes"),
            "How long the circuit is open the first time; twice as long each time that finding out fails.",
        ),
        Field::new(
            "open_max",
            duration(100, DAY),
            Is(Text("1m"), "nobody should wait longer for a service that is back"),
            "The longest time for which it is open.",
        ),
        Field::new(
            "probes",
            count(1, 1_000),
            Is(Integer(5), "one success may be luck, five in a row are not"),
            "Requests that are let through to find out, at most so many at once; all of them must succeed.",
        ),
        Field::new(
            "in_flight_max",
            count(1, 100_000_000),
            Absent("no bound beyond that of each replica"),
            "Most requests in flight at all replicas together; further ones wait in the queue.",
        ),
        Field::new(
            "connections_max",
            count(1, 1_000_000),
            Absent("as many as requests need"),
            "Most connections to a replica, idle ones included, over all workers.",
        )
        .long("A request in flight needs one of its own, so this bounds those too."),
        Field::new(
            "retries_max",
            count(1, 1_000_000),
            Absent("only the retry budget bounds them"),
            "Most retries under way at once.",
        ),
    ],
};

static LOAD: Section = Section {
    name: "load",
    path: "services.NAME.balance.load",
    doc: "What `weighted_by_load` makes of the load that replicas report in the field `endpoint-load-metrics` of their \
          answers: weight = requests per second / (utilization + error rate × `error_penalty`). Physical times.",
    short: &[],
    fields: &[
        Field::new(
            "blackout",
            duration(0, HOUR),
            Is(Text("10s"), "the default of gRPC (A58): the first reports of a new replica say little"),
            "A replica's reports count when they have come for so long; until then it gets the mean weight.",
        ),
        Field::new(
            "expiry",
            duration(1_000, DAY),
            Is(Text("3m"), "the default of gRPC (A58)"),
            "A report counts for no longer than this.",
        ),
        Field::new(
            "update",
            duration(100, HOUR),
            Is(Text("1s"), "the default of gRPC (A58)"),
            "Time between two looks at the weights.",
        ),
        Field::new(
            "error_penalty",
            thousandths(0, 100_000),
            Is(Integer(1), "the default of gRPC (A58)"),
            "How much an error rate of one adds to the utilization.",
        ),
        Field::new(
            "keep",
            Kind::Flag,
            Is(Flag(false), "how busy a replica is concerns no client"),
            "Pass the reports on to clients.",
        ),
    ],
};
