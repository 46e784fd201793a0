//! What starts a look at a service: its turn, drift, or a burning objective; with the numbers that say so.
//!
//! Pure: a history, what is known of earlier looks, and the pace go in, an [`Occasion`] or none comes out. A look costs a proof
//! or several and perhaps a model's answer, so the rate is bounded whatever happens: never two looks within
//! [`Pace::rest_ms`], and at most [`Pace::extra_max`] between two turns that are none.
//!
//! *Drift* is a figure whose newest values are far from those before them and that no load explains by itself: what a request
//! costs, how long it takes, and a load outside everything that was seen. Rate as such drifts every evening. *Burning* is the
//! error budget used up faster than it is given, over a short and over a long window at once: the short one so that what is
//! over asks for nothing, the long one so that one bad sample does not.
//!
//! # Source
//! Burn by two windows: Google, "The Site Reliability Workbook", 2018, ch. 5. Median and median absolute deviation: P. J. Rousseeuw
//! and C. Croux, "Alternatives to the median absolute deviation", JASA 88, 1993.

use crate::history::{History, Sample};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Newest samples whose median is compared,
const NEWEST: usize = 24;
/// with so many before them at most,
const BEFORE_MAX: usize = 480;
/// and so many at least.
const BEFORE_MIN: usize = 48;
/// Deviations (as standard deviations of a normal law) that are drift,
const DEVIATIONS: f64 = 6.0;
/// if the medians differ by this share as well: a figure that hardly scatters drifts at a whisper.
const SHARE: f64 = 0.3;
/// A load is outside of what was seen when it is above its most by this share, or below its least.
const OUTSIDE: f64 = 0.5;
/// Median absolute deviation to standard deviation, for a normal law.
const NORMAL: f64 = 1.4826;
/// Samples of the short window of a burn,
const SHORT: usize = 5;
/// and of the long one.
const LONG: usize = 30;

/// Why a service is looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Occasion {
    /// It is its turn.
    Schedule {
        /// Since the last look, ms; none for the first.
        since_ms: Option<u64>,
        /// The time between two turns, ms.
        every_ms: u64,
    },
    /// A figure is far from what it was.
    Drift {
        /// Which.
        figure: Figure,
        /// Its median before.
        before: f64,
        /// Its median now.
        now: f64,
        /// How far apart, in standard deviations of what was before; none for a load outside of all that was seen.
        deviations: Option<f64>,
        /// Samples before.
        samples: usize,
    },
    /// More fails than may.
    Burn {
        /// Share that failed in the newest samples.
        short: f64,
        /// Share that failed over a longer time.
        long: f64,
        /// What may.
        failed_max: f64,
    },
}

/// A figure that can drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// CPU seconds of a request.
    CpuPerRequest,
    /// Median latency, ms.
    LatencyMs,
    /// Requests per second.
    RatePerS,
}

impl Figure {
    const fn words(self) -> &'static str {
        match self {
            Self::CpuPerRequest => "CPU seconds per request",
            Self::LatencyMs => "median latency in ms",
            Self::RatePerS => "requests per second",
        }
    }
}

impl Occasion {
    /// In a word, as metrics and journals name it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Schedule { .. } => "schedule",
            Self::Drift { .. } => "drift",
            Self::Burn { .. } => "burn",
        }
    }

    /// All the words.
    pub const WORDS: [&'static str; 3] = ["schedule", "drift", "burn"];
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schedule { since_ms: None, .. } => f.write_str("the first look"),
            Self::Schedule { since_ms: Some(since), every_ms } => {
                write!(f, "its turn: {since} ms since the last look, one every {every_ms} ms")
            }
            Self::Drift { figure, before, now, deviations: Some(deviations), samples } => write!(
                f,
                "drift: {} {now:.4} instead of {before:.4}, {deviations:.1} deviations over {samples} samples",
                figure.words()
            ),
            Self::Drift { figure, before, now, deviations: None, samples } => write!(
                f,
                "drift: {} {now:.4}, outside of all {samples} samples before (median {before:.4})",
                figure.words()
            ),
            Self::Burn { short, long, failed_max } => write!(
                f,
                "burning: {:.2} % fail now and {:.2} % over a longer time, {:.2} % may",
                short * 100.0,
                long * 100.0,
                failed_max * 100.0
            ),
        }
    }
}

/// What may ask for a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    /// A turn.
    pub schedule: bool,
    /// A figure that drifts.
    pub drift: bool,
    /// A burn.
    pub burn: bool,
}

