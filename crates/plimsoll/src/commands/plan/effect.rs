//! What the twin predicts of a changed spec: on the load that was recorded, and on what is expected next.
//!
//! Over the recorded stretch the spec that runs and the planned one are both run from the start. For what comes next the spec
//! that runs is taken through the record to the present, so that the controller knows what it knows now and has the
//! replicas it has; there the planned one takes over as by a reload, replacing what has to be replaced. Services are run
//! one by one, and whether they fit on the node together is said apart.

use super::Present;
use super::load::Recorded;
use super::past::{Carries, Past, carries};
use crate::args::Foresight;
use crate::commands::work;
use anyhow::Context;
use plimsoll_config::Change;
use plimsoll_model::{MilliRps, Millis, Permille, ServiceName, ServiceSpec, Spec, Timestamp};
use plimsoll_twin::backtest::{Between, Card, Course, Load, Protocol, Turn, Watch, run_together};
use serde::Serialize;

/// The part of a record at whose start the twin settles and nothing is scored.
const SETTLE_PARTS: u64 = 8;
/// Fewest ticks that say anything.
const TICKS_MIN: u64 = 10;

/// Everything that was predicted.
#[derive(Debug, Default, Serialize)]
pub struct Prediction {
    /// Two a service: the recorded stretch and the next hours.
    pub stretches: Vec<Stretch>,
    /// What was assumed, and what could not be predicted.
    pub notes: Vec<String>,
}

/// One service over one stretch of time.
#[derive(Debug, Serialize)]
pub struct Stretch {
    /// Which service.
    pub service: String,
    /// It is to come; else it was recorded.
    pub is_ahead: bool,
    /// Its first moment, trace time.
    pub from_ms: i64,
    /// How long it is, trace time.
    pub span_ms: u64,
    /// By the spec that runs.
    pub running: Figures,
    /// By the planned one.
    pub planned: Figures,
}

/// What it takes, and how good that is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// Mean replicas paid for.
    pub replicas_mean: f64,
    /// Most at once.
    pub replicas_most: u32,
    /// Replica hours paid for.
    pub replica_hours: f64,
    /// CPU reserved, core hours.
    pub core_hours: f64,
    /// Memory reserved, GiB hours.
    pub memory_gib_hours: f64,
    /// Its price, where prices were given.
    pub price: Option<f64>,
    /// Share of time with fewer ready replicas than the load needs, percent.
    pub under_time_pct: f64,
    /// Share of the requests that came then and found no room, percent.
    pub under_requests_pct: f64,
    /// Starts of replicas.
    pub starts: u64,
}

impl Figures {
    fn of(card: &Card, spec: &ServiceSpec, foresight: &Foresight) -> Self {
        let core_hours = card.replica_hours * spec.requests.cpu.get() as f64 / 1_000.0;
        let memory_gib_hours = card.replica_hours * spec.requests.memory.get() as f64 / f64::from(1 << 30);
        let price = (foresight.price_cpu.is_some() || foresight.price_memory.is_some()).then(|| {
            core_hours * foresight.price_cpu.unwrap_or(0.0) + memory_gib_hours * foresight.price_memory.unwrap_or(0.0)
        });
        Self {
            replicas_mean: card.billed_mean,
            replicas_most: card.billed_most,
            replica_hours: card.replica_hours,
            core_hours,
            memory_gib_hours,
            price,
            under_time_pct: card.elasticity.under_time_pct,
            under_requests_pct: card.under_requests_pct,
            starts: card.starts,
        }
    }
}

/// One service in both specs.
struct Pair<'a> {
    name: &'a ServiceName,
    /// The whole specs with this service alone.
    running: Spec,
    planned: Spec,
    past: Past,
    carries: Carries,
    speed: u32,
}

