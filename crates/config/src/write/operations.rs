//! Access, retention, prices, users, webhooks and export of metrics.

use super::{Branch, list};
use crate::form;
use crate::unit::Unit;
use plimsoll_model::gateway::CertificateSpec;
use plimsoll_model::operations::{
    ApiSpec, MetricsExport, Occasion, OperationsSpec, PriceSpec, RetentionSpec, UserSpec, WebhookSpec,
};

/// Writes what is asked for beside the load, the API's address with it.
pub fn write_operations(root: &mut Branch, listen: &str, operations: &OperationsSpec) {
    let OperationsSpec { api, retention, prices, users, webhooks, otlp } = operations;
    root.branch("api", |at| {
        write_address(at, listen);
        write_api(at, api);
        if let Some(otlp) = otlp {
            at.branch("otlp", |at| write_otlp(at, otlp));
        }
    });
    let RetentionSpec { ended_logs, audit, proposals } = retention;
    root.branch("retention", |at| {
        at.unit("ended_logs", Unit::Duration, ended_logs.get());
        at.unit_if("audit", Unit::Duration, audit.map(|age| age.get()));
        at.unit("proposals", Unit::Duration, proposals.get());
    });
    root.branch("prices", |at| write_prices(at, prices));
    root.branch("users", |branch| {
        for (name, UserSpec { workloads }) in users {
            branch.branch(name, |at| at.leaf("workloads", list(workloads)));
        }
    });
    root.branch("webhooks", |branch| {
        webhooks.iter().for_each(|(name, hook)| branch.branch(name, |at| write_webhook(at, hook)));
    });
}

/// An address that other machines can reach was allowed, or the spec would not exist.
pub fn write_address(at: &mut Branch, address: &str) {
    at.text("listen", address);
    at.leaf("expose", form::address(address).is_ok_and(|address| !form::is_loopback(address)).to_string());
}

fn write_api(at: &mut Branch, ApiSpec { certificate, tokens, require_token }: &ApiSpec) {
    if let Some(CertificateSpec { certificate, key }) = certificate {
        at.text("certificate", certificate);
        at.text("key", key);
    }
    at.text_if("tokens", tokens.as_deref());
    at.leaf("require_token", require_token.to_string());
}

fn write_otlp(at: &mut Branch, MetricsExport { address, path, service, interval, timeout }: &MetricsExport) {
    at.text("address", &address.to_string());
    at.text("path", path);
    at.text("service", service);
    at.unit("interval", Unit::Duration, interval.get());
    at.unit("timeout", Unit::Duration, timeout.get());
}

fn write_prices(at: &mut Branch, prices: &PriceSpec) {
    let PriceSpec { currency, cpu_month, memory_gib_month, gpu_month, network_gib, disk_gib } = prices;
    at.text("currency", currency);
    at.unit("cpu_month", Unit::Thousandths, cpu_month.get());
    at.unit("memory_gib_month", Unit::Thousandths, memory_gib_month.get());
    at.unit("gpu_month", Unit::Thousandths, gpu_month.get());
    at.unit("network_gib", Unit::Thousandths, network_gib.get());
    at.unit("disk_gib", Unit::Thousandths, disk_gib.get());
}

fn write_webhook(at: &mut Branch, hook: &WebhookSpec) {
    let WebhookSpec { url, secret, events, errors_max, timeout, tries, backoff, queue_max } = hook;
    at.text("url", url);
    at.text_if("secret", secret.as_deref());
    let words: Vec<String> = events.iter().map(|occasion: &Occasion| occasion.word().to_owned()).collect();
    at.leaf("events", list(&words));
    at.unit("errors_max", Unit::Share, errors_max.get());
    at.unit("timeout", Unit::Duration, timeout.get());
    at.unit("tries", Unit::Count, u64::from(*tries));
    at.unit("backoff", Unit::Duration, backoff.get());
    at.unit("queue_max", Unit::Count, u64::from(*queue_max));
}
