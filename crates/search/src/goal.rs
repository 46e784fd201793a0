//! What is asked of a policy: one figure as good as can be, others held.
//!
//! Figures of a run come from the backtest's card; how those of several series are taken together is named (mean, median
//! or worst). Start-up times are never mixed: what is held has to hold at each, and the objective is the mean over them.

use plimsoll_twin::backtest::{Course, Run};
use std::fmt;

/// The figures of one run that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Cost over the clairvoyant optimum's: a price that short and long series share.
    pub price: f64,
    /// Share of time with fewer replicas than needed, percent.
    pub under_time: f64,
    /// Share of requests above what ready replicas may carry, percent.
    pub under_requests: f64,
    /// Mean response time in times of an idle replica's.
    pub response_time: f64,
    /// Busy share of the ready replicas' CPU, percent.
    pub utilisation: f64,
    /// Share of the load that ready replicas can carry, percent.
    pub throughput: f64,
    /// Starts and stops per hour.
    pub actions: f64,
}

/// A request that would take longer than this many times an idle replica's time is as good as lost, and counts as this.
const STRETCH_MAX: f64 = 30.0;

impl Figures {
    /// The figures of a run over its course.
    #[must_use]
    pub fn of(course: &Course, run: &Run) -> Self {
        Self {
            price: run.card.over_optimum,
            under_time: run.card.elasticity.under_time_pct,
            under_requests: run.card.under_requests_pct,
            response_time: stretch(course, &run.supply.ready),
            utilisation: run.card.utilisation_pct,
            throughput: run.card.served_pct,
            actions: run.card.actions_per_hour,
        }
    }
}

/// Mean over all requests of how much sharing a replica stretches them.
///
/// # Source
/// Processor sharing: the mean response time is the service time over 1 − utilisation, whatever the service times are
/// (L. Kleinrock, "Queueing Systems", volume 2, 1976, 4.4).
fn stretch(course: &Course, ready: &[u32]) -> f64 {
    let capacity = course.protocol().capacity.0 as f64;
    let (mut sum, mut requests) = (0.0, 0.0);
    for (rate, ready) in course.load().iter().zip(ready) {
        let Some(load) = rate.map(|rate| rate.0 as f64 / capacity) else { continue };
        let idle = 1.0 - load / f64::from(*ready).max(f64::MIN_POSITIVE);
        let stretched = if idle * STRETCH_MAX > 1.0 { 1.0 / idle } else { STRETCH_MAX };
        sum += stretched * load;
        requests += load;
    }
    if requests > 0.0 { sum / requests } else { 1.0 }
}

/// A figure by name.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// As it is typed.
    pub key: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether it is a share in percent.
    pub is_percent: bool,
    value: fn(&Figures) -> f64,
}

/// All of them.
pub const FIGURES: &[Figure] = &[
    Figure { key: "price", about: "cost over the clairvoyant optimum's", is_percent: false, value: |of| of.price },
    Figure {
        key: "under_time",
        about: "share of time with fewer replicas than needed",
        is_percent: true,
        value: |of| of.under_time,
    },
    Figure {
        key: "under_requests",
        about: "share of requests above what ready replicas may carry",
        is_percent: true,
        value: |of| of.under_requests,
    },
    Figure {
        key: "response_time",
        about: "mean response time in times of an idle replica's, by processor sharing",
        is_percent: false,
        value: |of| of.response_time,
    },
    Figure {
        key: "utilisation",
        about: "busy share of the ready replicas' CPU",
        is_percent: true,
        value: |of| of.utilisation,
    },
    Figure {
        key: "throughput",
        about: "share of the load that ready replicas can carry",
        is_percent: true,
        value: |of| of.throughput,
    },
    Figure { key: "actions", about: "starts and stops per hour", is_percent: false, value: |of| of.actions },
];

/// Figures by start-up time and, within one, by series.
pub type Measured = Vec<Vec<Figures>>;

/// How the figures of several series become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Over {
    /// Each series counts the same.
    #[default]
    Mean,
    /// The middle one.
    Median,
    /// The highest.
    Worst,
}

impl Over {
    fn of(self, values: &mut [f64]) -> f64 {
        values.sort_by(f64::total_cmp);
        match self {
            Self::Mean => values.iter().sum::<f64>() / values.len().max(1) as f64,
            Self::Median => plimsoll_stats::quantile_sorted(values, 0.5).unwrap_or(f64::NAN),
            Self::Worst => values.last().copied().unwrap_or(f64::NAN),
        }
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Worst => "worst",
        })
    }
}

