//! Runs: one service over one load, or several at once in one controller on one node.
//!
//! Both are the same loop: the plant tells, [`plimsoll_controller::step`] decides, the plant obeys. Nothing here knows what a
//! policy does; a policy that reads what a recorded load has not is refused by name before anything runs, because it would
//! decide nothing and look bad.

use super::Protocol;
use super::card::Card;
use super::course::{Course, CourseError, Supply};
use super::load::Load;
use super::plant::{Count, Measured, NODE, Plant};
use plimsoll_controller::{Input, State, WhatIf, step, what_if_load};
use plimsoll_model::id::{Generation, ServiceName};
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::hpa::{HpaMetric, HpaResource};
use plimsoll_model::spec::Resources;
use plimsoll_model::{
    Event, MilliRps, Millicores, Millis, Permille, ScalingPolicy, ServiceRationale, Spec, Timestamp, Withheld,
};

/// What is looked at beside the figures.
#[derive(Debug, Clone, Default)]
pub struct Watch<'a> {
    /// Recorded load from before the course, to warm forecasts; of a run of one service.
    pub history: Option<&'a Load>,
    /// Moments whose decisions are wanted.
    pub explain: &'a [Timestamp],
    /// Events that are announced when they start, to every service.
    pub events: &'a [Event],
    /// Whether [`Run::held`] is wanted.
    pub held: bool,
    /// What the policy believes a start to take, where that is not what it takes: replicas that start slowly.
    pub startup_told: Option<Millis>,
    /// Replicas that are lost at a moment, as a share of those that are ready then: a node that fails.
    pub losses: &'a [(Timestamp, Permille)],
    /// Another spec that takes over on the way, as by a reload.
    pub turn: Option<Turn<'a>>,
    /// CPU of a replica at the protocol's capacity, where that is not its request: what it waits for fills it first.
    pub busy_at_capacity: Option<Millicores>,
}

/// A reload in the middle of a run: what runs is what the spec before it started, and what it costs to change is paid.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// The first tick of the whole course that is decided by the new spec.
    pub tick: usize,
    /// The new spec; it has the services of the one before it. The protocol's capacity is that of its replicas.
    pub spec: &'a Spec,
}

/// A policy's run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What it had and paid for.
    pub supply: Supply,
    /// How good that was.
    pub card: Card,
    /// The reasons of the moments that were asked for, in their order.
    pub explained: Vec<Explained>,
    /// Stretches in which an event or a window was in force or something was held back; only where they were asked for.
    pub held: Vec<Held>,
    /// What the controller remembers at the end; of several services, all of them.
    pub state: Box<State>,
}

/// The decision in force at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// When it was made.
    pub at: Timestamp,
    /// Why.
    pub rationale: ServiceRationale,
    /// What other loads would have brought.
    pub what_if: Option<WhatIf>,
    /// What was needed then.
    pub need: u32,
    /// What was ready after it.
    pub ready: u32,
}

/// A stretch of time in which something was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// What.
    pub what: String,
    /// Something wanted was not done; else it is an event or a window.
    pub is_withheld: bool,
}

/// Ticks between two reports of progress.
const PROGRESS_EVERY: usize = 4_096;

impl Course {
    /// Runs the one service of `spec` over the load. `history` is recorded load from before it; `explain` are moments whose
    /// decisions are wanted; `progress` is told of every so many ticks done.
    ///
    /// # Errors
    /// [`CourseError::Services`] when `spec` has not exactly one service, [`CourseError::Unrecorded`] when its policy reads
    /// what no recorded load has.
    pub fn run(
        &self,
        spec: &Spec,
        history: Option<&Load>,
        explain: &[Timestamp],
        progress: impl FnMut(usize),
    ) -> Result<Run, CourseError> {
        self.run_watched(spec, &Watch { history, explain, ..Watch::default() }, progress)
    }

    /// As [`Course::run`], with more to look at.
    ///
    /// # Errors
    /// As [`Course::run`].
    pub fn run_watched(&self, spec: &Spec, watch: &Watch<'_>, progress: impl FnMut(usize)) -> Result<Run, CourseError> {
        let mut runs = run_together(&[self], spec, None, watch, progress)?;
        runs.pop().ok_or(CourseError::Services { services: 0 })
    }
}

/// A spec as it comes to the controller.
fn policy(generation: Generation, spec: &Spec, protocol: &Protocol, watch: &Watch<'_>) -> Input {
    Input::Policy { generation, spec: Box::new(as_run(spec, protocol, watch.startup_told)) }
}

