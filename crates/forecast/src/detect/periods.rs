//! The seasons of a series: how long they are, and why others are not.
//!
//! Candidates come from the caller (a day, a week: what the calendar suggests), the periodogram and the autocorrelation.
//! Each is then judged in the time domain on whole cycles: does a cycle, smoothed to a fine grid and freed of what is
//! slower, look like the next one, more than chance and more than at any period nearby? Shortest first; a longer one has to
//! show a pattern of its own in what the shorter ones leave.
//!
//! # Source
//! M. Vlachos, P. Yu, V. Castelli, "On Periodicity Detection and Structural Periodicity", SDM 2005 (periodogram proposes,
//! autocorrelation confirms); M. S. Bartlett, "On the Theoretical Specification and Sampling Properties of
//! Autocorrelated Time-Series", 1946 (what chance reaches).

use super::repeats::{Repeat, correlation, prepared, repeat, without};
use super::spectrum::proposals;
use plimsoll_stats::quantile;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Weakest correlation from cycle to cycle that a season has: below, its forecast gains less than a tenth.
const STRENGTH_MIN: f64 = 0.3;
/// A length that only the series proposes has to be stronger than chance, but never than this: few cycles of a smooth
/// series could look alike by chance however alike they are.
const CHANCE_MAX: f64 = 0.6;
/// And it has to be there so often.
const PROPOSED_CYCLES_MIN: usize = 3;
/// Least share of the whole variance that a season explains.
const SHARE_MIN: f64 = 0.02;
/// A season repeats clearly better at a multiple of a length: then this is a part of it and no season.
const PART_MAX: f64 = 0.6;
/// Lengths that differ by at most this share are one.
const SAME: f64 = 0.01;
/// A proposed length moves to the peak of its own test when that is at most this share away.
const MOVED_MAX: f64 = 0.05;
/// A longer length is a multiple of a shorter one when it misses by at most this share of the shorter one.
const MULTIPLE: f64 = 0.1;

/// Why a length is no season.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// There are not two whole cycles of it.
    TooFewCycles,
    /// Nothing varies, or nothing but a straight line.
    Constant,
    /// One cycle does not look enough like the next one: this correlation would have been needed.
    Weak {
        /// The correlation that would have been enough.
        needed: f64,
    },
    /// It repeats, and is too small a part of what varies.
    Small {
        /// The share of the variance that would have been enough.
        needed: f64,
    },
    /// It looks like itself better at another length nearby.
    NotAPeak {
        /// That length in steps.
        at: usize,
    },
    /// Cycles of a multiple look clearly more alike, so that this is a part of that.
    PartOf {
        /// The longer season in steps.
        longer: usize,
    },
    /// It repeats because a shorter season does, and has nothing of its own worth the name.
    MultipleOf {
        /// The shorter season in steps.
        shorter: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewCycles => write!(f, "fewer than two whole cycles are there"),
            Self::Constant => write!(f, "nothing varies but a straight line"),
            Self::Weak { needed } => write!(f, "one cycle is too unlike the next ({needed:.2} would be needed)"),
            Self::Small { needed } => write!(f, "it is too small (less than {:.0} % of what varies)", needed * 100.0),
            Self::NotAPeak { at } => write!(f, "{at} steps nearby fit better"),
            Self::PartOf { longer } => write!(f, "it is a part of the season of {longer} steps"),
            Self::MultipleOf { shorter } => write!(f, "it repeats, but only as the season of {shorter} steps does"),
        }
    }
}

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is a season.
    Found,
    /// It is none.
    Refused(Refusal),
}

/// A length that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// In steps.
    pub period: usize,
    /// Whole cycles that there are.
    pub cycles: usize,
    /// Correlation of a cycle with the next one, -1 to 1, after the shorter seasons were taken away: over all cycles or
    /// of the median pair, whichever is less. 0 without two cycles.
    pub strength: f64,
    /// Share of the whole variance that it explains.
    pub share: f64,
    /// Whether it is a season.
    pub verdict: Verdict,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Periods {
    /// Shortest first.
    pub candidates: Vec<Candidate>,
}

impl Periods {
    /// The seasons in steps, shortest first, as [`crate::Data::seasons`] takes them.
    #[must_use]
    pub fn found(&self) -> Vec<usize> {
        self.candidates.iter().filter(|one| one.verdict == Verdict::Found).map(|one| one.period).collect()
    }

    /// Whether the series repeats after so many steps: a season found, or a multiple of one.
    #[must_use]
    pub fn repeats_at(&self, period: usize) -> bool {
        self.found().into_iter().any(|found| period.is_multiple_of(found))
    }
}