/// Predicts what the changes of `spec` bring.
pub fn predict(spec: &Spec, present: &Present, foresight: &Foresight, hidden: bool) -> anyhow::Result<Prediction> {
    let ahead =
        plimsoll_config::unit::duration(&foresight.ahead).with_context(|| format!("--ahead {}", foresight.ahead))?;
    let diff = plimsoll_config::diff(&present.spec, spec);
    let mut prediction = Prediction::default();
    let mut pairs = Vec::new();
    for (name, change) in &diff.services {
        match change {
            Change::Added => {
                prediction.notes.push(format!("{name}: new, so nothing is recorded that could be predicted from"))
            }
            Change::Removed => {}
            Change::Changed(_) => pairs.extend(pair(name, spec, present, foresight, &mut prediction.notes)?),
        }
    }
    let bar = work::bar(pairs.len() as u64 * 4, "runs of the twin", hidden);
    for pair in &pairs {
        prediction.notes.push(format!(
            "{}: a replica may carry {}: {}",
            pair.name,
            said(&pair.carries),
            pair.carries.why
        ));
        match stretches(pair, ahead, foresight, || bar.inc(1)) {
            Ok((two, why)) => {
                prediction.notes.push(format!("{}: the load ahead is {why}", pair.name));
                prediction.stretches.extend(two);
            }
            Err(error) => prediction.notes.push(format!("{}: not predicted: {error:#}", pair.name)),
        }
    }
    bar.finish_and_clear();
    room(spec, present, &mut prediction);
    Ok(prediction)
}

fn said(carries: &Carries) -> String {
    if carries.running == carries.planned {
        return carries.running.to_string();
    }
    format!("{} now and {} then", carries.running, carries.planned)
}

/// Both sides of one service with its record; none, and a note, where there is nothing to go by.
fn pair<'a>(
    name: &'a ServiceName,
    spec: &Spec,
    present: &Present,
    foresight: &Foresight,
    notes: &mut Vec<String>,
) -> anyhow::Result<Option<Pair<'a>>> {
    let (Some(running), Some(planned)) = (present.spec.services.get(name), spec.services.get(name)) else {
        return Ok(None);
    };
    let past = match (&foresight.recorded, &present.daemon, &present.state) {
        (Some(text), _, _) => Some(Past::of_file(text, name)?),
        (None, Some(daemon), Some(state)) => Past::of_daemon(daemon, state, name, running, present.spec.tick)?,
        _ => None,
    };
    let enough = present.spec.tick.saturating_mul(TICKS_MIN);
    let Some(past) = past.filter(|past| past.day.span() >= enough) else {
        notes.push(format!("{name}: not predicted: less than {enough} of its load is recorded"));
        return Ok(None);
    };
    let Some(carries) = carries(&past, running, planned) else {
        notes.push(format!("{name}: not predicted: nothing says what a replica carries (no CPU of requests is recorded); set scaling.capacity"));
        return Ok(None);
    };
    let ordered = present.state.iter().flat_map(|state| &state.services).find(|it| it.name == name.as_str());
    if let Some(order) = ordered.and_then(|service| service.order.as_ref()) {
        notes.push(format!("{name}: {order}; the prediction is of its policies, without that order"));
    }
    let speed = present.spec.clock.speed;
    let (running, planned) = (alone(&present.spec, name), alone(spec, name));
    Ok(Some(Pair { name, running, planned, past, carries, speed }))
}

/// The spec with one service and no job.
fn alone(spec: &Spec, name: &ServiceName) -> Spec {
    let mut spec = spec.clone();
    spec.services.retain(|known, _| known == name);
    spec.jobs.clear();
    spec
}

impl Pair<'_> {
    fn service(spec: &Spec) -> &ServiceSpec {
        spec.services.values().next().expect("invariant: a spec of a pair has its one service")
    }

    /// The terms on which a spec is run: its own clock, what its replicas carry, figures one tick late as live.
    fn protocol(&self, spec: &Spec, carries: MilliRps, skip: Millis) -> Protocol {
        let usable = self.carries.usable;
        let startup = Self::service(spec).startup.saturating_mul(u64::from(self.speed));
        Protocol {
            tick: spec.tick,
            startup,
            metric_lag: spec.tick,
            capacity: MilliRps(carries.get().saturating_mul(1_000) / usable.get().max(1)),
            usable,
            skip,
            ..Protocol::research(startup)
        }
    }

    /// The planned side's clock is that of the daemon that runs.
    fn course(&self, load: &Recorded, spec: &Spec, carries: MilliRps, skip: Millis) -> anyhow::Result<Course> {
        let load = Load::try_new(load.start, load.step, &load.values, 1_000.0)?;
        Ok(Course::try_new(
            &load,
            Between::Held,
            Protocol { tick: self.running.tick, metric_lag: self.running.tick, ..self.protocol(spec, carries, skip) },
        )?)
    }
}

