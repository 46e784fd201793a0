//! What holds for listeners and their routes, in a spec and in a gateway file alike.

use super::{conflict, doubt};
use crate::form;
use crate::problem::Problem;
use crate::read::{Reader, join};
use crate::unit::Unit;
use crate::value::{Item, Table};
use std::ops::Range;

/// Fields that no rule may change, in lower case: they frame a message, or say whose it is, or whom it is for.
pub const UNTOUCHABLE: [&str; 17] = [
    "client-cert",
    "client-cert-chain",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

/// Who answers requests in this kind of file.
#[derive(Clone, Copy)]
pub struct Owners<'t> {
    /// The top of the file.
    pub root: &'t Table,
    /// The field of a route that names one: `pool` or `service`.
    pub field: &'static str,
    /// The tables of them: `pools` or `services`.
    pub tables: &'static str,
    /// Somebody is believed about earlier hops.
    pub has_trusted: bool,
    /// What a listener without routes lacks.
    pub advice: &'static str,
    /// Notes a name in a field of a table that nobody has.
    pub exists: fn(&mut Reader<'_>, &Table, &Table, &str),
}

/// Checks a listener and its routes.
pub fn listener(reader: &mut Reader<'_>, owners: Owners<'_>, table: &Table) {
    let has_tls = table.table("tls").is_some_and(|tls| !tls.tables("certificates").is_empty());
    let has_routes = !table.tables("routes").is_empty() || !table.tables("redirects").is_empty();
    // A field that this kind of listener does not have is not broken.
    let is_broken = |name| table.entries.contains_key(name) && table.is_broken(name);
    if table.is_given("tcp") {
        (owners.exists)(reader, owners.root, table, "tcp");
        let owner = owners.root.named(owners.tables).find(|(name, _)| Some(name.as_str()) == table.text("tcp"));
        let protocol =
            owner.filter(|(_, owner)| owner.is_given("protocol")).and_then(|(_, owner)| owner.text("protocol"));
        if protocol.is_some_and(|protocol| protocol != "http1") {
            let what = "the pool of a TCP listener speaks what its clients speak".to_owned();
            conflict(reader, table, "tcp", (what, "a pool without `protocol`".to_owned()), None);
        }
        if has_routes {
            let what = "a TCP listener reads no requests, so it has no routes and redirects".to_owned();
            conflict(reader, table, "tcp", (what, "routes, or `tcp`".to_owned()), None);
        }
    } else if !has_routes && !is_broken("routes") && !is_broken("redirects") {
        let what = "this listener has no routes, so it answers 404 to everything".to_owned();
        doubt(reader, table, "listen", what, owners.advice.to_owned());
    }
    if let Some(tls) =
        table.table("tls").filter(|tls| tls.is_given("client_ca") && !has_tls && !tls.is_broken("certificates"))
    {
        let what = "`client_ca` without certificates: there is no TLS to ask clients in".to_owned();
        conflict(reader, tls, "client_ca", (what, "[[listeners.tls.certificates]] beside it".to_owned()), None);
    }
    if let Some(tls) = table.table("tls").filter(|tls| tls.flag("client_forward") && !tls.is_given("client_ca")) {
        let what = "`client_forward` without `client_ca`: no client is asked for a certificate".to_owned();
        conflict(reader, tls, "client_forward", (what, "`client_ca` beside it".to_owned()), None);
    }
    if table.flag("proxy_protocol") && !owners.has_trusted {
        let what = "`proxy_protocol` without `trusted_proxies`: every connection would be refused".to_owned();
        conflict(reader, table, "proxy_protocol", (what, "`trusted_proxies` beside the listeners".to_owned()), None);
    }
    for route in table.tables("routes") {
        self::route(reader, owners, route);
    }
    for redirect in table.tables("redirects") {
        if redirect.number("status").is_some_and(|status| matches!(status, 304..=306)) {
            let what = "this status is no redirect".to_owned();
            conflict(reader, redirect, "status", (what, "301, 302, 303, 307 or 308".to_owned()), None);
        }
        if let Some(other) = redirect.text("to").and_then(placeholder) {
            let what = format!("{{{other}}} stands for nothing");
            conflict(reader, redirect, "to", (what, "{host} or {path}".to_owned()), None);
        }
    }
}

/// A `{word}` that nothing is put in for.
fn placeholder(to: &str) -> Option<&str> {
    let words = to.split('{').skip(1).map(|rest| rest.split_once('}').map_or(rest, |(word, _)| word));
    words.into_iter().find(|word| !matches!(*word, "host" | "path"))
}

fn route(reader: &mut Reader<'_>, owners: Owners<'_>, route: &Table) {
    (owners.exists)(reader, owners.root, route, owners.field);
    let mut whole = 0;
    for part in route.tables("split") {
        (owners.exists)(reader, owners.root, part, owners.field);
        whole += part.number("share").unwrap_or_default();
    }
    if whole > 1_000 {
        let what = format!("the shares of `split` add up to {}", Unit::Share.print(whole));
        conflict(reader, route, "split", (what, format!("100% or less; `{}` gets the rest", owners.field)), None);
    }
    let needs_key = matches!(route.text("split_by"), Some("header" | "cookie"));
    if needs_key && !route.is_given("split_key") {
        let what = "`split_by` names a header or cookie without saying which".to_owned();
        conflict(reader, route, "split_by", (what, "`split_key` beside it".to_owned()), None);
    }
    if let Some(balance) = route.table("balance") {
        route_balance(reader, owners, route, balance);
    }
    if let Some(hedge) = route.table("hedge").filter(|hedge| hedge.is_given("after") && hedge.is_given("quantile")) {
        let what = "`after` and `quantile` both say when the second endpoint is asked".to_owned();
        conflict(reader, hedge, "quantile", (what, "one of them".to_owned()), None);
    }
    for rules in ["request", "response"].into_iter().filter_map(|name| route.table(name)) {
        header_rules(reader, rules);
    }
    for (name, table) in ["rate", "client_rate"].into_iter().filter_map(|name| Some((name, route.table(name)?))) {
        if table.is_given("burst") && !table.is_given("rate") {
            let what = format!("`{name}` has a burst and no rate");
            conflict(reader, table, "burst", (what, "`rate` beside it".to_owned()), None);
        }
    }
    if let Some(sticky) = route.table("sticky").filter(|sticky| sticky.is_given("age") && !sticky.is_given("cookie")) {
        let what = "`age` without `cookie`: there is no cookie to keep".to_owned();
        conflict(reader, sticky, "age", (what, "`cookie` beside it".to_owned()), None);
    }
}

/// A key needs somebody who hashes it.
fn route_balance(reader: &mut Reader<'_>, owners: Owners<'_>, route: &Table, table: &Table) {
    let needs_key = matches!(table.text("hash_by"), Some("header" | "cookie"));
    if needs_key && !table.is_given("hash_key") {
        let what = "`hash_by` names a header or cookie without saying which".to_owned();
        conflict(reader, table, "hash_by", (what, "`hash_key` beside it".to_owned()), None);
    } else if table.is_given("hash_key") && !needs_key && !table.is_broken("hash_by") {
        let what = "`hash_key` without `hash_by = \"header\"` or `\"cookie\"`: nothing has this name".to_owned();
        conflict(reader, table, "hash_key", (what, "`hash_by` beside it".to_owned()), None);
    }
    let mut all = owners.root.named(owners.tables);
    let pool = all.find(|(name, _)| Some(name.as_str()) == route.text(owners.field)).map(|(_, pool)| pool);
    let of_pool = pool.and_then(|pool| pool.table("balance")?.text("algorithm"));
    let Some(algorithm) = table.text("algorithm").or(of_pool).filter(|_| table.is_given("hash_by")) else { return };
    if !matches!(algorithm, "source_hash" | "ring_hash") {
        let what = format!("`hash_by` with the algorithm \"{algorithm}\", which hashes nothing");
        let expected = "`algorithm = \"source_hash\"` or `\"ring_hash\"` beside it".to_owned();
        conflict(reader, table, "hash_by", (what, expected), None);
    }
}

fn header_rules(reader: &mut Reader<'_>, table: &Table) {
    let mut bad: Vec<(String, Range<usize>, String, String)> = Vec::new();
    let untouchable = |name: &str| UNTOUCHABLE.contains(&name.to_ascii_lowercase().as_str());
    for item in table.texts("remove").iter().filter(|item| untouchable(&item.text)) {
        bad.push((item.text.clone(), item.span.clone(), untouchable_text(&item.text), "another field".to_owned()));
    }
    for field in ["set", "add"] {
        for (name, item) in table.variables(field) {
            if let Err(why) = form::Form::Token.check(name) {
                bad.push((
                    name.clone(),
                    item.span.clone(),
                    format!("{name:?} is no name of a field: {why}"),
                    form::Form::Token.noun().to_owned(),
                ));
            } else if untouchable(name) {
                bad.push((name.clone(), item.span.clone(), untouchable_text(name), "another field".to_owned()));
            }
            if let Err(why) = value(item) {
                bad.push((
                    name.clone(),
                    item.span.clone(),
                    format!("the value of {name} is no value of a field: {why}"),
                    form::Form::FieldValue.noun().to_owned(),
                ));
            }
        }
    }
    for (name, span, what, expected) in bad {
        let found = reader.found(&span);
        reader.note(&join(&table.path, &name), Some(span), Problem::Conflict { what, found, expected });
    }
}

fn value(item: &Item) -> Result<(), String> {
    form::field_value(&item.text)
}

fn untouchable_text(name: &str) -> String {
    format!("{name} frames the message or says whose it is, so no rule may change it")
}
