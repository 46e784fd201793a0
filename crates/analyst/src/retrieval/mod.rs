//! The ladder's third rung: past incidents that were alike, what they were, and what came of what was done.
//!
//! A [`Memory`] is a list of incidents as values; whoever runs the analyst keeps it (a file, the daemon's journal) and says what
//! each was. Two incidents are as far apart as their numbers, each over its own spread in the memory, and a number counts the more
//! the more it tells the memory's causes apart. The nearest few vote. It abstains where nothing in the memory is near, by what
//! is usual within the memory, or where the nearest do not agree.
//!
//! Incidents are compared by their numbers alone. Embeddings of their words would find those that only words tell apart; they
//! need a model of some 80 MB and are left out. Words are never compared otherwise, because anybody can write them.
//!
//! # Source
//! Nearest neighbours: T. Cover, P. Hart, "Nearest Neighbor Pattern Classification", IEEE Trans. Inf. Theory 13(1), 1967. What a number
//! tells: the correlation ratio (R. Fisher, "Statistical Methods for Research Workers", 1925, ch. 8), by set of causes.

mod index;

pub use index::{Index, Near};

use crate::classifier::{Row, WIDTH, evidence};
use crate::diagnosis::{Cause, Hypothesis};
use crate::features::Features;
use crate::ladder::{Opinion, Rung};
use serde::{Deserialize, Serialize};

/// Neighbours that vote.
pub const NEIGHBOURS: usize = 5;
/// Share of their votes from which a cause is named.
pub const AGREED: f64 = 0.6;
/// With fewer incidents it abstains.
pub const INCIDENTS_MIN: usize = 10;
/// Most incidents of a memory: all are compared with each other when it is made ready.
pub const INCIDENTS_MAX: usize = 2_000;
/// Facts of a hypothesis.
const FACTS: usize = 3;

/// What came of what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nobody said.
    #[default]
    Unknown,
    /// It helped.
    Helped,
    /// It did not help.
    DidNotHelp,
    /// It was taken back.
    RolledBack,
}

/// A past incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its name, as whoever keeps the memory calls it.
    pub id: String,
    /// What it turned out to be; none is no fault.
    pub causes: Vec<Cause>,
    /// What came of what was done.
    #[serde(default)]
    pub outcome: Outcome,
    /// Its numbers by name; what was not measured is left out. Names that are not known any more are passed over.
    pub numbers: std::collections::BTreeMap<String, f32>,
}

impl Incident {
    /// An incident with these features.
    #[must_use]
    pub fn new(id: &str, causes: &[Cause], outcome: Outcome, features: &Features) -> Self {
        let row = Row::of(features);
        let numbers = crate::classifier::names().into_iter().zip(row.0).filter(|(_, value)| value.is_finite());
        let numbers = numbers.map(|(name, value)| (name.to_owned(), value)).collect();
        Self { id: crate::evidence::text::name(id), causes: causes.to_vec(), outcome, numbers }
    }

    fn row(&self) -> Row {
        let mut row = Row([f32::NAN; WIDTH]);
        for (place, name) in row.0.iter_mut().zip(crate::classifier::names()) {
            *place = self.numbers.get(name).copied().filter(|value| value.is_finite()).unwrap_or(f32::NAN);
        }
        row
    }
}

/// Past incidents.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// In the order in which they were remembered.
    pub incidents: Vec<Incident>,
}

/// What the memory says of a service. `without` names an incident that must not vote: the service itself, when it is already
/// remembered.
#[must_use]
pub fn opinion(index: &Index<'_>, features: &Features, without: Option<&str>) -> Opinion {
    let by = format!("{} incidents", index.len());
    let abstained = |why: &str| Opinion::abstained(Rung::Retrieval, &by, why);
    if features.load.is_none() {
        return abstained("too little was measured");
    }
    if index.len() < INCIDENTS_MIN {
        return abstained(&format!("fewer than {INCIDENTS_MIN} incidents are remembered"));
    }
    let row = Row::of(features);
    let near = index.nearest(&row, NEIGHBOURS, without);
    let alike = near.iter().map(Near::words).take(3).collect::<Vec<_>>().join(", ");
    if near.first().is_none_or(|first| first.distance > index.usual()) {
        return abstained("nothing that is remembered is alike");
    }
    let shares = shares(&near);
    let none = shares.iter().find(|(cause, _)| cause.is_none()).map_or(0.0, |(_, share)| *share);
    let mut hypotheses: Vec<Hypothesis> = Vec::new();
    for (cause, share) in shares {
        let Some(cause) = cause.filter(|_| share >= AGREED) else { continue };
        let evidence = evidence(index.tells(&row, cause), features, FACTS);
        hypotheses.push(Hypothesis { cause, confidence: crate::evidence::rounded(share), evidence });
    }
    if hypotheses.is_empty() && none < AGREED {
        return abstained(&format!("those most alike do not agree: {alike}"));
    }
    Opinion { note: format!("most alike: {alike}"), ..Opinion::of(Rung::Retrieval, &by, hypotheses) }
}

