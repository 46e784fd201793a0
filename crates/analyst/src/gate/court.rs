//! The twin's part: the history and the stresses laid out once, the incumbent and the standards run once, and then every
//! proposal on the very same terms.

use super::figures::Figures;
use super::hash;
use super::invariant::alone;
use super::record::Record;
use super::refusal::Refusal;
use super::standard::standards;
use super::stress::{self, Trial, trials};
use super::terms::Terms;
use crate::history::History;
use plimsoll_model::id::ServiceName;
use plimsoll_model::spec::{ServiceSpec, Spec};
use plimsoll_twin::backtest::{Between, Course, CourseError, Load, Protocol, Supply, Watch};

/// Windows of the history that was held out.
const WINDOWS: usize = 12;

/// A history under terms, ready to judge proposals.
#[derive(Debug, Clone)]
pub struct Court {
    pub(super) spec: Spec,
    pub(super) service: ServiceName,
    pub(super) present: ServiceSpec,
    pub(super) terms: Terms,
    pub(super) history_hash: u128,
    pub(super) seed: u64,
    pub(super) ground: Ground,
    pub(super) incumbent: Outcome,
    pub(super) standard: (String, Outcome),
    pub(super) standard_spec: ServiceSpec,
    /// Steps that were taken for these.
    pub(super) steps: u64,
}

/// What policies are run on.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub record: Record,
    /// All of the history; what was held out is scored.
    pub held_out: Course,
    /// The stresses.
    pub trials: Vec<Trial>,
}

/// What a policy did.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub supply: Supply,
    pub total: Figures,
    pub windows: Vec<Figures>,
    pub stress: Vec<Figures>,
}

impl Court {
    /// Lays a history out and runs what proposals are compared with.
    ///
    /// # Errors
    /// [`Refusal`] where the history does not say enough or the work would be too much.
    pub fn try_new(spec: &Spec, service: &ServiceName, history: &History, terms: &Terms) -> Result<Self, Refusal> {
        let present = spec.services.get(service).ok_or_else(|| Refusal::Service {
            proposed: service.to_string(),
            known: "no service of the spec".to_owned(),
        })?;
        let record = Record::of(history, present, spec.clock.speed, terms)?;
        // What explains the draws: the history with what the proposer has not seen, the spec and the judge's salt.
        let history_hash = hash::of(history);
        let mixed = hash::of(&(hash::text(history_hash), hash::text(hash::of(present)), terms.salt));
        let seed = (mixed >> 64) as u64 ^ mixed as u64;
        let all = record.load.rate.len() as u64;
        let each = all + stress::steps(&record);
        let tuning = standards(present).len() as u64 * record.seen as u64;
        if 4 * each + tuning > terms.steps_max {
            return Err(Refusal::Budget { steps: 4 * each + tuning, most: terms.steps_max });
        }
        let ground = Ground::of(record, seed).map_err(history_refused)?;
        let mut court = Self {
            spec: spec.clone(),
            service: service.clone(),
            present: present.clone(),
            terms: terms.clone(),
            history_hash,
            seed,
            incumbent: Outcome::nothing(),
            standard: (String::new(), Outcome::nothing()),
            standard_spec: present.clone(),
            ground,
            steps: 2 * each + tuning,
        };
        court.incumbent = court.run(&court.ground, present)?;
        let (name, best) = court.best_standard()?;
        court.standard = (name, court.run(&court.ground, &best)?);
        court.standard_spec = best;
        Ok(court)
    }

    /// What a usual policy would withstand with the freedom that a proposal takes: the standard within the wider of the present
    /// bounds and the proposal's. None where the bounds are no wider.
    pub(super) fn yardstick(&self, patched: &ServiceSpec) -> Result<Option<Outcome>, Refusal> {
        let present = &self.present;
        if patched.replicas_min >= present.replicas_min && patched.replicas_max <= present.replicas_max {
            return Ok(None);
        }
        let wider = ServiceSpec {
            replicas_min: patched.replicas_min.min(present.replicas_min),
            replicas_max: patched.replicas_max.max(present.replicas_max),
            ..self.standard_spec.clone()
        };
        self.run(&self.ground, &wider).map(Some)
    }

    /// The history as the twin takes it.
    pub(crate) const fn record(&self) -> &Record {
        &self.ground.record
    }

    /// The policy in force, and the standard at its best.
    pub(crate) const fn rivals(&self) -> [&ServiceSpec; 2] {
        [&self.present, &self.standard_spec]
    }

    /// The steps that one more policy takes.
    pub(super) fn steps_each(&self) -> u64 {
        self.ground.record.load.rate.len() as u64 + stress::steps(&self.ground.record)
    }

