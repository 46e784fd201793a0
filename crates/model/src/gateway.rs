//! What a gateway that runs alone is asked for beyond what an installation's spec says: how listeners read bytes, what
//! routes demand and change, how pools are reached and checked.
//!
//! Everything here is optional and starts from nothing ([`Default`]): a route without rules costs what it cost before.
//! Ranges are stated here and enforced by `plimsoll-config`. Times are physical.

use crate::id::ServiceName;
use crate::otlp::OtlpSpec;
use crate::quantity::Millis;
use crate::route::{HedgeSpec, RouteBalance};
use crate::spec::{BalanceSpec, GatewaySpec, Probe};
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole gateway file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayFile {
    /// Path of the control socket.
    pub control: String,
    /// Listeners, routes and limits.
    pub gateway: GatewaySpec,
    /// Who answers.
    pub pools: BTreeMap<ServiceName, StaticPool>,
}

/// Endpoints that a file names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticPool {
    /// How requests are shared among them.
    pub balance: BalanceSpec,
    /// How they are reached.
    pub upstream: UpstreamSpec,
    /// How it is found out whether they can answer; none asks nobody.
    pub check: Option<CheckSpec>,
    /// The endpoints, in the order of the file.
    pub endpoints: Vec<StaticEndpoint>,
}

/// One endpoint of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticEndpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share against the others, 0 to 1,000; 0 only finishes what it has.
    pub weight: u32,
    /// The zone it is in.
    pub zone: Option<String>,
}

/// Active checks of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckSpec {
    /// What is asked.
    pub probe: Probe,
    /// Beyond `probe`, the service (empty: all of them) that has to be SERVING by the gRPC health protocol.
    pub grpc: Option<String>,
    /// `Host` of the question; none is the pool's name.
    pub host: Option<String>,
    /// Time between two questions.
    pub interval: Millis,
    /// Longest wait for an answer.
    pub timeout: Millis,
    /// Passed checks in a row that bring an endpoint back.
    pub healthy_after: u32,
    /// Failed checks in a row that take an endpoint out.
    pub unhealthy_after: u32,
}

/// How the endpoints of a pool are reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpstreamSpec {
    /// TLS towards them; none is plain.
    pub tls: Option<UpstreamTls>,
    /// What is spoken with them.
    #[serde(default)]
    pub protocol: UpstreamProtocol,
    /// Tell them the client's address by the PROXY protocol; such connections carry one client each.
    pub proxy_protocol: Option<ProxyVersion>,
    /// Endpoints of this zone are preferred by `zone_weight`.
    pub zone: Option<String>,
    /// Thousandths of their weight that endpoints of other zones keep, 0 to 1,000.
    pub zone_weight: u32,
    /// Each gateway uses only so many endpoints.
    pub subset: Option<SubsetSpec>,
}

/// What is spoken with endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: by prior knowledge without TLS, by ALPN within.
    H2,
    /// What the endpoint chooses within TLS, HTTP/2 first.
    Auto,
}

impl UpstreamProtocol {
    /// Whether an endpoint may speak HTTP/1.1.
    #[must_use]
    pub const fn may_be_http1(self) -> bool {
        !matches!(self, Self::H2)
    }
}

/// Deterministic subsetting: gateways of one fleet spread evenly over the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubsetSpec {
    /// Endpoints that one gateway uses, at least 1.
    pub size: u32,
    /// Which gateway of the fleet this is, from 0.
    pub gateway: u32,
}

/// TLS towards endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamTls {
    /// PEM file of the authorities that vouch for them.
    pub ca: String,
    /// The name that their certificates must be for.
    pub server_name: String,
    /// What this gateway shows when it is asked who it is.
    pub certificate: Option<CertificateSpec>,
}

/// How much of a client's address says who it is: hashing, splits and rates per client go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePrefix {
    /// Leading bits of an IPv4 address, 1 to 32.
    pub ipv4: u8,
    /// Leading bits of an IPv6 address, 1 to 128.
    pub ipv6: u8,
}

impl Default for SourcePrefix {
    /// A single address of IPv4, a network of IPv6.
    fn default() -> Self {
        Self { ipv4: 32, ipv6: 64 }
    }
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateSpec {
    /// PEM file of the chain, the own certificate first.
    pub certificate: String,
    /// PEM file of the private key.
    pub key: String,
}

/// Version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// A binary header.
    V2,
}

