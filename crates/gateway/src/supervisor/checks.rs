//! Active checks of the endpoints of a gateway that runs alone.
//!
//! One task per endpoint asks and says what came of it; who counts the answers and decides is here, so that a verdict has
//! one place. At the start an endpoint counts as well until its first answer, so that a start needs no grace time.
//!
//! # Source
//! The counting is that of HAProxy's `rise` and `fall` (configuration manual, section 5.2).

use super::alone::ordinal;
use super::asked_http2::{self, Wanted};
use crate::plan::Plan;
use crate::proxy_protocol;
use crate::stream::Stream;
use crate::tls::config::ClientTls;
use crate::tls::session::Session;
use plimsoll_model::ReplicaId;
use plimsoll_model::gateway::{CheckSpec, GatewayFile, ProxyVersion, UpstreamProtocol};
use plimsoll_model::spec::Probe;
use rustls::ClientConnection;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

/// Bytes of an answer that its status is in.
const STATUS_END: usize = b"HTTP/1.1 200".len();

/// What one endpoint is asked, and how.
#[derive(Debug, Clone)]
struct Question {
    spec: CheckSpec,
    host: String,
    address: SocketAddr,
    tls: Option<Arc<ClientTls>>,
    protocol: UpstreamProtocol,
    proxy: Option<ProxyVersion>,
}

impl Question {
    fn is_same(&self, other: &Self) -> bool {
        let same_tls = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        same_tls
            && (&self.spec, &self.host, self.address, self.protocol, self.proxy)
                == (&other.spec, &other.host, other.address, other.protocol, other.proxy)
    }
}

#[derive(Debug)]
struct Asked {
    question: Question,
    task: AbortHandle,
    is_well: bool,
    has_answered: bool,
    passed: u32,
    failed: u32,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Everybody who is asked.
#[derive(Debug)]
pub struct Checks {
    asked: BTreeMap<ReplicaId, Asked>,
    answers: mpsc::Receiver<(ReplicaId, bool)>,
    sender: mpsc::Sender<(ReplicaId, bool)>,
}

/// An endpoint that was found well or ill, against what it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Which.
    pub id: ReplicaId,
    /// What it is now.
    pub is_well: bool,
}

impl Checks {
    /// Nobody.
    pub fn new() -> Self {
        let (sender, answers) = mpsc::channel(64);
        Self { asked: BTreeMap::new(), answers, sender }
    }

    /// Whether an endpoint is well, as far as it is known.
    pub fn is_well(&self, id: &ReplicaId) -> bool {
        self.asked.get(id).is_none_or(|asked| asked.is_well)
    }

    /// Asks whom a file says; who is asked the same as before goes on as before.
    pub fn apply(&mut self, file: &GatewayFile, plan: &Plan) {
        let mut before = std::mem::take(&mut self.asked);
        for (name, pool) in &file.pools {
            let Some(spec) = &pool.check else { continue };
            let service = plan.services.iter().find(|service| service.shared.name == *name);
            for endpoint in &pool.endpoints {
                let id = ReplicaId { service: name.clone(), ordinal: ordinal(endpoint.address) };
                let question = Question {
                    spec: spec.clone(),
                    host: spec.host.clone().unwrap_or_else(|| name.as_str().to_owned()),
                    address: endpoint.address,
                    tls: service.and_then(|service| service.upstream.tls.clone()),
                    protocol: pool.upstream.protocol,
                    proxy: pool.upstream.proxy_protocol,
                };
                let known = before.remove(&id);
                let asked = match known {
                    Some(known) if known.question.is_same(&question) => known,
                    known => {
                        let sender = self.sender.clone();
                        let task = tokio::task::spawn_local(ask(id.clone(), question.clone(), sender)).abort_handle();
                        let (is_well, has_answered) =
                            known.as_ref().map_or((true, false), |k| (k.is_well, k.has_answered));
                        Asked { question, task, is_well, has_answered, passed: 0, failed: 0 }
                    }
                };
                self.asked.insert(id, asked);
            }
        }
    }

    /// The next endpoint that turned well or ill.
    pub async fn next(&mut self) -> Turn {
        loop {
            // `sender` is kept here, so the channel never closes.
            let Some((id, passed)) = self.answers.recv().await else { std::future::pending().await };
            if let Some(asked) = self.asked.get_mut(&id)
                && asked.count(passed)
            {
                return Turn { is_well: asked.is_well, id };
            }
        }
    }
}