impl Kinds {
    /// All of them.
    pub const ALL: Self = Self { schedule: true, drift: true, burn: true };
}

/// How often a service may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one turn to the next, ms.
    pub every_ms: u64,
    /// No two looks are closer, ms.
    pub rest_ms: u64,
    /// Most looks between two turns; without turns, most in the time from one to the next.
    pub extra_max: u32,
    /// What may ask for one.
    pub kinds: Kinds,
}

/// What is known of the looks at a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looked {
    /// The last, whatever for.
    pub last_ms: Option<i64>,
    /// The last turn.
    pub turn_ms: Option<i64>,
    /// Looks since then that were none.
    pub extra: u32,
}

impl Looked {
    /// A look is taken.
    #[must_use]
    pub const fn at(self, now_ms: i64, occasion: &Occasion) -> Self {
        match occasion {
            Occasion::Schedule { .. } => Self { last_ms: Some(now_ms), turn_ms: Some(now_ms), extra: 0 },
            _ => Self { last_ms: Some(now_ms), turn_ms: self.turn_ms, extra: self.extra.saturating_add(1) },
        }
    }
}

/// Why a service is to be looked at now, if it is. `failed_max` is the share of requests that may fail. A burn is named before
/// drift, and drift before a turn.
#[must_use]
pub fn occasion(history: &History, looked: Looked, now_ms: i64, pace: Pace, failed_max: f64) -> Option<Occasion> {
    let since = |at: Option<i64>| at.map(|at| u64::try_from(now_ms.saturating_sub(at)).unwrap_or(0));
    let since_last = since(looked.last_ms);
    let Kinds { schedule, .. } = pace.kinds;
    // Without turns nothing counts the looks between two, so they keep a distance that comes to the same.
    let apart = if schedule { 0 } else { pace.every_ms / u64::from(pace.extra_max.max(1)) };
    if since_last.is_some_and(|since| since < pace.rest_ms.min(pace.every_ms).max(apart)) {
        return None;
    }
    // Without a first look nothing is known that could have drifted or be news; where there is no turn, nothing else begins.
    let may_be_extra =
        if schedule { looked.last_ms.is_some() && looked.extra < pace.extra_max } else { pace.extra_max > 0 };
    let burns = || if pace.kinds.burn { burn(history, failed_max) } else { None };
    let drifts = || if pace.kinds.drift { drift(history) } else { None };
    let extra = || burns().or_else(drifts);
    if may_be_extra && let Some(found) = extra() {
        return Some(found);
    }
    let since_turn = since(looked.turn_ms);
    let is_turn = schedule && since_turn.is_none_or(|since| since >= pace.every_ms);
    is_turn.then_some(Occasion::Schedule { since_ms: since_turn, every_ms: pace.every_ms })
}

fn burn(history: &History, failed_max: f64) -> Option<Occasion> {
    let share = |newest: usize| {
        let from = history.samples.len().saturating_sub(newest);
        let (mut failed, mut arrived) = (0.0, 0.0);
        for sample in &history.samples[from..] {
            let (Some(rate), Some(fails)) = (sample.rate_per_s, sample.failed_per_s) else { continue };
            // What fails has arrived, in this sample or before it.
            arrived += rate.max(fails);
            failed += fails;
        }
        if arrived > 0.0 { failed / arrived } else { 0.0 }
    };
    let (short, long) = (share(SHORT), share(LONG));
    (short > failed_max && long > failed_max).then_some(Occasion::Burn { short, long, failed_max })
}

fn drift(history: &History) -> Option<Occasion> {
    let newest = history.samples.len().checked_sub(NEWEST)?;
    let (past, present) = history.samples.split_at(newest);
    let past = &past[past.len().saturating_sub(BEFORE_MAX)..];
    let cost = |sample: &Sample| Some(sample.cpu_cores? / sample.rate_per_s.filter(|rate| *rate > 0.0)?);
    let latency = |sample: &Sample| sample.latency_p50_ms;
    scattered(Figure::CpuPerRequest, past, present, cost)
        .or_else(|| scattered(Figure::LatencyMs, past, present, latency))
        .or_else(|| outside(past, present))
}

