//! What holds between the fields of a language model: what leaves this machine does so encrypted, and because somebody said so. And
//! that a search that is asked for can begin.

use super::conflict;
use super::operations::host_of;
use crate::read::Reader;
use crate::value::Table;
use plimsoll_model::analyst::LOCAL;
use std::net::IpAddr;

pub fn check(reader: &mut Reader<'_>, root: &Table) {
    let Some(analyst) = root.table("analyst") else { return };
    if let Some(evolve) = analyst.table("evolve") {
        begins(reader, evolve);
    }
    let Some(model) = analyst.table("model") else { return };
    if model.is_given("key_env") && model.is_given("key_file") {
        let what = "`key_env` and `key_file`: one key is sent".to_owned();
        conflict(reader, model, "key_file", (what, "one of the two".to_owned()), None);
    }
    prices(reader, model);
    let Some(url) = model.text("endpoint") else { return };
    if let Some(file) = url.strip_prefix(LOCAL) {
        in_the_process(reader, model, file);
        return;
    }
    let Some(host) = host_of(url) else {
        let what = format!("{url:?} is no URL that a question can be sent to");
        conflict(
            reader,
            model,
            "endpoint",
            (what, "http://127.0.0.1[:PORT][/PATH], https://HOST[:PORT][/PATH] or local:FILE".to_owned()),
            None,
        );
        return;
    };
    if is_here(host) {
        return;
    }
    if url.starts_with("http://") {
        let what = format!("{host} is another machine, and evidence would travel in the clear");
        conflict(reader, model, "endpoint", (what, "https".to_owned()), None);
    } else if !model.is_given("show") {
        let what = format!("{host} is another machine, and nothing says what may leave this one");
        conflict(reader, model, "endpoint", (what, "`show` beside it".to_owned()), None);
    }
}

/// A search that nothing starts is one that somebody believes in.
fn begins(reader: &mut Reader<'_>, evolve: &Table) {
    if evolve.is_given("on") && !evolve.is_broken("on") && evolve.texts("on").is_empty() {
        let what = "`on` names nothing: no search would ever begin".to_owned();
        let expected = "one or more of schedule, drift and burn, or no `evolve`".to_owned();
        conflict(reader, evolve, "on", (what, expected), None);
    }
}

/// A file, and nobody to whom a key could be sent.
fn in_the_process(reader: &mut Reader<'_>, model: &Table, file: &str) {
    if file.is_empty() {
        let what = format!("{LOCAL:?} names no file");
        conflict(reader, model, "endpoint", (what, "local:FILE, a model in GGUF".to_owned()), None);
    }
    if let Some(key) = ["key_env", "key_file"].into_iter().find(|key| model.is_given(key)) {
        let what = format!("`{key}` and a model in the process, which takes no key");
        conflict(reader, model, key, (what, format!("no `{key}`, or the URL of a server")), None);
    }
}

/// A price without a bound would be a bill without one.
fn prices(reader: &mut Reader<'_>, model: &Table) {
    let is_above = |name: &str| model.number(name).is_some_and(|number| number > 0);
    let Some(price) = ["price_read", "price_written"].into_iter().find(|name| is_above(name)) else { return };
    if model.number("money_day") == Some(0) {
        let what = format!("`{price}` without money: no question could ever be sent");
        conflict(reader, model, price, (what, "`money_day` beside it".to_owned()), None);
    }
}

/// A name or address of this machine, with or without a port.
fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}