impl Asked {
    /// Counts an answer; true when it turns the verdict.
    fn count(&mut self, passed: bool) -> bool {
        let is_first = !std::mem::replace(&mut self.has_answered, true);
        let turns = if passed {
            (self.passed, self.failed) = (self.passed.saturating_add(1), 0);
            !self.is_well && self.passed >= self.question.spec.healthy_after
        } else {
            (self.passed, self.failed) = (0, self.failed.saturating_add(1));
            self.is_well && (is_first || self.failed >= self.question.spec.unhealthy_after)
        };
        self.is_well ^= turns;
        turns
    }
}

async fn ask(id: ReplicaId, question: Question, answers: mpsc::Sender<(ReplicaId, bool)>) {
    let period = Duration::from_millis(question.spec.interval.get().max(10));
    let timeout = Duration::from_millis(question.spec.timeout.get());
    let mut rounds = tokio::time::interval(period);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_first = true;
    loop {
        rounds.tick().await;
        let passed = tokio::time::timeout(timeout, probe(&question)).await.ok().flatten().is_some();
        if answers.send((id.clone(), passed)).await.is_err() {
            return;
        }
        if std::mem::take(&mut is_first) {
            // From here on endpoints are asked at moments of their own, not all at once.
            let shift = id.ordinal % u64::try_from(period.as_millis()).unwrap_or(1).max(1);
            rounds.reset_after(period / 2 + Duration::from_millis(shift / 2));
        }
    }
}

/// Asks once; none when it did not pass.
async fn probe(question: &Question) -> Option<()> {
    let socket = TcpStream::connect(question.address).await.ok()?;
    let mut stream = Stream::Plain(socket);
    match question.proxy {
        None => {}
        Some(ProxyVersion::V1) => send(&stream, b"PROXY UNKNOWN\r\n").await?,
        Some(ProxyVersion::V2) => send(&stream, &proxy_protocol::local()).await?,
    }
    if let Some(tls) = &question.tls {
        let Stream::Plain(socket) = stream else { return None };
        let connection = ClientConnection::new(Arc::clone(&tls.config), tls.name.clone()).ok()?;
        stream = Stream::Tls(Box::new(Session::connect_unbounded(socket, connection).await.ok()?));
    }
    let is_http2 = match question.protocol {
        UpstreamProtocol::Http1 => false,
        UpstreamProtocol::H2 => question.tls.is_none() || stream.speaks_http2(),
        UpstreamProtocol::Auto => stream.speaks_http2(),
    };
    let wanted = match (&question.spec.grpc, &question.spec.probe) {
        (Some(service), _) => Wanted::Service(service),
        (None, Probe::Http { path }) => Wanted::Path(path),
        (None, _) => return Some(()),
    };
    if is_http2 {
        let scheme = if question.tls.is_some() { "https" } else { "http" };
        return asked_http2::passes(stream, scheme, &question.host, wanted).await;
    }
    let Wanted::Path(path) = wanted else { return None };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: plimsoll-check\r\nConnection: close\r\n\r\n",
        question.host
    );
    send(&stream, request.as_bytes()).await?;
    let mut answer = [0; STATUS_END];
    let mut read = 0;
    while read < STATUS_END {
        match stream.try_read(&mut answer[read..]) {
            Ok(0) => return None,
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => stream.readable().await.ok()?,
            Err(_) => return None,
        }
    }
    let is_http = answer.starts_with(b"HTTP/1.") && answer[8] == b' ';
    let is_good = matches!(answer[9], b'2' | b'3') && answer[10..].iter().all(u8::is_ascii_digit);
    (is_http && is_good).then_some(())
}

async fn send(stream: &Stream, bytes: &[u8]) -> Option<()> {
    let mut sent = 0;
    while sent < bytes.len() || stream.unsent().is_some() {
        let tried = match stream.unsent() {
            Some(session) => session.flush().map(|()| 0),
            None => stream.try_write(&bytes[sent..]),
        };
        match tried {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => stream.writable().await.ok()?,
            Err(_) => return None,
        }
    }
    Some(())
}
