//! From the bytes of a request head to what the exchange needs to know, and the head for the replica.
//!
//! Synchronous on purpose: the parsed fields lie on the stack and must not be part of the connection's state.

use crate::access_log::Logged;
use crate::client::Client;
use crate::codec::encode::{self, Origin};
use crate::codec::field::{Known, elements, known};
use crate::codec::host::host_of;
use crate::codec::request::{self, RequestHead};
use crate::codec::response::Asked;
use crate::codec::{FIELDS_MAX, Framing, RequestError};
use crate::http2::grpc;
use crate::refusal::{Refusal, Turned};
use crate::route::{Asking, Goal};
use crate::rules::head::insert;
use crate::rules::{Rules, has_trace};
use crate::source;
use crate::stats::RouteStats;
use crate::trace::Begun;
use crate::worker::Worker;
use crate::worker::listener::RouteRules;
use crate::worker::service::{LocalTarget, Service, Wanted};
use httparse::Header;
use plimsoll_model::gateway::{RedirectSpec, SplitBy};
use plimsoll_model::route::HedgeSpec;
use plimsoll_model::spec::Algorithm;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// What is known of an admitted request.
#[derive(Debug)]
pub struct Facts {
    /// Who answers.
    pub service: Rc<Service>,
    /// Milliseconds to the end of the response's head.
    pub timeout_ms: u64,
    /// One retry while the budget lasts.
    pub retry: bool,
    /// Sending it twice does no more than sending it once.
    pub idempotent: bool,
    /// HTTP/1.`minor`.
    pub minor: u8,
    /// The client wants to go on after the response.
    pub keep_alive: bool,
    /// How its body ends.
    pub framing: Framing,
    /// Its trailers, if any, go on; those of a message whose `Connection` names fields end here, whichever it names.
    pub sends_trailers: bool,
    /// The client takes trailers behind the response.
    pub takes_trailers: bool,
    /// What decides how the response is read.
    pub asked: Asked,
    /// How an endpoint is chosen.
    pub wanted: Wanted,
    /// What its route does beyond sending it on.
    pub rules: Option<RouteRules>,
    /// Token of the endpoint that the client's cookie names.
    pub sticks_to: Option<u64>,
    /// Another endpoint is asked when the first one is slow.
    pub hedge: Option<HedgeSpec>,
    /// Token of the endpoint that has the request now.
    pub token: Cell<u64>,
    /// Where that endpoint listens.
    pub endpoint: Cell<Option<SocketAddr>>,
    /// Body bytes that went to the client.
    pub bytes_out: Cell<u64>,
    /// Counts of its route; none for a connection that is passed through.
    pub route: Option<Rc<RouteStats>>,
    /// For the access log, where there is one.
    pub logged: Option<Box<Logged>>,
    /// Its span, where it has one.
    pub span: Option<Box<Begun>>,
}

impl Facts {
    /// Whether the route takes this field out of requests.
    pub fn is_removed_from_request(&self, name: &str) -> bool {
        let changes = self.rules.as_ref().and_then(|rules| rules.shared.request.as_ref());
        changes.is_some_and(|changes| changes.takes_out(name))
    }

    /// Whether the route takes this field out of responses.
    pub fn is_removed_from_response(&self, name: &str) -> bool {
        let changes = self.rules.as_ref().and_then(|rules| rules.shared.response.as_ref());
        changes.is_some_and(|changes| changes.takes_out(name))
    }

    /// This endpoint has the request now.
    pub fn given_to(&self, target: &LocalTarget) {
        self.token.set(target.target.token);
        self.endpoint.set(Some(target.target.address));
    }