/// A figure whose newest median is far from that before, measured by how the figure scattered then.
fn scattered(
    figure: Figure,
    past: &[Sample],
    present: &[Sample],
    of: impl Fn(&Sample) -> Option<f64>,
) -> Option<Occasion> {
    let (before, samples) = median(past, &of, BEFORE_MIN)?;
    let (now, _) = median(present, &of, NEWEST / 2)?;
    let (deviation, _) = median(past, |sample| of(sample).map(|value| (value - before).abs()), BEFORE_MIN)?;
    let apart = (now - before).abs();
    // The medians of few samples scatter, too; a fifth of the value's own scale keeps a constant figure from dividing by 0.
    let scale = (deviation * NORMAL).max(before.abs() / 20.0).max(f64::MIN_POSITIVE);
    let deviations = apart / scale;
    let is_far = deviations >= DEVIATIONS && apart >= SHARE * before.abs();
    is_far.then_some(Occasion::Drift { figure, before, now, deviations: Some(deviations), samples })
}

/// A load that is far above, or below, everything before.
fn outside(past: &[Sample], present: &[Sample]) -> Option<Occasion> {
    let rate = |sample: &Sample| sample.rate_per_s;
    let (before, samples) = median(past, rate, BEFORE_MIN)?;
    let (now, _) = median(present, rate, NEWEST / 2)?;
    let ends =
        past.iter().filter_map(rate).fold((f64::INFINITY, 0.0_f64), |(low, high), it| (low.min(it), high.max(it)));
    let is_outside = now > ends.1 * (1.0 + OUTSIDE) || now < ends.0 / (1.0 + OUTSIDE);
    is_outside.then_some(Occasion::Drift { figure: Figure::RatePerS, before, now, deviations: None, samples })
}

