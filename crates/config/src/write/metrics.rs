//! Live figures of a service as keys of the file.

use super::{Branch, quoted};
use crate::unit::Unit;
use plimsoll_model::metric::{MetricAsk, MetricAuth, MetricSpec, SecretPlace};
use serde::Serialize;

pub fn write_metric(at: &mut Branch, metric: &MetricSpec) {
    let MetricSpec { name, feeds, url, ask, read, combine, interval, timeout, stale_after, size_max, auth, ca_file } =
        metric;
    at.text("name", name);
    at.leaf("feeds", word(feeds));
    at.text("url", url);
    match ask {
        MetricAsk::Select(select) => at.text("select", select),
        MetricAsk::Query(query) => at.text("query", query),
    }
    at.leaf("read", word(read));
    at.leaf("combine", word(combine));
    at.unit("interval", Unit::Duration, interval.get());
    at.unit("timeout", Unit::Duration, timeout.get());
    at.unit_if("stale_after", Unit::Duration, stale_after.map(|age| age.get()));
    at.unit("size_max", Unit::Bytes, size_max.get());
    if let Some(auth) = auth {
        at.branch("auth", |at| write_auth(at, auth));
    }
    at.text_if("ca_file", ca_file.as_deref());
}

fn write_auth(at: &mut Branch, MetricAuth { user, secret }: &MetricAuth) {
    at.text_if("user", user.as_deref());
    match secret {
        SecretPlace::File(path) => at.text("secret_file", path),
        SecretPlace::Env(name) => at.text("secret_env", name),
    }
}

/// The file's words are the model's serialised names.
fn word(variant: &impl Serialize) -> String {
    serde_json::to_string(variant).unwrap_or_else(|_| quoted(""))
}
