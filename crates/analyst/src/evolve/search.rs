//! The search itself: a load laid out, the prices that suit it, and formulas by the thousand.

use super::{INPUTS, NODES, Outcome, Task, grammar};
use crate::gate::{Court, Refusal, Terms, alone, hash};
use plimsoll_autoscale::formula::HEADROOM;
use plimsoll_autoscale::{Formula, cpu_per_request_ns, per_replica};
use plimsoll_expr::Expr;
use plimsoll_model::MilliRps;
use plimsoll_model::scaling::HeadroomSpec;
use plimsoll_model::spec::{ScalingPolicy, ServiceSpec};
use plimsoll_search::evolve::{Evolution, Grammar, Judge, Judged, Options, Worth, shrink};
use plimsoll_twin::backtest::{Between, Course, Load, Protocol, Watch};
use plimsoll_twin::rehearsal::{Case, Figures, worth};

/// Share of what may be seen that is searched on, per cent; the rest is for the choice.
const LEARNT_PCT: usize = 75;
/// Decisions at the start that are not scored, at most, and at most half of all: learnt headroom learns there.
const UNSCORED_MAX: usize = 240;
/// Prices of learnt headroom that are tried, beside those in force.
const PRICES: [(u32, u32); 4] = [(20, 40), (40, 80), (80, 160), (160, 320)];
/// Those that learnt headroom has if nobody says otherwise.
const USUAL: HeadroomSpec = HeadroomSpec { price: 80, price_keep: 160 };
const ISLANDS: u32 = 4;
/// Most episodes, whatever the time.
const EPISODES_MAX: u64 = 20_000;
/// Of those that were searched, so many are chosen among.
const FINALISTS: usize = 5;
/// Most parts that are left out of each, and by how much its worth may fall for one.
const SHRINKS: usize = 8;
const AS_GOOD: f64 = 1e-4;

/// What was found.
pub(super) struct Found {
    /// The judge, with the part for the choice held out.
    pub court: Court,
    /// The best, the best first.
    pub finalists: Vec<Finalist>,
    /// Episodes.
    pub episodes: u64,
    /// Formulas that were rehearsed.
    pub candidates: u64,
}

/// One that is chosen among.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finalist {
    /// The formula.
    pub expr: Expr,
    /// The prices of learnt headroom with it.
    pub prices: HeadroomSpec,
    /// Without the service's window before a scale-in, as it was rehearsed.
    pub is_free: bool,
}

/// Lays the load out and searches.
pub(super) fn run(task: &Task<'_>, has_time: &mut dyn FnMut() -> bool) -> Result<Found, Outcome> {
    if !has_time() {
        return Err(Outcome::NoTime);
    }
    let court = court(task).map_err(|refusal| unfit(&refusal))?;
    let ground = Ground::of(task, &court)?;
    let grammar = grammar(&INPUTS, NODES).map_err(|error| unfit(&error))?;
    let [present, _] = court.rivals();
    let from = beginnings(&grammar, present, task.begin);
    let (prices, case) = ground.best_prices(&from)?;
    let mut looker = Looker { case, rival: ground.rival, has_time, candidates: 0 };
    let seed = hash::of(task.seen);
    let options = Options { seed: (seed >> 64) as u64 ^ seed as u64, islands: ISLANDS };
    let mut search =
        Evolution::start("autoscale", grammar, &from, options, &mut looker).map_err(|_| Outcome::NoTime)?;
    while search.episodes() < EPISODES_MAX {
        if search.episode(&mut looker, None).is_none() {
            break;
        }
    }
    let best: Vec<Expr> =
        search.elites().into_iter().take(FINALISTS).filter_map(|elite| Expr::parse(&elite.text).ok()).collect();
    let mut finalists: Vec<Finalist> = Vec::new();
    let mut offer = |expr: &Expr, prices: &HeadroomSpec, is_free: bool| {
        let offered = Finalist { expr: expr.clone(), prices: prices.clone(), is_free };
        if !finalists.contains(&offered) {
            finalists.push(offered);
        }
    };
    let best: Vec<Expr> = best.iter().map(|expr| small(search.grammar(), &looker, expr)).collect();
    best.iter().for_each(|expr| offer(expr, &prices, false));
    // Prices that are cheapest on one load may be too low for a stress, so those that are usual are tried, too; and a formula that was
    // searched without a window before each scale-in may be worth nothing behind one.
    for expr in from.first().into_iter().chain(best.first()) {
        for (prices, is_free) in [(&prices, false), (&USUAL, false), (&prices, true), (&USUAL, true)] {
            offer(expr, prices, is_free);
        }
    }
    Ok(Found { court, finalists, episodes: search.episodes(), candidates: looker.candidates })
}

