//! Which path does what.

use super::respond::{AnswerBody, events, json, problem, text};
use super::{Announcement, Handed, Shared, is_own_name};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, Response, StatusCode};
use plimsoll_collect::history::SeriesId;
use plimsoll_model::{JobName, ServiceName, Timestamp};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::sync::{mpsc, oneshot};

/// Longest request body; a policy is the longest thing sent.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Most points per series and most series per history request.
const POINTS_MAX: usize = 5_000;
/// See [`POINTS_MAX`].
const SERIES_MAX: usize = 64;
/// Events waiting for a slow client; then it misses some, since each is the whole state.
const EVENTS_MAX: usize = 4;

/// What a write asks of the engine; the answer is what to say, or why not.
#[derive(Debug)]
pub enum Order {
    /// Run a job now.
    RunJob {
        /// Which.
        job: JobName,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// Read the spec file again and take it over.
    Reload {
        /// Where the answer goes.
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// Take over this spec (TOML).
    Policy {
        /// The text of a spec file.
        spec: String,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// Take an event that is announced.
    Announce {
        /// What.
        announcement: Announcement,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// Take the wheel of a service, or give it back.
    Wheel {
        /// Which.
        service: ServiceName,
        /// What.
        handed: Handed,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// Drain everything and end.
    Shutdown {
        /// Where the answer goes.
        answer: oneshot::Sender<Result<String, String>>,
    },
}

/// Answers one request.
pub async fn answer(
    request: Request<Incoming>,
    local: Option<SocketAddr>,
    shared: Rc<Shared>,
    orders: mpsc::Sender<Order>,
) -> Result<Response<AnswerBody>, Infallible> {
    let own =
        request.headers().get(HOST).and_then(|host| host.to_str().ok()).is_some_and(|host| is_own_name(host, local));
    if !own {
        return Ok(problem(StatusCode::MISDIRECTED_REQUEST, "the Host header is no name of this machine"));
    }
    Ok(match *request.method() {
        Method::GET | Method::HEAD => read(&request, &shared),
        Method::POST | Method::PUT => write(request, &shared, orders).await,
        _ => problem(StatusCode::METHOD_NOT_ALLOWED, "GET, POST and PUT are understood"),
    })
}

fn read(request: &Request<Incoming>, shared: &Rc<Shared>) -> Response<AnswerBody> {
    let query = query(request.uri().query().unwrap_or(""));
    match request.uri().path() {
        "/" => text(StatusCode::OK, "text/html; charset=utf-8", include_str!("../../assets/dashboard.html")),
        "/healthz" => {
            let healthy = shared.state.borrow().healthy;
            let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            text(status, "text/plain; charset=utf-8", if healthy { "ok\n" } else { "not healthy: see /v1/state\n" })
        }
        "/metrics" => {
            let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            text(StatusCode::OK, content, crate::metrics::render(&shared.state.borrow(), &shared.totals.borrow()))
        }
        "/v1/openapi.json" => json(StatusCode::OK, &super::openapi()),
        "/v1/state" => json(StatusCode::OK, &*shared.state_now()),
        "/v1/policy" => json(StatusCode::OK, &*shared.policy.borrow()),
        "/v1/decisions" => decisions(&query, shared),
        "/v1/history" => history(&query, shared),
        "/v1/events" => stream(shared),
        "/v1/events/announced" => {
            json(StatusCode::OK, &serde_json::json!({ "events": shared.state.borrow().announced }))
        }
        _ => problem(StatusCode::NOT_FOUND, "no such path; /v1/openapi.json lists them"),
    }
}

fn decisions(query: &BTreeMap<String, String>, shared: &Shared) -> Response<AnswerBody> {
    let number =
        |name: &str| query.get(name).map(|text| text.parse::<u64>().map_err(|_| format!("{name}={text} is no number")));
    let (limit, before) = match (number("limit").transpose(), number("before").transpose()) {
        (Ok(limit), Ok(before)) => (limit.unwrap_or(50).min(super::DECISIONS_MAX as u64), before.unwrap_or(u64::MAX)),
        (Err(why), _) | (_, Err(why)) => return problem(StatusCode::BAD_REQUEST, &why),
    };
    let kept = shared.decisions.borrow();
    let wanted = query.get("service");
    let found: Vec<_> = kept
        .iter()
        .rev()
        .filter(|decision| decision.step < before)
        .filter(|decision| wanted.is_none_or(|service| decision.services.contains(service)))
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .collect();
    json(StatusCode::OK, &serde_json::json!({ "decisions": found }))
}

fn history(query: &BTreeMap<String, String>, shared: &Shared) -> Response<AnswerBody> {
    let Some(history) = &shared.history else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the history store could not be opened; see /v1/state");
    };
    let number = |name: &str, default: i64| match query.get(name) {
        None => Ok(default),
        Some(text) => text.parse::<i64>().map_err(|_| format!("{name}={text} is no number of milliseconds")),
    };
    let now = shared.state_now().trace_time_ms;
    let range = number("to_ms", now).and_then(|to| {
        let from = number("from_ms", to.saturating_sub(3_600_000))?;
        Ok((from, to, number("points", 300)?.clamp(1, POINTS_MAX as i64)))
    });
    let (from, to, points) = match range {
        Ok(range) => range,
        Err(why) => return problem(StatusCode::BAD_REQUEST, &why),
    };
    let mut series = serde_json::Map::new();
    for id in query
        .get("series")
        .map(String::as_str)
        .unwrap_or_default()
        .split(',')
        .filter(|id| !id.is_empty())
        .take(SERIES_MAX)
    {
        let points = usize::try_from(points).unwrap_or(1);
        let name = match SeriesId::try_new(id) {
            Ok(name) => name,
            Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        match history.query(&name, Timestamp(from), Timestamp(to), points) {
            Ok(found) => {
                let rows: Vec<_> =
                    found.iter().map(|point| (point.at.get(), point.mean, point.min, point.max)).collect();
                series.insert(id.to_owned(), serde_json::json!(rows));
            }
            Err(error) => return problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }
    json(StatusCode::OK, &serde_json::json!({ "series": series }))
}

/// Sends the whole state after each step.
fn stream(shared: &Rc<Shared>) -> Response<AnswerBody> {
    let (sender, receiver) = mpsc::channel(EVENTS_MAX);
    let mut news = shared.news.subscribe();
    let weak = Rc::downgrade(shared);
    tokio::task::spawn_local(async move {
        news.mark_changed();
        while news.changed().await.is_ok() {
            news.borrow_and_update();
            let Some(shared) = weak.upgrade() else { return };
            let Ok(state) = serde_json::to_string(&*shared.state_now()) else { return };
            let event = Bytes::from(format!("event: state\ndata: {state}\n\n"));
            if let Err(mpsc::error::TrySendError::Closed(_)) = sender.try_send(event) {
                return;
            }
        }
    });
    events(receiver)
}

async fn write(request: Request<Incoming>, shared: &Rc<Shared>, orders: mpsc::Sender<Order>) -> Response<AnswerBody> {
    if !holds_token(&request, &shared.token) {
        return problem(
            StatusCode::UNAUTHORIZED,
            "a write needs `Authorization: Bearer` with the token from the state directory",
        );
    }
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            return problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("a body of at most {BODY_BYTES_MAX} bytes is accepted"),
            );
        }
    };
    let (reply, answered) = oneshot::channel();
    let order = match order(&head.method, head.uri.path(), &body, reply) {
        Ok(order) => order,
        Err((status, why)) => return problem(status, &why),
    };
    if orders.try_send(order).is_err() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "too many orders wait already, or the daemon is ending");
    }
    match answered.await {
        Ok(Ok(said)) => json(StatusCode::OK, &serde_json::json!({ "message": said })),
        Ok(Err(why)) => problem(StatusCode::UNPROCESSABLE_ENTITY, &why),
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the daemon is ending"),
    }
}

type Answer = oneshot::Sender<Result<String, String>>;

/// What a write to `path` orders.
fn order(method: &Method, path: &str, body: &[u8], answer: Answer) -> Result<Order, (StatusCode, String)> {
    let bad = |why: String| (StatusCode::BAD_REQUEST, why);
    let unknown = || (StatusCode::NOT_FOUND, "no such path; /v1/openapi.json lists them".to_owned());
    let within = |before: &str, behind: &str| path.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
    Ok(match (method, path) {
        (&Method::POST, "/v1/reload") => Order::Reload { answer },
        (&Method::POST, "/v1/shutdown") => Order::Shutdown { answer },
        (&Method::POST, "/v1/events") => {
            let announcement = Announcement::read(body).map_err(|error| bad(error.to_string()))?;
            Order::Announce { announcement, answer }
        }
        (&Method::PUT, "/v1/policy") => {
            let spec = String::from_utf8(body.to_vec()).map_err(|_| bad("the body is not UTF-8".to_owned()))?;
            Order::Policy { spec, answer }
        }
        (&Method::POST, _) => {
            if let Some(job) = within("/v1/jobs/", "/run") {
                let job: JobName = job.parse().map_err(|error| bad(format!("{error}")))?;
                Order::RunJob { job, answer }
            } else {
                let service = within("/v1/services/", "/wheel").ok_or_else(unknown)?;
                let service: ServiceName = service.parse().map_err(|error| bad(format!("{error}")))?;
                let handed = Handed::read(body).map_err(|error| bad(error.to_string()))?;
                Order::Wheel { service, handed, answer }
            }
        }
        _ => return Err(unknown()),
    })
}

/// Compares in constant time, so that the time of a refusal says nothing about the token.
fn holds_token(request: &Request<Incoming>, token: &str) -> bool {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(given) = given.and_then(|value| value.strip_prefix("Bearer ")) else { return false };
    given.len() == token.len() && given.bytes().zip(token.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Splits a query string; `+` and percent escapes are decoded, what is not UTF-8 is dropped.
fn query(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter_map(|(name, value)| Some((name.to_owned(), decode(value)?)))
        .collect()
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(bytes.next())? * 16 + digit(bytes.next())?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        let query = query("series=service%2Fshop%2Frate,a+b&from_ms=5&broken=%zz&novalue");
        assert_eq!(query["series"], "service/shop/rate,a b");
        assert_eq!(query["from_ms"], "5");
        assert_eq!(query.len(), 2);
    }

    #[test]
    fn only_names_of_this_machine_are_own() {
        for own in ["localhost", "localhost:7411", "127.0.0.1:1", "[::1]:80", "[::1]"] {
            assert!(is_own_name(own, None), "{own}");
        }
        for foreign in ["evil.example", "evil.example:7411", "10.0.0.1", ""] {
            assert!(!is_own_name(foreign, None), "{foreign}");
        }
        assert!(is_own_name("10.0.0.1:80", Some("10.0.0.1:7411".parse().unwrap())));
    }
}
