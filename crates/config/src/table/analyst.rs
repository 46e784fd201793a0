//! The analyst: how often it looks, and what it may do about a service.

use crate::field::Fallback::{Absent, Inner, Is};
use crate::field::Literal::{Flag, Integer, Text};
use crate::field::{Choice, DAY, Field, HOUR, Kind, SECOND, Section, count, duration, share, thousandths};
use crate::form::Form;

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
        Field::new("model", Kind::Table(&MODEL), Inner, "A language model that is asked beside the rules."),
        Field::new(
            "evolve",
            Kind::Table(&EVOLVE),
            Absent("no formula is searched"),
            "A search for better formulas of replicas, in the background.",
        ),
    ],
};

pub static EVOLVE: Section = Section {
    name: "analyst_evolve",
    path: "analyst.evolve",
    doc: "Searches a formula of replicas for each service on its own recorded load, at idle priority, one service at a time. What it finds \
          is one more proposal: it takes the same road through the gate as all others (docs/evolving.md). Off unless this table is \
          given; an empty one has all defaults.",
    short: &["every"],
    fields: &[
        Field::new(
            "every",
            duration(SECOND, 31 * DAY),
            Is(Text("6h"), "a load that repeats does so by the day, and a quarter of the day's CPU is one search"),
            "Time from one search for a service to the next, in trace time.",
        ),
        Field::new(
            "cpu",
            duration(SECOND, DAY),
            Is(Text("10m"), "0.7 % of one core"),
            "CPU time that all searches together may take in a day, choosing and proving included.",
        )
        .long("Physical time of their one thread. One search takes at most a quarter of it. What was spent outlives the daemon."),
        Field::new(
            "on",
            Kind::Choices(SEARCH_ON),
            Absent("all three"),
            "What starts a search; never two within 36 ticks, and at most four out of turn between two turns.",
        ),
    ],
};

static SEARCH_ON: &[Choice] = &[
    Choice { word: "schedule", doc: "`every` has passed" },
    Choice { word: "drift", doc: "a figure is far from what it was (docs/analyst.md)" },
    Choice { word: "burn", doc: "more fails than may" },
];

/// Dearest price and largest sum, in thousandths: a million.
const MONEY_MAX: i64 = 1_000_000_000;

pub static MODEL: Section = Section {
    name: "analyst_model",
    path: "analyst.model",
    doc: "A language model behind any endpoint that speaks OpenAI's chat completions, or in the process. It may add to what the rules find and \
          removes nothing; what it proposes takes the same road through the gate (docs/analyst.md). Nothing waits for it. Times \
          are physical.",
    short: &[],
    fields: &[
        Field::new(
            "endpoint",
            Kind::Text(Form::Text),
            Absent("no model is asked"),
            "Base URL of its API, such as `http://127.0.0.1:8080/v1`; or `local:FILE`, a model in the process.",
        )
        .long(
            "Another machine needs `https` and `show`, which says what may leave this one. A file is one in GGUF, takes no key, and \
             needs a plimsoll that was built with `--features local-llm`; it is loaded when the first question is asked.",
        ),
        Field::new(
            "name",
            Kind::Text(Form::Text),
            Is(Text("default"), "servers of one model take any name"),
            "Its name there.",
        )
        .long("A file that is left without a name here is called what it calls itself."),
        Field::new(
            "key_env",
            Kind::Text(Form::Token),
            Absent("no key is sent"),
            "The environment variable with its key.",
        ),
        Field::new("key_file", Kind::Text(Form::File), Absent("no key is sent"), "The file with its key.")
            .long("One line, read when the daemon starts and when anything of this table changes."),
        Field::new(
            "show",
            Kind::Choice(SHOWN),
            Absent("`words` for a model on this machine; for another it has to be said"),
            "The most that it may be shown.",
        ),
        Field::new(
            "pseudonyms",
            Kind::Flag,
            Is(Flag(true), "no diagnosis needs a name"),
            "Names are put to it as pseudonyms, in words as well.",
        ),
        Field::new(
            "timeout",
            duration(SECOND, HOUR),
            Is(Text("1m"), "a small model on a CPU takes most of it, a server a few seconds"),
            "Bound of one answer, from the connection to the last byte.",
        ),
        Field::new(
            "evidence_tokens",
            count(64, 100_000),
            Is(Integer(2_000), "all facts of a busy service; 256 for a small model"),
            "Most tokens of evidence.",
        ),
        Field::new(
            "answer_tokens",
            count(16, 100_000),
            Is(Integer(512), "a full answer has some 300"),
            "Most tokens of an answer.",
        ),
        Field::new(
            "tokens_day",
            count(0, 1_000_000_000_000),
            Is(Integer(200_000), "some seventy questions"),
            "Most tokens a day, read and written. A question that might take more is not sent.",
        ),
        Field::new(
            "requests_day",
            count(0, 1_000_000),
            Is(Integer(200), "three services by the hour, with repairs"),
            "Most requests a day.",
        ),
        Field::new(
            "price_read",
            thousandths(0, MONEY_MAX),
            Is(Integer(0), "a model of one's own costs no money"),
            "Price of a million tokens read.",
        ),
        Field::new(
            "price_written",
            thousandths(0, MONEY_MAX),
            Is(Integer(0), "a model of one's own costs no money"),
            "Price of a million tokens written.",
        ),
        Field::new(
            "money_day",
            thousandths(0, MONEY_MAX),
            Is(Integer(0), "nobody pays who has not said how much"),
            "Most money a day. A question that might cost more is not sent.",
        ),
        Field::new(
            "failures",
            count(1, 100),
            Is(Integer(3), "one may be chance, three are not"),
            "Failures in a row after which it is left alone for `pause`.",
        ),
        Field::new(
            "pause",
            duration(SECOND, HOUR),
            Is(Text("30s"), "a server that restarts is back by then"),
            "How long it is left alone first; each further time twice as long, up to twenty times this.",
        ),
    ],
};

static SHOWN: &[Choice] = &[
    Choice { word: "nothing", doc: "it is never asked" },
    Choice { word: "figures", doc: "numbers without any name" },
    Choice { word: "names", doc: "names as well, or their pseudonyms" },
    Choice { word: "words", doc: "words of events and reasons as well, cleaned" },
];

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
