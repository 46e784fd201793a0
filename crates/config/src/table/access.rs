//! The HTTP API: where it listens, what it shows of itself, who gets in, and where its metrics go.

use crate::field::Fallback::{Absent, Inner, Is};
use crate::field::Literal::{Flag, Text};
use crate::field::{Field, HOUR, Kind, SECOND, Section, duration};
use crate::form::Form;

pub static API: Section = Section {
    name: "api",
    path: "api",
    doc: "The HTTP API and the dashboard. Whoever reaches it on loopback may read; writing needs a token, and beyond loopback \
          everything does, within TLS. See `docs/access.md`.",
    short: &["listen"],
    fields: &[
        Field::new(
            "listen",
            Kind::Text(Form::Address),
            Is(Text("127.0.0.1:7411"), "loopback, because the API shows commands and takes orders"),
            "Address it listens on.",
        )
        .long("Port 0 takes a free one, which is printed.")
        .restarts(),
        Field::new(
            "expose",
            Kind::Flag,
            Is(Flag(false), "nothing listens beyond this machine unless the spec says so"),
            "Allows an address that other machines can reach; needs `certificate` and `key`.",
        )
        .restarts(),
        Field::new(
            "certificate",
            Kind::Text(Form::File),
            Absent("plain HTTP, which only loopback may speak"),
            "PEM file of the chain that the API shows, the own certificate first.",
        )
        .long("Read again by `plimsoll reload`.")
        .restarts(),
        Field::new("key", Kind::Text(Form::File), Absent("needed with `certificate`"), "PEM file of its private key.")
            .long("Refused where other users may read it.")
            .restarts(),
        Field::new(
            "tokens",
            Kind::Text(Form::File),
            Absent("`tokens.json` in the state directory"),
            "The file of named tokens, which `plimsoll token` writes.",
        )
        .long("Refused where other users may read it. A change of the file takes effect at the next request.")
        .restarts(),
        Field::new(
            "require_token",
            Kind::Flag,
            Is(Flag(false), "reading on one's own machine needs no ceremony"),
            "Reading needs a token on loopback too.",
        )
        .restarts(),
        Field::new(
            "otlp",
            Kind::Table(&OTLP),
            Inner,
            "Export of the daemon's metrics. A plain address sets `address`.",
        )
        .restarts(),
    ],
};

static OTLP: Section = Section {
    name: "metrics_otlp",
    path: "api.otlp",
    doc: "What `/metrics` shows, sent by OTLP over HTTP in JSON. A message that the collector does not take is dropped and \
          counted: the next one holds newer figures. Times are physical.",
    short: &["address"],
    fields: &[
        Field::new(
            "address",
            Kind::Text(Form::Address),
            Absent("nothing is sent"),
            "Where the collector listens, without TLS; usually port 4318.",
        )
        .restarts(),
        Field::new(
            "path",
            Kind::Text(Form::UrlPath),
            Is(Text("/v1/metrics"), "the path that the protocol names"),
            "The path that takes metrics.",
        )
        .restarts(),
        Field::new(
            "service",
            Kind::Text(Form::Text),
            Is(Text("plimsoll"), "what it is; several installations want names of their own"),
            "What this installation is called in the metrics (`service.name`).",
        )
        .restarts(),
        Field::new(
            "interval",
            duration(SECOND, HOUR),
            Is(Text("60s"), "the default of the OpenTelemetry SDKs for metrics"),
            "Time between two messages.",
        )
        .restarts(),
        Field::new(
            "timeout",
            duration(10, HOUR),
            Is(Text("10s"), "the default of the OpenTelemetry exporters"),
            "Longest wait for the collector's answer.",
        )
        .restarts(),
    ],
};