    /// Takes in what the endpoint says of its load, where its pool wants to know; `out` ends with the head, from `start` on.
    pub fn learn_load(&self, fields: &[Header<'_>], out: &mut Vec<u8>, start: usize) {
        if let Some(load) = &*self.service.load.borrow() {
            load.learn(&self.service, self.token.get(), fields);
            if let Some(changes) = &load.changes {
                changes.apply(out, start);
            }
        }
    }

    /// Changes the head of a final response, which begins at `start` and ends with `out`, as the route says.
    pub fn change_response(&self, out: &mut Vec<u8>, start: usize) {
        let Some(rules) = &self.rules else { return };
        if let Some(changes) = &rules.shared.response {
            changes.apply(out, start);
        }
        if let Some(sticky) = rules.shared.sticky.as_ref().filter(|_| self.sticks_to != Some(self.token.get())) {
            sticky.set(out, self.token.get());
        }
    }
}

/// Reads the head at the start of the inbox, finds its route and appends the replica's head to `out`.
pub fn admit(client: &Client, head: &[u8], out: &mut Vec<u8>) -> Result<Facts, Turned> {
    let worker = &client.worker;
    let limits = worker.limits();
    let mut storage = [MaybeUninit::uninit(); FIELDS_MAX];
    let head = request::parse(head, &mut storage[..limits.fields_max])?;
    may_go_on(&head, limits.body_bytes_max)?;
    let routes = client.listener.routes();
    let host = head.authority.map_or(&b""[..], host_of);
    let asked = Asking { host, target: head.target, method: head.method, fields: head.fields };
    let logged = worker.log().map(|_| Box::new(Logged::new(head.method, host, head.target)));
    let tracer = worker.tracer();
    let span = tracer.as_ref().and_then(|tracer| {
        let what = (head.method, host, head.target, routes.tls.is_some());
        tracer.begin(what, head.fields, || worker.chance(), || worker.request_id())
    });
    let route = match routes.router.find(&asked) {
        Some(Goal::Route(index)) => &routes.routes[index],
        Some(Goal::Redirect(index)) => {
            return Err(Turned { asked: logged, span, ..redirect(&routes.redirects[index], &head) });
        }
        None => return Err(Turned { asked: logged, span, ..Refusal::new(404, "no-route").into() }),
    };
    let trusted = worker.trusts(client.peer.address);
    let ruled = match &route.rules {
        None => None,
        Some(rules) => match obey(worker, client, rules, &head, trusted) {
            Ok(ruled) => Some(ruled),
            Err(turned) => {
                route.stats.count(|totals| totals.rate_limited += 1);
                return Err(Turned { asked: logged, span, ..turned });
            }
        },
    };
    let service = ruled.as_ref().and_then(|ruled| ruled.part.as_ref()).unwrap_or(&route.service);
    let id = worker.request_id();
    let origin = Origin {
        address: &client.peer.text,
        node: &client.peer.node,
        trusted,
        host_fallback: service.shared.name.as_str(),
        scheme: if routes.tls.is_some() { "https" } else { "http" },
        request_id: &id,
    };
    route.stats.count(|totals| totals.requests += 1);
    let start = out.len();
    encode::request(out, &head, &origin);
    let own = route.rules.as_ref().map(|rules| &*rules.shared);
    change_request(client, own, out, start);
    if let (Some(span), Some(tracer)) = (&span, &tracer) {
        tracer.pass_on(span, out, start);
    } else if worker.begins_traces() && !has_trace(head.fields) {
        insert(out, &worker.trace_line());
    }
    let wanted = wanted(own, service, &head, || source_key(worker, client, &head, trusted));
    let is_read =
        matches!(head.method, "GET" | "HEAD" | "OPTIONS") && head.framing.is_empty() && head.upgrade.is_none();
    let hedge = own.and_then(|rules| rules.hedge).filter(|_| is_read);
    Ok(Facts {
        service: Rc::clone(service),
        timeout_ms: if client.stream.is_frames() { timeout_ms(route.timeout_ms, &head) } else { route.timeout_ms },
        retry: route.retry,
        idempotent: matches!(head.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE"),
        minor: head.minor,
        keep_alive: head.keep_alive,
        framing: head.framing,
        sends_trailers: !head.connection_names_fields,
        takes_trailers: head.takes_trailers,
        asked: Asked { head: head.method == "HEAD", upgrade: head.upgrade.is_some() },
        wanted,
        rules: route.rules.clone(),
        sticks_to: ruled.and_then(|ruled| ruled.sticks_to),
        hedge,
        token: Cell::new(0),
        endpoint: Cell::new(None),
        bytes_out: Cell::new(0),
        route: Some(Rc::clone(&route.stats)),
        logged,
        span,
    })
}

/// Changes the head for the replica, which begins at `start` and ends with `out`, as the route and the listener say.
fn change_request(client: &Client, own: Option<&Rules>, out: &mut Vec<u8>, start: usize) {
    if let Some(changes) = own.and_then(|rules| rules.request.as_ref()) {
        changes.apply(out, start);
    }
    if let Some(line) = &client.peer.certificate {
        insert(out, line);
    }
}

/// The smaller of the route's time-out and what a call of gRPC, which only comes by HTTP/2, says itself.
fn timeout_ms(route_ms: u64, head: &RequestHead<'_, '_>) -> u64 {
    let own = head.fields.iter().find(|field| field.name == "grpc-timeout");
    own.and_then(|field| grpc::timeout_ms(field.value)).map_or(route_ms, |own_ms| own_ms.min(route_ms))
}

/// What ends a request whatever its route.
fn may_go_on(head: &RequestHead<'_, '_>, body_bytes_max: u64) -> Result<(), Refusal> {
    if matches!(head.framing, Framing::Length(length) if length > body_bytes_max) {
        return Err(RequestError::BodyTooLarge.into());
    }
    if head.max_forwards == Some(0) {
        // The last hop that may see it is this one: OPTIONS is answered here, TRACE would have to show what it saw.
        let status = if head.method == "OPTIONS" { 200 } else { 501 };
        return Err(Refusal::new(status, "max-forwards"));
    }
    Ok(())
}

/// How an endpoint is chosen for a request.
fn wanted(own: Option<&Rules>, service: &Service, head: &RequestHead<'_, '_>, source: impl FnOnce() -> u64) -> Wanted {
    let algorithm = own.and_then(|rules| rules.balance.algorithm);
    let hashes = algorithm.map_or(service.queue().hashes, Algorithm::hashes);
    let key = hashes.then(|| own.and_then(|rules| rules.hash_key(head.fields, head.target)).unwrap_or_else(source));
    Wanted { key, algorithm }
}

/// What a route's rules say of one request.
struct Ruled {
    /// Who answers instead of the route's own pool.
    part: Option<Rc<Service>>,
    sticks_to: Option<u64>,
}

fn obey(
    worker: &Worker,
    client: &Client,
    rules: &RouteRules,
    head: &RequestHead<'_, '_>,
    trusted: bool,
) -> Result<Ruled, Turned> {
    let shared = &rules.shared;
    let needs_source = shared.client_rate.is_some() || shared.split_by == SplitBy::Source;
    let source = if needs_source { source_key(worker, client, head, trusted) } else { 0 };
    if let Some(wait_s) = shared.wait_s(source, worker.shared.now_us()) {
        let wait_s = u16::try_from(wait_s).unwrap_or(u16::MAX);
        let refusal = Refusal { retry_after_s: wait_s, ..Refusal::new(429, "rate-limited") };
        return Err(turned(refusal, None, head));
    }
    let part = (!shared.split.is_empty()).then(|| shared.part(head.fields, source, || worker.chance())).flatten();
    Ok(Ruled {
        part: part.map(|part| Rc::clone(&rules.parts[part])),
        sticks_to: shared.sticky.as_ref().and_then(|sticky| sticky.wanted(head.fields)),
    })
}

fn turned(refusal: Refusal, location: Option<String>, head: &RequestHead<'_, '_>) -> Turned {
    let may_go_on = head.keep_alive && head.minor == 1 && head.framing.is_empty() && head.upgrade.is_none();
    Turned { refusal, location, may_go_on, bodiless: head.method == "HEAD", asked: None, span: None }
}

/// The answer of a redirect. A host or path that could break a line cannot be here: the codec let neither through.
fn redirect(spec: &RedirectSpec, head: &RequestHead<'_, '_>) -> Turned {
    let host = String::from_utf8_lossy(head.authority.map_or(&b""[..], host_of));
    let slash = if head.target.starts_with('/') { "" } else { "/" };
    let path = if head.target == "*" { "/".to_owned() } else { format!("{slash}{}", head.target) };
    // Two slashes at the start would name another host where `to` begins with the path.
    let path = if spec.to.starts_with("{path}") { format!("/{}", path.trim_start_matches('/')) } else { path };
    let location = spec.to.replace("{host}", &host).replace("{path}", &path);
    turned(Refusal::new(spec.status, "redirected"), Some(location), head)
}

/// The client's own address behind trusted proxies: the last one in `X-Forwarded-For` that is no trusted proxy.
fn source_key(worker: &Worker, client: &Client, head: &RequestHead<'_, '_>, trusted: bool) -> u64 {
    if !trusted {
        return client.peer.key;
    }
    let fields = head.fields.iter().rev().filter(|field| known(field.name) == Known::XForwardedFor);
    for field in fields {
        let mut hops: [Option<IpAddr>; 16] = [None; 16];
        let mut count = 0;
        for element in elements(field.value) {
            let text = std::str::from_utf8(element).unwrap_or_default();
            hops[count % hops.len()] = text.parse().ok();
            count += 1;
        }
        for back in 1..=count.min(hops.len()) {
            match hops[(count - back) % hops.len()] {
                Some(address) if worker.trusts(address) => {}
                Some(address) => return source::key(address, worker.limits().source),
                None => return client.peer.key,
            }
        }
    }
    client.peer.key
}
