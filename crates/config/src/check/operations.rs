//! What holds between the fields of access, users and webhooks.

use super::conflict;
use crate::form;
use crate::nearest::nearest;
use crate::problem::Problem;
use crate::read::{Reader, join};
use crate::unit::Unit;
use crate::value::Table;
use std::collections::BTreeMap;
use std::ops::Range;

pub fn check(reader: &mut Reader<'_>, root: &Table) {
    if let Some(api) = root.table("api") {
        certificate(reader, api);
    }
    audit(reader, root);
    users(reader, root);
    for (_, hook) in root.named("webhooks") {
        url(reader, hook);
    }
}

/// A certificate comes with its key, and an address that others can reach with a certificate.
fn certificate(reader: &mut Reader<'_>, api: &Table) {
    for (one, other) in [("certificate", "key"), ("key", "certificate")] {
        if api.is_given(one) && !api.is_given(other) {
            let what = format!("`{one}` without `{other}`");
            conflict(reader, api, one, (what, format!("`{other}` beside it")), None);
        }
    }
    let Some(address) = api.text("listen").and_then(|text| form::address(text).ok()) else { return };
    if api.flag("expose") && !form::is_loopback(address) && !api.is_given("certificate") && !api.is_given("key") {
        let what = format!("{address} can be reached from other machines, and tokens would travel in the clear");
        conflict(reader, api, "listen", (what, "`certificate` and `key` beside it".to_owned()), None);
    }
}

/// The audit is part of the journal and cannot be kept longer.
fn audit(reader: &mut Reader<'_>, root: &Table) {
    let (Some(retention), Some(history)) = (root.table("retention"), root.table("history")) else { return };
    let (Some(audit), Some(journal)) = (retention.number("audit"), history.number("journal")) else { return };
    if audit > journal {
        let (audit, journal) = (Unit::Duration.print(audit), Unit::Duration.print(journal));
        let what = format!("`audit` ({audit}) is above `history.journal` ({journal}), which it is part of");
        conflict(reader, retention, "audit", (what, format!("{journal} or less")), None);
    }
}

/// Users own what there is, and nothing has two.
fn users(reader: &mut Reader<'_>, root: &Table) {
    if root.is_broken("services") || root.is_broken("jobs") {
        return;
    }
    let known: Vec<&String> = root.named("services").chain(root.named("jobs")).map(|(name, _)| name).collect();
    let mut owned: BTreeMap<String, Range<usize>> = BTreeMap::new();
    for (_, user) in root.named("users") {
        for item in user.texts("workloads") {
            let path = join(&user.path, "workloads");
            if !known.contains(&&item.text) {
                let near = nearest(&item.text, known.iter().map(|name| name.as_str())).map(str::to_owned);
                let known = known.iter().map(|name| (*name).clone()).collect();
                let problem = Problem::UnknownService { name: item.text.clone(), near, known };
                reader.note(&path, Some(item.span.clone()), problem);
            } else if let Some(first) = owned.insert(item.text.clone(), item.span.clone()) {
                let what = format!("`{}` would have two users", item.text);
                let related = Some((first, "first here".to_owned()));
                conflict(reader, user, "workloads", (what, "each workload once".to_owned()), related);
            }
        }
    }
}

fn url(reader: &mut Reader<'_>, hook: &Table) {
    let Some(url) = hook.text("url") else { return };
    if host_of(url).is_none() {
        let what = format!("{url:?} is no URL that a message can be sent to");
        conflict(reader, hook, "url", (what, "http://HOST[:PORT][/PATH], without a user name".to_owned()), None);
    }
}

/// The host of a URL that something can be sent to, with its port; none where it is no such URL.
pub fn host_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let is_whole = !host.is_empty()
        && !host.starts_with(':')
        && !host.contains('@')
        && url.bytes().all(|byte| byte.is_ascii_graphic());
    is_whole.then_some(host)
}
