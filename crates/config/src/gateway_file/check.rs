//! What has to hold between fields of a gateway file. Each check is silent where a field that it needs is already
//! reported as broken.

use crate::check::{conflict, doubt, gateway::overlaps};
use crate::form;
use crate::nearest::nearest;
use crate::problem::Problem;
use crate::read::{Reader, join};
use crate::unit::Unit;
use crate::value::{Item, Table};
use std::collections::BTreeMap;
use std::net::SocketAddr;
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

/// Checks everything.
pub fn all(reader: &mut Reader<'_>, root: &Table) {
    let mut seen: Vec<(SocketAddr, Range<usize>)> = Vec::new();
    if root.tables("listeners").is_empty() && !root.is_broken("listeners") {
        let expected = "at least one [[listeners]]".to_owned();
        conflict(reader, root, "listeners", ("there is no listener".to_owned(), expected), None);
    }
    for listener in root.tables("listeners") {
        address(reader, listener, &mut seen);
        self::listener(reader, root, listener);
    }
    for (_, pool) in root.named("pools") {
        self::pool(reader, pool);
    }
}

fn address(reader: &mut Reader<'_>, table: &Table, seen: &mut Vec<(SocketAddr, Range<usize>)>) {
    let Some(address) = table.text("listen").and_then(|text| form::address(text).ok()) else { return };
    let span = table.span_of("listen");
    if let Some((other, place)) = seen.iter().find(|(other, _)| overlaps(*other, address)).cloned() {
        let what = format!("{address} overlaps with {other}");
        let related = Some((place, "first here".to_owned()));
        conflict(reader, table, "listen", (what, "an address and port of its own".to_owned()), related);
    }
    seen.push((address, span));
}

