//! What has to hold between fields of a gateway file. Each check is silent where a field that it needs is already
//! reported as broken.

use crate::check::rules::{self, Owners};
use crate::check::{conflict, doubt, gateway::overlaps};
use crate::form;
use crate::nearest::nearest;
use crate::read::Reader;
use crate::value::Table;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;

/// Checks everything.
pub fn all(reader: &mut Reader<'_>, root: &Table) {
    let mut seen: Vec<(SocketAddr, Range<usize>)> = Vec::new();
    if root.tables("listeners").is_empty() && !root.is_broken("listeners") {
        let expected = "at least one [[listeners]]".to_owned();
        conflict(reader, root, "listeners", ("there is no listener".to_owned(), expected), None);
    }
    let owners = Owners {
        root,
        field: "pool",
        tables: "pools",
        has_trusted: root.is_given("trusted_proxies"),
        advice: "add [[listeners.routes]], or `tcp = \"POOL\"`",
        exists: pool_exists,
    };
    for listener in root.tables("listeners") {
        address(reader, listener, &mut seen);
        rules::listener(reader, owners, listener);
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