/// Runs all services of `spec` at once, the n-th (by name) over the n-th of `courses`, on a node that has `room` (none has
/// room for anything). The runs are in the same order.
///
/// # Errors
/// [`CourseError::Services`] where services are not as many as courses, [`CourseError::Apart`] where courses do not have the
/// same moments, [`CourseError::Unrecorded`] for a policy that reads what was not recorded.
pub fn run_together(
    courses: &[&Course],
    spec: &Spec,
    room: Option<Resources>,
    watch: &Watch<'_>,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Run>, CourseError> {
    let first = check(courses, spec)?;
    let protocol = first.protocol();
    let mut generation = Generation(1);
    let turned = watch.turn.map(|turn| same_services(turn, spec, courses)).transpose()?;
    let mut state = State::new();
    let mut inputs = vec![policy(generation, spec, protocol, watch)];
    for (name, history) in spec.services.keys().zip(watch.history) {
        inputs.extend(warm_up(name, history, first.time(0)));
    }
    let _ = step(&mut state, first.time(0), &inputs);
    let mut plant = Plant::new(protocol, &spec.services, room.unwrap_or(NODE));
    plant.measure(turned.map(|turn| &turn.spec.services), watch.busy_at_capacity);
    let mut notes: Vec<Notes> = courses.iter().map(|_| Notes::default()).collect();
    let lag = usize::try_from(protocol.metric_lag.0 / protocol.tick.0).unwrap_or(usize::MAX);
    let scored = first.scored().start;
    let mut measured = vec![Measured::default(); courses.len()];
    for tick in 0..first.ticks() {
        let at = first.time(tick);
        let then = tick.checked_sub(lag);
        for (told, course) in measured.iter_mut().zip(courses) {
            *told = then.map_or_else(Measured::default, |then| course.measured(then));
        }
        let mut news = announced(at, protocol, watch.events, spec);
        let lost = watch.losses.iter().filter(|(wanted, _)| *wanted >= at && wanted.since(at) < protocol.tick);
        lost.for_each(|(_, share)| plant.lose(at, *share));
        if let Some(turn) = turned.filter(|turn| turn.tick == tick) {
            generation = Generation(2);
            plant.turn_to(&turn.spec.services);
            news.insert(0, policy(generation, turn.spec, protocol, watch));
        }
        let seen = plant.observe(at, &measured);
        let is_explained = watch.explain.iter().any(|wanted| *wanted >= at && wanted.since(at) < protocol.tick);
        let before = is_explained.then(|| (state.clone(), [&news[..], seen].concat()));
        let decision = if news.is_empty() {
            step(&mut state, at, seen)
        } else {
            news.extend_from_slice(seen);
            step(&mut state, at, &news)
        };
        plant.obey(&decision, generation, |index| courses[index].rate(tick));
        for (index, name) in spec.services.keys().enumerate() {
            let (notes, course) = (&mut notes[index], courses[index]);
            let count = plant.count(index);
            notes.take(&count, tick >= scored);
            let rationale = || state.services.get(name).and_then(|it| it.rationale.as_ref());
            if let Some((before, inputs)) = &before
                && let Some(rationale) = rationale().cloned()
            {
                let what_if = what_if_load(before, at, inputs, name);
                let need = course.need_at(tick);
                notes.explained.push(Explained { at, rationale, what_if, need, ready: count.ready });
            }
            if tick >= scored
                && (watch.held || room.is_some())
                && let Some(rationale) = rationale()
            {
                notes.look(rationale, at, at.plus(protocol.tick));
            }
        }
        if tick + 1 == scored || (scored == 0 && tick == 0) {
            (0..courses.len()).filter_map(|index| plant.line(index).map(|line| line.is_scored = true)).count();
        }
        if tick % PROGRESS_EVERY == PROGRESS_EVERY - 1 {
            progress(PROGRESS_EVERY);
        }
    }
    progress(first.ticks() % PROGRESS_EVERY);
    let state = Box::new(state);
    let finish = |(index, (notes, course)): (usize, (Notes, &&Course))| {
        let mut card = course.judge(&notes.supply);
        if let Some(line) = plant.line(index) {
            card.response = line.waits.response(0.0);
            card.is_queued = true;
        }
        let Notes { supply, explained, held, .. } = notes;
        Run { supply, card, explained, held, state: state.clone() }
    };
    Ok(notes.into_iter().zip(courses).enumerate().map(finish).collect())
}

/// The turn, where the new spec can be run on the same loads.
fn same_services<'a>(turn: Turn<'a>, spec: &Spec, courses: &[&Course]) -> Result<Turn<'a>, CourseError> {
    if !turn.spec.services.keys().eq(spec.services.keys()) {
        return Err(CourseError::Services { services: turn.spec.services.len() });
    }
    check(courses, turn.spec)?;
    Ok(turn)
}

/// What is written down of one service as it runs.
#[derive(Default)]
struct Notes {
    supply: Supply,
    /// Starts and stops before the first scored tick.
    actions_before: u64,
    explained: Vec<Explained>,
    held: Vec<Held>,
}

impl Notes {
    /// Notes the replicas after a decision; before what is scored, only how often they were changed.
    fn take(&mut self, count: &Count, is_scored: bool) {
        if is_scored {
            self.supply.ready.push(count.ready);
            self.supply.billed.push(count.billed);
            self.supply.actions = count.actions - self.actions_before;
        } else {
            self.actions_before = count.actions;
        }
    }

