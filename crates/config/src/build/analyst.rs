//! The analyst's settings.

use super::{millis, permille};
use crate::value::Table;
use plimsoll_model::analyst::{AnalystMode, AnalystSpec, ServiceAnalyst};

pub fn analyst(table: &Table) -> AnalystSpec {
    AnalystSpec { every: millis(table, "every"), samples: table.count("samples"), steps_max: table.unsigned("steps") }
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