fn unfit(why: &dyn std::fmt::Display) -> Outcome {
    Outcome::Unfit { why: why.to_string() }
}

/// The gate's judge over what may be seen, with its last quarter held out.
fn court(task: &Task<'_>) -> Result<Court, Refusal> {
    let learnt = task.seen.samples.len() * LEARNT_PCT / 100;
    let until = task.seen.start_ms.saturating_add_unsigned(task.seen.step_ms.saturating_mul(learnt as u64));
    let terms = Terms {
        seen_until_ms: Some(until),
        // Half as sure as nobody has to be: the gate itself asks for more, on other history.
        confidence_permille: 500,
        asked: 0,
        now_ms: None,
        ..task.terms.clone()
    };
    Court::try_new(task.spec, task.service, task.seen, &terms)
}

/// What is searched on.
struct Ground {
    load: Load,
    course: Course,
    per_replica: MilliRps,
    present: ServiceSpec,
    /// The better of the policy in force and the standard, figure by figure: what costs less, and what was short for longer.
    rival: Figures,
}

impl Ground {
    fn of(task: &Task<'_>, court: &Court) -> Result<Self, Outcome> {
        let record = court.record();
        let [present, standard] = court.rivals();
        let load = Load { rate: record.load.rate[..record.seen].to_vec(), ..record.load.clone() };
        let unscored = (record.seen / 2).min(UNSCORED_MAX);
        let protocol = Protocol {
            skip: record.protocol.tick.saturating_mul(unscored as u64),
            replicas_min: present.replicas_min,
            replicas_max: present.replicas_max,
            ..record.protocol.clone()
        };
        let course = Course::try_new(&load, Between::Held, protocol).map_err(|error| unfit(&error))?;
        let request = present.requests.cpu;
        let cost = cpu_per_request_ns(request.0, MilliRps(record.carries.work));
        let per_replica = per_replica(&present.scaling, request, cost).ok_or_else(|| Outcome::Unfit {
            why: "what one replica takes is not known: `scaling` has no `capacity`, `request_rate` or `cpu`".to_owned(),
        })?;
        let measure = Case::controlled(String::new(), course.protocol().startup, course.clone());
        let busy_at_capacity = record.carries.busy(request.0);
        let run = |policy: &ServiceSpec| {
            let mut policy = policy.clone();
            policy.scaling.vertical = None;
            let spec = alone(task.spec, task.service, policy);
            let watch = Watch { busy_at_capacity, ..Watch::default() };
            let run = course.run_watched(&spec, &watch, |_| {}).map_err(|error| unfit(&error))?;
            Ok(measure.of_supply(&run.supply))
        };
        let ([cost, under], [other, short]) = (run(present)?, run(standard)?);
        let rival = [cost.min(other), under.max(short)];
        Ok(Self { load, course, per_replica, present: present.clone(), rival })
    }