    /// Lengthens or begins the stretches that a decision belongs to.
    fn look(&mut self, rationale: &ServiceRationale, from: Timestamp, to: Timestamp) {
        for term in &rationale.terms {
            match &term.basis {
                Basis::Cron(cron) if cron.open => {
                    let what = format!("{} replicas by the calendar", cron.desired);
                    self.hold(&what, false, from, to);
                }
                Basis::Event { name, .. } => self.hold(name, false, from, to),
                _ => {}
            }
        }
        for withheld in &rationale.withheld {
            self.hold(word(withheld), true, from, to);
        }
    }

    fn hold(&mut self, what: &str, is_withheld: bool, from: Timestamp, to: Timestamp) {
        // Few are open at a time, and those that are stand at the end. One decision may name the same thing twice.
        let recent = self.held.iter_mut().rev().take(16);
        let mut same = recent.filter(|held| held.is_withheld == is_withheld && held.what == what);
        match same.find(|held| held.to == from || held.to == to) {
            Some(held) => held.to = to,
            None => self.held.push(Held { from, to, what: what.to_owned(), is_withheld }),
        }
    }
}

/// What was held back, in a few words.
const fn word(withheld: &Withheld) -> &'static str {
    match withheld {
        Withheld::NoCapacity { .. } => "no room",
        Withheld::Backoff { .. } => "waits after an exit",
        Withheld::CrashLoop { .. } => "crash loop",
        Withheld::WaitingForReady { .. } => "waits for replicas that start",
        Withheld::StaleData { .. } => "figures too old",
        Withheld::ForecastUntrusted { .. } => "forecast not trusted",
        Withheld::Frozen { .. } => "frozen",
        Withheld::ActionLimit { .. } => "too many starts at once",
        Withheld::RollingReplacement { .. } => "replaces old replicas",
    }
}

/// What the events that start now are told as, to every service.
fn announced(at: Timestamp, protocol: &Protocol, events: &[Event], spec: &Spec) -> Vec<Input> {
    let now = events.iter().filter(|it| it.spec.start <= at && at.since(it.spec.start) < protocol.tick);
    let told = |event: &Event| {
        let one = |name: &ServiceName| Input::Event { service: name.clone(), event: event.clone() };
        spec.services.keys().map(one).collect::<Vec<_>>()
    };
    now.flat_map(told).collect()
}

/// The spec with the protocol's clock: a start takes as long as the protocol says, and the policy knows it, as it would from
/// its own replicas; or is told another time.
fn as_run(spec: &Spec, protocol: &Protocol, told: Option<Millis>) -> Spec {
    let mut spec = spec.clone();
    spec.tick = protocol.tick;
    for service in spec.services.values_mut() {
        service.startup = told.unwrap_or(protocol.startup);
        service.health.startup_max = service.health.startup_max.max(protocol.startup.saturating_mul(2));
    }
    spec
}

/// The first course, where all of them can be run.
fn check<'a>(courses: &[&'a Course], spec: &Spec) -> Result<&'a Course, CourseError> {
    let services = spec.services.len();
    let first = *courses.first().filter(|_| services == courses.len()).ok_or(CourseError::Services { services })?;
    let clock = |course: &Course| (course.time(0), course.ticks(), course.scored(), course.protocol().tick);
    if let Some(number) = courses.iter().position(|course| clock(course) != clock(first)) {
        return Err(CourseError::Apart { number: number + 1 });
    }
    for (service, course) in spec.services.values().zip(courses) {
        let lacking = service.scaling.policies.iter().find_map(|policy| unrecorded(policy, course));
        if let Some((policy, what)) = lacking {
            return Err(CourseError::Unrecorded { policy, what });
        }
    }
    Ok(first)
}

/// What a policy reads and the course has not.
fn unrecorded(policy: &ScalingPolicy, course: &Course) -> Option<(&'static str, String)> {
    let memory = || (!course.has_memory()).then(|| "memory of a replica".to_owned());
    let what = match policy {
        ScalingPolicy::Memory { .. } => memory(),
        ScalingPolicy::Hpa(hpa) => hpa.metrics.iter().find_map(|metric| match metric {
            HpaMetric::Resource { resource } if resource.name == HpaResource::Memory => memory(),
            HpaMetric::Resource { .. } => None,
            HpaMetric::ContainerResource { .. } => Some(format!("{} (a replica is one container)", metric.key())),
            _ => Some(format!("the metric {}", metric.key())),
        }),
        _ => None,
    };
    what.map(|what| (policy.name(), what))
}

/// Recorded load from before `start`, as the controller is given it; none where there is nothing.
fn warm_up(name: &ServiceName, history: &Load, start: Timestamp) -> Option<Input> {
    let slots = history.rate.iter().zip(0_u64..);
    let samples: Vec<(Timestamp, MilliRps)> = slots
        .filter_map(|(rate, index)| Some((history.start.plus(history.step.saturating_mul(index)), (*rate)?)))
        .filter(|(at, _)| *at < start)
        .collect();
    (!samples.is_empty()).then(|| Input::History { service: name.clone(), samples })
}
