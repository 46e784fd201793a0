//! Accepting connections, and the routes that a listener's requests take.
//!
//! Every worker has a socket of its own per address (`SO_REUSEPORT`), so the kernel spreads connections without a lock.
//! A socket that goes away first hands over what the kernel has already accepted for it.

use super::Worker;
use super::service::Service;
use crate::client::{self, Client, Place};
use crate::greet;
use crate::plan::ListenerPlan;
use crate::route::Router;
use crate::rules::Rules;
use crate::stats::RouteStats;
use crate::stream::Stream;
use crate::tls::config::ServerTls;
use plimsoll_model::gateway::RedirectSpec;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Pause after accepting failed, as when the process has no file descriptors left: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One route over this worker's services.
#[derive(Debug)]
pub struct Route {
    /// Who answers.
    pub service: Rc<Service>,
    /// Milliseconds to the end of the response's head.
    pub timeout_ms: u64,
    /// One retry while the budget lasts.
    pub retry: bool,
    /// What else it does, if anything.
    pub rules: Option<RouteRules>,
    /// Its counts.
    pub stats: Rc<RouteStats>,
}

/// A route's rules over this worker's services.
#[derive(Debug, Clone)]
pub struct RouteRules {
    /// What all workers share of them.
    pub shared: Arc<Rules>,
    /// Who answers a part, in the order of `shared.split`.
    pub parts: Rc<[Rc<Service>]>,
}

/// What a listener does, all of it replaced at once.
#[derive(Debug)]
pub struct Routes {
    /// Finds a route or redirect.
    pub router: Router,
    /// The routes, by index.
    pub routes: Vec<Route>,
    /// The redirects, by index.
    pub redirects: Vec<RedirectSpec>,
    /// TLS ends here.
    pub tls: Option<Arc<ServerTls>>,
    /// Connections begin with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// HTTP/2 without TLS is taken too.
    pub http2: bool,
    /// Who gets connections that are passed through.
    pub tcp: Option<Rc<Service>>,
}

impl Routes {
    /// The routes of a plan over this worker's services, which are in the plan's order.
    pub fn new(plan: &ListenerPlan, services: &[Rc<Service>], stats: impl Fn(&str) -> Rc<RouteStats>) -> Self {
        let routes = plan.routes.iter().map(|route| Route {
            service: Rc::clone(&services[route.service]),
            timeout_ms: route.timeout_ms,
            retry: route.retry,
            stats: stats(&route.name),
            rules: route.rules.as_ref().map(|rules| RouteRules {
                shared: Arc::clone(rules),
                parts: rules.split.iter().map(|(_, service)| Rc::clone(&services[*service])).collect(),
            }),
        });
        Self {
            router: plan.router.clone(),
            routes: routes.collect(),
            redirects: plan.redirects.clone(),
            tls: plan.tls.clone(),
            proxy_protocol: plan.proxy_protocol,
            http2: plan.http2,
            tcp: plan.tcp.map(|service| Rc::clone(&services[service])),
        }
    }
}

/// One listening address of one worker.
#[derive(Debug)]
pub struct Listener {
    routes: RefCell<Rc<Routes>>,
    closing: Cell<bool>,
    stop: Notify,
}

impl Listener {
    /// A listener with these routes.
    pub fn new(routes: Rc<Routes>) -> Self {
        Self { routes: RefCell::new(routes), closing: Cell::new(false), stop: Notify::new() }
    }

    /// The routes now.
    pub fn routes(&self) -> Rc<Routes> {
        Rc::clone(&self.routes.borrow())
    }

    /// Uses other routes from the next request on.
    pub fn set_routes(&self, routes: Rc<Routes>) {
        *self.routes.borrow_mut() = routes;
    }

    /// Whether connections should end with their current request.
    pub fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Accepts nothing more.
    pub fn close(&self) {
        self.closing.set(true);
        self.stop.notify_one();
    }
}

/// Accepts connections until the listener is closed.
pub async fn accept(worker: Rc<Worker>, listener: Rc<Listener>, socket: std::net::TcpListener) {
    accept_until_closed(&worker, &listener, socket).await;
    worker.accepting.set(worker.accepting.get() - 1);
    worker.something_ended();
}

async fn accept_until_closed(worker: &Rc<Worker>, listener: &Rc<Listener>, socket: std::net::TcpListener) {
    let Ok(socket) = TcpListener::from_std(socket) else {
        worker.count_refused("listener-unusable");
        return;
    };
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = listener.stop.notified() => break,
        };
        match accepted {
            Ok((stream, peer)) => admit(worker, listener, stream, peer),
            // The client has gone already; the next one is waiting.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    let Ok(socket) = socket.into_std() else { return };
    while let Ok((stream, peer)) = socket.accept() {
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            admit(worker, listener, stream, peer);
        }
    }
}

fn admit(worker: &Rc<Worker>, listener: &Rc<Listener>, stream: TcpStream, peer: SocketAddr) {
    let shared = &worker.shared;
    shared.connections_accepted.fetch_add(1, Ordering::Relaxed);
    let open = shared.connections_open.fetch_add(1, Ordering::Relaxed);
    // Without it a response in two writes would wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let place = Place::new(Rc::clone(worker));
    let connections_max = worker.limits().connections_max;
    let routes = listener.routes();
    let is_plain = routes.tls.is_none() && !routes.proxy_protocol && routes.tcp.is_none() && !routes.http2;
    if open < connections_max {
        if is_plain {
            let peer = place.peer(peer, None);
            let client = Client::new(place, Rc::clone(listener), Stream::Plain(stream), peer);
            tokio::task::spawn_local(client::serve(client));
        } else {
            tokio::task::spawn_local(greet::serve(place, Rc::clone(listener), routes, stream, peer));
        }
        return;
    }
    shared.connections_refused.fetch_add(1, Ordering::Relaxed);
    // Being told why costs a connection for up to a second; only so many are told at a time, and nobody who would have to
    // be greeted first.
    if open < connections_max.saturating_add(64) && is_plain {
        let peer = place.peer(peer, None);
        let client = Client::new(place, Rc::clone(listener), Stream::Plain(stream), peer);
        tokio::task::spawn_local(client::refuse_connection(client));
    }
}