/// Why a goal was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GoalError {
    /// Not `[mean|median|worst] FIGURE (<=|>=) NUMBER[%]`.
    #[error(
        "--hold {text:?}: {why}; write [mean|median|worst] FIGURE <= NUMBER[%], or NUMBER * start for the present policy's \
         figure, with one of {}",
        keys()
    )]
    Form {
        /// What was typed.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// Nothing keeps the objective from an absurd end.
    #[error("--objective {objective} with nothing held ends at {end}: add a --hold, such as --hold '{example}'")]
    Unheld {
        /// The objective.
        objective: &'static str,
        /// Where it would end.
        end: &'static str,
        /// What could be held.
        example: &'static str,
    },
}

fn keys() -> String {
    FIGURES.iter().map(|figure| figure.key).collect::<Vec<_>>().join(", ")
}

/// What is made as good as can be.
#[derive(Debug, Clone, Copy)]
pub struct Objective {
    /// The figure.
    pub figure: &'static Figure,
    /// More of it is better.
    pub is_gain: bool,
    /// Over the series.
    pub over: Over,
}

/// What can be asked for: name, figure, whether more is better, where it ends when nothing is held, and what could be.
const OBJECTIVES: &[(&str, &str, bool, &str, &str)] = &[
    ("price", "price", false, "no replicas at all", "under_time <= 0.5%"),
    ("response-time", "response_time", false, "replicas without number", "price <= 1.0 * start"),
    ("utilisation", "utilisation", true, "no replicas at all", "under_time <= 0.5%"),
    ("throughput", "throughput", true, "replicas without number", "price <= 1.0 * start"),
];

impl Objective {
    /// The objective of that name, over series as named; `holds` is how many things are held.
    ///
    /// # Errors
    /// [`GoalError::Unheld`] where nothing is.
    ///
    /// # Panics
    /// Never for the four names that there are.
    pub fn try_new(name: &str, over: Over, holds: usize) -> Result<Self, GoalError> {
        let found = OBJECTIVES.iter().find(|row| row.0 == name);
        let (objective, key, is_gain, end, example) = *found.expect("invariant: an objective is one of the four");
        if holds == 0 {
            return Err(GoalError::Unheld { objective, end, example });
        }
        let figure = FIGURES.iter().find(|figure| figure.key == key).expect("invariant: its figure is listed");
        Ok(Self { figure, is_gain, over })
    }

    /// Its figure, the mean over start-up times.
    #[must_use]
    pub fn value(&self, measured: &Measured) -> f64 {
        let values = by_startup(self.figure, self.over, measured);
        values.iter().sum::<f64>() / values.len().max(1) as f64
    }

    /// The same so that less is better.
    #[must_use]
    pub fn loss(&self, measured: &Measured) -> f64 {
        if self.is_gain { -self.value(measured) } else { self.value(measured) }
    }
}

/// The figure of each start-up time over its series.
#[must_use]
pub fn by_startup(figure: &Figure, over: Over, measured: &Measured) -> Vec<f64> {
    measured.iter().map(|series| over.of(&mut series.iter().map(figure.value).collect::<Vec<_>>())).collect()
}

/// What is held.
#[derive(Debug, Clone)]
pub struct Hold {
    /// As it was typed.
    pub text: String,
    /// The figure.
    pub figure: &'static Figure,
    /// Over the series.
    pub over: Over,
    is_least: bool,
    bound: f64,
    is_of_start: bool,
}

impl Hold {
    /// Reads `[mean|median|worst] FIGURE (<=|>=) NUMBER[%]` or `… NUMBER * start`.
    ///
    /// # Errors
    /// [`GoalError::Form`].
    pub fn read(text: &str) -> Result<Self, GoalError> {
        let wrong = |why: String| GoalError::Form { text: text.to_owned(), why };
        let split =
            ["<=", ">="].iter().find_map(|sign| text.split_once(sign).map(|(left, right)| (left, *sign, right)));
        let (left, sign, right) = split.ok_or_else(|| wrong("there is no <= or >= in it".to_owned()))?;
        let mut words = left.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        let (over, key) = match (first, second) {
            (key, None) => (Over::Mean, key),
            ("mean", Some(key)) => (Over::Mean, key),
            ("median", Some(key)) => (Over::Median, key),
            ("worst", Some(key)) => (Over::Worst, key),
            (word, Some(_)) => return Err(wrong(format!("{word:?} is not mean, median or worst"))),
        };
        let figure = FIGURES.iter().find(|figure| figure.key == key && words.next().is_none());
        let figure = figure.ok_or_else(|| wrong(format!("{key:?} is no figure")))?;
        let (number, is_of_start) = match right.split_once('*') {
            Some((number, start)) if start.trim() == "start" => (number.trim(), true),
            Some((_, other)) => return Err(wrong(format!("{:?} is not `start`", other.trim()))),
            None => (right.trim(), false),
        };
        let digits = number.strip_suffix('%').map_or(number, str::trim);
        if digits != number && (is_of_start || !figure.is_percent) {
            return Err(wrong(format!("{key} is not compared with a percentage")));
        }
        let bound = digits.parse::<f64>().ok().filter(|bound| bound.is_finite() && *bound >= 0.0);
        let bound = bound.ok_or_else(|| wrong(format!("{number:?} is no number from 0")))?;
        Ok(Self { text: text.trim().to_owned(), figure, over, is_least: sign == ">=", bound, is_of_start })
    }

