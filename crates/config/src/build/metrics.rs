//! Live figures of a service.

use super::{bytes, millis, optional, resolve, variant};
use crate::value::Table;
use plimsoll_model::Millis;
use plimsoll_model::metric::{MetricAsk, MetricAuth, MetricSpec, SecretPlace};
use std::path::Path;

pub fn metrics(table: &Table, directory: &Path) -> Option<Vec<MetricSpec>> {
    table.tables("metrics").iter().map(|table| metric(table, directory)).collect()
}

fn metric(table: &Table, directory: &Path) -> Option<MetricSpec> {
    let query = table.text("query").map(|query| MetricAsk::Query(query.to_owned()));
    let select = || table.text("select").map(|select| MetricAsk::Select(select.to_owned()));
    Some(MetricSpec {
        name: table.text("name")?.to_owned(),
        feeds: variant(table.text("feeds")?)?,
        url: table.text("url")?.to_owned(),
        ask: query.or_else(select)?,
        read: variant(table.text("read")?)?,
        combine: variant(table.text("combine")?)?,
        interval: millis(table, "interval"),
        timeout: millis(table, "timeout"),
        stale_after: optional(table, "stale_after").map(Millis),
        size_max: bytes(table, "size_max"),
        auth: match table.table("auth") {
            Some(table) => Some(auth(table, directory)?),
            None => None,
        },
        ca_file: table.text("ca_file").map(|path| resolve(directory, path)),
    })
}

fn auth(table: &Table, directory: &Path) -> Option<MetricAuth> {
    let file = table.text("secret_file").map(|path| SecretPlace::File(resolve(directory, path)));
    let env = || table.text("secret_env").map(|name| SecretPlace::Env(name.to_owned()));
    Some(MetricAuth { user: table.text("user").map(str::to_owned), secret: file.or_else(env)? })
}