    /// The prices with which one of these formulas is worth most, and the load rehearsed with them.
    fn best_prices(&self, from: &[Expr]) -> Result<(HeadroomSpec, Case), Outcome> {
        let formulas: Vec<Formula> = from.iter().filter_map(|expr| Formula::of(expr, "").ok()).collect();
        let tried = PRICES.map(|(price, price_keep)| HeadroomSpec { price, price_keep });
        let mut best: Option<(f64, HeadroomSpec, Case)> = None;
        for prices in own_prices(&self.present).into_iter().chain(tried) {
            let scaling = &self.present.scaling;
            let laid = (&self.load, self.course.clone());
            let case = Case::rehearsed(String::new(), laid, self.per_replica, (&prices, scaling));
            let values = formulas.iter().map(|formula| worth(&[(case.rehearse(formula), self.rival)]));
            let value = values.fold(f64::NEG_INFINITY, f64::max);
            if best.as_ref().is_none_or(|(known, ..)| value > *known) {
                best = Some((value, prices, case));
            }
        }
        best.map(|(_, prices, case)| (prices, case)).ok_or(Outcome::NoTime)
    }
}

/// The prices in force.
fn own_prices(present: &ServiceSpec) -> Option<HeadroomSpec> {
    present.scaling.policies.iter().find_map(|policy| match policy {
        ScalingPolicy::Headroom(prices) => Some(prices.clone()),
        ScalingPolicy::Formula(it) => Some(HeadroomSpec { price: it.price, price_keep: it.price_keep }),
        _ => None,
    })
}

/// Learnt headroom, the formula in force, and what earlier searches found; each once.
fn beginnings(grammar: &Grammar, present: &ServiceSpec, begin: &[String]) -> Vec<Expr> {
    let own = present.scaling.policies.iter().find_map(|policy| match policy {
        ScalingPolicy::Formula(formula) => Some(formula.text.as_str()),
        _ => None,
    });
    let mut found: Vec<Expr> = Vec::new();
    for text in [HEADROOM].into_iter().chain(own).chain(begin.iter().map(String::as_str)) {
        let Ok(expr) = Expr::parse(text).map(|expr| expr.simplify()) else { continue };
        if grammar.allows(&expr) && found.iter().all(|known| known.to_string() != expr.to_string()) {
            found.push(expr);
        }
    }
    found
}

/// Rehearses candidates. One service's load is short and a look takes a fraction of a millisecond, so the quick look is the full one.
struct Looker<'a> {
    case: Case,
    rival: Figures,
    has_time: &'a mut dyn FnMut() -> bool,
    candidates: u64,
}

impl Looker<'_> {
    fn value(&self, expr: &Expr) -> Option<f64> {
        let formula = Formula::of(expr, "").ok()?;
        let value = worth(&[(self.case.rehearse(&formula), self.rival)]);
        value.is_finite().then_some(value)
    }
}

impl Judge for Looker<'_> {
    fn quick(&mut self, candidates: &[Expr]) -> Judged {
        if !(self.has_time)() {
            return Judged::Stop;
        }
        self.candidates += candidates.len() as u64;
        Judged::Values(candidates.iter().map(|expr| self.value(expr)).collect())
    }

    fn full(&mut self, candidates: &[Expr]) -> Judged<Worth> {
        if !(self.has_time)() {
            return Judged::Stop;
        }
        let worth = |value| Worth { value, by_set: Vec::new() };
        Judged::Values(candidates.iter().map(|expr| self.value(expr).map(worth)).collect())
    }

    fn full_cost(&self) -> f64 {
        1.0
    }
}

/// Without what it does as well without.
fn small(grammar: &Grammar, looker: &Looker<'_>, expr: &Expr) -> Expr {
    let (mut best, mut value) = (expr.clone(), looker.value(expr).unwrap_or(f64::NEG_INFINITY));
    let mut offers = vec![shrink::gathered(&best)];
    for _ in 0..SHRINKS {
        offers.retain(|offer| grammar.allows(offer) && offer.occurrences() < best.occurrences());
        let kept = offers.iter().filter_map(|offer| Some((looker.value(offer)?, offer)));
        let kept = kept.filter(|(worth, _)| *worth >= value - AS_GOOD).reduce(|a, b| if b.0 > a.0 { b } else { a });
        match kept {
            Some((worth, offer)) => (value, best) = (worth, offer.clone()),
            None if offers.is_empty() => {}
            None => break,
        }
        offers = shrink::smaller(grammar, &best);
    }
    best
}
