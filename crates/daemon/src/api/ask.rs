//! What somebody who only looks may ask beyond state and figures: a question in plain words, what is known of a service, what
//! the analyst found in it, and who they themselves are.
//!
//! `POST /v1/ask` changes nothing and needs the role `read`; it is a POST because a question belongs into no URL that proxies
//! write down. It is no order, so the audit has no record of it.

use super::Shared;
use super::access::Caller;
use super::respond::{AnswerBody, json, problem};
use super::routes::Order;
use super::write::read_body;
use crate::analyst::asker::{Asking, PATIENCE, Unanswered};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use plimsoll_analyst::History;
use plimsoll_analyst::ask::{ASKABLE, parse};
use plimsoll_model::ServiceName;
use plimsoll_model::spec::Spec;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Longest body of a question, bytes.
const BODY_BYTES_MAX: usize = 8_192;
/// Longest question, bytes; the parser's own bound.
pub const QUESTION_MAX: usize = plimsoll_analyst::ask::BYTES_MAX;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    question: String,
    #[serde(default)]
    service: Option<String>,
}

type Refused = (StatusCode, String);

/// `POST /v1/ask`.
pub async fn ask(request: Request<Incoming>, shared: &Shared, orders: &mpsc::Sender<Order>) -> Response<AnswerBody> {
    match answer(request, shared, orders).await {
        Ok(response) => response,
        Err((status, why)) => problem(status, &why),
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: &Shared,
    orders: &mpsc::Sender<Order>,
) -> Result<Response<AnswerBody>, Refused> {
    let body = read_body(request.into_body(), BODY_BYTES_MAX).await?;
    let bad = |why: String| (StatusCode::BAD_REQUEST, why);
    let unclear = |why: String| (StatusCode::UNPROCESSABLE_ENTITY, why);
    let Body { question, service } =
        serde_json::from_slice(&body).map_err(|error| bad(format!("the body is no question: {error}")))?;
    if question.is_empty() || question.len() > QUESTION_MAX {
        return Err(bad(format!("`question` has {} bytes, 1 to {QUESTION_MAX} are read", question.len())));
    }
    let Some(typed) = parse(&question) else {
        return Err(unclear(format!(
            "this question is not understood; what can be asked, for example: {}",
            ASKABLE.join("  ")
        )));
    };
    let names: Vec<String> = shared.state.borrow().services.iter().map(|service| service.name.clone()).collect();
    let service = meant(&question, service.as_deref(), &names).map_err(unclear)?;
    let (spec, history) = known(&service, orders).await?;
    let (reply, answered) = oneshot::channel();
    let (journal, since) = (shared.journal.clone(), Instant::now());
    let asking = Asking { question: typed, service, spec, history, journal, since, reply };
    if !shared.asker.as_ref().is_some_and(|asker| asker.ask(asking)) {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "too many questions wait already; ask again later".to_owned()));
    }
    match tokio::time::timeout(PATIENCE, answered).await {
        Ok(Ok(Ok(answer))) => {
            let mut value = serde_json::to_value(&answer).unwrap_or_default();
            value["text"] = json!(answer.text());
            Ok(json(StatusCode::OK, &value))
        }
        Ok(Ok(Err(error @ (Unanswered::Past(_) | Unanswered::Unchecked(_))))) => {
            Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
        }
        Ok(Ok(Err(error))) => Err(unclear(error.to_string())),
        Ok(Err(_)) => Err((StatusCode::SERVICE_UNAVAILABLE, "the daemon is ending".to_owned())),
        Err(_) => Err((
            StatusCode::GATEWAY_TIMEOUT,
            format!("there is no answer within {} s; ask about less", PATIENCE.as_secs()),
        )),
    }
}

