//! What one request does, and the state that requests share.

use super::control;
use super::options::Options;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use plimsoll_stats::Random;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Memory that is held is touched in steps of this, so that it is resident and not only promised.
const PAGE_BYTES: usize = 4_096;

/// The state of one testbed; one thread, so cells suffice.
pub(crate) struct Service {
    pub(crate) options: Options,
    pub(crate) dials: Dials,
    body: Bytes,
    process: HeaderValue,
    ready_at: Instant,
    permits: Option<Semaphore>,
    in_line: Cell<u32>,
    random: RefCell<Random>,
    held: RefCell<Vec<Vec<u8>>>,
}

/// What `/control/` turns.
pub(crate) struct Dials {
    /// Share of requests answered 500.
    pub(crate) fail: Cell<f64>,
    /// Factor on CPU time and latency.
    pub(crate) slow: Cell<f64>,
    /// Nothing outside `/control/` is answered.
    pub(crate) hung: Cell<bool>,
}

impl Service {
    pub(crate) fn new(options: Options, ready_at: Instant) -> Self {
        let service = Self {
            dials: Dials {
                fail: Cell::new(options.error_permille.0 as f64 / 1_000.0),
                slow: Cell::new(1.0),
                hung: Cell::new(false),
            },
            body: Bytes::from(vec![b'.'; options.body_bytes as usize]),
            process: HeaderValue::from(std::process::id()),
            ready_at,
            permits: (options.concurrency_max > 0).then(|| Semaphore::new(options.concurrency_max as usize)),
            in_line: Cell::new(0),
            random: RefCell::new(Random::new(options.seed)),
            held: RefCell::new(Vec::new()),
            options,
        };
        service.hold(service.options.memory_mib);
        service
    }

    /// Holds and touches `mib` MiB more.
    pub(crate) fn hold(&self, mib: u64) {
        for _ in 0..mib {
            let mut block = vec![0_u8; 1 << 20];
            block.iter_mut().step_by(PAGE_BYTES).for_each(|byte| *byte = 1);
            self.held.borrow_mut().push(block);
        }
    }

    /// MiB held now.
    pub(crate) fn held_mib(&self) -> usize {
        self.held.borrow().len()
    }

    /// Answers one request; never fails, so that a connection ends only when its peer or a fault ends it.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path();
        let mut response = if self.options.control && path.starts_with(control::PREFIX) {
            control::turn(self, &request, peer)
        } else if self.dials.hung.get() {
            std::future::pending().await
        } else if Instant::now() < self.ready_at {
            text(StatusCode::SERVICE_UNAVAILABLE, "starting")
        } else if path == "/healthz" {
            text(StatusCode::OK, "ok")
        } else {
            self.work(request).await
        };
        // Which replica answered: what a person at the other side of a balancer wants to know.
        response.headers_mut().insert(HeaderName::from_static("x-testbed-pid"), self.process.clone());
        Ok(response)
    }

    async fn work(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let limit = usize::try_from(self.options.request_body_bytes_max).unwrap_or(usize::MAX);
        if let Err(status) = drain(Limited::new(request.into_body(), limit)).await {
            return text(status, "the request body could not be read");
        }
        let Some(_permit) = self.enter().await else {
            let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "busy");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return response;
        };
        let (slow, fails) = (self.dials.slow.get(), self.random.borrow_mut().unit() < self.dials.fail.get());
        super::cpu::spend(Duration::from_micros(self.options.cpu_us.0).mul_f64(slow)).await;
        let sleep = self.options.latency.draw(&mut self.random.borrow_mut(), slow);
        if !sleep.is_zero() {
            tokio::time::sleep(sleep).await;
        }
        if fails {
            text(StatusCode::INTERNAL_SERVER_ERROR, "failed on purpose")
        } else {
            Response::new(Full::new(self.body.clone()))
        }
    }

    /// A place among the requests that are worked on, or `None` when the line is full.
    async fn enter(&self) -> Option<Option<tokio::sync::SemaphorePermit<'_>>> {
        let Some(permits) = &self.permits else { return Some(None) };
        if let Ok(permit) = permits.try_acquire() {
            return Some(Some(permit));
        }
        if self.in_line.get() >= self.options.queue_max {
            return None;
        }
        let _place = Place::take(&self.in_line);
        permits.acquire().await.ok().map(Some)
    }
}

/// A place in the line, given back when its request goes away too.
struct Place<'a>(&'a Cell<u32>);

impl<'a> Place<'a> {
    fn take(in_line: &'a Cell<u32>) -> Self {
        in_line.set(in_line.get() + 1);
        Self(in_line)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

async fn drain(mut body: Limited<Incoming>) -> Result<(), StatusCode> {
    while let Some(frame) = body.frame().await {
        if let Err(error) = frame {
            let too_long = error.downcast_ref::<http_body_util::LengthLimitError>().is_some();
            return Err(if too_long { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST });
        }
    }
    Ok(())
}

pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response<Full<Bytes>> {
    let mut line = text.into();
    line.push('\n');
    let mut response = Response::new(Full::new(Bytes::from(line)));
    *response.status_mut() = status;
    response
}
