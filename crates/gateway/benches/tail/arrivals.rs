//! The clients: requests that come when they are due, whatever has been answered; or as many at once as there are clients.

use crate::Failure;
use crate::stage::{CLIENT_CORE, pin};
use crate::tail::endpoints::Random;
use hdrhistogram::Histogram;
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Requests under way at most; one more is lost. Only an overload comes here.
const UNDER_WAY_MAX: usize = 6_000;
/// An answer that takes longer counts as lost, with this as its latency.
const LATE: Duration = Duration::from_secs(20);
/// Loopback addresses that clients come from.
const SOURCES: u64 = 200;

/// What one run gave.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    /// Answers per second.
    pub rate: f64,
    pub lost: u64,
}

/// What is counted while clients run.
struct Tally {
    from: Instant,
    to: Instant,
    latencies: RefCell<Histogram<u64>>,
    answered: RefCell<u64>,
    lost: RefCell<u64>,
    under_way: RefCell<usize>,
    /// Idle connections, by source.
    idle: RefCell<Vec<Vec<TcpStream>>>,
}

impl Tally {
    fn new(warm_up: Duration, window: Duration) -> Result<Rc<Self>, Failure> {
        let from = Instant::now() + warm_up;
        Ok(Rc::new(Self {
            from,
            to: from + window,
            latencies: RefCell::new(Histogram::new_with_bounds(1, 60_000_000, 3)?),
            answered: RefCell::new(0),
            lost: RefCell::new(0),
            under_way: RefCell::new(0),
            idle: RefCell::new((0..SOURCES).map(|_| Vec::new()).collect()),
        }))
    }

    /// A request that was due at `due` has ended.
    fn ended(&self, due: Instant, is_answered: bool) {
        let now = Instant::now();
        if is_answered && now >= self.from && now < self.to {
            *self.answered.borrow_mut() += 1;
        }
        if due < self.from || due >= self.to {
            return;
        }
        let latency = if is_answered { now - due } else { LATE };
        self.latencies.borrow_mut().saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        *self.lost.borrow_mut() += u64::from(!is_answered);
    }

    fn outcome(&self) -> Outcome {
        let latencies = self.latencies.borrow();
        let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1_000.0;
        Outcome {
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            rate: *self.answered.borrow() as f64 / (self.to - self.from).as_secs_f64(),
            lost: *self.lost.borrow(),
        }
    }
}

async fn connect(to: SocketAddr, source: u64) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::from(0x7f00_0100 | (source as u32 + 1)), 0)))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One request over a connection; whether it was answered as it should be.
async fn ask(stream: &mut TcpStream) -> std::io::Result<bool> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench\r\n\r\n").await?;
    let mut answer = [0; 1024];
    let mut have = 0;
    while !answer[..have].ends_with(b"\r\n\r\nok") {
        match stream.read(&mut answer[have..]).await? {
            0 => return Ok(false),
            count => have += count,
        }
    }
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

fn block_on<T>(run: impl AsyncFnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    pin(&[CLIENT_CORE]);
    tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?.block_on(run())
}

/// Requests at `rate` per second by a Poisson process.
pub fn open_loop(
    to: SocketAddr,
    rate: f64,
    seed: u64,
    warm_up: Duration,
    window: Duration,
) -> Result<Outcome, Failure> {
    block_on(async || {
        let tally = Tally::new(warm_up, window)?;
        let mut random = Random(seed ^ 0xa11);
        let mut due = Instant::now();
        while due < tally.to {
            due += Duration::from_secs_f64(random.exponential() / rate);
            tokio::time::sleep_until(due.into()).await;
            let source = random.bits() % SOURCES;
            if *tally.under_way.borrow() >= UNDER_WAY_MAX {
                tally.ended(due, false);
                continue;
            }
            tokio::task::spawn_local(arrive(Rc::clone(&tally), to, source, due));
        }
        // Those of the window that are still under way count too.
        while *tally.under_way.borrow() > 0 && tally.to.elapsed() < LATE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(tally.outcome())
    })
}

async fn arrive(tally: Rc<Tally>, to: SocketAddr, source: u64, due: Instant) {
    *tally.under_way.borrow_mut() += 1;
    let place = source as usize;
    let asking = async {
        let known = tally.idle.borrow_mut()[place].pop();
        let mut stream = match known {
            Some(stream) => stream,
            None => connect(to, source).await?,
        };
        Ok::<_, std::io::Error>((ask(&mut stream).await?, stream))
    };
    let is_answered = match tokio::time::timeout(LATE, asking).await {
        Ok(Ok((is_answered, stream))) => {
            tally.idle.borrow_mut()[place].push(stream);
            is_answered
        }
        _ => false,
    };
    *tally.under_way.borrow_mut() -= 1;
    tally.ended(due, is_answered);
}

/// So many clients, each asking again when it was answered.
pub fn closed_loop(to: SocketAddr, clients: usize, warm_up: Duration, window: Duration) -> Result<Outcome, Failure> {
    block_on(async || {
        let tally = Tally::new(warm_up, window)?;
        let client = |source: usize| {
            let tally = Rc::clone(&tally);
            tokio::task::spawn_local(async move {
                let mut stream = connect(to, source as u64 % SOURCES).await?;
                while Instant::now() < tally.to {
                    let due = Instant::now();
                    let is_answered = ask(&mut stream).await?;
                    tally.ended(due, is_answered);
                }
                Ok::<_, std::io::Error>(())
            })
        };
        let all: Vec<_> = (0..clients).map(client).collect();
        for one in all {
            one.await??;
        }
        Ok(tally.outcome())
    })
}
