//! The analyst's settings as they stand in a file.

use super::{Branch, list};
use crate::unit::Unit;
use plimsoll_model::analyst::{AnalystMode, AnalystSpec, EvolveSpec, KeyPlace, ModelShown, ModelSpec, ServiceAnalyst};

pub fn write_analyst(at: &mut Branch, AnalystSpec { every, samples, steps_max, model, evolve }: &AnalystSpec) {
    at.unit("every", Unit::Duration, every.get());
    at.unit("samples", Unit::Count, u64::from(*samples));
    at.unit("steps", Unit::Count, *steps_max);
    if let Some(model) = model {
        at.branch("model", |at| write_model(at, model));
    }
    if let Some(EvolveSpec { every, cpu, on }) = evolve {
        let words: Vec<String> = on.iter().map(|on| on.word().to_owned()).collect();
        at.branch("evolve", |at| {
            at.unit("every", Unit::Duration, every.get());
            at.unit("cpu", Unit::Duration, cpu.get());
            at.leaf("on", list(&words));
        });
    }
}

fn write_model(at: &mut Branch, model: &ModelSpec) {
    let ModelSpec { endpoint, name, key, show, pseudonyms, timeout, evidence_tokens, answer_tokens, .. } = model;
    let ModelSpec { tokens_day, requests_day, price_read, price_written, money_day, failures, pause, .. } = model;
    let show = match show {
        ModelShown::Nothing => "nothing",
        ModelShown::Figures => "figures",
        ModelShown::Names => "names",
        ModelShown::Words => "words",
    };
    at.text("endpoint", endpoint);
    at.text("name", name);
    match key {
        Some(KeyPlace::Env(name)) => at.text("key_env", name),
        Some(KeyPlace::File(path)) => at.text("key_file", path),
        None => {}
    }
    at.text("show", show);
    at.leaf("pseudonyms", pseudonyms.to_string());
    at.unit("timeout", Unit::Duration, timeout.get());
    at.unit("evidence_tokens", Unit::Count, u64::from(*evidence_tokens));
    at.unit("answer_tokens", Unit::Count, u64::from(*answer_tokens));
    at.unit("tokens_day", Unit::Count, *tokens_day);
    at.unit("requests_day", Unit::Count, *requests_day);
    at.unit("price_read", Unit::Thousandths, price_read.get());
    at.unit("price_written", Unit::Thousandths, price_written.get());
    at.unit("money_day", Unit::Thousandths, money_day.get());
    at.unit("failures", Unit::Count, u64::from(*failures));
    at.unit("pause", Unit::Duration, pause.get());
}

pub fn write_service_analyst(at: &mut Branch, analyst: &ServiceAnalyst) {
    let ServiceAnalyst { mode, trial, stands, failed_max, burn, replicas_least, replicas_most } = analyst;
    let mode = match mode {
        AnalystMode::Off => "off",
        AnalystMode::Advise => "advise",
        AnalystMode::Shadow => "shadow",
        AnalystMode::Auto => "auto",
    };
    at.text("mode", mode);
    at.unit("trial", Unit::Duration, trial.get());
    at.unit("stands", Unit::Duration, stands.get());
    at.unit("failed_max", Unit::Share, failed_max.get());
    at.unit("burn", Unit::Duration, burn.get());
    at.unit_if("replicas_least", Unit::Count, replicas_least.map(u64::from));
    at.unit_if("replicas_most", Unit::Count, replicas_most.map(u64::from));
}
