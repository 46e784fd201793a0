//! Access, retention, prices, users, webhooks and export of metrics.

use super::{millis, optional, optional_file, permille, resolve, texts};
use crate::value::Table;
use plimsoll_model::Millis;
use plimsoll_model::gateway::CertificateSpec;
use plimsoll_model::operations::{
    ApiSpec, MetricsExport, Occasion, OperationsSpec, PriceSpec, RetentionSpec, UserSpec, WebhookSpec,
};
use std::path::Path;

/// What is asked for beside the load.
pub fn operations(root: &Table, directory: &Path) -> Option<OperationsSpec> {
    let api = root.table("api")?;
    let users = root.named("users").map(|(name, table)| (name.clone(), user(table)));
    let webhooks = root.named("webhooks").filter_map(|(name, table)| Some((name.clone(), webhook(table, directory)?)));
    Some(OperationsSpec {
        api: access(api, directory),
        retention: retention(root.table("retention")?),
        prices: prices(root.table("prices")?)?,
        users: users.collect(),
        webhooks: webhooks.collect(),
        otlp: api.table("otlp").and_then(otlp),
    })
}

fn retention(table: &Table) -> RetentionSpec {
    RetentionSpec {
        ended_logs: millis(table, "ended_logs"),
        audit: optional(table, "audit").map(Millis),
        proposals: millis(table, "proposals"),
    }
}

fn access(table: &Table, directory: &Path) -> ApiSpec {
    let pair = table.text("certificate").zip(table.text("key"));
    ApiSpec {
        certificate: pair.map(|(certificate, key)| CertificateSpec {
            certificate: resolve(directory, certificate),
            key: resolve(directory, key),
        }),
        tokens: optional_file(table, "tokens", directory),
        require_token: table.flag("require_token"),
    }
}

fn prices(table: &Table) -> Option<PriceSpec> {
    Some(PriceSpec {
        currency: table.text("currency")?.to_owned(),
        cpu_month: permille(table, "cpu_month"),
        memory_gib_month: permille(table, "memory_gib_month"),
        gpu_month: permille(table, "gpu_month"),
        network_gib: permille(table, "network_gib"),
        disk_gib: permille(table, "disk_gib"),
    })
}

fn user(table: &Table) -> UserSpec {
    UserSpec { workloads: texts(table, "workloads") }
}

fn webhook(table: &Table, directory: &Path) -> Option<WebhookSpec> {
    let named: Vec<Occasion> = table.texts("events").iter().filter_map(|item| Occasion::of_word(&item.text)).collect();
    Some(WebhookSpec {
        url: table.text("url")?.to_owned(),
        secret: optional_file(table, "secret", directory),
        events: if named.is_empty() { Occasion::ALL.to_vec() } else { named },
        errors_max: permille(table, "errors_max"),
        timeout: millis(table, "timeout"),
        tries: table.count("tries"),
        backoff: millis(table, "backoff"),
        queue_max: table.count("queue_max"),
    })
}

fn otlp(table: &Table) -> Option<MetricsExport> {
    Some(MetricsExport {
        address: table.text("address")?.parse().ok()?,
        path: table.text("path")?.to_owned(),
        service: table.text("service")?.to_owned(),
        interval: millis(table, "interval"),
        timeout: millis(table, "timeout"),
    })
}
