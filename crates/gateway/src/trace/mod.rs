//! Spans of requests: which requests have one, what it says, and how the next hop learns of it.
//!
//! A request that brings a W3C `traceparent` has decided itself whether it is sampled; one without is sampled by share. A
//! sampled request gets a span of this gateway, and the endpoint sees that span as its parent. Workers hand finished spans
//! over and never wait; who sends them is [`export`].
//!
//! # Source
//! W3C Trace Context, sections 3.2 and 3.3; OpenTelemetry's semantic conventions for HTTP spans (names of attributes).

pub mod export;
mod json;

use crate::codec::field::elements;
use crate::refusal::Turned;
use crate::rules::head::{HeadChanges, insert};
use httparse::Header;
use plimsoll_model::gateway::HeaderRules;
use plimsoll_model::otlp::OtlpSpec;
use std::net::SocketAddr;
use tokio::sync::mpsc;

/// Bytes of a host or path that a span holds.
const TEXT_MAX: usize = 512;

/// Whom a span belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The trace, 32 hexadecimal digits.
    pub trace: [u8; 32],
    /// The span that asked, 16 hexadecimal digits.
    pub parent: [u8; 16],
    /// It is recorded by those before.
    pub is_sampled: bool,
}

impl Context {
    /// The context that a request brings; none where it brings none, or one that cannot be passed on.
    pub fn of(fields: &[Header<'_>]) -> Option<Self> {
        let mut found = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("traceparent"));
        let value = found.next()?.value.trim_ascii();
        if found.next().is_some() || elements(value).count() != 1 {
            return None;
        }
        let is_hex = |bytes: &[u8]| bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == b'0');
        let dashes = value.len() >= 55 && [2, 35, 52].into_iter().all(|at| value[at] == b'-');
        if !dashes || (value.len() > 55 && (value.starts_with(b"00") || value[55] != b'-')) {
            return None;
        }
        let (version, trace, parent, flags) = (&value[..2], &value[3..35], &value[36..52], &value[53..55]);
        let is_sound = [version, trace, parent, flags].into_iter().all(is_hex) && version != b"ff";
        if !is_sound || is_zero(trace) || is_zero(parent) {
            return None;
        }
        let low = if flags[1] >= b'a' { flags[1] - b'a' + 10 } else { flags[1] - b'0' };
        Some(Self { trace: trace.try_into().ok()?, parent: parent.try_into().ok()?, is_sampled: low & 1 == 1 })
    }
}

/// A span that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The trace, 32 hexadecimal digits.
    pub trace: [u8; 32],
    /// This span, 16 hexadecimal digits.
    pub id: [u8; 16],
    /// The span that asked, where there is one.
    pub parent: Option<[u8; 16]>,
    /// As sent.
    pub method: Box<str>,
    /// Without port.
    pub host: Box<str>,
    /// Without query.
    pub path: Box<str>,
    /// Within TLS.
    pub is_secure: bool,
}

impl Begun {
    /// The line by which the endpoint learns of it.
    pub fn line(&self) -> Vec<u8> {
        [b"traceparent: 00-", &self.trace[..], b"-", &self.id[..], b"-01\r\n"].concat()
    }
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What was known at its start.
    pub begun: Box<Begun>,
    /// When the request's head was there, nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// When the response had gone.
    pub end_unix_ns: u64,
    /// Of the response; none where the client never got one.
    pub status: Option<u16>,
    /// Why it failed, in the words of `X-Plimsoll-Reason`.
    pub reason: Option<&'static str>,
    /// Who answered.
    pub pool: Option<Box<str>>,
    /// Which endpoint had it last.
    pub endpoint: Option<SocketAddr>,
    /// The client's address.
    pub client: Box<str>,
    /// Body bytes that came.
    pub bytes_in: u64,
    /// Body bytes that went.
    pub bytes_out: u64,
}

/// The workers' end of an export.
#[derive(Debug)]
pub struct Tracer {
    spans: mpsc::Sender<Span>,
    sample: u64,
    without: Option<HeadChanges>,
}

/// At most so much of a text, whole characters.
fn cut(text: &str) -> Box<str> {
    text[..text.floor_char_boundary(TEXT_MAX)].into()
}

impl Tracer {
    /// With this end of the queue.
    pub fn new(spec: &OtlpSpec, spans: mpsc::Sender<Span>) -> Self {
        let remove = vec!["traceparent".to_owned()];
        let without = HeadChanges::new(&HeaderRules { remove, ..HeaderRules::default() });
        Self { spans, sample: spec.sample.get(), without }
    }

