//! From the bytes of a request head to what the exchange needs to know, and the head for the replica.
//!
//! Synchronous on purpose: the parsed fields lie on the stack and must not be part of the connection's state.

use crate::client::Client;
use crate::codec::encode::{self, Origin};
use crate::codec::field::{Known, elements, known};
use crate::codec::host::host_of;
use crate::codec::request::{self, RequestHead};
use crate::codec::response::Asked;
use crate::codec::{FIELDS_MAX, Framing, RequestError};
use crate::refusal::Refusal;
use crate::worker::Worker;
use crate::worker::service::Service;
use std::mem::MaybeUninit;
use std::net::IpAddr;
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
    /// What decides how the response is read.
    pub asked: Asked,
    /// Key for hashing algorithms.
    pub key: Option<u64>,
}

/// Reads the head at the start of the inbox, finds its route and appends the replica's head to `out`.
pub fn admit(client: &Client, head: &[u8], out: &mut Vec<u8>) -> Result<Facts, Refusal> {
    let worker = &client.worker;
    let limits = worker.limits();
    let mut storage = [MaybeUninit::uninit(); FIELDS_MAX];
    let head = request::parse(head, &mut storage[..limits.fields_max])?;
    if matches!(head.framing, Framing::Length(length) if length > limits.body_bytes_max) {
        return Err(RequestError::BodyTooLarge.into());
    }
    if head.max_forwards == Some(0) {
        // The last hop that may see it is this one: OPTIONS is answered here, TRACE would have to show what it saw.
        let status = if head.method == "OPTIONS" { 200 } else { 501 };
        return Err(Refusal::new(status, "max-forwards"));
    }
    let routes = client.listener.routes();
    let host = head.authority.map_or(&b""[..], host_of);
    let index = routes.router.find(host, head.target).ok_or(Refusal::new(404, "no-route"))?;
    let (service, timeout_ms, retry) = &routes.routes[index];
    let trusted = worker.trusts(client.peer.address);
    let id = worker.request_id();
    let origin = Origin {
        address: &client.peer.text,
        node: &client.peer.node,
        trusted,
        host_fallback: service.shared.name.as_str(),
        request_id: &id,
    };
    encode::request(out, &head, &origin);
    let key = service.queue().hashes_source.then(|| source_key(worker, client, &head, trusted));
    Ok(Facts {
        service: Rc::clone(service),
        timeout_ms: *timeout_ms,
        retry: *retry,
        idempotent: matches!(head.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE"),
        minor: head.minor,
        keep_alive: head.keep_alive,
        framing: head.framing,
        asked: Asked { head: head.method == "HEAD", upgrade: head.upgrade.is_some() },
        key,
    })
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
                Some(address) => return plimsoll_balance::source_key(address),
                None => return client.peer.key,
            }
        }
    }
    client.peer.key
}
