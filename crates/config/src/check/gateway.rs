//! Listeners and routes.

use super::conflict;
use super::rules::{self, Owners};
use crate::form;
use crate::nearest::nearest;
use crate::problem::Problem;
use crate::read::{Reader, join};
use crate::value::Table;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;

pub fn check(reader: &mut Reader<'_>, root: &Table) {
    let Some(gateway) = root.table("gateway") else { return };
    let short = gateway.is_given("listen").then_some(gateway);
    if !gateway.is_given("listen") && !gateway.tables("routes").is_empty() {
        let what = "`routes` without `listen`: no listener has these routes".to_owned();
        let expected = "`listen` beside it, or the routes within `[[gateway.listeners]]`".to_owned();
        conflict(reader, gateway, "routes", (what, expected), None);
    }
    let mut seen: Vec<(SocketAddr, Option<Range<usize>>)> = Vec::new();
    for table in root.table("api").into_iter().chain(short).chain(gateway.tables("listeners")) {
        address(reader, table, &mut seen);
    }
    let owners = Owners {
        root,
        field: "service",
        tables: "services",
        has_trusted: gateway.is_given("trusted_proxies"),
        advice: "add routes to it, each with a `service`",
        exists: service_exists,
    };
    for table in short.into_iter().chain(gateway.tables("listeners")) {
        rules::listener(reader, owners, table);
        same_route_twice(reader, table);
    }
    if short.is_none() {
        for route in gateway.tables("routes") {
            service_exists(reader, root, route, "service");
        }
    }
}

fn address(reader: &mut Reader<'_>, table: &Table, seen: &mut Vec<(SocketAddr, Option<Range<usize>>)>) {
    let Some(address) = table.text("listen").and_then(|text| form::address(text).ok()) else { return };
    let span = table.span_of("listen");
    if !form::is_loopback(address) && !table.flag("expose") && !table.is_broken("expose") {
        let problem = Problem::Exposed { address: address.to_string() };
        reader.note(&join(&table.path, "listen"), Some(span.clone()), problem);
    }
    let taken = seen.iter().find(|(other, _)| overlaps(*other, address)).cloned();
    if let Some((other, place)) = taken {
        let what = if other == address {
            format!("{address} is listened on twice")
        } else {
            format!("{address} overlaps with {other}")
        };
        let expected = "an address and port of its own".to_owned();
        let what = if place.is_some() { what } else { format!("{what}; the API listens there by default") };
        let related = place.map(|place| (place, "first here".to_owned()));
        conflict(reader, table, "listen", (what, expected), related);
    }
    seen.push((address, table.is_given("listen").then_some(span)));
}

/// Port 0 is a free port each time. An unspecified address is every address of its family; that of IPv6 takes IPv4 too.
pub fn overlaps(one: SocketAddr, other: SocketAddr) -> bool {
    let same_ip = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_ip
}

fn same_route_twice(reader: &mut Reader<'_>, listener: &Table) {
    let mut seen: BTreeMap<(String, &str, bool), Range<usize>> = BTreeMap::new();
    // One that demands more than a path may be turned down by a request that the next one takes.
    let demands_nothing = |route: &&Table| !route.is_given("methods") && !route.is_given("headers");
    for route in listener.tables("routes").iter().filter(demands_nothing) {
        let Some(path) = route.text("path").filter(|_| !route.is_broken("host")) else { continue };
        let host = route.text("host").map(str::to_ascii_lowercase).unwrap_or_default();
        let at = if route.is_given("path") { "path" } else { "service" };
        if let Some(first) = seen.get(&(host.clone(), path, route.flag("exact"))) {
            let what = format!("path {path:?} is routed twice, and the second route could never win");
            let related = Some((first.clone(), "first here".to_owned()));
            conflict(reader, route, at, (what, "another `path` or `host`".to_owned()), related);
        } else {
            seen.insert((host, path, route.flag("exact")), route.span_of(at));
        }
    }
}

fn service_exists(reader: &mut Reader<'_>, root: &Table, route: &Table, field: &str) {
    let Some(name) = route.text(field).filter(|_| !root.is_broken("services")) else { return };
    let known: Vec<String> = root.named("services").map(|(name, _)| name.clone()).collect();
    if known.iter().any(|known| known == name) {
        return;
    }
    let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    let problem = Problem::UnknownService { name: name.to_owned(), near, known };
    reader.note(&join(&route.path, field), Some(route.span_of(field)), problem);
}

/// A route, a part of one or a TCP listener that leads to this service.
pub fn route_to<'t>(root: &'t Table, service: &str) -> Option<&'t Table> {
    let gateway = root.table("gateway")?;
    let listeners = || std::iter::once(gateway).chain(gateway.tables("listeners"));
    let leads_there = |table: &&Table| table.text("service") == Some(service) || table.text("tcp") == Some(service);
    let with_parts = |route: &'t Table| std::iter::once(route).chain(route.tables("split"));
    let mut routes = listeners().flat_map(|listener| listener.tables("routes")).flat_map(with_parts);
    routes.find(leads_there).or_else(|| listeners().find(leads_there))
}
