//! The fields of a gateway file: a gateway that runs alone, as a plain load balancer. Start at [`GATEWAY_FILE`].

use super::balance::BALANCE;
use super::gateway::LIMITS;
use super::gateway_route::{REDIRECT, ROUTE};
use crate::field::Fallback::{Absent, Inner, Is, Required};
use crate::field::Literal::{Flag, Integer, Text};
use crate::field::{Choice, Field, HOUR, Kind, Section, count, duration, joined, share};
use crate::form::Form;

/// The top of a gateway file.
pub static GATEWAY_FILE: Section = Section {
    name: "gateway_file",
    path: "",
    doc: "",
    short: &[],
    fields: &joined::<9>(&[&[
        Field::new(
            "control",
            Kind::Text(Form::File),
            Is(Text("gateway.sock"), "beside the file, so that two gateways of two files never meet"),
            "Control socket: reports go out and orders come in there. Only the user who runs the gateway may connect.",
        )
        .restarts(),
        Field::new("workers", count(1, 256), Absent("one per core"), "Worker threads, one runtime each.").restarts(),
        Field::new(
            "trusted_proxies",
            Kind::Texts { form: Form::Network, min: 0 },
            Absent("none: what they say of earlier hops is replaced, because any client can write it"),
            "Address blocks whose `X-Forwarded-For`, `Forwarded` and PROXY protocol are believed.",
        ),
        Field::new(
            "limits",
            Kind::Table(&LIMITS),
            Inner,
            "Bounds on everything that a client or an endpoint can send.",
        ),
        ],
        OBSERVED,
        &[
        Field::new("listeners", Kind::Tables(&LISTENER), Required, "Addresses it listens on."),
        Field::new("pools", Kind::Named(&POOL), Required, "Endpoints by the name of their pool."),
        ],
    ]),
};

/// What is written down of requests, by a spec's gateway too.
pub const OBSERVED: &[Field] = &[
    Field::new("access_log", Kind::Table(&ACCESS_LOG), Inner, "One JSON object a line for each request."),
    Field::new(
        "trace",
        Kind::Flag,
        Is(Flag(false), "a trace is begun by whoever samples it; one that a request has is passed on either way"),
        "Give a request without a W3C `traceparent` one.",
    ),
    Field::new("otlp", Kind::Table(&OTLP), Inner, "Send a span of each sampled request to a collector."),
];

static ACCESS_LOG: Section = Section {
    name: "access_log",
    path: "access_log",
    doc: "One JSON object a line for each request. Bodies, cookies, queries and header values are never written. What the \
          disk cannot take in time is dropped and counted.",
    short: &["file"],
    fields: &[
        Field::new("file", Kind::Text(Form::File), Absent("nothing is written"), "Where to; `-` is standard output."),
        Field::new(
            "sample",
            share(0, 1_000),
            Is(Text("100%"), "everything, until the disk says otherwise"),
            "Share of the answered requests that is written; failed ones always are.",
        ),
    ],
};

static OTLP: Section = Section {
    name: "otlp",
    path: "otlp",
    doc: "One server span per sampled request, sent by OTLP over HTTP in JSON. A request that brings a `traceparent` says itself \
          whether it is sampled; the endpoint sees the gateway's span as its parent. What the collector does not take in time \
          is dropped and counted; no request waits for it. A plain address sets `address`.",
    short: &["address"],
    fields: &[
        Field::new(
            "address",
            Kind::Text(Form::Address),
            Absent("no span is sent"),
            "Where the collector listens, without TLS; usually port 4318.",
        ),
        Field::new(
            "path",
            Kind::Text(Form::UrlPath),
            Is(Text("/v1/traces"), "the path that the protocol names"),
            "The path that takes traces.",
        ),
        Field::new(
            "service",
            Kind::Text(Form::Text),
            Is(Text("plimsoll-gateway"), "what it is; several gateways want names of their own"),
            "What this gateway is called in the spans (`service.name`).",
        ),
        Field::new(
            "sample",
            share(0, 1_000),
            Is(Text("1%"), "enough to find what is slow, at a cost that nobody notices"),
            "Share of the requests without a `traceparent` that begin a trace.",
        ),
        Field::new(
            "batch_max",
            count(1, 100_000),
            Is(Integer(512), "the default of the OpenTelemetry SDKs"),
            "Most spans in one message.",
        ),
        Field::new(
            "queue_max",
            count(1, 1_000_000),
            Is(Integer(2_048), "the default of the OpenTelemetry SDKs"),
            "Most spans that wait to be sent.",
        ),
        Field::new(
            "interval",
            duration(10, HOUR),
            Is(Text("5s"), "the default of the OpenTelemetry SDKs"),
            "Longest time that a span waits for others.",
        ),
        Field::new(
            "timeout",
            duration(10, HOUR),
            Is(Text("10s"), "the default of the OpenTelemetry exporters"),
            "Longest wait for the collector's answer.",
        ),
    ],
};