/// Looks for seasons in `values` (oldest first, NaN for a gap). `hints` are lengths in steps that are judged in any case;
/// others are proposed by the series itself, and need more evidence: what the calendar suggests is likely before one
/// looks, any other length is one of many that chance could pick.
///
/// O(n log n) per candidate, and at most 16 candidates beside the hints.
#[must_use]
pub fn periods(values: &[f64], hints: &[usize]) -> Periods {
    let clean = cleaned(values);
    let mut lengths: Vec<Length> =
        hints.iter().filter(|hint| **hint >= 2).map(|hint| Length { steps: *hint, hinted: true }).collect();
    lengths.sort_unstable();
    lengths.dedup();
    for steps in clean.as_deref().map(proposals).unwrap_or_default() {
        if !lengths.iter().any(|known| is_same(known.steps, steps)) {
            lengths.push(Length { steps, hinted: false });
        }
    }
    lengths.sort_unstable();
    let mut judge = Judge { total: square(clean.as_deref()), rest: clean.clone(), clean, lengths, judged: Vec::new() };
    for length in judge.lengths.clone() {
        judge.judge(length);
    }
    Periods { candidates: judge.judged }
}

/// A length to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Length {
    steps: usize,
    /// Whether the caller named it.
    hinted: bool,
}

fn is_same(known: usize, other: usize) -> bool {
    known.abs_diff(other) as f64 <= SAME * known as f64
}

/// Mean square of what was measured.
fn square(values: Option<&[f64]>) -> f64 {
    let measured = || values.unwrap_or_default().iter().filter(|value| value.is_finite());
    measured().map(|value| value * value).sum::<f64>() / measured().count().max(1) as f64
}

/// The series around its straight line, in units of its spread, its extremes (one in 200 on either side) cut off; none
/// when nothing is left.
fn cleaned(values: &[f64]) -> Option<Vec<f64>> {
    let measured: Vec<(f64, f64)> = (values.iter().enumerate())
        .filter(|(_, value)| value.is_finite())
        .map(|(index, value)| (index as f64, *value))
        .collect();
    let largest = measured.iter().fold(0.0, |largest: f64, (_, value)| largest.max(value.abs()));
    let count = measured.len() as f64;
    if measured.len() < 4 || largest == 0.0 {
        return None;
    }
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| measured.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(&|pair| pair.0), mean(&|pair| pair.1 / largest));
    let slope = mean(&|pair| (pair.0 - x) * (pair.1 / largest - y)) / mean(&|pair| (pair.0 - x) * (pair.0 - x));
    let rest = |index: usize, value: f64| value / largest - y - slope * (index as f64 - x);
    let mut sorted: Vec<f64> = measured.iter().map(|(at, value)| rest(*at as usize, *value)).collect();
    quantile::sort(&mut sorted);
    let (low, high) = (quantile::quantile_sorted(&sorted, 0.005)?, quantile::quantile_sorted(&sorted, 0.995)?);
    // Rounding alone leaves about 1e-16 of the largest value.
    if sorted.iter().all(|value| value.abs() < 1e-12) || low >= high {
        return None;
    }
    let unit = high - low;
    let clip = |(index, value): (usize, &f64)| {
        if value.is_finite() { rest(index, *value).clamp(low, high) / unit } else { f64::NAN }
    };
    Some(values.iter().enumerate().map(clip).collect())
}

/// Judges candidates, shortest first.
struct Judge {
    /// The series, and what the seasons found so far leave of it; none when nothing varies.
    clean: Option<Vec<f64>>,
    rest: Option<Vec<f64>>,
    /// Mean square of the series.
    total: f64,
    lengths: Vec<Length>,
    judged: Vec<Candidate>,
}

impl Judge {
    fn judge(&mut self, length: Length) {
        let (Some(clean), Some(rest)) = (&self.clean, &self.rest) else {
            return self.refuse(length.steps, 0, Refusal::Constant);
        };
        if !length.hinted && self.judged.iter().any(|one| is_same(one.period, length.steps)) {
            return; // Another proposal moved here.
        }
        let cycles = clean.len() / length.steps;
        if cycles < 2 || (!length.hinted && cycles < PROPOSED_CYCLES_MIN) {
            return self.refuse(length.steps, cycles, Refusal::TooFewCycles);
        }
        let (mut period, mut own) = (length.steps, repeat(rest, length.steps));
        if !length.hinted {
            (period, own) = self.moved(rest, period, own);
            if clean.len() / period < PROPOSED_CYCLES_MIN || (period != length.steps && self.is_known(period)) {
                return;
            }
        }
        let share = own.strength.max(0.0) * own.square / self.total;
        let verdict = match self.refusal(rest, period, length.hinted, &own, share) {
            Some(refusal) => Verdict::Refused(refusal),
            None => Verdict::Found,
        };
        if verdict == Verdict::Found {
            self.rest = Some(without(rest, period));
        }
        self.judged.push(Candidate { period, cycles, strength: own.strength, share, verdict });
    }

