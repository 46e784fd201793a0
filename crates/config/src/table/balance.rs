//! Balancing: algorithm, queue, slow start, ejection.

use crate::field::Fallback::{Absent, Inner, Is};
use crate::field::Literal::{Integer, Text};
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
