//! Runs a draft: the twin's machine under the real controller, with conditions that change by tick, written down.

use super::draft::{Draft, LEAD};
use crate::history::{Configured, History, Kind, Recorder, Sample};
use plimsoll_model::id::ServiceName;
use plimsoll_model::spec::Resources;
use plimsoll_model::{Bytes, Decision, Millicores, Observation, Timestamp};
use plimsoll_stats::Random;
use plimsoll_twin::kernel::stream;
use plimsoll_twin::machine::{self, Node, Setting, Watch};
use plimsoll_twin::service::exact::{Balance, Options, Poisson, Service};
use std::collections::BTreeMap;
use std::path::Path;

/// Purposes of random streams.
const ARRIVALS: u64 = 1;
const LOSSES: u64 = 2;
/// Looks at what became ready or went, per tick.
const LOOKS: f64 = 10.0;

/// Runs it.
pub(super) fn run(draft: &Draft, seed: u64) -> Result<History, String> {
    let text = draft.spec_text(seed % 100_000);
    let loaded = plimsoll_config::parse(&text, Path::new("scenario.toml")).map_err(|report| report.to_string())?;
    let spec = loaded.spec;
    let (name, service) = spec.services.first_key_value().ok_or("no service")?;
    let options = Options {
        balance: Balance::of(&service.balance),
        clients: draft.clients,
        // The controller starts what went: that is what is to be seen.
        restarts: false,
        ..Options::new(draft.model.clone(), seed)
    };
    let rates: Vec<f64> = draft.factors.iter().map(|factor| factor * draft.level).collect();
    let arrivals = Poisson::new(&rates, draft.regime.physical_s(), stream(seed, ARRIVALS));
    let twin = Service::new(options, arrivals).map_err(|error| error.to_string())?;
    let host = Millicores((draft.host_cores * 1_000.0) as u64);
    let allocatable = Resources { cpu: host, memory: Bytes(u64::MAX / 4) };
    let start = Timestamp(spec.clock.start.map_or(0, |start| start.0));
    let services = BTreeMap::from([(name.clone(), twin)]);
    let mut node = Node::new(allocatable, services, BTreeMap::new(), (start, spec.clock.speed));
    node.measure(name, draft.measures);
    let configured = Configured::of(service, Some(host));
    let recorder = Recorder::new(name, spec.tick.0, configured);
    let mut watcher = Watcher { draft, name: name.clone(), recorder, tick: 0, losses: stream(seed, LOSSES) };
    let seconds = draft.regime.physical_s() * (draft.factors.len() as f64 + 0.25);
    let setting = Setting { spec: &spec, before: Vec::new(), is_warm: true, seconds };
    let _ = machine::run_watched(node, setting, draft.regime.physical_s() / LOOKS, &mut watcher);
    Ok(watcher.finish())
}

struct Watcher<'a> {
    draft: &'a Draft,
    name: ServiceName,
    recorder: Recorder,
    /// The tick that begins.
    tick: usize,
    losses: Random,
}

impl Watch for Watcher<'_> {
    fn conditions(&mut self, node: &mut Node) {
        let at = self.tick.min(self.draft.factors.len() - 1);
        node.set_neighbours(Millicores((self.draft.neighbours[at] * 1_000.0) as u64));
        if let Some(service) = node.service_mut(&self.name) {
            // Drawn within bounds; were it not, the conditions before would go on to hold.
            let _ = service.set_conditions(self.draft.conditions[at]);
        }
        self.tick += 1;
    }

    fn decided(&mut self, seen: &Observation, decision: &Decision) {
        // `tick` ticks have begun, so this one, which has just ended, is the one before the last.
        let ended = self.tick.saturating_sub(2);
        if ended < LEAD {
            return;
        }
        if !seen.inventory_only && self.draft.releases.contains(&ended) {
            self.recorder.happened(decision.at.0, Kind::Release, "a new version was rolled out");
        }
        self.recorder.add(seen, decision);
    }
}

impl Watcher<'_> {
    fn finish(mut self) -> History {
        let mut history = self.recorder.finish();
        for sample in &mut history.samples {
            if self.losses.unit() < self.draft.lost {
                *sample = Sample::default();
            }
        }
        history
    }
}
