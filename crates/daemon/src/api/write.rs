//! A request that changes something: read, audited, ordered, answered, in that order.

use super::access::{Caller, Who};
use super::respond::{AnswerBody, json, problem};
use super::routes::{Order, order};
use super::{Shared, Source};
use crate::audit::{Asked, Entry};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Longest request body; a policy is the longest thing sent.
const BODY_BYTES_MAX: usize = 1 << 20;
/// From the end of the head to the end of the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Does what a caller who was let in asks for.
pub async fn write(
    request: Request<Incoming>,
    caller: Caller,
    shared: &Rc<Shared>,
    orders: mpsc::Sender<Order>,
) -> Response<AnswerBody> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let id = shared.next_request();
    let body = match read_body(body, BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err((status, why)) => {
            let asked = Asked::of(id, &caller, &head.method, &path, &[]);
            return refuse(shared, &orders, asked, status, &why);
        }
    };
    let asked = Asked::of(id, &caller, &head.method, &path, &body);
    let (reply, answered) = oneshot::channel();
    let order = match order(&head.method, &path, &body, reply) {
        Ok(order) => signed(order, &caller),
        Err((status, why)) => return refuse(shared, &orders, asked, status, &why),
    };
    // The record goes first, so that it is on disk with the step that the order causes.
    let entry = Box::new(Entry::Asked(asked));
    let is_recorded = orders.try_send(Order::Audit { entry, done: None }).is_ok();
    if !is_recorded || orders.try_send(order).is_err() {
        let why = "too many orders wait already, or the daemon is ending";
        if is_recorded {
            conclude(&orders, Entry::answered(id, 503, why)).await;
        }
        return problem(StatusCode::SERVICE_UNAVAILABLE, why);
    }
    let (status, said) = match answered.await {
        Ok(Ok(said)) => (StatusCode::OK, said),
        Ok(Err(why)) => (StatusCode::UNPROCESSABLE_ENTITY, why),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the daemon is ending".to_owned()),
    };
    conclude(&orders, Entry::answered(id, status.as_u16(), &said)).await;
    if status == StatusCode::OK {
        json(status, &serde_json::json!({ "message": said }))
    } else {
        problem(status, &said)
    }
}

/// Reads a body of at most `most` bytes, or says why not.
pub async fn read_body(body: Incoming, most: usize) -> Result<Bytes, (StatusCode, String)> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, format!("a body of at most {most} bytes is accepted"))),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, format!("no whole body came within {BODY_TIMEOUT:?}"))),
    }
}

/// Waits until the answer is on disk, so that a client never hears of what a crash could make undone.
async fn conclude(orders: &mpsc::Sender<Order>, entry: Entry) {
    let (done, written) = oneshot::channel();
    if orders.send(Order::Audit { entry: Box::new(entry), done: Some(done) }).await.is_ok() {
        let _ = written.await;
    }
}

/// Says no to a caller who was let in, and notes it as far as there is room for that.
fn refuse(
    shared: &Shared,
    orders: &mpsc::Sender<Order>,
    asked: Asked,
    status: StatusCode,
    why: &str,
) -> Response<AnswerBody> {
    note_refused(shared, orders, asked, status, why);
    problem(status, why)
}

/// Notes a request that had no effect, as far as there is room for that.
pub fn note_refused(shared: &Shared, orders: &mpsc::Sender<Order>, asked: Asked, status: StatusCode, why: &str) {
    let Some(suppressed) = shared.allowance.borrow_mut().take(Instant::now()) else {
        shared.access.unrecorded.set(shared.access.unrecorded.get() + 1);
        return;
    };
    let entry = Box::new(Entry::refused(asked, status.as_u16(), why, suppressed));
    let _ = orders.try_send(Order::Audit { entry, done: None });
}

/// Whether a page of another origin sent it: a browser says so, everybody else says nothing.
///
/// # Source
/// Fetch standard, "Origin" and "Sec-Fetch-Site".
pub fn is_foreign(request: &Request<Incoming>, source: Source) -> bool {
    let field = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if field("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = request.headers().get("origin") else { return false };
    let scheme = if source.is_secure { "https" } else { "http" };
    let own = field("host").map(|host| format!("{scheme}://{host}"));
    own.is_none_or(|own| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()))
}

/// Whether a method only looks.
pub const fn looks(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Orders say who gives them in words of the sender's own; the holder of a named token cannot leave its name out.
fn signed(order: Order, caller: &Caller) -> Order {
    let Who::Token(name) = &caller.who else { return order };
    match order {
        Order::Wheel { service, handed, answer } => Order::Wheel { service, handed: handed.via(name), answer },
        Order::Announce { announcement, answer } => Order::Announce { announcement: announcement.via(name), answer },
        Order::Proposal { said, answer } => Order::Proposal { said: said.via(name), answer },
        other => other,
    }
}
