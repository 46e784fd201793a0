//! The analyst's settings as they stand in a file.

use super::Branch;
use crate::unit::Unit;
use plimsoll_model::analyst::{AnalystMode, AnalystSpec, ServiceAnalyst};

pub fn write_analyst(at: &mut Branch, AnalystSpec { every, samples, steps_max }: &AnalystSpec) {
    at.unit("every", Unit::Duration, every.get());
    at.unit("samples", Unit::Count, u64::from(*samples));
    at.unit("steps", Unit::Count, *steps_max);
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
