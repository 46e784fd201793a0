//! `plimsoll token`: named tokens of the API, in a file that the daemon reads again when it changes.

use super::reach::{self, state_dir};
use crate::Verdict;
use crate::args::{Output, Token, TokenCreate, TokenPlace, TokenRevoke, TokenVerb};
use anyhow::{Context, bail};
use plimsoll_daemon::api::access::{self, TokenFile};
use plimsoll_daemon::{DaemonFile, StateDir};
use plimsoll_model::Timestamp;
use plimsoll_report::{Cell, Column, Style, Table};
use serde_json::json;
use std::path::PathBuf;

/// Makes, lists or revokes.
pub fn run(token: &Token) -> anyhow::Result<Verdict> {
    match &token.verb {
        TokenVerb::Create(create) => self::create(create),
        TokenVerb::List(list) => self::list(&list.place),
        TokenVerb::Revoke(revoke) => self::revoke(revoke),
    }
}

/// The file that `place` means.
fn file(place: &TokenPlace) -> anyhow::Result<PathBuf> {
    if place.installation.server.is_some() {
        bail!("--server: tokens are made on the machine of the daemon, by who can write its file of tokens");
    }
    if let Some(file) = &place.file {
        return Ok(file.clone());
    }
    let dir = StateDir::open(&state_dir(&place.installation)?)?;
    let named = dir.read_json::<DaemonFile>("daemon.json").and_then(|file| {
        let loaded = plimsoll_config::load(&file.spec).ok()?;
        loaded.spec.operations.api.tokens
    });
    Ok(named.map_or_else(|| dir.tokens(), PathBuf::from))
}

fn create(create: &TokenCreate) -> anyhow::Result<Verdict> {
    let (path, now) = (file(&create.place)?, reach::wall_ms());
    let expires = create.expires.map(|length| now.saturating_add_unsigned(length));
    let secret = access::create(&path, &create.token, create.role, expires, now)
        .with_context(|| format!("token {} was not made", create.token))?;
    match create.place.output {
        Output::Json => {
            let made = json!({
                "name": create.token, "role": create.role, "expires_ms": expires, "file": path, "secret": secret,
            });
            println!("{made}");
        }
        Output::Text => {
            let until = expires.map_or("until it is revoked".to_owned(), |end| format!("until {}", Timestamp(end)));
            eprintln!("token {} of the role {}, {until}, in {}", create.token, create.role, path.display());
            eprintln!("its secret is shown this once; keep it where only its user can read it:");
            println!("{secret}");
        }
    }
    Ok(Verdict::Done)
}

fn list(place: &TokenPlace) -> anyhow::Result<Verdict> {
    let (path, now) = (file(place)?, reach::wall_ms());
    let tokens = TokenFile::read(&path)?.tokens;
    if place.output == Output::Json {
        let shown = tokens.iter().map(|token| {
            json!({
                "name": token.name, "role": token.role, "created_ms": token.created_ms,
                "expires_ms": token.expires_ms, "is_over": token.is_over(now),
            })
        });
        println!("{}", json!({ "file": path, "tokens": shown.collect::<Vec<_>>() }));
        return Ok(Verdict::Done);
    }
    if tokens.is_empty() {
        println!("no token is in {}", path.display());
        return Ok(Verdict::Done);
    }
    let mut table = Table::new([
        Column::left("name", "NAME"),
        Column::left("role", "ROLE"),
        Column::left("created", "CREATED"),
        Column::left("ends", "ENDS"),
    ]);
    for token in &tokens {
        let ends = token.expires_ms.map_or("never".to_owned(), |end| {
            format!("{}{}", Timestamp(end), if token.is_over(now) { " (over)" } else { "" })
        });
        let created = Timestamp(token.created_ms).to_string();
        table.row([Cell::of(&token.name), Cell::of(token.role), Cell::of(created), Cell::of(ends)]);
    }
    println!("{}", table.render(&Style::of_stdout()).trim_end());
    Ok(Verdict::Done)
}

fn revoke(revoke: &TokenRevoke) -> anyhow::Result<Verdict> {
    let path = file(&revoke.place)?;
    access::revoke(&path, &revoke.token)?;
    match revoke.place.output {
        Output::Json => println!("{}", json!({ "name": revoke.token, "revoked": true })),
        Output::Text => println!("token {} is revoked", revoke.token),
    }
    Ok(Verdict::Done)
}
