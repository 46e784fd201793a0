//! What the people who run an installation ask for beside its load: retention, prices, users, webhooks.

use crate::field::Fallback::{Absent, Is, Required};
use crate::field::Literal::{Integer, Text};
use crate::field::{Choice, DAY, Field, HOUR, Kind, MINUTE, Section, count, duration, share, thousandths};
use crate::form::Form;

pub static RETENTION: Section = Section {
    name: "retention",
    path: "retention",
    doc: "How long what has no bound of its own in `[history]` is kept, in physical time. Samples, summaries and the journal \
          have theirs there, logs of what runs in `log`. What is dropped is noted in the journal; `plimsoll audit` shows it.",
    short: &[],
    fields: &[
        Field::new(
            "ended_logs",
            duration(HOUR, 3_660 * DAY),
            Is(Text("30d"), "as long as the journal, which says why they ended"),
            "Logs of replicas and runs that ended; of one service or job never more than the last five.",
        )
        .restarts(),
        Field::new(
            "audit",
            duration(HOUR, 3_660 * DAY),
            Absent("as long as `history.journal`, which it is part of"),
            "Who asked for which change, from where. Never longer than `history.journal`.",
        )
        .long(
            "Addresses and names of people may have to go before the decisions that they led to. The records stay, with the \
             SHA-256 of what they held; whole segments are looked at, so up to the time that one covers is kept longer.",
        ),
        Field::new(
            "proposals",
            duration(HOUR, 3_660 * DAY),
            Is(Text("90d"), "a quarter, so that a proposal that comes again is known again"),
            "The analyst's proposals that are over, since they were made, in trace time. Those that stand or may still come stay.",
        ),
    ],
};

/// Dearest price, in thousandths: a billion for a month of anything is a mistake.
const PRICE_MAX: i64 = 1_000_000_000_000;

pub static PRICES: Section = Section {
    name: "prices",
    path: "prices",
    doc: "A price list for `plimsoll usage`. A month is 730 hours, as cloud price lists count it. It changes no decision.",
    short: &[],
    fields: &[
        Field::new(
            "currency",
            Kind::Text(Form::Text),
            Is(Text("units"), "only whoever reads the bill knows better"),
            "What the prices are in.",
        ),
        Field::new(
            "cpu_month",
            thousandths(0, PRICE_MAX),
            Is(Integer(0), "what nobody has priced costs nothing"),
            "One core for a month.",
        ),
        Field::new(
            "memory_gib_month",
            thousandths(0, PRICE_MAX),
            Is(Integer(0), "what nobody has priced costs nothing"),
            "One GiB of memory for a month.",
        ),
        Field::new(
            "gpu_month",
            thousandths(0, PRICE_MAX),
            Is(Integer(0), "what nobody has priced costs nothing"),
            "One GPU for a month.",
        ),
        Field::new(
            "network_gib",
            thousandths(0, PRICE_MAX),
            Is(Integer(0), "what nobody has priced costs nothing"),
            "One GiB over the network.",
        ),
        Field::new(
            "disk_gib",
            thousandths(0, PRICE_MAX),
            Is(Integer(0), "what nobody has priced costs nothing"),
            "One GiB read from or written to disks.",
        ),
    ],
};

pub static USER: Section = Section {
    name: "user",
    path: "users.NAME",
    doc: "What a user is accounted for by `plimsoll usage --by user`.",
    short: &["workloads"],
    fields: &[Field::new(
        "workloads",
        Kind::Texts { form: Form::Name, min: 1 },
        Required,
        "Names of services and jobs; each has one user at most.",
    )],
};

/// What a webhook can be told of, with the words of the file.
pub const OCCASIONS: &[Choice] = &[
    Choice { word: "slo_burn", doc: "a service uses its error budget up more than ten times too fast" },
    Choice { word: "crash_loop", doc: "a replica of a service ends again and again" },
    Choice { word: "frozen", doc: "nothing is decided, because the journal cannot be written" },
];

pub static WEBHOOK: Section = Section {
    name: "webhook",
    path: "webhooks.NAME",
    doc: "A receiver that is told, by a POST of JSON, when something begins and when it is over. Nothing waits for it: its \
          messages have a queue, a time-out and a number of tries. Times are physical. See `docs/integrations.md`.",
    short: &["url"],
    fields: &[
        Field::new("url", Kind::Text(Form::Text), Required, "Where it listens, `http://HOST[:PORT][/PATH]`."),
        Field::new(
            "secret",
            Kind::Text(Form::File),
            Absent("messages are not signed"),
            "The file with the secret that messages are signed with (HMAC-SHA-256).",
        )
        .long("Refused where other users may read it."),
        Field::new("events", Kind::Choices(OCCASIONS), Absent("everything"), "What it is told of."),
        Field::new(
            "errors_max",
            share(1, 50),
            Is(Text("1%"), "99 % is the objective that is most often written down"),
            "Share of a service's requests that may fail: the error budget of `slo_burn`.",
        ),
        Field::new(
            "timeout",
            duration(100, MINUTE),
            Is(Text("5s"), "a receiver that needs longer should take the message and work later"),
            "Longest wait for its answer.",
        ),
        Field::new(
            "tries",
            count(1, 20),
            Is(Integer(5), "with the default backoff they bridge a restart of half a minute"),
            "Tries of one message.",
        ),
        Field::new(
            "backoff",
            duration(10, HOUR),
            Is(Text("2s"), "long enough for a receiver to come back, short enough to be news"),
            "Wait before the second try; doubles with each further one.",
        ),
        Field::new(
            "queue_max",
            count(1, 10_000),
            Is(Integer(256), "an incident of a hundred services, and bounded"),
            "Most messages that wait for it; further ones are dropped and counted.",
        ),
    ],
};
