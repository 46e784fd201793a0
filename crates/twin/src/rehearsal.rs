//! What a formula for replicas is worth on a load: the one measure that every search for such a formula goes by, typed or in the
//! background.
//!
//! A [`Case`] is a load under a protocol. Where it has a tape it is rehearsed, hundreds of thousands of decisions a second and without
//! the controller; else the controller runs. Either way a run is two figures: its cost over the clairvoyant optimum's, and the share
//! of time under need in per cent. [`worth`] makes one number of runs beside those of whoever is to be beaten.
//!
//! It is for searching alone: what is found is judged by others, with the controller, on what nobody searched on.

use crate::backtest::{Between, Course, CourseError, Load, Supply};
use plimsoll_autoscale::Formula;
use plimsoll_autoscale::formula::tape::{Tape, Terms};
use plimsoll_model::scaling::{FormulaSpec, HeadroomSpec};
use plimsoll_model::spec::ScalingSpec;
use plimsoll_model::{MilliRps, Millis, Spec};

/// What a percentage point more of time under need costs, by the logarithm of the cost.
const PENALTY: f64 = 0.5;
/// Time under need that is aimed at while learning, over the rival's: on other loads it comes out higher.
const AIMED: f64 = 0.97;

/// Cost over the optimum's, and time under need in per cent.
pub type Figures = [f64; 2];

/// One run.
#[derive(Debug, Clone)]
pub struct Case {
    /// Of which load.
    pub name: String,
    /// Time from start to ready.
    pub startup: Millis,
    course: Course,
    /// Where it is only rehearsed.
    tape: Option<Tape>,
}

impl Case {
    /// One that the controller runs.
    #[must_use]
    pub const fn controlled(name: String, startup: Millis, course: Course) -> Self {
        Self { name, startup, course, tape: None }
    }

    /// One that is rehearsed: what is learnt of the load is worked out here, once. `per_replica` is what one replica takes when it is as
    /// busy as it should be, `scaling` what the service scales by.
    #[must_use]
    pub fn rehearsed(
        name: String,
        (load, course): (&Load, Course),
        per_replica: MilliRps,
        (prices, scaling): (&HeadroomSpec, &ScalingSpec),
    ) -> Self {
        let HeadroomSpec { price, price_keep } = *prices;
        let spec = FormulaSpec { name: String::new(), text: String::new(), price, price_keep };
        let protocol = course.protocol();
        let terms = Terms {
            tick: protocol.tick,
            age: protocol.metric_lag,
            startup: protocol.startup,
            per_replica,
            bounds: (protocol.replicas_min, protocol.replicas_max),
        };
        let rates = load.by_tick(protocol.tick, Between::Held);
        let tape = Some(Tape::record(&rates, load.start, terms, (&spec, scaling)));
        Self { name, startup: protocol.startup, course, tape }
    }

    /// The load with its terms.
    #[must_use]
    pub const fn course(&self) -> &Course {
        &self.course
    }

    /// What a formula comes to: rehearsed where there is a tape; else `spec`, which holds it, is run. None where it cannot be.
    #[must_use]
    pub fn run(&self, formula: &Formula, spec: &Spec) -> Option<Figures> {
        match self.tape {
            Some(_) => Some(self.rehearse(formula)),
            None => self.control(spec).ok(),
        }
    }

    /// What a formula comes to in a rehearsal; no number where nothing was recorded for one.
    #[must_use]
    pub fn rehearse(&self, formula: &Formula) -> Figures {
        let Some(tape) = &self.tape else { return [f64::NAN; 2] };
        let had = tape.rehearse(formula);
        let had = had.get(self.course.scored()).unwrap_or_default();
        self.figures(had.iter().map(|had| (had.ready, had.billed)))
    }

    /// What a policy comes to under the controller.
    ///
    /// # Errors
    /// [`CourseError`] as of [`Course::run`].
    pub fn control(&self, spec: &Spec) -> Result<Figures, CourseError> {
        let run = self.course.run(spec, None, &[], |_| {})?;
        Ok([run.card.over_optimum, run.card.elasticity.under_time_pct])
    }