    /// The ground for a replica of another size, which carries as much more.
    pub(super) fn ground_for(&self, patched: &ServiceSpec) -> Result<Option<Ground>, Refusal> {
        let (old, new) = (self.present.requests.cpu.0, patched.requests.cpu.0);
        if old == new {
            return Ok(None);
        }
        let mut record = self.ground.record.clone();
        record.protocol.capacity.0 = record.carries.with_cpu(new);
        Ground::of(record, self.seed).map(Some).map_err(history_refused)
    }

    /// Runs a policy over everything.
    pub(super) fn run(&self, ground: &Ground, patched: &ServiceSpec) -> Result<Outcome, Refusal> {
        let mut patched = patched.clone();
        // Sizes are not simulated: neither the incumbent nor anybody else changes them.
        patched.scaling.vertical = None;
        let request = patched.requests.cpu.0;
        let forecasts = patched.scaling.forecast.is_some();
        let spec = alone(&self.spec, &self.service, patched);
        let run = |course: &Course, watch: &Watch<'_>| {
            course.run_watched(&spec, watch, |_| {}).map(|run| run.supply).map_err(run_refused)
        };
        let busy_at_capacity = ground.record.carries.busy(request);
        let supply = run(&ground.held_out, &Watch { busy_at_capacity, ..Watch::default() })?;
        let figures =
            |course: &Course, supply: &Supply, range| Figures::of(course, supply, range, request, &self.terms);
        let slots = ground.held_out.need().len();
        let mut stress = Vec::with_capacity(ground.trials.len());
        for trial in &ground.trials {
            let watch = Watch {
                history: forecasts.then_some(&trial.before),
                startup_told: trial.startup_told,
                losses: &trial.losses,
                busy_at_capacity,
                ..Watch::default()
            };
            let supply = run(&trial.told, &watch)?;
            stress.push(figures(&trial.truth, &supply, 0..trial.truth.need().len()));
        }
        let window = |index: usize| {
            let range = index * slots / WINDOWS..(index + 1) * slots / WINDOWS;
            figures(&ground.held_out, &supply, range)
        };
        let windows = (0..WINDOWS).map(window).collect();
        Ok(Outcome { total: figures(&ground.held_out, &supply, 0..slots), windows, stress, supply })
    }

    /// The standard that pays least on what the proposer saw.
    fn best_standard(&self) -> Result<(String, ServiceSpec), Refusal> {
        let record = &self.ground.record;
        let tick = record.protocol.tick;
        let load = Load { rate: record.load.rate[..record.seen].to_vec(), ..record.load.clone() };
        let protocol = Protocol { skip: tick.saturating_mul(record.seen as u64 / 4), ..record.protocol.clone() };
        let course = Course::try_new(&load, Between::Held, protocol).map_err(history_refused)?;
        let mut best: Option<(f64, String, ServiceSpec)> = None;
        for (name, candidate) in standards(&self.present) {
            let spec = alone(&self.spec, &self.service, candidate.clone());
            let request = candidate.requests.cpu.0;
            let watch = Watch { busy_at_capacity: record.carries.busy(request), ..Watch::default() };
            let run = course.run_watched(&spec, &watch, |_| {}).map_err(run_refused)?;
            let price = Figures::of(&course, &run.supply, 0..course.need().len(), request, &self.terms).price;
            if best.as_ref().is_none_or(|(least, ..)| price < *least) {
                best = Some((price, name, candidate));
            }
        }
        best.map(|(_, name, spec)| (name, spec))
            .ok_or_else(|| Refusal::History { why: "there is no standard policy".to_owned() })
    }
}

impl Ground {
    fn of(record: Record, seed: u64) -> Result<Self, CourseError> {
        let held_out = Course::try_new(&record.load, Between::Held, record.protocol.clone())?;
        let trials = trials(&record, seed)?;
        Ok(Self { record, held_out, trials })
    }
}

impl Outcome {
    const fn nothing() -> Self {
        let total = Figures {
            price: 0.0,
            paid: 0.0,
            shortage_pct: 0.0,
            overload_pct: 0.0,
            short_time_pct: 0.0,
            turns_per_100: 0.0,
        };
        let supply = Supply { ready: Vec::new(), billed: Vec::new(), actions: 0 };
        Self { supply, total, windows: Vec::new(), stress: Vec::new() }
    }
}

fn history_refused(error: CourseError) -> Refusal {
    Refusal::History { why: error.to_string() }
}

fn run_refused(error: CourseError) -> Refusal {
    match error {
        CourseError::Unrecorded { policy, what } => Refusal::NotProvable {
            field: format!("scaling.{policy}"),
            why: format!("it reads {what}, which was not recorded"),
        },
        error => history_refused(error),
    }
}