/// Each cause's share of the votes, the largest first; no cause is "no fault".
fn shares(near: &[Near<'_>]) -> Vec<(Option<Cause>, f64)> {
    let weight = |near: &Near<'_>| 1.0 / (near.distance + 0.02);
    let all: f64 = near.iter().map(weight).sum();
    let votes = |cause: Option<Cause>| -> f64 {
        let for_it = near.iter().filter(|near| match cause {
            Some(cause) => near.incident.causes.contains(&cause),
            None => near.incident.causes.is_empty(),
        });
        for_it.map(weight).sum::<f64>() / all
    };
    let mut shares: Vec<(Option<Cause>, f64)> =
        std::iter::once(None).chain(Cause::ALL.into_iter().map(Some)).map(|cause| (cause, votes(cause))).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Cpu, Load, Memory as MemoryUse};
    use crate::ladder::Outcome as Said;

    fn features(growth: f64, used: f64) -> Features {
        Features {
            samples: 500,
            load: Some(Load { spread: 0.1, ..Load::default() }),
            cpu: Some(Cpu { of_request: used, ..Cpu::default() }),
            memory: Some(MemoryUse { growth: Some(growth), with_age: Some(growth), ..MemoryUse::default() }),
            ..Features::default()
        }
    }

    fn memory() -> Memory {
        let mut incidents = Vec::new();
        for at in 0..12 {
            let by = f64::from(at) / 100.0;
            let one = |id: &str, causes: &[Cause], features: &Features| {
                Incident::new(&format!("{id}{at}"), causes, Outcome::Helped, features)
            };
            incidents.push(one("leak", &[Cause::Leak], &features(0.9 + by, 0.5 - by)));
            incidents.push(one("idle", &[Cause::OverProvisioned], &features(by, 0.1 + by)));
            incidents.push(one("calm", &[], &features(by, 0.5 + by)));
        }
        Memory { incidents }
    }

    #[test]
    fn what_is_alike_names_its_cause_with_facts_and_what_is_not_abstains() {
        let memory = memory();
        let index = Index::new(&memory);
        let said = opinion(&index, &features(0.95, 0.45), None);
        assert_eq!((said.hypotheses[0].cause, said.outcome), (Cause::Leak, Said::Causes));
        assert_eq!(said.hypotheses[0].evidence[0], "M5");
        assert!(said.note.contains("leak") && said.note.contains("helped"), "{}", said.note);
        assert_eq!(opinion(&index, &features(0.03, 0.53), None).outcome, Said::NoFault);
        assert_eq!(opinion(&index, &features(90.0, 40.0), None).outcome, Said::Abstained);
        assert_eq!(opinion(&index, &Features::default(), None).outcome, Said::Abstained);
        assert_eq!(opinion(&Index::new(&Memory::default()), &features(0.9, 0.5), None).outcome, Said::Abstained);
    }

    #[test]
    fn an_incident_that_must_not_vote_does_not() {
        let memory = memory();
        let index = Index::new(&memory);
        let row = memory.incidents[0].row();
        assert_eq!(index.nearest(&row, 1, None)[0].incident.id, "leak0");
        assert_ne!(index.nearest(&row, 1, Some("leak0"))[0].incident.id, "leak0");
    }

    #[test]
    fn a_memory_is_written_and_read() {
        let memory = memory();
        let text = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
        assert!(text.contains("\"did-not-help\"") || text.contains("\"helped\""));
    }
}