    /// Where a proposed length moves: to the peak of its test if that is near, and from there to the nearest multiple of
    /// the longest season found if it is hardly worse, because seasons of calendars nest.
    fn moved(&self, rest: &[f64], period: usize, own: Repeat) -> (usize, Repeat) {
        let is_near = |other: usize| other != period && other.abs_diff(period) as f64 <= MOVED_MAX * period as f64;
        let shorter = self.judged.iter().rfind(|one| one.verdict == Verdict::Found).map_or(1, |one| one.period);
        let nested = (2 * own.peak + shorter) / (2 * shorter) * shorter;
        let places = [nested, own.peak].into_iter().filter(|place| is_near(*place) && 2 * place <= rest.len());
        let mut tried = places.map(|place| (place, repeat(rest, place)));
        tried.find(|(_, there)| there.is_peak).unwrap_or((period, own))
    }

    fn refuse(&mut self, period: usize, cycles: usize, refusal: Refusal) {
        let verdict = Verdict::Refused(refusal);
        self.judged.push(Candidate { period, cycles, strength: 0.0, share: 0.0, verdict });
    }

    /// Whether a length was judged already, or will be because the caller named it.
    fn is_known(&self, period: usize) -> bool {
        self.judged.iter().any(|one| is_same(one.period, period))
            || self.lengths.iter().any(|length| length.hinted && is_same(length.steps, period))
    }

    fn refusal(&self, rest: &[f64], period: usize, hinted: bool, own: &Repeat, share: f64) -> Option<Refusal> {
        let needed = if hinted { STRENGTH_MIN } else { own.chance.clamp(STRENGTH_MIN, CHANCE_MAX) };
        let found = |one: &&Candidate| one.verdict == Verdict::Found && period.is_multiple_of(one.period);
        let weak = own.strength < needed || share < SHARE_MIN;
        let off = !own.is_peak && !is_same(period, own.peak);
        match self.judged.iter().rfind(found) {
            Some(shorter) if weak || off => Some(Refusal::MultipleOf { shorter: shorter.period }),
            _ if own.strength < needed => Some(Refusal::Weak { needed }),
            _ if weak => Some(Refusal::Small { needed: SHARE_MIN }),
            _ if off => Some(Refusal::NotAPeak { at: own.peak }),
            _ => self.longer(rest, period, own.strength).map(|longer| Refusal::PartOf { longer }),
        }
    }

