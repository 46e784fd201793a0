//! Which path does what.

use super::analyst::{self, answered};
use super::ask;
use super::respond::{AnswerBody, events, json, problem, text, turned_away};
use super::write::{is_foreign, looks, note_refused, write};
use super::{Announcement, Answered, Handed, Shared, Source, is_own_name};
use crate::audit::Asked;
use crate::audited::Wanted;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use plimsoll_analyst::History;
use plimsoll_collect::history::SeriesId;
use plimsoll_model::{JobName, ServiceName, Spec, Timestamp};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Most points per series and most series per history request.
const POINTS_MAX: usize = 5_000;
/// See [`POINTS_MAX`].
const SERIES_MAX: usize = 64;
/// Events waiting for a slow client; then it misses some, since each is the whole state.
const EVENTS_MAX: usize = 4;
/// Most requests of one answer of the audit.
const AUDIT_MAX: i64 = 1_000;

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
    /// A person says yes or no to a proposal.
    Proposal {
        /// What they say.
        said: Answered,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// Hand out what is known of a service; no change and no step.
    Record {
        /// Which.
        service: ServiceName,
        /// Where it goes: the spec, and the history where there is one.
        answer: oneshot::Sender<(Spec, Option<History>)>,
    },
    /// Put a record into the audit.
    Audit {
        /// What.
        entry: Box<crate::audit::Entry>,
        /// Hears when it is on disk; none where the next step is soon enough.
        done: Option<oneshot::Sender<()>>,
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
    source: Source,
    shared: Rc<Shared>,
    orders: mpsc::Sender<Order>,
) -> Result<Response<AnswerBody>, Infallible> {
    if let Err((status, why)) = is_acceptable(&request, source) {
        shared.access.count(status);
        return Ok(problem(status, why));
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let now = (Instant::now(), crate::clock::wall_ms());
    let caller = match shared.access.ask((&method, &path, request.headers()), source, now) {
        Ok(caller) => caller,
        Err(refused) => {
            shared.access.count(refused.status);
            if !looks(&method) {
                let asked = Asked::turned_away(shared.next_request(), &refused, source.from, &method, &path);
                note_refused(&shared, &orders, asked, refused.status, &refused.detail);
            }
            return Ok(turned_away(&refused, looks(&method)));
        }
    };
    Ok(match (looks(&method), path.as_str()) {
        (true, "/v1/audit") => audit(&request, &shared).await,
        (true, "/v1/me") => ask::me(&caller),
        (true, path) if ask::of_service(path, "/record").is_some() => ask::record(path, &orders).await,
        (false, "/v1/ask") if request.method() == Method::POST => ask::ask(request, &shared, &orders).await,
        (true, "/v1/usage") => super::usage::answer(&query(request.uri().query().unwrap_or("")), &shared).await,
        (true, _) => read(&request, &shared),
        (false, _) => write(request, caller, &shared, orders).await,
    })
}

/// What no caller may do, whoever it is.
fn is_acceptable(request: &Request<Incoming>, source: Source) -> Result<(), (StatusCode, &'static str)> {
    // Within TLS the certificate has proved the name to the client already.
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if !source.is_secure && !host.is_some_and(|host| is_own_name(host, source.local)) {
        return Err((StatusCode::MISDIRECTED_REQUEST, "the Host header is no name of this machine"));
    }
    match *request.method() {
        Method::GET | Method::HEAD => Ok(()),
        Method::POST | Method::PUT if is_foreign(request, source) => {
            Err((StatusCode::FORBIDDEN, "a page of another origin may not write"))
        }
        Method::POST | Method::PUT => Ok(()),
        _ => Err((StatusCode::METHOD_NOT_ALLOWED, "GET, POST and PUT are understood")),
    }
}

/// `GET /v1/audit`: read on another thread, because it goes through the whole journal.
async fn audit(request: &Request<Incoming>, shared: &Rc<Shared>) -> Response<AnswerBody> {
    let query = query(request.uri().query().unwrap_or(""));
    let number = |name: &str| {
        query.get(name).map(|text| text.parse::<i64>().map_err(|_| format!("{name}={text} is no number"))).transpose()
    };
    let wanted = number("since_ms").and_then(|since_ms| {
        let limit = number("limit")?.unwrap_or(100).clamp(0, AUDIT_MAX);
        let subject = query.get("service").cloned();
        Ok(Wanted { subject, since_ms, limit: Some(usize::try_from(limit).unwrap_or_default()) })
    });
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(why) => return problem(StatusCode::BAD_REQUEST, &why),
    };
    let journal = shared.journal.clone();
    match tokio::task::spawn_blocking(move || crate::audited::read(&journal, &wanted)).await {
        Ok(Ok(found)) => json(StatusCode::OK, &found),
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the journal could not be read"),
    }
}

fn read(request: &Request<Incoming>, shared: &Rc<Shared>) -> Response<AnswerBody> {
    let query = query(request.uri().query().unwrap_or(""));
    match request.uri().path() {
        "/" => text(StatusCode::OK, "text/html; charset=utf-8", include_str!("../../assets/dashboard.html")),
        "/analyst" => text(StatusCode::OK, "text/html; charset=utf-8", include_str!("../../assets/analyst.html")),
        "/healthz" => {
            let healthy = shared.state.borrow().healthy;
            let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            text(status, "text/plain; charset=utf-8", if healthy { "ok\n" } else { "not healthy: see /v1/state\n" })
        }
        "/metrics" => {
            let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            text(
                StatusCode::OK,
                content,
                crate::metrics::render(&shared.state.borrow(), &shared.totals.borrow(), &shared.own_figures()),
            )
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
        path if ask::of_service(path, "/diagnosis").is_some() => ask::diagnosis(path, shared),
        path if path == analyst::PATH || path.starts_with("/v1/proposals/") => analyst::read(path, shared),
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

type Answer = oneshot::Sender<Result<String, String>>;

/// What a write to `path` orders.
pub fn order(method: &Method, path: &str, body: &[u8], answer: Answer) -> Result<Order, (StatusCode, String)> {
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
            } else if let Some(said) = answered(path, body) {
                Order::Proposal { said: said.map_err(bad)?, answer }
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
