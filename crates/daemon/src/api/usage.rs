//! `GET /v1/usage`: what services, jobs and users requested, used and left idle, counted from the daemon's own journal.

use super::Shared;
use super::respond::{AnswerBody, json, problem};
use crate::metering::{self, Bill, Grouping};
use hyper::{Response, StatusCode};
use plimsoll_model::Timestamp;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What is asked for.
struct Wanted {
    by: Grouping,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Wanted {
    fn read(query: &BTreeMap<String, String>) -> Result<Self, String> {
        let moment = |name: &str| {
            let number = query.get(name).map(|text| {
                text.parse().map(Timestamp).map_err(|_| format!("{name}={text} is no number of milliseconds"))
            });
            number.transpose()
        };
        let by = query.get("by").map_or(Ok(Grouping::Service), |text| text.parse())?;
        let (from, to) = (moment("from_ms")?, moment("to_ms")?);
        match (from, to) {
            (Some(Timestamp(from)), Some(Timestamp(to))) if from >= to => {
                Err(format!("from_ms={from} is not before to_ms={to}"))
            }
            _ => Ok(Self { by, from, to }),
        }
    }
}

/// Reads on another thread, because it goes through the whole journal.
pub async fn answer(query: &BTreeMap<String, String>, shared: &Rc<Shared>) -> Response<AnswerBody> {
    let Wanted { by, from, to } = match Wanted::read(query) {
        Ok(wanted) => wanted,
        Err(why) => return problem(StatusCode::BAD_REQUEST, &why),
    };
    let journal = shared.journal.clone();
    match tokio::task::spawn_blocking(move || metering::read(&journal, from, to)).await {
        Ok(Ok(metered)) => json(StatusCode::OK, &Bill::of(&metered, by, None).shown()),
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the journal could not be read"),
    }
}
