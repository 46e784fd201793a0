//! The person at the client is asked before anything changes (the protocol's elicitation), with what it is about.
//!
//! A client that cannot ask its user gets a refusal, and so does every answer that is not a plain yes: declined, cancelled, a
//! box that is not ticked, no answer in time. What the agent itself says counts for nothing.
//!
//! # Source
//! Model Context Protocol, revision 2025-06-18, "Elicitation".

use super::{Server, call};
use anyhow::{Context, bail};
use rmcp::model::{ClientResult, ElicitRequest, ElicitRequestParams, ElicitationAction, ServerRequest};
use rmcp::service::{Peer, RoleServer};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait for a person.
const PATIENCE: Duration = Duration::from_secs(300);
/// Longest part of a text that a person is shown, characters.
const SHOWN_MAX: usize = 400;

/// Asks whether to do `what` with the proposal `id`; returns only after a yes.
pub async fn asked(server: &Server, peer: &Peer<RoleServer>, id: &str, what: &str) -> anyhow::Result<()> {
    let can_ask = peer.peer_info().and_then(|info| info.capabilities.elicitation.clone());
    if !can_ask.is_some_and(|can| can.form.is_some() || can.url.is_none()) {
        bail!(
            "refused: this client cannot ask its user (elicitation), and nobody else may answer a proposal; a person can: \
             plimsoll analyst approve {id}, or reject"
        );
    }
    let message = format!("{}\n\nDo you want to {what}?", about(server, id).await?);
    let schema = json!({
        "type": "object", "required": ["confirm"],
        "properties": { "confirm": { "type": "boolean", "title": "Yes, I want this", "default": false } }
    });
    let requested_schema = serde_json::from_value(schema).context("the form")?;
    let params = ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema };
    let request = ElicitRequest::new(params);
    let asking = peer.send_request(ServerRequest::ElicitRequest(request));
    let Ok(told) = tokio::time::timeout(PATIENCE, asking).await else {
        bail!("refused: nobody answered within {} s", PATIENCE.as_secs());
    };
    let ClientResult::ElicitResult(told) = told.context("refused: the client could not ask its user")? else {
        bail!("refused: the client's answer is none of a person");
    };
    let is_confirmed = told.content.is_some_and(|content| content["confirm"] == true);
    match (told.action, is_confirmed) {
        (ElicitationAction::Accept, true) => Ok(()),
        (ElicitationAction::Accept, false) => bail!("refused: the person did not confirm"),
        (ElicitationAction::Decline, _) => bail!("refused: the person declined"),
        _ => bail!("refused: the person cancelled"),
    }
}

/// The proposal in a few lines, from the daemon and not from the agent.
async fn about(server: &Server, id: &str) -> anyhow::Result<String> {
    let verb = ["analyst", "proposals", "--output", "json"];
    let mut words: Vec<String> = verb.iter().map(|&word| word.to_owned()).collect();
    words.extend(server.installation.iter().cloned());
    words.extend(["--".to_owned(), id.to_owned()]);
    let told = call::run(&server.program, &words, server.deadline).await?;
    let kept: Value = serde_json::from_str(&told).context("the proposal")?;
    let shown = |value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        plimsoll_report::clean(&text).to_string().chars().take(SHOWN_MAX).collect::<String>()
    };
    let proposal = &kept["proposal"];
    let price = &kept["verdict"]["proof"]["price_of_incumbent"]["value"];
    let claim = &proposal["claim"];
    Ok(format!(
        "Proposal {} for service {} ({}), {}.\nChanges: {}\nClaim: {} from {} to {}\nProved: accepted {}, price over that of the \
         policy in force {}",
        shown(&kept["id"]),
        shown(&kept["service"]),
        shown(&kept["state"]),
        shown(&kept["about"]),
        shown(&proposal["changes"]),
        shown(&claim["figure"]),
        claim["now"],
        claim["then"],
        kept["verdict"]["accepted"],
        price,
    ))
}
