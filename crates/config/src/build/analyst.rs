//! The analyst's settings.

use super::{millis, optional_file, permille, resolve};
use crate::value::Table;
use plimsoll_model::analyst::{
    AnalystMode, AnalystSpec, EvolveSpec, KeyPlace, LOCAL, ModelShown, ModelSpec, SearchOn, ServiceAnalyst,
};
use std::path::Path;

pub fn analyst(table: &Table, directory: &Path) -> AnalystSpec {
    AnalystSpec {
        every: millis(table, "every"),
        samples: table.count("samples"),
        steps_max: table.unsigned("steps"),
        model: table.table("model").and_then(|table| model(table, directory)),
        evolve: table.table("evolve").map(evolve),
    }
}

fn evolve(table: &Table) -> EvolveSpec {
    let mut on: Vec<SearchOn> = table.texts("on").iter().filter_map(|item| SearchOn::of_word(&item.text)).collect();
    on.sort_unstable();
    on.dedup();
    EvolveSpec {
        every: millis(table, "every"),
        cpu: millis(table, "cpu"),
        on: if on.is_empty() { SearchOn::ALL.to_vec() } else { on },
    }
}

fn model(table: &Table, directory: &Path) -> Option<ModelSpec> {
    let env = table.text("key_env").map(|name| KeyPlace::Env(name.to_owned()));
    Some(ModelSpec {
        endpoint: endpoint(table.text("endpoint")?, directory),
        name: table.text("name")?.to_owned(),
        key: env.or_else(|| optional_file(table, "key_file", directory).map(KeyPlace::File)),
        show: match table.text("show") {
            Some("nothing") => ModelShown::Nothing,
            Some("figures") => ModelShown::Figures,
            Some("names") => ModelShown::Names,
            _ => ModelShown::Words,
        },
        pseudonyms: table.flag("pseudonyms"),
        timeout: millis(table, "timeout"),
        evidence_tokens: table.count("evidence_tokens"),
        answer_tokens: table.count("answer_tokens"),
        tokens_day: table.unsigned("tokens_day"),
        requests_day: table.unsigned("requests_day"),
        price_read: permille(table, "price_read"),
        price_written: permille(table, "price_written"),
        money_day: permille(table, "money_day"),
        failures: table.count("failures"),
        pause: millis(table, "pause"),
    })
}

/// A URL as it stands; a file by its whole path.
fn endpoint(text: &str, directory: &Path) -> String {
    match text.strip_prefix(LOCAL) {
        Some(file) => format!("{LOCAL}{}", resolve(directory, file)),
        None => text.to_owned(),
    }
}

pub fn service_analyst(table: &Table) -> Option<ServiceAnalyst> {
    let mode = match table.text("mode")? {
        "off" => AnalystMode::Off,
        "shadow" => AnalystMode::Shadow,
        "auto" => AnalystMode::Auto,
        _ => AnalystMode::Advise,
    };
    let bound = |name: &str| table.number(name).map(|_| table.count(name));
    Some(ServiceAnalyst {
        mode,
        trial: millis(table, "trial"),
        stands: millis(table, "stands"),
        failed_max: permille(table, "failed_max"),
        burn: millis(table, "burn"),
        replicas_least: bound("replicas_least"),
        replicas_most: bound("replicas_most"),
    })
}
