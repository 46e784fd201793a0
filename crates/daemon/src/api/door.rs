//! Connections of the API: how many, from whom, for how long, and within TLS or not.
//!
//! Every bound is on the connection, because a client that has shown nothing yet is nobody in particular: so many at once, so
//! many from one address beyond loopback, so long for a handshake and for a head. A client that takes nothing of its
//! answer any more is dropped by the kernel ([`UNTAKEN_MAX`]), so that it does not keep its place.

use super::{Order, Shared, Source, routes};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;

/// Clients served at once; a dashboard needs two.
const CONNECTIONS_MAX: usize = 64;
/// Of those, from one address beyond loopback.
const PER_ADDRESS_MAX: u32 = 16;
/// From the first byte of a request head to its end, and from the first byte of a connection to the end of its handshake.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest request head.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// A connection ends when what was sent is not taken for so long.
const UNTAKEN_MAX: Duration = Duration::from_secs(30);
/// Longest wait after a failed accept (out of descriptors, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections by address, those of loopback excepted: its users are told apart by nothing.
#[derive(Debug, Default)]
struct Crowd(RefCell<BTreeMap<IpAddr, u32>>);

/// A place in the crowd, given back when it is dropped.
struct Place(Rc<Crowd>, IpAddr);

impl Crowd {
    fn enter(self: &Rc<Self>, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let mut counts = self.0.borrow_mut();
        let count = counts.entry(address).or_default();
        if *count >= PER_ADDRESS_MAX && !address.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Place(self.clone(), address))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.0.0.borrow_mut();
        if let Some(count) = counts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

/// Serves the API until the task is dropped.
pub async fn serve(listener: TcpListener, shared: Rc<Shared>, orders: mpsc::Sender<Order>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let crowd = Rc::new(Crowd::default());
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(place) = crowd.enter(from.ip()) else { continue };
        let door = Door { shared: shared.clone(), orders: orders.clone() };
        tokio::task::spawn_local(async move {
            let tls = door.shared.tls.borrow().as_ref().map(|tls| tls.config.clone());
            let source = Source { local: stream.local_addr().ok(), from, is_secure: tls.is_some() };
            let millis = u32::try_from(UNTAKEN_MAX.as_millis()).unwrap_or(u32::MAX);
            let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, millis);
            match tls {
                None => door.converse(stream, source).await,
                Some(config) => door.greet(stream, source, TlsAcceptor::from(config)).await,
            }
            drop((slot, place));
        });
    }
}

/// What one connection needs.
struct Door {
    shared: Rc<Shared>,
    orders: mpsc::Sender<Order>,
}

impl Door {
    async fn greet(&self, stream: TcpStream, source: Source, acceptor: TlsAcceptor) {
        if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await {
            self.converse(stream, source).await;
        }
    }

    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, source: Source) {
        let service = service_fn(|request| routes::answer(request, source, self.shared.clone(), self.orders.clone()));
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
        // A broken client connection concerns nobody but that client.
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_its_share_of_the_places_and_gives_them_back() {
        let crowd = Rc::new(Crowd::default());
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let places: Vec<_> = (0..PER_ADDRESS_MAX).map(|_| crowd.enter(one).unwrap()).collect();
        assert!(crowd.enter(one).is_none());
        assert!(crowd.enter("192.0.2.2".parse().unwrap()).is_some());
        let local: Vec<_> = (0..CONNECTIONS_MAX).map(|_| crowd.enter("127.0.0.1".parse().unwrap())).collect();
        assert!(local.iter().all(Option::is_some));
        drop((places, local));
        assert!(crowd.0.borrow().is_empty());
    }
}