/// The median of what was measured, and of how many samples; none of fewer than `least`.
fn median(samples: &[Sample], of: impl Fn(&Sample) -> Option<f64>, least: usize) -> Option<(f64, usize)> {
    let mut values: Vec<f64> = samples.iter().filter_map(of).filter(|value| value.is_finite()).collect();
    if values.len() < least.max(1) {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    Some(((low + high) / 2.0, values.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Configured;
    use proptest::prelude::*;

    const PACE: Pace = Pace { every_ms: 3_600_000, rest_ms: 360_000, extra_max: 2, kinds: Kinds::ALL };

    fn history(samples: usize, of: impl Fn(usize) -> Sample) -> History {
        History {
            service: "web".into(),
            start_ms: 0,
            step_ms: 15_000,
            configured: Configured::default(),
            samples: (0..samples).map(of).collect(),
            events: Vec::new(),
            decisions: Vec::new(),
            forecasts: Vec::new(),
        }
    }

    /// A day's wave of load with some scatter; each request costs `cost` CPU seconds and takes `ms`.
    fn wave(index: usize, cost: f64, ms: f64) -> Sample {
        let rate = 100.0 + 60.0 * (index as f64 / 40.0).sin() + (index * 7 % 11) as f64;
        let scatter = 1.0 + (index * 13 % 7) as f64 / 50.0;
        Sample {
            rate_per_s: Some(rate),
            cpu_cores: Some(rate * cost * scatter),
            latency_p50_ms: Some(ms * scatter),
            failed_per_s: Some(0.0),
            ..Sample::default()
        }
    }

    const LATER: Looked = Looked { last_ms: Some(0), turn_ms: Some(0), extra: 0 };

    fn at(history: &History, looked: Looked, now_ms: i64) -> Option<String> {
        occasion(history, looked, now_ms, PACE, 0.01).map(|it| it.to_string())
    }

    #[test]
    fn a_turn_comes_by_the_clock_and_first_of_all() {
        let plain = history(400, |index| wave(index, 0.01, 20.0));
        assert_eq!(at(&plain, Looked::default(), 5).unwrap(), "the first look");
        assert_eq!(at(&plain, LATER, 3_599_999), None);
        assert_eq!(
            at(&plain, LATER, 3_600_000).unwrap(),
            "its turn: 3600000 ms since the last look, one every 3600000 ms"
        );
    }

    #[test]
    fn what_a_request_costs_and_takes_drifts_and_a_wave_of_load_does_not() {
        for (index, expected) in [
            (
                history(400, |index| wave(index, if index < 376 { 0.01 } else { 0.02 }, 20.0)),
                "CPU seconds per request 0.02",
            ),
            (history(400, |index| wave(index, 0.01, if index < 376 { 20.0 } else { 60.0 })), "median latency in ms 6"),
            (
                history(400, |index| {
                    let times = if index < 376 { 1.0 } else { 4.0 };
                    let plain = wave(index, 0.01, 20.0);
                    let more = |value: Option<f64>| value.map(|value| value * times);
                    Sample { rate_per_s: more(plain.rate_per_s), cpu_cores: more(plain.cpu_cores), ..plain }
                }),
                "outside of all 376 samples",
            ),
        ] {
            let said = at(&index, LATER, 400_000).unwrap();
            assert!(said.starts_with("drift: ") && said.contains(expected), "{said}");
        }
        // Not one that was there all the time, and not one of a figure that was not measured before.
        for start in (100..400).step_by(20) {
            let slice = history(start, |index| wave(index, 0.01, 20.0));
            assert_eq!(at(&slice, LATER, 400_000), None, "{start}");
        }
        let unmeasured = history(400, |index| if index < 376 { Sample::default() } else { wave(index, 0.02, 20.0) });
        assert_eq!(at(&unmeasured, LATER, 400_000), None);
    }

    #[test]
    fn a_burn_needs_both_windows() {
        let failing = |from: usize, until: usize, share: f64| {
            history(400, move |index| {
                let plain = wave(index, 0.01, 20.0);
                let fails =
                    if (from..until).contains(&index) { plain.rate_per_s.map(|rate| rate * share) } else { Some(0.0) };
                Sample { failed_per_s: fails, ..plain }
            })
        };
        let said = at(&failing(380, 400, 0.05), LATER, 400_000).unwrap();
        assert!(said.starts_with("burning: 5.00 % fail now and 3.") && said.ends_with("1.00 % may"), "{said}");
        assert_eq!(at(&failing(370, 390, 0.9), LATER, 400_000), None, "what is over");
        assert_eq!(at(&failing(399, 400, 0.04), LATER, 400_000), None, "one bad sample");
    }

    #[test]
    fn the_rate_is_bounded_whatever_happens() {
        let burning = history(400, |index| Sample { failed_per_s: Some(50.0), ..wave(index, 0.01, 20.0) });
        let (mut looked, mut looks) = (Looked::default(), Vec::new());
        for now_ms in (0..4 * 3_600_000).step_by(15_000) {
            if let Some(found) = occasion(&burning, looked, now_ms, PACE, 0.01) {
                looks.push((now_ms, found.word()));
                looked = looked.at(now_ms, &found);
            }
        }
        // One turn and two more an hour.
        assert_eq!(looks.len(), 12, "{looks:?}");
        assert!(looks.windows(2).all(|two| two[1].0 - two[0].0 >= 360_000), "{looks:?}");
        assert_eq!(looks.iter().filter(|(_, word)| *word == "burn").count(), 8);
    }

    #[test]
    fn only_what_may_ask_does_and_without_turns_the_rate_is_bounded_too() {
        let burning = history(400, |index| Sample { failed_per_s: Some(50.0), ..wave(index, 0.01, 20.0) });
        let words = |kinds: Kinds| {
            let pace = Pace { kinds, ..PACE };
            let (mut looked, mut words) = (Looked::default(), Vec::new());
            for now_ms in (0..2 * 3_600_000).step_by(15_000) {
                if let Some(found) = occasion(&burning, looked, now_ms, pace, 0.01) {
                    words.push(found.word());
                    looked = looked.at(now_ms, &found);
                }
            }
            words
        };
        let none = Kinds { schedule: false, drift: false, burn: false };
        assert_eq!(words(none), Vec::<&str>::new());
        assert_eq!(words(Kinds { schedule: true, ..none }), ["schedule"; 2]);
        assert_eq!(words(Kinds { drift: true, ..none }), Vec::<&str>::new(), "it burns and does not drift");
        assert_eq!(words(Kinds { burn: true, ..none }), ["burn"; 4], "two an hour, without a turn");
    }

    proptest! {
        #[test]
        fn no_history_at_all_makes_it_stumble(values in prop::collection::vec((any::<f64>(), any::<f64>(), any::<f64>(), any::<f64>()), 0..120), now in any::<i64>()) {
            let all = history(values.len(), |index| {
                let (rate, cpu, latency, failed) = values[index];
                Sample { rate_per_s: Some(rate), cpu_cores: Some(cpu), latency_p50_ms: Some(latency), failed_per_s: Some(failed), ..Sample::default() }
            });
            let found = occasion(&all, LATER, now, PACE, 0.01);
            prop_assert!(found.is_none_or(|it| serde_json::to_string(&it).is_ok()));
        }
    }
}