/// What a listener does beyond plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListenerRules {
    /// TLS ends here; none takes plain connections.
    pub tls: Option<TlsSpec>,
    /// Connections from trusted proxies begin with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Clients may speak HTTP/2: by ALPN within TLS, by prior knowledge without.
    pub http2: bool,
    /// Pass connections through to this pool, unread; there are no routes then.
    pub tcp: Option<ServiceName>,
    /// Requests that are answered with another address.
    pub redirects: Vec<RedirectSpec>,
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSpec {
    /// Certificates; a client gets the first whose names match what it asks for, else the first.
    pub certificates: Vec<CertificateSpec>,
    /// PEM file of the authorities whose clients are let in; none asks no client who it is.
    pub client_ca: Option<String>,
    /// A client without a certificate is let in too.
    pub client_optional: bool,
    /// Endpoints are told which certificate a client showed.
    #[serde(default)]
    pub client_forward: bool,
}

/// One redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectSpec {
    /// Host to match, without port; none matches every host.
    pub host: Option<String>,
    /// Path to match.
    pub path: String,
    /// The whole path has to be equal, not only its start.
    pub exact: bool,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// Where to; `{host}` and `{path}` (with the query) are replaced.
    pub to: String,
}

/// What a route demands of a request beyond host and path, and what it does with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RouteRules {
    /// The whole path has to be equal, not only its start.
    pub exact: bool,
    /// Methods that it takes; empty takes all.
    pub methods: Vec<String>,
    /// Fields that a request must have; all of them.
    pub headers: Vec<HeaderMatch>,
    /// Other pools that get a part of the requests.
    pub split: Vec<SplitSpec>,
    /// What decides which pool a request goes to.
    pub split_by: SplitBy,
    /// Changes of the request's head.
    pub request: HeaderRules,
    /// Changes of the response's head.
    pub response: HeaderRules,
    /// Bound on all of its requests together.
    pub rate: Option<RateSpec>,
    /// Bound on the requests of one client.
    pub client_rate: Option<RateSpec>,
    /// Keeps a client at the endpoint that answered it first.
    pub sticky: Option<StickySpec>,
    /// Its own balancing.
    #[serde(default)]
    pub balance: RouteBalance,
    /// A second endpoint is asked when the first one is slow to answer a read.
    #[serde(default)]
    pub hedge: Option<HedgeSpec>,
}

/// A field that a request must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderMatch {
    /// Its name.
    pub name: String,
    /// Its whole value; none takes any.
    pub value: Option<String>,
}

/// A part of a route's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitSpec {
    /// Who answers it.
    pub service: ServiceName,
    /// Thousandths of the requests.
    pub share: u32,
}

/// What decides which part a request belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// Chance, anew for each request.
    #[default]
    Chance,
    /// The client's address.
    Source,
    /// The value of a field; by chance where there is none.
    Header(String),
    /// The value of a cookie; by chance where there is none.
    Cookie(String),
}

/// Changes of a head. They are made in this order: remove, set, add.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HeaderRules {
    /// Fields that go.
    pub remove: Vec<String>,
    /// Fields that have this value and no other.
    pub set: BTreeMap<String, String>,
    /// Fields that are added to those that are there.
    pub add: BTreeMap<String, String>,
}

impl HeaderRules {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateSpec {
    /// Thousandths of a request per second, at least 1.
    pub rate_milli: u64,
    /// Requests that may come at once, at least 1.
    pub burst: u32,
}

/// Stickiness by a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StickySpec {
    /// The cookie's name.
    pub cookie: String,
    /// How long a browser keeps it; none until it is closed.
    pub age: Option<Millis>,
}

/// What is written down of requests.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObserveSpec {
    /// The access log; none writes nothing.
    pub access_log: Option<AccessLogSpec>,
    /// Begin a W3C trace where a request has none; one that it has is passed on either way.
    pub trace: bool,
    /// Where spans are sent; none sends none.
    #[serde(default)]
    pub otlp: Option<OtlpSpec>,
}

/// The access log: one JSON object a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLogSpec {
    /// The file; `-` is standard output.
    pub file: String,
    /// Thousandths of the answered requests that are written; failed ones always are.
    pub sample: u32,
}
