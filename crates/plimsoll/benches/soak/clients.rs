//! The clients: connections that each ask one thing after the other, with pauses short and long.

use crate::soak::http2::Unanswered;
use crate::soak::ledger::How;
use crate::soak::request::{self, Asked};
use crate::soak::wire::Wire;
use crate::soak::{http1, http2};
use crate::{Failure, Site};
use bytes::Bytes;
use h2::client::SendRequest;
use plimsoll_stats::Random;
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Mutex;

/// Connections of each protocol.
const CONNECTIONS: usize = 16;
const TLS_CONNECTIONS: usize = 12;
/// Connections of HTTP/2, half of them within TLS, and streams of each at once.
const HTTP2_CONNECTIONS: usize = 8;
const STREAMS: usize = 4;
/// Longer than anything that a client asks for may take.
const LATE: Duration = Duration::from_secs(30);
/// Mean pause between two requests of a connection.
const PAUSE_MS: f64 = 15.0;
/// One pause in so many is long, up to so much: an idle connection that a drain meets.
const LONG_PAUSE_IN: u64 = 60;
const LONG_PAUSE_MS: u64 = 4_000;
/// One connection in so many requests is given up by its client.
const NEW_CONNECTION_IN: u64 = 50;

/// Asks until the site is over.
pub fn run(site: &Arc<Site>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
    runtime.block_on(async {
        let mut random = Random::new(site.seed);
        let mut all = Vec::new();
        let tls = site.authority.client(&[b"http/1.1"])?;
        for number in 0..CONNECTIONS + TLS_CONNECTIONS {
            let (protocol, to, tls) = if number < CONNECTIONS {
                ("http/1.1", site.addresses.plain, None)
            } else {
                ("http/1.1 tls", site.addresses.tls, Some(Arc::clone(&tls)))
            };
            let client = Client { site: Arc::clone(site), protocol, to, tls, random: random.fork(), number, asked: 0 };
            all.push(tokio::task::spawn_local(client.converse()));
        }
        let tls = site.authority.client(&[b"h2"])?;
        for connection in 0..HTTP2_CONNECTIONS {
            let (protocol, to, tls) = if connection % 2 == 0 {
                ("http/2", site.addresses.plain, None)
            } else {
                ("http/2 tls", site.addresses.tls, Some(Arc::clone(&tls)))
            };
            let shared = Rc::new(Mutex::new(None));
            for stream in 0..STREAMS {
                let number = 100 + connection * STREAMS + stream;
                let (site, tls) = (Arc::clone(site), tls.clone());
                let client = Client { site, protocol, to, tls, random: random.fork(), number, asked: 0 };
                all.push(tokio::task::spawn_local(client.stream(Rc::clone(&shared))));
            }
        }
        for one in all {
            one.await?;
        }
        Ok(())
    })
}

type Shared = Rc<Mutex<Option<SendRequest<Bytes>>>>;

struct Client {
    site: Arc<Site>,
    protocol: &'static str,
    to: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    random: Random,
    number: usize,
    asked: u64,
}

impl Client {
    fn is_over(&self) -> bool {
        self.site.is_over.load(Ordering::SeqCst)
    }

    async fn next(&mut self) -> Asked {
        let pause_ms = if self.random.below(LONG_PAUSE_IN) == 0 {
            self.random.below(LONG_PAUSE_MS)
        } else {
            (-PAUSE_MS * (1.0 - self.random.unit()).ln()) as u64
        };
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        self.asked += 1;
        request::draw(&mut self.random, &format!("{}-{}", self.number, self.asked))
    }

    fn ended(&self, asked: &Asked, begin_ms: u64, how: Result<(), How>) {
        self.site.ledger.ended(self.protocol, asked, begin_ms, self.site.now_ms(), how);
    }

    /// HTTP/1.1: one connection at a time, kept while both sides like.
    async fn converse(mut self) {
        let mut kept: Option<Wire> = None;
        while !self.is_over() {
            let asked = self.next().await;
            let begin_ms = self.site.now_ms();
            let is_kept = match &mut kept {
                Some(wire) => !wire.has_ended().await,
                None => false,
            };
            let connecting = async {
                match kept.take().filter(|_| is_kept) {
                    Some(wire) => Ok(wire),
                    None => {
                        Wire::connect(self.to, self.tls.as_ref()).await.map_err(|error| How::Connect(error.to_string()))
                    }
                }
            };
            let whole = async {
                let mut wire = connecting.await?;
                let keep = http1::ask(&mut wire, &asked, is_kept).await?;
                Ok(keep.then_some(wire))
            };
            let how = tokio::time::timeout(LATE, whole).await.unwrap_or(Err(How::Late));
            let how = how.map(|wire| kept = wire);
            self.ended(&asked, begin_ms, how);
            if self.random.below(NEW_CONNECTION_IN) == 0 {
                kept = None;
            }
        }
    }

    /// HTTP/2: one of several streams of a connection.
    async fn stream(mut self, shared: Shared) {
        while !self.is_over() {
            let asked = self.next().await;
            let begin_ms = self.site.now_ms();
            let how = tokio::time::timeout(LATE, self.ask_somewhere(&shared, &asked)).await.unwrap_or(Err(How::Late));
            self.ended(&asked, begin_ms, how);
        }
    }

    async fn ask_somewhere(&self, shared: &Shared, asked: &Asked) -> Result<(), How> {
        loop {
            let sender = self.sender(shared).await?;
            let Ok(mut sender) = sender.ready().await else {
                shared.lock().await.take();
                continue;
            };
            match http2::ask(&mut sender, asked).await {
                Ok(()) => return Ok(()),
                Err(Unanswered::Failed(how)) => return Err(how),
                Err(Unanswered::AskElsewhere) => {
                    self.site.ledger.asked_again(self.protocol, asked.kind);
                    shared.lock().await.take();
                }
            }
        }
    }

    /// The connection that the streams share, made anew when it is gone.
    async fn sender(&self, shared: &Shared) -> Result<SendRequest<Bytes>, How> {
        let mut shared = shared.lock().await;
        if let Some(sender) = &*shared {
            return Ok(sender.clone());
        }
        let refused = |error: String| How::Connect(error);
        let wire = Wire::connect(self.to, self.tls.as_ref()).await.map_err(|error| refused(error.to_string()))?;
        let (sender, connection) = h2::client::handshake(wire).await.map_err(|error| refused(error.to_string()))?;
        // Its end shows at the senders.
        tokio::task::spawn_local(async move { drop(connection.await) });
        *shared = Some(sender.clone());
        Ok(sender)
    }
}