fn listener(reader: &mut Reader<'_>, root: &Table, table: &Table) {
    let has_tls = table.table("tls").is_some_and(|tls| !tls.tables("certificates").is_empty());
    let has_routes = !table.tables("routes").is_empty() || !table.tables("redirects").is_empty();
    if table.is_given("tcp") {
        pool_exists(reader, root, table, "tcp");
        let pool = root.named("pools").find(|(name, _)| Some(name.as_str()) == table.text("tcp"));
        if pool.and_then(|(_, pool)| pool.text("protocol")).is_some_and(|protocol| protocol != "http1") {
            let what = "the pool of a TCP listener speaks what its clients speak".to_owned();
            conflict(reader, table, "tcp", (what, "a pool without `protocol`".to_owned()), None);
        }
        if has_routes {
            let what = "a TCP listener reads no requests, so it has no routes and redirects".to_owned();
            conflict(reader, table, "tcp", (what, "routes, or `tcp`".to_owned()), None);
        }
    } else if !has_routes && !table.is_broken("routes") && !table.is_broken("redirects") {
        let what = "this listener has no routes, so it answers 404 to everything".to_owned();
        doubt(reader, table, "listen", what, "add [[listeners.routes]], or `tcp = \"POOL\"`".to_owned());
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
    if table.flag("proxy_protocol") && !root.is_given("trusted_proxies") {
        let what = "`proxy_protocol` without `trusted_proxies`: every connection would be refused".to_owned();
        conflict(reader, table, "proxy_protocol", (what, "`trusted_proxies` at the top of the file".to_owned()), None);
    }
    for route in table.tables("routes") {
        self::route(reader, root, route);
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

fn route(reader: &mut Reader<'_>, root: &Table, route: &Table) {
    pool_exists(reader, root, route, "pool");
    let mut whole = 0;
    for part in route.tables("split") {
        pool_exists(reader, root, part, "pool");
        whole += part.number("share").unwrap_or_default();
    }
    if whole > 1_000 {
        let what = format!("the shares of `split` add up to {}", Unit::Share.print(whole));
        conflict(reader, route, "split", (what, "100% or less; `pool` gets the rest".to_owned()), None);
    }
    let needs_key = matches!(route.text("split_by"), Some("header" | "cookie"));
    if needs_key && !route.is_given("split_key") {
        let what = "`split_by` names a header or cookie without saying which".to_owned();
        conflict(reader, route, "split_by", (what, "`split_key` beside it".to_owned()), None);
    }
    if let Some(balance) = route.table("balance") {
        route_balance(reader, root, route, balance);
    }
    if let Some(hedge) = route.table("hedge") {
        if hedge.is_given("after") && hedge.is_given("quantile") {
            let what = "`after` and `quantile` both say when the second endpoint is asked".to_owned();
            conflict(reader, hedge, "quantile", (what, "one of them".to_owned()), None);
        } else if hedge.is_given("budget") && !hedge.is_given("after") && !hedge.is_given("quantile") {
            let what = "`budget` without `after` or `quantile`: nothing is asked twice".to_owned();
            conflict(reader, hedge, "budget", (what, "one of them beside it".to_owned()), None);
        }
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
fn route_balance(reader: &mut Reader<'_>, root: &Table, route: &Table, table: &Table) {
    let needs_key = matches!(table.text("hash_by"), Some("header" | "cookie"));
    if needs_key && !table.is_given("hash_key") {
        let what = "`hash_by` names a header or cookie without saying which".to_owned();
        conflict(reader, table, "hash_by", (what, "`hash_key` beside it".to_owned()), None);
    } else if table.is_given("hash_key") && !needs_key && !table.is_broken("hash_by") {
        let what = "`hash_key` without `hash_by = \"header\"` or `\"cookie\"`: nothing has this name".to_owned();
        conflict(reader, table, "hash_key", (what, "`hash_by` beside it".to_owned()), None);
    }
    let pool = root.named("pools").find(|(name, _)| Some(name.as_str()) == route.text("pool")).map(|(_, pool)| pool);
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

fn pool_exists(reader: &mut Reader<'_>, root: &Table, table: &Table, field: &str) {
    let Some(name) = table.text(field).filter(|_| !root.is_broken("pools")) else { return };
    let known: BTreeMap<&String, ()> = root.named("pools").map(|(name, _)| (name, ())).collect();
    if known.keys().any(|known| *known == name) {
        return;
    }
    let near = nearest(name, known.keys().map(|name| name.as_str()));
    let meant = near.map_or_else(|| "the name of a table [pools.NAME]".to_owned(), |near| format!("{near:?}, maybe"));
    conflict(reader, table, field, (format!("there is no pool {name:?}"), meant), None);
}

/// What a pool speaks, against what else it says.
fn protocol(reader: &mut Reader<'_>, table: &Table) {
    let protocol = table.text("protocol").unwrap_or_default();
    let has_tls = table.table("tls").is_some_and(|tls| tls.is_given("ca"));
    if protocol == "auto" && !has_tls {
        let what = "`auto` without TLS: there is nothing to negotiate in".to_owned();
        conflict(
            reader,
            table,
            "protocol",
            (what, "\"http1\", \"h2\", or [pools.NAME.tls] beside it".to_owned()),
            None,
        );
    }
    if protocol != "http1" && table.is_given("proxy_protocol") {
        let what =
            "a connection of HTTP/2 carries the requests of many clients, the PROXY protocol names one".to_owned();
        conflict(reader, table, "proxy_protocol", (what, "`protocol = \"http1\"`, or none".to_owned()), None);
    }
    let Some(check) = table.table("check") else { return };
    if check.flag("grpc") && (check.is_given("path") || check.flag("tcp")) {
        let what = "`grpc` and another kind of check".to_owned();
        conflict(reader, check, "grpc", (what, "one of them".to_owned()), None);
    }
    if check.flag("grpc") && protocol == "http1" {
        let what = "gRPC needs HTTP/2".to_owned();
        conflict(reader, check, "grpc", (what, "`protocol = \"h2\"` for the pool".to_owned()), None);
    }
    if check.is_given("grpc_service") && !check.flag("grpc") {
        let what = "`grpc_service` without `grpc`: nobody is asked for it".to_owned();
        conflict(reader, check, "grpc_service", (what, "`grpc = true` beside it".to_owned()), None);
    }
}

fn pool(reader: &mut Reader<'_>, table: &Table) {
    crate::check::balance::check(reader, table);
    let mut seen: BTreeMap<&str, Range<usize>> = BTreeMap::new();
    for endpoint in table.tables("endpoints") {
        let Some(address) = endpoint.text("address") else { continue };
        if let Some(first) = seen.insert(address, endpoint.span_of("address")) {
            let what = format!("{address} is in this pool twice");
            let related = Some((first, "first here".to_owned()));
            conflict(
                reader,
                endpoint,
                "address",
                (what, "each address once; give it a larger `weight`".to_owned()),
                related,
            );
        }
    }
    if table.tables("endpoints").is_empty() && !table.is_broken("endpoints") {
        let what = "this pool has no endpoints, so it answers 503 to everything".to_owned();
        doubt(reader, table, "endpoints", what, "add [[pools.NAME.endpoints]]".to_owned());
    }
    protocol(reader, table);
    if let Some(check) = table.table("check").filter(|check| check.is_given("path") && check.flag("tcp")) {
        let what = "`path` and `tcp` are two kinds of check".to_owned();
        conflict(reader, check, "tcp", (what, "one of them".to_owned()), None);
    }
    if let Some(tls) = table.table("tls") {
        for (one, other) in
            [("ca", "server_name"), ("server_name", "ca"), ("certificate", "key"), ("key", "certificate")]
        {
            if tls.is_given(one) && !tls.is_given(other) && !tls.is_broken(other) {
                conflict(reader, tls, one, (format!("`{one}` without `{other}`"), "both, or neither".to_owned()), None);
            }
        }
        if tls.is_given("certificate") && !tls.is_given("ca") {
            let what = "`certificate` without `ca`: there is no TLS to show it in".to_owned();
            conflict(reader, tls, "certificate", (what, "`ca` and `server_name` beside it".to_owned()), None);
        }
    }
    if let Some(subset) = table.table("subset").filter(|subset| subset.is_given("gateway") && !subset.is_given("size"))
    {
        let what = "`gateway` without `size`: all endpoints are used".to_owned();
        conflict(reader, subset, "gateway", (what, "`size` beside it".to_owned()), None);
    }
}