    /// Its figure where it is worst among the start-up times.
    #[must_use]
    pub fn value(&self, measured: &Measured) -> f64 {
        let values = by_startup(self.figure, self.over, measured);
        // A figure that is no number is no figure that holds: it must not be passed over.
        let worse = |a: f64, b: f64| match (self.is_least, a.is_nan() || b.is_nan()) {
            (_, true) => f64::NAN,
            (true, false) => a.min(b),
            (false, false) => a.max(b),
        };
        values.into_iter().reduce(worse).unwrap_or(f64::NAN)
    }

    /// The same so that less is better.
    #[must_use]
    pub fn loss(&self, measured: &Measured) -> f64 {
        if self.is_least { -self.value(measured) } else { self.value(measured) }
    }

    /// Its bound, where the present policy was measured as `start`.
    #[must_use]
    pub fn bound(&self, start: &Measured) -> f64 {
        if self.is_of_start { self.bound * self.value(start) } else { self.bound }
    }

    /// By how much it is broken, as a share of the bound; 0 where it holds. `loosened` widens the bound by a factor.
    #[must_use]
    pub fn violation(&self, measured: &Measured, start: &Measured, loosened: f64) -> f64 {
        let bound = self.bound(start);
        let (bound, value) = (if self.is_least { bound / loosened } else { bound * loosened }, self.value(measured));
        let by = if self.is_least { bound - value } else { value - bound };
        if by.is_nan() { f64::INFINITY } else { by.max(0.0) / bound.abs().max(0.01) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(values: &[(f64, f64)]) -> Measured {
        vec![
            values
                .iter()
                .map(|(price, under_time)| Figures { price: *price, under_time: *under_time, ..Figures::default() })
                .collect(),
        ]
    }

    #[test]
    fn what_is_held_is_read_and_what_is_none_is_refused_with_the_reason() {
        let hold = Hold::read("median under_time <= 0.5%").unwrap();
        assert_eq!((hold.over, hold.figure.key), (Over::Median, "under_time"));
        let [low, high] = [measured(&[(1.0, 0.4), (1.0, 9.0), (1.0, 0.5)]), measured(&[(1.0, 1.0)])];
        assert_eq!(hold.violation(&low, &low, 1.0), 0.0);
        assert_eq!(hold.violation(&high, &low, 1.0), 1.0, "twice the bound is broken by all of it");
        assert_eq!(hold.violation(&high, &low, 2.0), 0.0);
        let both: Measured = low.iter().chain(&high).cloned().collect();
        assert_eq!(hold.value(&both), 1.0, "the worse start-up time counts");
        for (text, why) in [
            ("under_time", "there is no <= or >="),
            ("cost <= 1", "\"cost\" is no figure"),
            ("price <= 5%", "price is not compared with a percentage"),
            ("price <= x", "\"x\" is no number"),
            ("best price <= 1", "\"best\" is not mean"),
            ("price <= 2 * before", "\"before\" is not `start`"),
            ("price <= -1", "\"-1\" is no number from 0"),
        ] {
            let error = Hold::read(text).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("under_requests"), "{error}");
        }
    }

    #[test]
    fn a_bound_may_be_the_present_policys_figure_and_a_floor_is_broken_from_below() {
        let start = measured(&[(1.2, 1.0)]);
        let hold = Hold::read("price <= 1.1 * start").unwrap();
        assert!((hold.bound(&start) - 1.32).abs() < 1e-9);
        let floor = Hold::read("worst price >= 1.5").unwrap();
        assert!((floor.violation(&start, &start, 1.0) - 0.2).abs() < 1e-9);
        assert_eq!(floor.loss(&start), -1.2);
        assert!(floor.violation(&measured(&[(f64::NAN, 0.0)]), &start, 1.0).is_infinite());
    }

    #[test]
    fn an_objective_with_nothing_held_is_refused_with_what_could_be() {
        let error = Objective::try_new("price", Over::Mean, 0).unwrap_err().to_string();
        assert!(error.contains("no replicas at all") && error.contains("under_time <= 0.5%"), "{error}");
        for (name, ..) in OBJECTIVES {
            let objective = Objective::try_new(name, Over::Mean, 1).unwrap();
            let of = measured(&[(1.0, 2.0)]);
            assert_eq!(
                objective.loss(&of),
                if objective.is_gain { -objective.value(&of) } else { objective.value(&of) }
            );
        }
    }
}
