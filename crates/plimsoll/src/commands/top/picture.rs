//! What a picture is drawn from: one answer of the daemon to each question, taken at one moment.

use crate::commands::reach::Daemon;
use plimsoll_daemon::view::{DecisionView, StateView};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Values of a load's course.
pub const COURSE: usize = 60;
/// Decisions kept.
const DECISIONS: usize = 200;

/// One moment.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// The state.
    pub state: StateView,
    /// Decisions, newest first; of the service that is looked into, where one is.
    pub decisions: Vec<DecisionView>,
    /// The load of every service lately, requests per second, oldest first.
    pub courses: BTreeMap<String, Vec<Option<f64>>>,
}

#[derive(Deserialize)]
struct Decisions {
    decisions: Vec<DecisionView>,
}

/// Asks the daemon.
pub fn take(daemon: &Daemon, service: Option<&str>) -> anyhow::Result<Picture> {
    let state: StateView = daemon.get("/v1/state")?;
    let of = service.map(|name| format!("&service={name}")).unwrap_or_default();
    let decisions: Decisions = daemon.get(&format!("/v1/decisions?limit={DECISIONS}{of}"))?;
    let courses = courses(daemon, &state);
    Ok(Picture { state, decisions: decisions.decisions, courses })
}

/// A history that cannot be had leaves the picture without its courses, not the terminal without a picture.
fn courses(daemon: &Daemon, state: &StateView) -> BTreeMap<String, Vec<Option<f64>>> {
    let series = |name: &str| format!("service/{name}/rate_milli_rps");
    let names: Vec<String> = state.services.iter().take(64).map(|service| series(&service.name)).collect();
    if names.is_empty() {
        return BTreeMap::new();
    }
    let lived = state.uptime_ms.cast_signed().saturating_mul(i64::from(state.speed));
    let from = state.trace_time_ms.saturating_sub(lived.clamp(1, 3_600_000));
    let path =
        format!("/v1/history?series={}&from_ms={from}&to_ms={}&points={COURSE}", names.join(","), state.trace_time_ms);
    let answer: Value = daemon.get(&path).unwrap_or_default();
    let course = |name: &str| {
        let rows = answer["series"][&series(name)].as_array();
        rows.into_iter().flatten().map(|row| row[1].as_f64().map(|milli| milli / 1_000.0)).collect()
    };
    state.services.iter().map(|service| (service.name.clone(), course(&service.name))).collect()
}
