//! Sixteen or twenty endpoints in one thread: each a listener with a few workers and a queue, whose service is a timer.

use crate::stage::{CLIENT_CORE, pin};
use crate::{Failure, Like};
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Requests that an endpoint serves at once; more wait.
pub const SLOTS: usize = 4;
/// Mean time of a service that nothing slows; far above a timer's step and this machine's delays.
pub const SERVICE: Duration = Duration::from_millis(40);
/// How long neighbours slow the same endpoints.
const SPELL: Duration = Duration::from_secs(1);

/// Running endpoints; they end with this.
pub struct Endpoints {
    pub addresses: Vec<SocketAddr>,
    is_over: Arc<AtomicBool>,
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - (self.bits() >> 11) as f64 / (1_u64 << 53) as f64).ln()
    }
}

struct Endpoint {
    index: usize,
    of: usize,
    like: Like,
    start: Instant,
    workers: Semaphore,
    random: RefCell<Random>,
}

impl Endpoint {
    fn factor(&self) -> u32 {
        match self.like {
            Like::Alike => 1,
            Like::Skewed(factor) => {
                if self.index % 4 == 1 {
                    factor
                } else {
                    1
                }
            }
            Like::Antagonists(factor) => {
                // Which two: drawn anew for each spell, the same for every endpoint that asks.
                let spell = (self.start.elapsed().as_millis() / SPELL.as_millis()) as u64;
                let first = Random(spell).bits() as usize % self.of;
                let is_slowed = self.index == first || self.index == (first + self.of / 2) % self.of;
                if is_slowed { factor } else { 1 }
            }
        }
    }

    /// One service: waits for a worker, then holds it.
    async fn serve(&self) {
        let Ok(_worker) = self.workers.acquire().await else { return };
        let drawn = self.random.borrow_mut().exponential();
        tokio::time::sleep((SERVICE * self.factor()).mul_f64(drawn)).await;
    }
}

impl Endpoints {
    pub fn start(count: usize, like: Like, seed: u64) -> Result<Self, Failure> {
        let listeners: Vec<TcpListener> =
            (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>()?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            pin(&[CLIENT_CORE]);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
            runtime.expect("a runtime for the endpoints").block_on(async move {
                let start = Instant::now();
                for (index, listener) in listeners.into_iter().enumerate() {
                    let endpoint = Rc::new(Endpoint {
                        index,
                        of: count,
                        like,
                        start,
                        workers: Semaphore::new(SLOTS),
                        random: RefCell::new(Random(seed << 32 | index as u64)),
                    });
                    listener.set_nonblocking(true).expect("a listener can be non-blocking");
                    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener in the runtime");
                    tokio::task::spawn_local(async move {
                        while let Ok((stream, _)) = listener.accept().await {
                            tokio::task::spawn_local(converse(Rc::clone(&endpoint), stream));
                        }
                    });
                }
                while !over.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        });
        Ok(Self { addresses, is_over })
    }
}

async fn converse(endpoint: Rc<Endpoint>, mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut request = [0; 4096];
    let mut have = 0;
    while let Ok(count @ 1..) = stream.read(&mut request[have..]).await {
        have += count;
        // Requests come one at a time and without a body.
        if request[..have].ends_with(b"\r\n\r\n") {
            have = 0;
            endpoint.serve().await;
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
                return;
            }
        }
    }
}
