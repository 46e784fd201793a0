//! The data plane: listeners, routes and limits.

use super::gateway_file::{LISTENING, OBSERVED, REDIRECTS};
use super::gateway_route::{DEMANDS, HOST, SPLITTING, TREATMENT};
use crate::field::Fallback::{Absent, Inner, Is, Required};
use crate::field::Literal::{Flag, Integer, Text};
use crate::field::{
    Field, GIB, HOUR, KIB, Kind, MIB, MINUTE, Section, bytes, count, duration, joined, or_unlimited, share,
};
use crate::form::Form;

const LISTEN: &str = "An address that other machines can reach needs `expose = true`. Port 0 takes a free one.";

pub static GATEWAY: Section = Section {
    name: "gateway",
    path: "gateway",
    doc: "Listeners, routes and limits of the data plane. With one listener, write `listen` and `[[gateway.routes]]`; \
          with several, write `[[gateway.listeners]]` with routes in each. Times are physical.",
    short: &[],
    fields: &joined::<10>(&[
        &[
            Field::new(
                "listen",
                Kind::Text(Form::Address),
                Absent("no listener of the short form"),
                "Short form: the one address it listens on.",
            )
            .long(LISTEN),
            Field::new(
                "expose",
                Kind::Flag,
                Is(Flag(false), "nothing listens beyond this machine unless the spec says so"),
                "Short form: allows an address that other machines can reach.",
            ),
            Field::new("routes", Kind::Tables(&ROUTE), Absent("no routes"), "Short form: the routes of `listen`."),
            Field::new(
                "listeners",
                Kind::Tables(&LISTENER),
                Absent("only the short form's, if any"),
                "Addresses it listens on, with their routes.",
            ),
            Field::new("workers", count(1, 256), Absent("one per core"), "Worker threads, one runtime each.")
                .restarts(),
            Field::new(
                "trusted_proxies",
                Kind::Texts { form: Form::Network, min: 0 },
                Absent("none: the headers are replaced, because any client can write them"),
                "Address blocks whose `X-Forwarded-For`, `Forwarded` and PROXY protocol are believed.",
            ),
            Field::new(
                "limits",
                Kind::Table(&LIMITS),
                Inner,
                "Bounds on everything that a client or a replica can send.",
            ),
        ],
        OBSERVED,
    ]),
};

static LISTENER: Section = Section {
    name: "listener",
    path: "gateway.listeners",
    doc: "One listening address.",
    short: &[],
    fields: &joined::<8>(&[
        &[
            Field::new("listen", Kind::Text(Form::Address), Required, "Address it listens on.").long(LISTEN),
            Field::new(
                "expose",
                Kind::Flag,
                Is(Flag(false), "nothing listens beyond this machine unless the spec says so"),
                "Allows an address that other machines can reach.",
            ),
            Field::new(
                "tcp",
                Kind::Text(Form::Name),
                Absent("it speaks HTTP and has routes"),
                "Pass connections through to this service, unread: any protocol, TLS included.",
            ),
        ],
        LISTENING,
        &[
            Field::new(
                "routes",
                Kind::Tables(&ROUTE),
                Absent("no routes"),
                "The longest matching path prefix of the first matching host wins.",
            ),
            REDIRECTS,
        ],
    ]),
};

static ROUTE: Section = Section {
    name: "route",
    path: "gateway.routes",
    doc: "Which requests go to which service.",
    short: &[],
    fields: &joined::<18>(&[
        &[
            HOST,
            Field::new(
                "path",
                Kind::Text(Form::UrlPath),
                Is(Text("/"), "everything, which is right where there is one service"),
                "Path prefix to match.",
            ),
        ],
        DEMANDS,
        &[
            Field::new("service", Kind::Text(Form::Name), Required, "The service that answers."),
            Field::new(
                "split",
                Kind::Tables(&SPLIT),
                Absent("all to `service`"),
                "Other services that get a part: a canary.",
            ),
        ],
        SPLITTING,
        &[
            Field::new(
                "timeout",
                duration(10, 24 * HOUR),
                Is(
                    Text("30s"),
                    "longer than an interactive client waits, so a hung replica is told apart from a slow one",
                ),
                "Longest time of one try to the end of the response's head.",
            ),
            Field::new(
                "retry",
                Kind::Flag,
                Is(
                    Flag(true),
                    "only idempotent requests are tried again, once, within `limits.retry_budget`, after a lost connection, a time-out or a 500, 502, 503 or 504",
                ),
                "One retry for idempotent requests while the retry budget lasts.",
            ),
        ],
        TREATMENT,
    ]),
};