static LISTENER: Section = Section {
    name: "gateway_listener",
    path: "listeners",
    doc: "One listening address, for HTTP by routes or for TCP by a pool.",
    short: &[],
    fields: &joined::<7>(&[
        &[
            Field::new(
                "listen",
                Kind::Text(Form::Address),
                Required,
                "Address it listens on. Port 0 takes a free one.",
            ),
            Field::new(
                "tcp",
                Kind::Text(Form::Name),
                Absent("it speaks HTTP and has routes"),
                "Pass connections through to this pool, unread: any protocol, TLS included.",
            ),
        ],
        LISTENING,
        &[
            Field::new(
                "routes",
                Kind::Tables(&ROUTE),
                Absent("no routes"),
                "The first that matches among those with the longest path of the most exact host gets a request.",
            ),
            REDIRECTS,
        ],
    ]),
};

/// How a listener reads bytes, of a spec's listeners too.
pub const LISTENING: &[Field] = &[
    Field::new(
        "proxy_protocol",
        Kind::Flag,
        Is(Flag(false), "a header that nobody expects would be read as a request"),
        "Connections from `trusted_proxies` begin with a PROXY protocol header, v1 or v2; others are refused.",
    ),
    Field::new(
        "http2",
        Kind::Flag,
        Is(Flag(false), "it helps browsers with many small requests, and gRPC needs it; others gain nothing"),
        "Clients may speak HTTP/2: by ALPN within TLS, by prior knowledge without.",
    ),
    Field::new("tls", Kind::Table(&TLS), Inner, "TLS that ends here."),
];

/// Redirects of a listener, of a spec's too.
pub const REDIRECTS: Field =
    Field::new("redirects", Kind::Tables(&REDIRECT), Absent("none"), "Requests answered with another address.");

static TLS: Section = Section {
    name: "tls",
    path: "listeners.tls",
    doc: "TLS that ends here: versions 1.2 and 1.3. Files are read again at each reload, without a connection dropped.",
    short: &[],
    fields: &[
        Field::new(
            "certificates",
            Kind::Tables(&CERTIFICATE),
            Absent("plain connections"),
            "A client gets the first whose names match the one it asks for, else the first.",
        ),
        Field::new(
            "client_ca",
            Kind::Text(Form::File),
            Absent("no client is asked who it is"),
            "PEM file of the authorities whose clients are let in.",
        ),
        Field::new(
            "client_optional",
            Kind::Flag,
            Is(Flag(false), "whoever names authorities wants to know who comes"),
            "Let clients in that show no certificate; one that is shown has to be valid either way.",
        ),
        Field::new(
            "client_forward",
            Kind::Flag,
            Is(Flag(false), "a certificate is a kilobyte or two in every head"),
            "Tell endpoints which certificate a client showed, in `Client-Cert` (RFC 9440). What clients write there is \
             always taken out.",
        ),
    ],
};

pub static CERTIFICATE: Section = Section {
    name: "certificate",
    path: "listeners.tls.certificates",
    doc: "A certificate and its private key.",
    short: &[],
    fields: &[
        Field::new(
            "certificate",
            Kind::Text(Form::File),
            Required,
            "PEM file of the chain, the own certificate first.",
        ),
        Field::new("key", Kind::Text(Form::File), Required, "PEM file of the private key.")
            .long("Refused where other users may read it."),
    ],
};

const PROTOCOL: &[Choice] = &[
    Choice { word: "http1", doc: "HTTP/1.1" },
    Choice { word: "h2", doc: "HTTP/2: by prior knowledge without TLS, by ALPN within" },
    Choice { word: "auto", doc: "what the endpoint chooses within TLS, HTTP/2 first" },
];

const PROXY: &[Choice] = &[Choice { word: "v1", doc: "a line of text" }, Choice { word: "v2", doc: "a binary header" }];