/// The service that is meant: the one that is named beside the question or in it, or the only one.
fn meant(question: &str, named: Option<&str>, names: &[String]) -> Result<ServiceName, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words = || question.split(|c: char| !is_name(c)).map(|word| word.trim_matches('-').to_ascii_lowercase());
    let found = match named {
        Some(named) => names.iter().find(|name| *name == named),
        None => names.iter().find(|name| words().any(|word| word == **name)),
    };
    let only = if names.len() == 1 && named.is_none() { names.first() } else { None };
    let Some(name) = found.or(only) else {
        return Err(format!("which service is meant? there is {}", names.join(", ")));
    };
    ServiceName::try_new(name.clone()).map_err(|error| error.to_string())
}

async fn known(service: &ServiceName, orders: &mpsc::Sender<Order>) -> Result<(Spec, Option<History>), Refused> {
    let (answer, known) = oneshot::channel();
    let busy = || (StatusCode::SERVICE_UNAVAILABLE, "the daemon is busy or ending".to_owned());
    orders.try_send(Order::Record { service: service.clone(), answer }).map_err(|_| busy())?;
    known.await.map_err(|_| busy())
}

/// The service in `/v1/services/NAME` with this ending.
pub fn of_service<'a>(path: &'a str, ending: &str) -> Option<&'a str> {
    let name = path.strip_prefix("/v1/services/")?.strip_suffix(ending)?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// `GET /v1/services/NAME/record`: the history of a service, as `plimsoll analyst` and `plimsoll ask` read it.
pub async fn record(path: &str, orders: &mpsc::Sender<Order>) -> Response<AnswerBody> {
    let none = || {
        problem(
            StatusCode::NOT_FOUND,
            "there is no history of such a service: `mode = \"off\"`, or nothing was measured yet",
        )
    };
    let Some(Ok(service)) = of_service(path, "/record").map(ServiceName::try_new) else { return none() };
    match known(&service, orders).await {
        Ok((_, Some(history))) => json(StatusCode::OK, &history),
        Ok((_, None)) => none(),
        Err((status, why)) => problem(status, &why),
    }
}

/// `GET /v1/services/NAME/diagnosis`: what the analyst last found.
pub fn diagnosis(path: &str, shared: &Shared) -> Response<AnswerBody> {
    let name = of_service(path, "/diagnosis").unwrap_or_default();
    match shared.diagnoses.borrow().get(name) {
        Some(found) => json(StatusCode::OK, found),
        None => problem(StatusCode::NOT_FOUND, "nothing was looked at under this name yet"),
    }
}

/// `GET /v1/me`: who asks, and what they may do.
pub fn me(caller: &Caller) -> Response<AnswerBody> {
    let role = caller.role.map(|role| role.to_string());
    json(StatusCode::OK, &json!({ "who": caller.who.word(), "role": role }))
}

/// The body of a question, for the OpenAPI document.
pub fn body() -> Value {
    json!({ "type": "object", "required": ["question"], "additionalProperties": false, "properties": {
        "question": { "type": "string", "minLength": 1, "maxLength": QUESTION_MAX, "description": "In plain words; times are UTC" },
        "service": { "type": "string", "description": "About which; may be left out where the question names it or there is one" } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_the_one_that_is_named_or_the_only_one() {
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let two = names(&["web", "web-2"]);
        let is = |question: &str, named: Option<&str>, names: &[String]| {
            meant(question, named, names).map(|name| name.to_string()).unwrap_or_else(|why| why)
        };
        assert_eq!(is("why did web-2 scale?", None, &two), "web-2");
        assert_eq!(is("what limits WEB?", None, &two), "web");
        assert_eq!(is("what limits it?", Some("web"), &two), "web");
        assert_eq!(is("what limits it?", None, &names(&["shop"])), "shop");
        assert_eq!(is("what limits it?", None, &two), "which service is meant? there is web, web-2");
        assert!(is("what limits web?", Some("none"), &names(&["web"])).starts_with("which service"));
    }

    #[test]
    fn only_a_plain_name_is_a_service() {
        assert_eq!(of_service("/v1/services/web/record", "/record"), Some("web"));
        for path in ["/v1/services//record", "/v1/services/a/b/record", "/v1/services/record", "/v1/service/web/record"]
        {
            assert_eq!(of_service(path, "/record"), None, "{path}");
        }
    }
}
