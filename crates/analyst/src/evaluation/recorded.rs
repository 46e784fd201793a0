//! Recorded series in which people marked what is out of the ordinary: is anything named where they did, and where not?
//!
//! A series is cut into stretches of a window each. Its values stand for the load, or for the median latency; nothing else of
//! the service is known. People said *that* something is odd, never *what*, so naming any cause that means a change counts:
//! bursts, a crowd, a step, a trend, and for a latency a slow dependency. A season is no change. This asks less than
//! [`super::score`] does, and of worse data: what is rare in a benchmark of anomalies need not be a fault of a service.

use super::Share;
use crate::Cause;
use crate::history::{History, Sample};
use serde::Serialize;

/// Window of series whose step is at most [`FINE_MS`]: four days.
const WINDOW_FINE_MS: u64 = 4 * 86_400_000;
/// Window of coarser series: ten days.
const WINDOW_COARSE_MS: u64 = 10 * 86_400_000;
/// Ten minutes.
const FINE_MS: u64 = 600_000;

/// A part of a series.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// As the rungs see it.
    pub history: History,
    /// Something in it was marked.
    pub is_marked: bool,
}

/// A series cut into windows, oldest first; a rest shorter than half a window is left out.
///
/// `values` has NaN for gaps, `marks` is as long, `start_ms` is since the epoch.
#[must_use]
pub fn stretches(
    name: &str,
    start_ms: i64,
    step_ms: u64,
    values: &[f64],
    marks: &[bool],
    is_latency: bool,
) -> Vec<Stretch> {
    let step_ms = step_ms.max(1);
    let span = if step_ms <= FINE_MS { WINDOW_FINE_MS } else { WINDOW_COARSE_MS };
    let window = ((span / step_ms) as usize).max(2);
    let parts = values.chunks(window).zip(marks.chunks(window)).enumerate();
    let whole = parts.filter(|(_, (values, _))| values.len() * 2 >= window);
    whole
        .map(|(place, (values, marks))| {
            let sample = |value: &f64| {
                let value = Some(*value).filter(|value| value.is_finite());
                match is_latency {
                    true => Sample { latency_p50_ms: value, ..Sample::default() },
                    false => Sample { rate_per_s: value, ..Sample::default() },
                }
            };
            let start = start_ms.saturating_add((place * window) as i64 * step_ms as i64);
            let history = History {
                service: format!("{name}/{place}"),
                start_ms: start,
                step_ms,
                configured: crate::history::Configured::default(),
                samples: values.iter().map(sample).collect(),
                events: Vec::new(),
                decisions: Vec::new(),
                forecasts: Vec::new(),
            };
            Stretch { history, is_marked: marks.iter().any(|mark| *mark) }
        })
        .collect()
}

/// Whether a cause says that something changed.
#[must_use]
pub const fn is_change(cause: Cause) -> bool {
    matches!(cause, Cause::Bursty | Cause::FlashCrowd | Cause::Step | Cause::Trend | Cause::DependencyBound)
}

/// How often a change was named.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row {
    /// Of the stretches with a mark, those in which a change was named.
    pub found: Share,
    /// Of those without, the same.
    pub false_alarms: Share,
}

/// Scores what was named in each stretch, beside whether it was marked.
#[must_use]
pub fn row<'a>(said: impl Iterator<Item = (bool, &'a [Cause])>) -> Row {
    let mut counts = [(0, 0); 2];
    for (is_marked, causes) in said {
        let (hits, of) = &mut counts[usize::from(is_marked)];
        *of += 1;
        *hits += u32::from(causes.iter().copied().any(is_change));
    }
    let [without, with] = counts.map(|(hits, of)| Share::new(hits, of));
    Row { found: with, false_alarms: without }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_cut_into_windows_that_know_their_marks() {
        let five = 300_000;
        let mut values = vec![1.0; 1_152 * 2 + 600];
        let mut marks = vec![false; values.len()];
        (values[3], marks[1_152]) = (f64::NAN, true);
        let cut = stretches("a", 1_000, five, &values, &marks, false);
        assert_eq!(
            cut.iter().map(|one| (one.history.samples.len(), one.is_marked)).collect::<Vec<_>>(),
            [(1_152, false), (1_152, true), (600, false)]
        );
        assert_eq!(cut[1].history.start_ms, 1_000 + 1_152 * 300_000);
        assert_eq!((cut[0].history.samples[3].rate_per_s, cut[0].history.samples[4].rate_per_s), (None, Some(1.0)));
        let hourly = stretches("b", 0, 3_600_000, &values[..340], &marks[..340], true);
        assert_eq!(
            (hourly.len(), hourly[0].history.samples[0].latency_p50_ms),
            (1, Some(1.0)),
            "100 hours are too few"
        );
    }

    #[test]
    fn a_season_is_no_change_and_a_mark_wants_one() {
        let said: [(bool, &[Cause]); 4] = [
            (true, &[Cause::Step]),
            (true, &[Cause::Seasonal]),
            (false, &[]),
            (false, &[Cause::Seasonal, Cause::Bursty]),
        ];
        let row = row(said.into_iter());
        assert_eq!((row.found.hits, row.found.of, row.false_alarms.hits, row.false_alarms.of), (1, 2, 1, 2));
    }
}