    /// Begins a span, if the request has one. `chance` gives a number that nobody can tell from chance, `id` 16 digits.
    pub fn begin(
        &self,
        (method, host, target, is_secure): (&str, &[u8], &str, bool),
        fields: &[Header<'_>],
        chance: impl Fn() -> u64,
        id: impl Fn() -> [u8; 16],
    ) -> Option<Box<Begun>> {
        let context = Context::of(fields);
        let is_sampled = match &context {
            Some(context) => context.is_sampled,
            None => self.sample >= 1_000 || (chance() >> 32) % 1_000 < self.sample,
        };
        if !is_sampled {
            return None;
        }
        let mut trace = [0; 32];
        trace[..16].copy_from_slice(&id());
        trace[16..].copy_from_slice(&id());
        let path = target.split('?').next().unwrap_or_default();
        Some(Box::new(Begun {
            trace: context.map_or(trace, |context| context.trace),
            id: id(),
            parent: context.map(|context| context.parent),
            method: cut(method),
            host: cut(&String::from_utf8_lossy(host)),
            path: cut(if path.is_empty() { "/" } else { path }),
            is_secure,
        }))
    }

    /// Names the span as the parent in the head that starts at `start` and ends with `out`.
    pub fn pass_on(&self, span: &Begun, out: &mut Vec<u8>, start: usize) {
        if let (Some(_), Some(without)) = (span.parent, &self.without) {
            without.apply(out, start);
        }
        insert(out, &span.line());
    }

    /// Hands a span over; false when it was dropped.
    pub fn end(&self, span: Span) -> bool {
        self.spans.try_send(span).is_ok()
    }
}

/// A span of a request that went to no endpoint, as far as that is known.
pub fn of_turned(begun: Box<Begun>, turned: &Turned, client: &str) -> Span {
    let is_error = turned.refusal.status >= 400;
    Span {
        begun,
        start_unix_ns: 0,
        end_unix_ns: 0,
        status: Some(turned.refusal.status),
        reason: is_error.then_some(turned.refusal.word),
        pool: None,
        endpoint: None,
        client: client.into(),
        bytes_in: 0,
        bytes_out: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(value: &str) -> Option<Context> {
        Context::of(&[Header { name: "Traceparent", value: value.as_bytes() }])
    }

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";

    #[test]
    fn contexts_are_those_of_the_recommendation() {
        let whole = |version: &str, flags: &str| context(&format!("{version}-{TRACE}-{PARENT}-{flags}"));
        let found = whole("00", "01").unwrap();
        assert_eq!((&found.trace[..], &found.parent[..]), (TRACE.as_bytes(), PARENT.as_bytes()));
        assert!(found.is_sampled && !whole("00", "00").unwrap().is_sampled);
        assert!(whole("00", "0b").unwrap().is_sampled && !whole("00", "fe").unwrap().is_sampled);
        assert!(whole("cc", "01-what-comes").is_some(), "a later version may say more");
        for value in [
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("cc-{TRACE}-{PARENT}-01.more"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{}-{PARENT}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-{PARENT}-0x"),
            format!("00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}"),
            String::new(),
        ] {
            assert_eq!(context(&value), None, "{value}");
        }
    }

    #[test]
    fn a_sampled_request_gets_a_span_and_its_endpoint_learns_of_it() {
        let address = "127.0.0.1:4318".parse().unwrap();
        let second = plimsoll_model::Millis(1_000);
        let spec = OtlpSpec {
            address,
            path: "/v1/traces".to_owned(),
            service: "edge".to_owned(),
            sample: plimsoll_model::Permille(0),
            batch_max: 1,
            queue_max: 1,
            interval: second,
            timeout: second,
        };
        let (sender, mut receiver) = mpsc::channel(1);
        let tracer = Tracer::new(&spec, sender);
        let line = format!("00-{TRACE}-{PARENT}-01");
        let fields = [Header { name: "traceparent", value: line.as_bytes() }];
        let begin =
            |fields: &[Header<'_>]| tracer.begin(("GET", b"a", "/x?q", true), fields, || 0, || *b"00f067aa0ba902b7");
        assert_eq!(begin(&[]), None, "nothing is begun at a share of zero");
        let span = begin(&fields).unwrap();
        let mut out = format!("GET / HTTP/1.1\r\nTraceparent: {line}\r\nHost: a\r\n\r\n").into_bytes();
        tracer.pass_on(&span, &mut out, 0);
        let wanted = format!("GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n\r\n");
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
        let turned = Turned::from(crate::refusal::Refusal::new(404, "no-route"));
        assert!(tracer.end(of_turned(span.clone(), &turned, "::1")));
        assert!(!tracer.end(of_turned(span, &turned, "::1")), "the queue is full");
        assert_eq!(receiver.try_recv().unwrap().reason, Some("no-route"));
    }
}
