//! Accepting connections, and the routes that a listener's requests take.
//!
//! Every worker has a socket of its own per address (`SO_REUSEPORT`), so the kernel spreads connections without a lock.
//! A socket that goes away first hands over what the kernel has already accepted for it.

use super::Worker;
use super::service::Service;
use crate::client::{self, Client};
use crate::plan::ListenerPlan;
use crate::route::Router;
use crate::stream::Stream;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Pause after accepting failed, as when the process has no file descriptors left: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where requests go.
#[derive(Debug)]
pub struct Routes {
    /// Finds the index of a route.
    pub router: Router,
    /// Service, time-out in ms and whether retries are wanted, by index.
    pub routes: Vec<(Rc<Service>, u64, bool)>,
}

impl Routes {
    /// The routes of a plan over this worker's services, which are in the plan's order.
    pub fn new(plan: &ListenerPlan, services: &[Rc<Service>]) -> Self {
        let routes = plan.routes.iter();
        let routes = routes.map(|route| (Rc::clone(&services[route.service]), route.timeout_ms, route.retry));
        Self { router: plan.router.clone(), routes: routes.collect() }
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
    let client = Client::new(Rc::clone(worker), Rc::clone(listener), Stream::Plain(stream), peer.ip());
    let connections_max = worker.limits().connections_max;
    if open < connections_max {
        tokio::task::spawn_local(client::serve(client));
        return;
    }
    shared.connections_refused.fetch_add(1, Ordering::Relaxed);
    // Being told why costs a connection for up to a second; only so many are told at a time.
    if open < connections_max.saturating_add(64) {
        tokio::task::spawn_local(client::refuse_connection(client));
    }
}