static POOL: Section = Section {
    name: "pool",
    path: "pools.NAME",
    doc: "Endpoints that answer the same requests.",
    short: &[],
    fields: &[
        Field::new("endpoints", Kind::Tables(&ENDPOINT), Required, "Who answers."),
        Field::new(
            "balance",
            Kind::Table(&BALANCE),
            Inner,
            "How requests are spread. A plain word chooses the algorithm.",
        ),
        Field::new("check", Kind::Table(&CHECK), Inner, "Active checks. A plain path is asked for by GET."),
        Field::new("tls", Kind::Table(&UPSTREAM_TLS), Inner, "TLS towards the endpoints."),
        Field::new(
            "protocol",
            Kind::Choice(PROTOCOL),
            Is(Text("http1"), "every endpoint speaks it, and it costs the least; gRPC needs `h2`"),
            "What is spoken with the endpoints.",
        ),
        Field::new(
            "proxy_protocol",
            Kind::Choice(PROXY),
            Absent("endpoints learn the client's address from `X-Forwarded-For` only"),
            "Begin connections with a PROXY protocol header; each then carries one request.",
        ),
        Field::new(
            "zone",
            Kind::Text(Form::Name),
            Absent("zones do not matter"),
            "The zone of this gateway: endpoints of other zones keep `zone_weight` of their weight.",
        ),
        Field::new(
            "zone_weight",
            share(0, 1_000),
            Is(
                Text("0%"),
                "other zones are for when the own one has nobody left, and then they have their full weight",
            ),
            "Share of their weight that endpoints of other zones keep.",
        ),
        Field::new(
            "subset",
            Kind::Table(&SUBSET),
            Inner,
            "Use only a part of the endpoints, so that each has fewer connections.",
        ),
    ],
};

static ENDPOINT: Section = Section {
    name: "endpoint",
    path: "pools.NAME.endpoints",
    doc: "One that answers.",
    short: &[],
    fields: &[
        Field::new("address", Kind::Text(Form::Address), Required, "Where it listens."),
        Field::new(
            "weight",
            count(0, 1_000),
            Is(Integer(1), "all alike"),
            "Its share against the others. Zero drains it: it finishes what it has and gets nothing new.",
        ),
        Field::new("zone", Kind::Text(Form::Name), Absent("in no zone"), "The zone it is in."),
    ],
};

static CHECK: Section = Section {
    name: "check",
    path: "pools.NAME.check",
    doc: "Active checks: an endpoint that fails them gets no requests until it passes again. Physical times.",
    short: &["path"],
    fields: &[
        Field::new(
            "path",
            Kind::Text(Form::UrlPath),
            Absent("no HTTP checks"),
            "Path that is asked for; 200 to 399 passes.",
        ),
        Field::new(
            "tcp",
            Kind::Flag,
            Is(Flag(false), "an accepted connection says little about who answers on it"),
            "An accepted connection (with TLS: a handshake) passes.",
        ),
        Field::new(
            "grpc",
            Kind::Flag,
            Is(Flag(false), "most endpoints answer a path"),
            "An endpoint passes that says SERVING by the gRPC health protocol.",
        ),
        Field::new(
            "grpc_service",
            Kind::Text(Form::Token),
            Absent("the endpoint as a whole"),
            "The service that `grpc` asks for.",
        ),
        Field::new("host", Kind::Text(Form::Host), Absent("the name of the pool"), "`Host` of the question."),
        Field::new(
            "interval",
            duration(10, HOUR),
            Is(Text("2s"), "the interval of HAProxy"),
            "Time between two questions to an endpoint.",
        ),
        Field::new(
            "timeout",
            duration(1, HOUR),
            Is(Text("1s"), "an endpoint that answers its check later than this answers nobody in time"),
            "Longest wait for an answer.",
        ),
        Field::new(
            "healthy_after",
            count(1, 100),
            Is(Integer(2), "the `rise` of HAProxy"),
            "Passed checks in a row that bring an endpoint back. At the start every endpoint counts as well.",
        ),
        Field::new(
            "unhealthy_after",
            count(1, 100),
            Is(Integer(3), "the `fall` of HAProxy"),
            "Failed checks in a row that take an endpoint out.",
        ),
    ],
};

static UPSTREAM_TLS: Section = Section {
    name: "upstream_tls",
    path: "pools.NAME.tls",
    doc: "TLS towards the endpoints; their certificates are always checked.",
    short: &[],
    fields: &[
        Field::new(
            "ca",
            Kind::Text(Form::File),
            Absent("plain connections"),
            "PEM file of the authorities that vouch for them.",
        ),
        Field::new(
            "server_name",
            Kind::Text(Form::Host),
            Absent("needed with `ca`"),
            "The name that their certificates have to be for.",
        ),
        Field::new(
            "certificate",
            Kind::Text(Form::File),
            Absent("the gateway shows none"),
            "PEM file of the chain that the gateway shows where it is asked who it is.",
        ),
        Field::new("key", Kind::Text(Form::File), Absent("needed with `certificate`"), "PEM file of its private key.")
            .long("Refused where other users may read it."),
    ],
};

static SUBSET: Section = Section {
    name: "subset",
    path: "pools.NAME.subset",
    doc: "Deterministic subsetting: gateways that are numbered 0, 1, 2 … spread evenly over the endpoints.",
    short: &[],
    fields: &[
        Field::new("size", count(1, 100_000), Absent("all endpoints"), "Endpoints that this gateway uses."),
        Field::new(
            "gateway",
            count(0, 100_000),
            Is(Integer(0), "the first of its fleet"),
            "The number of this gateway in its fleet.",
        ),
    ],
};