/// The recorded stretch and the next hours, and how the load of those was found.
fn stretches(
    pair: &Pair<'_>,
    ahead: Millis,
    foresight: &Foresight,
    done: impl Fn(),
) -> anyhow::Result<([Stretch; 2], String)> {
    let day = &pair.past.day;
    let settle = Millis(day.span().get() / SETTLE_PARTS);
    let history = Load::try_new(pair.past.week.start, pair.past.week.step, &pair.past.week.values, 1_000.0)?;
    let run = |course: &Course, spec: &Spec, turn: Option<Turn<'_>>| -> anyhow::Result<Card> {
        let watch = Watch { history: Some(&history), turn, ..Watch::default() };
        let mut runs = run_together(&[course], spec, None, &watch, |_| ())?;
        done();
        runs.pop().map(|run| run.card).context("invariant: a run of one service")
    };
    let (now, then) = (pair.carries.running, pair.carries.planned);
    let stretch = |from: Timestamp, span: Millis, is_ahead: bool, cards: [Card; 2]| {
        let [running, planned] = cards;
        Stretch {
            service: pair.name.to_string(),
            is_ahead,
            from_ms: from.get(),
            span_ms: span.get(),
            running: Figures::of(&running, Pair::service(&pair.running), foresight),
            planned: Figures::of(&planned, Pair::service(&pair.planned), foresight),
        }
    };
    let before = pair.course(day, &pair.running, now, settle)?;
    let after = pair.course(day, &pair.planned, then, settle)?;
    let cards = [run(&before, &pair.running, None)?, run(&after, &pair.planned, None)?];
    let recorded = stretch(before.start(), Millis(day.end().since(before.start()).get()), false, cards);
    let ahead = ahead.min(day.span());
    let (both, why) = day.with_future(&pair.past.week, ahead)?;
    let before = pair.course(&both, &pair.running, now, day.span())?;
    let after = pair.course(&both, &pair.planned, then, day.span())?;
    let turn = Turn { tick: after.scored().start, spec: &pair.planned };
    let cards = [run(&before, &pair.running, None)?, run(&after, &pair.running, Some(turn))?];
    let next = stretch(before.start(), both.end().since(before.start()), true, cards);
    Ok(([recorded, next], why))
}

/// Says where what is predicted does not fit on the node.
fn room(spec: &Spec, present: &Present, prediction: &mut Prediction) {
    let Some(state) = &present.state else { return };
    let most = |name: &ServiceName, service: &ServiceSpec| {
        let predicted = prediction.stretches.iter().filter(|it| it.service == name.as_str());
        let live = state.services.iter().find(|it| it.name == name.as_str()).map_or(0, |it| it.current);
        predicted.map(|it| it.planned.replicas_most).max().unwrap_or(live.max(service.replicas_min))
    };
    let sum = |amount: fn(&ServiceSpec) -> u64| -> u64 {
        spec.services.iter().map(|(name, service)| u64::from(most(name, service)).saturating_mul(amount(service))).sum()
    };
    let (cpu, memory) = (sum(|it| it.requests.cpu.get()), sum(|it| it.requests.memory.get()));
    let has = state.node.allocatable;
    let share = |used: u64, of: u64| Permille(used.saturating_mul(1_000) / of.max(1));
    if cpu > has.cpu_millicores || memory > has.memory_bytes {
        let (cpu, memory) = (share(cpu, has.cpu_millicores), share(memory, has.memory_bytes));
        prediction.notes.push(format!("the highest numbers at once would reserve {cpu} of the node's CPU and {memory} of its memory: not all of them would start"));
    }
}