static SPLIT: Section = Section {
    name: "route_split",
    path: "gateway.routes.split",
    doc: "A part of the requests.",
    short: &[],
    fields: &[
        Field::new("service", Kind::Text(Form::Name), Required, "Who answers it."),
        Field::new("share", share(0, 1_000), Required, "Its share of the requests."),
    ],
};

pub static LIMITS: Section = Section {
    name: "gateway_limits",
    path: "gateway.limits",
    doc: "Bounds on everything that a client or a replica can send. Times are physical.",
    short: &[],
    fields: &[
        Field::new(
            "head_size_max",
            bytes(KIB, MIB),
            Is(Text("32KiB"), "twice what HAProxy takes, so large cookies pass"),
            "Request or response head.",
        ),
        Field::new(
            "headers_max",
            count(8, 10_000),
            Is(Integer(100), "the limit of Apache and hyper; browsers send under 40"),
            "Header fields per message.",
        ),
        Field::new(
            "body_size_max",
            or_unlimited(bytes(0, 1_024 * GIB)),
            Is(
                Text("1GiB"),
                "bodies are streamed, so this bounds time and disk of the service, not memory of the gateway",
            ),
            "Request body.",
        ),
        Field::new(
            "connections_max",
            count(1, 1_000_000),
            Is(Integer(10_000), "about 1 GB of buffers at the very most, which one machine can hold"),
            "Open client connections.",
        ),
        Field::new(
            "head_timeout",
            duration(100, HOUR),
            Is(Text("10s"), "a client that needs longer for its head is attacking (slow loris) or gone"),
            "From the first byte of a request head to its end.",
        ),
        Field::new(
            "idle_timeout",
            duration(100, 24 * HOUR),
            Is(Text("60s"), "longer than browsers leave between two clicks on one page, shorter than most NATs forget"),
            "An idle keep-alive connection is closed after this.",
        ),
        Field::new(
            "connect_timeout",
            duration(1, MINUTE),
            Is(Text("1s"), "replicas are on this machine, where a connection takes microseconds or never comes"),
            "Longest wait for a connection to a replica.",
        ),
        Field::new(
            "body_timeout",
            duration(100, HOUR),
            Is(Text("30s"), "a peer silent for this long in mid-body has gone"),
            "Longest silence while a body is transferred.",
        ),
        Field::new(
            "retry_budget",
            share(0, 1_000),
            Is(Text("20%"), "the retry budget of Finagle and Linkerd: failures raise the load by a fifth at most"),
            "Retries may be at most this share of requests.",
        ),
        Field::new(
            "idle_upstream_max",
            count(0, 10_000),
            Is(Integer(64), "as many as one replica usefully works on at once, per worker"),
            "Idle upstream connections kept per endpoint and worker.",
        ),
        Field::new(
            "drain",
            duration(0, HOUR),
            Is(Text("10s"), "requests in flight at a stop have this long to end"),
            "How long open connections may go on when the gateway stops.",
        ),
        Field::new(
            "source_prefix_ipv4",
            count(1, 32),
            Is(Integer(32), "an address of IPv4 is one client, or one network behind one"),
            "Leading bits of a client's IPv4 address that say who it is, for hashing, splits and rates per client.",
        ),
        Field::new(
            "source_prefix_ipv6",
            count(1, 128),
            Is(Integer(64), "one client has a whole /64 and moves freely within it"),
            "Leading bits of a client's IPv6 address that say who it is, for hashing, splits and rates per client.",
        ),
    ],
};