    /// A multiple among the candidates at which cycles look clearly more alike.
    fn longer(&self, rest: &[f64], period: usize, strength: f64) -> Option<usize> {
        let clean = prepared(rest, period);
        // A proposed length is not exact, so a multiple of it is not either.
        let is_multiple = |longer: &usize| {
            let times = (2 * longer + period) / (2 * period);
            let off = longer.abs_diff(times * period) as f64;
            times >= 2 && off <= MULTIPLE * period as f64 && 2 * longer <= rest.len()
        };
        let mut multiples = self.lengths.iter().map(|length| length.steps).filter(is_multiple);
        multiples.find(|longer| strength < PART_MAX * correlation(&clean, *longer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    fn wave(index: usize, period: usize) -> f64 {
        libm::sin(std::f64::consts::TAU * (index % period) as f64 / period as f64)
    }

    fn noise(len: usize, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed);
        (0..len).map(|_| random.normal()).collect()
    }

    fn verdict(judged: &Periods, period: usize) -> Verdict {
        judged.candidates.iter().find(|one| one.period == period).unwrap().verdict
    }

    #[test]
    fn two_seasons_under_noise_and_a_trend_are_both_found() {
        for seed in 0..5 {
            let noise = noise(1_344, seed);
            let value = |i: usize| 100.0 + 0.05 * i as f64 + 4.0 * wave(i, 24) + 3.0 * wave(i, 168) + noise[i];
            let values: Vec<f64> = (0..1_344).map(value).collect();
            assert_eq!(periods(&values, &[24, 168]).found(), [24, 168], "seed {seed}");
            // Noise moves the blunt peak of a smooth week by a few hours.
            let found = periods(&values, &[]).found();
            assert!(found.len() == 2 && found[0] == 24 && found[1].abs_diff(168) <= 3, "seed {seed}: {found:?}");
        }
    }

    #[test]
    fn a_square_wave_has_one_season_and_its_parts_and_multiples_are_refused() {
        let values: Vec<f64> = (0..960).map(|i| if i % 24 < 8 { 1.0 } else { 0.0 }).collect();
        let judged = periods(&values, &[12, 24, 48]);
        assert_eq!(judged.found(), [24]);
        assert!(matches!(verdict(&judged, 48), Verdict::Refused(Refusal::MultipleOf { shorter: 24 })));
        assert!(matches!(verdict(&judged, 12), Verdict::Refused(_)));
        assert!(judged.repeats_at(48) && !judged.repeats_at(12) && !judged.repeats_at(36));
    }

    #[test]
    fn half_a_day_is_a_part_of_a_day_with_two_humps() {
        let day = |i: usize| [0.0, 3.0, 3.0, 0.0, 0.0, 0.0, 0.0, 1.0, 6.0, 5.0, 0.0, 0.0][i % 12];
        let values: Vec<f64> = (0..360).map(day).collect();
        let judged = periods(&values, &[6, 12]);
        assert_eq!(judged.found(), [12]);
        assert_eq!(verdict(&judged, 6), Verdict::Refused(Refusal::PartOf { longer: 12 }));
    }

    #[test]
    fn noise_of_any_colour_has_hardly_ever_a_season() {
        let mut wrong = 0;
        for seed in 0..60 {
            let white = noise(1_008, seed);
            let mut level = 0.0;
            let memory = [0.0, 0.9, 1.0][seed as usize % 3];
            let red: Vec<f64> = white
                .iter()
                .map(|step| {
                    level = memory * level + step;
                    level
                })
                .collect();
            wrong += usize::from(!periods(&red, &[24, 168]).found().is_empty());
        }
        assert!(wrong <= 4, "{wrong} of 60");
    }

    #[test]
    fn a_trend_alone_has_none() {
        let line: Vec<f64> = (0..500).map(|i| 3.0 * f64::from(i) - 70.0).collect();
        let bent: Vec<f64> = (0..500).map(|i| f64::from(i) * f64::from(i)).collect();
        let judged = periods(&line, &[24]);
        assert_eq!(verdict(&judged, 24), Verdict::Refused(Refusal::Constant));
        assert_eq!(periods(&bent, &[24, 100]).found(), [0_usize; 0]);
    }

    #[test]
    fn a_missing_stretch_hides_no_season_and_makes_none() {
        let noise = noise(1_008, 7);
        let mut values: Vec<f64> = (0..1_008).map(|i| 50.0 + 5.0 * wave(i, 24) + noise[i]).collect();
        values[300..360].fill(f64::NAN);
        values.iter_mut().skip(5).step_by(24).for_each(|value| *value = f64::NAN);
        assert_eq!(periods(&values, &[24, 168]).found(), [24]);
        let mut holed = noise;
        holed.iter_mut().enumerate().filter(|(i, _)| i % 24 < 4).for_each(|(_, value)| *value = f64::NAN);
        assert_eq!(periods(&holed, &[24, 168]).found(), [0_usize; 0]);
    }

    #[test]
    fn odd_series_are_refused_and_every_scale_gives_the_same() {
        for values in [vec![], vec![1.0], vec![1.0, 2.0], vec![0.0; 100], vec![5.0; 100], vec![f64::NAN; 100]] {
            let judged = periods(&values, &[2, 24, 0, 1]);
            assert!(judged.found().is_empty() && judged.candidates.iter().all(|one| one.period >= 2));
        }
        let values: Vec<f64> = (0..240).map(|i| 10.0 + wave(i, 24)).collect();
        for factor in [1e15, 1e-15, 1e300] {
            let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
            assert_eq!(periods(&scaled, &[24]).found(), [24], "{factor}");
        }
        assert_eq!(verdict(&periods(&values, &[200]), 200), Verdict::Refused(Refusal::TooFewCycles));
    }

    #[test]
    fn refusals_are_said_in_words() {
        let words = [
            Refusal::Weak { needed: 0.3 }.to_string(),
            Refusal::Small { needed: 0.02 }.to_string(),
            Refusal::MultipleOf { shorter: 24 }.to_string(),
        ];
        let expected = [
            "one cycle is too unlike the next (0.30 would be needed)",
            "it is too small (less than 2 % of what varies)",
            "it repeats, but only as the season of 24 steps does",
        ];
        assert_eq!(words, expected);
    }
}
