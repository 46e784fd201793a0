//! What differs between two specs, each with what taking it over does.

use plimsoll_config::{Change as Presence, FieldChange, Reload, SpecDiff};
use plimsoll_daemon::view::StateView;
use plimsoll_model::Spec;
use serde::Serialize;
use std::fmt;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The field as in the file; a whole service or job where it is new or gone.
    pub field: String,
    /// The old value as TOML, secrets starred out; none where there was none.
    pub old: Option<String>,
    /// The new value likewise.
    pub new: Option<String>,
    /// What taking it over does.
    pub effect: Effect,
    /// Replicas that it starts, stops or replaces, where that is known.
    pub replicas: Option<u32>,
}

/// What taking a difference over does, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// At once, and nothing that runs is touched.
    InPlace,
    /// For what is started from then on.
    NextStart,
    /// Replicas that run are replaced, one after another.
    Replaces,
    /// Something new is started.
    Starts,
    /// What runs is drained and stopped.
    Stops,
    /// Only a new daemon reads it.
    NewDaemon,
    /// A reload refuses it.
    Refused,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.effect {
            Effect::Starts => '+',
            Effect::Stops => '-',
            _ => '~',
        };
        write!(f, "{sign} {}: ", self.field)?;
        let replicas =
            self.replicas.map(|count| if count == 1 { "1 replica".to_owned() } else { format!("{count} replicas") });
        if matches!(self.effect, Effect::Starts | Effect::Stops) {
            let verb = if self.effect == Effect::Starts { "starts" } else { "drains and stops" };
            return match replicas {
                Some(replicas) => write!(f, "{verb} {replicas}"),
                None => f.write_str(if self.effect == Effect::Starts { "new" } else { "gone" }),
            };
        }
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{} → {}  ", shown(&self.old), shown(&self.new))?;
        match (self.effect, replicas) {
            (Effect::NextStart, _) => f.write_str("(for what starts from then on)"),
            (Effect::Replaces, Some(replicas)) => write!(f, "(replaces {replicas}, one after another)"),
            (Effect::Replaces, None) => f.write_str("(replaces the replicas, one after another)"),
            (Effect::NewDaemon, _) => f.write_str("(at the next start of the daemon)"),
            (Effect::Refused, _) => f.write_str("(not while it runs)"),
            _ => f.write_str("(in place)"),
        }
    }
}

/// Everything of a spec, where nothing runs.
pub fn all_new(spec: &Spec) -> Vec<Change> {
    let services =
        spec.services.iter().map(|(name, it)| whole(format!("services.{name}"), true, Some(it.replicas_min)));
    services.chain(spec.jobs.keys().map(|name| whole(format!("jobs.{name}"), true, None))).collect()
}

/// Every difference, in the order of the file's own tables: what concerns the whole installation, the gateway, services, jobs.
pub fn of(diff: &SpecDiff, old: &Spec, new: &Spec, state: Option<&StateView>) -> Vec<Change> {
    let live = |name: &str| {
        let service = state?.services.iter().find(|service| service.name == name)?;
        Some(service.current)
    };
    let of_all = diff.rest.iter().chain(&diff.gateway).map(|field| of_field(field, refused(&field.field), None));
    let mut all: Vec<Change> = of_all.collect();
    for (name, presence) in &diff.services {
        let field = format!("services.{name}");
        match presence {
            Presence::Added => {
                let least = new.services.get(name).map(|service| service.replicas_min);
                all.push(whole(field, true, least));
            }
            Presence::Removed => {
                let least = old.services.get(name).map(|service| service.replicas_min);
                all.push(whole(field, false, if state.is_some() { live(name.as_str()) } else { least }));
            }
            Presence::Changed(fields) => {
                all.extend(fields.iter().map(|field| of_field(field, false, live(name.as_str()))));
            }
        }
    }
    for (name, presence) in &diff.jobs {
        let field = format!("jobs.{name}");
        match presence {
            Presence::Added => all.push(whole(field, true, None)),
            Presence::Removed => all.push(whole(field, false, None)),
            Presence::Changed(fields) => all.extend(fields.iter().map(|field| of_field(field, false, None))),
        }
    }
    all
}

/// Whether a reload refuses another value: the state directory, the clock and the address are those of the process.
fn refused(field: &str) -> bool {
    field == "name" || field.starts_with("clock.") || field == "api.listen"
}

fn whole(field: String, is_new: bool, replicas: Option<u32>) -> Change {
    let effect = if is_new { Effect::Starts } else { Effect::Stops };
    Change { field, old: None, new: None, effect, replicas }
}

fn of_field(change: &FieldChange, refused: bool, live: Option<u32>) -> Change {
    let effect = match change.reload {
        _ if refused => Effect::Refused,
        Reload::Live => Effect::InPlace,
        Reload::Next => Effect::NextStart,
        Reload::Replace => Effect::Replaces,
        Reload::Restart => Effect::NewDaemon,
    };
    let replicas = live.filter(|_| effect == Effect::Replaces);
    Change { field: change.field.clone(), old: change.old.clone(), new: change.new.clone(), effect, replicas }
}