    /// The same measure of any supply, as a rehearsal takes it.
    #[must_use]
    pub fn of_supply(&self, supply: &Supply) -> Figures {
        self.figures(supply.ready.iter().copied().zip(supply.billed.iter().copied()))
    }

    fn figures(&self, had: impl Iterator<Item = (u32, u32)> + Clone) -> Figures {
        let billed: u64 = had.clone().map(|(_, billed)| u64::from(billed)).sum();
        let optimum = (self.course.optimum().cost_ms as f64).max(1.0);
        let cost = billed as f64 * self.course.protocol().tick.0 as f64 / optimum;
        let (mut slots, mut under) = (0_u64, 0_u64);
        for (((ready, _), need), load) in had.zip(self.course.need()).zip(self.course.load()) {
            slots += u64::from(load.is_some());
            under += u64::from(load.is_some() && ready < *need);
        }
        [cost, 100.0 * under as f64 / slots.max(1) as f64]
    }
}

/// What runs are worth, each with its rival's figures: the mean logarithm of how much lower the cost is, less a price for more time under
/// need. More is better; above 0 beats the rivals.
#[must_use]
pub fn worth(runs: &[(Figures, Figures)]) -> f64 {
    let count = runs.len().max(1) as f64;
    let gain = runs.iter().map(|(run, rival)| libm::log(rival[0] / run[0].max(1e-9))).sum::<f64>() / count;
    // Each load by itself: less time under need on one does not make up for more on another.
    let over = runs.iter().map(|(run, rival)| (run[1] - AIMED * rival[1]).max(0.0)).sum::<f64>() / count;
    gain - PENALTY * over
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::Protocol;
    use plimsoll_autoscale::formula::HEADROOM;
    use plimsoll_model::Timestamp;

    fn case(values: &[f64]) -> Case {
        let load = Load::try_new(Timestamp(0), Millis(15_000), values, 1_000.0).unwrap();
        let protocol = Protocol { skip: Millis(0), capacity: MilliRps(10_000), ..Protocol::research(Millis(60_000)) };
        let course = Course::try_new(&load, Between::Held, protocol).unwrap();
        let per_replica = course.protocol().usable_capacity();
        let scaling = plimsoll_model::spec::ScalingSpec {
            policies: Vec::new(),
            capacity: None,
            tolerance: plimsoll_model::Permille(0),
            stabilization_up: Millis(0),
            stabilization_down: Millis(0),
            step_up_max: 100,
            step_down_max: 100,
            period: Millis(15_000),
            reserve: 0,
            reserve_share: plimsoll_model::Permille(0),
            reserve_burst: None,
            forecast: None,
            guard: plimsoll_model::scaling::GuardSpec::default(),
            vertical: None,
        };
        Case::rehearsed(
            "load".into(),
            (&load, course),
            per_replica,
            (&HeadroomSpec { price: 80, price_keep: 160 }, &scaling),
        )
    }

    #[test]
    fn a_wasteful_formula_is_worth_less_than_headroom_and_one_that_starves_too() {
        let wave: Vec<f64> = (0..600).map(|at| 60.0 + 30.0 * (f64::from(at) / 40.0).sin()).collect();
        let case = case(&wave);
        let figures = |text: &str| case.rehearse(&Formula::try_new(text).unwrap());
        let rival = figures(HEADROOM);
        let of = |text: &str| worth(&[(figures(text), rival)]);
        assert!(of("3 * needed") < -0.5 && of("needed") < 0.0, "{} {}", of("3 * needed"), of("needed"));
        let same = of(HEADROOM);
        assert!(same <= 0.0 && same > -0.05, "{same}");
        // A supply is measured as the rehearsal that had it.
        let held = case.course().held(20);
        let [cost, under] = case.of_supply(&held);
        assert!(cost > 1.0 && under == 0.0, "{cost} {under}");
    }

    #[test]
    fn without_a_tape_nothing_is_rehearsed() {
        let Case { name, startup, course, .. } = case(&[60.0; 40]);
        let bare = Case::controlled(name, startup, course);
        assert!(bare.rehearse(&Formula::try_new("needed").unwrap()).iter().all(|figure| figure.is_nan()));
    }
}
