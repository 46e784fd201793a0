//! `GET /v1/proposals`, `GET /v1/proposals/ID`, and what a person says to one: `POST /v1/proposals/ID/approve` or `reject`.

use super::Shared;
use super::respond::{AnswerBody, json, problem};
use hyper::{Response, StatusCode};
use plimsoll_model::proposed::PROPOSAL_ID_MAX;
use plimsoll_model::wheel::BY_LEN_MAX;
use serde::Deserialize;
use serde_json::{Value, json};

/// Where they are.
pub const PATH: &str = "/v1/proposals";
/// What a list shows of each.
const BRIEF: [&str; 5] = ["id", "service", "state", "about", "made_at_ms"];

/// Answers a read.
pub fn read(path: &str, shared: &Shared) -> Response<AnswerBody> {
    let all = shared.proposals.borrow();
    let Some(id) = path.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('/')) else {
        let brief = |kept: &Value| BRIEF.iter().map(|key| ((*key).to_owned(), kept[*key].clone())).collect();
        let list: Vec<Value> = all.iter().map(|kept| Value::Object(brief(kept))).collect();
        return json(StatusCode::OK, &json!({ "proposals": list, "searches": *shared.searches.borrow() }));
    };
    match all.iter().find(|kept| kept["id"] == id) {
        Some(kept) => json(StatusCode::OK, kept),
        None => problem(StatusCode::NOT_FOUND, "there is no such proposal; /v1/proposals lists them"),
    }
}

/// What is said to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Which.
    pub id: String,
    /// Yes.
    pub is_yes: bool,
    /// Who says so.
    pub by: String,
}

impl Answered {
    /// The same, saying too which named token it came with.
    #[must_use]
    pub fn via(mut self, token: &str) -> Self {
        self.by = super::via(&self.by, token, BY_LEN_MAX);
        self
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    by: String,
}

/// Reads a write to a path below [`PATH`]; none where the path is another.
///
/// # Errors
/// Naming what is wrong.
pub fn answered(path: &str, body: &[u8]) -> Option<Result<Answered, String>> {
    let rest = path.strip_prefix(PATH)?.strip_prefix('/')?;
    let (id, verb) = rest.split_once('/')?;
    let is_yes = match verb {
        "approve" => true,
        "reject" => false,
        _ => return None,
    };
    Some(said(id, is_yes, body))
}

fn said(id: &str, is_yes: bool, body: &[u8]) -> Result<Answered, String> {
    if id.is_empty() || id.len() > PROPOSAL_ID_MAX || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("the id of a proposal is 1 to {PROPOSAL_ID_MAX} letters and digits"));
    }
    let Body { by } = serde_json::from_slice(body).map_err(|error| format!("the body is no answer: {error}"))?;
    if by.is_empty() || by.len() > BY_LEN_MAX {
        return Err(format!("`by` is {} bytes long, 1 to {BY_LEN_MAX} say who answers", by.len()));
    }
    Ok(Answered { id: id.to_owned(), is_yes, by })
}

/// The body of an answer, for the OpenAPI document.
pub fn body() -> Value {
    json!({ "type": "object", "required": ["by"], "additionalProperties": false, "properties": {
        "by": { "type": "string", "minLength": 1, "maxLength": BY_LEN_MAX, "description": "Who says so" } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_proposal_and_who_says_so() {
        let read = |path: &str, body: &str| answered(path, body.as_bytes());
        let yes = Answered { id: "a1".into(), is_yes: true, by: "ann".into() };
        assert_eq!(read("/v1/proposals/a1/approve", "{\"by\":\"ann\"}"), Some(Ok(yes)));
        assert_eq!(read("/v1/proposals/a1/eat", "{}"), None);
        assert_eq!(read("/v1/proposalsx/a1/approve", "{}"), None);
        for (path, body) in
            [("a1", "{}"), ("a1", "{\"by\":\"\"}"), ("a1", "{\"by\":\"x\",\"y\":1}"), ("..", "{\"by\":\"x\"}")]
        {
            assert!(read(&format!("/v1/proposals/{path}/reject"), body).unwrap().is_err(), "{path} {body}");
        }
    }
}
