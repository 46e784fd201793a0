//! One figure of several series: levels as they are, counters as their growth per second since the last look.
//!
//! A series that is new has no growth yet and is not counted for one interval; one that is gone takes its share with it. A
//! counter that went backwards gives no figure for that interval at all: a sum that lacks a part looks like less load.
//!
//! Figures leave here as integers in thousandths, because a decision reads them.

use super::{ScrapeError, Series, shown};
use crate::openmetrics::Labels;
use plimsoll_model::Timestamp;
use plimsoll_model::metric::{Combine, ReadAs};
use std::collections::BTreeMap;

/// A figure and when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Thousandths.
    pub value_milli: i64,
    /// When it was measured, where the source says so: the oldest of its parts.
    pub at: Option<Timestamp>,
}

/// What is remembered of counters from one look to the next.
#[derive(Debug, Default)]
pub struct Reader {
    /// By series: its value, and when that was, on the clock of whoever looks.
    before: BTreeMap<(String, Labels), (f64, i64)>,
    has_looked: bool,
}

impl Reader {
    /// Makes the figure of `series`, looked at at `now_ms` of any clock that only goes forward; `asked` is for messages.
    ///
    /// # Errors
    /// [`ScrapeError`] where there is no figure: nothing selected, a value that is no number, a rate of one look, a counter
    /// that went backwards.
    pub fn figure(
        &mut self,
        series: &[Series],
        (read, combine): (ReadAs, Combine),
        now_ms: i64,
        asked: &str,
    ) -> Result<Figure, ScrapeError> {
        if series.is_empty() {
            return Err(ScrapeError::Nothing { asked: asked.to_owned() });
        }
        if let Some(bad) = series.iter().find(|one| !one.value.is_finite()) {
            return Err(ScrapeError::Value { series: shown(&bad.name, &bad.labels), value: bad.value });
        }
        let is_rate = match read {
            ReadAs::Level => false,
            ReadAs::Rate => true,
            ReadAs::Auto => series.iter().all(|one| one.is_counter),
        };
        let values = if is_rate { self.rates(series, now_ms)? } else { series.iter().map(|one| one.value).collect() };
        let value = combined(&values, combine);
        let at = series.iter().map(|one| one.at).min().flatten();
        Ok(Figure { value_milli: milli(value), at })
    }

    fn rates(&mut self, series: &[Series], now_ms: i64) -> Result<Vec<f64>, ScrapeError> {
        let key = |one: &Series| (one.name.clone(), one.labels.clone());
        // A source that says when it measured is taken at its word: two looks may find the same value.
        let time = |one: &Series| one.at.map_or(now_ms, |at| at.0);
        let now: BTreeMap<_, _> = series.iter().map(|one| (key(one), (one.value, time(one)))).collect();
        let mut rates = Vec::with_capacity(series.len());
        let mut fault = None;
        let mut is_same = false;
        for one in series {
            let Some((value, at)) = self.before.get(&key(one)).copied() else { continue };
            let passed = time(one) - at;
            if one.value < value {
                fault = Some(ScrapeError::Reset { series: shown(&one.name, &one.labels) });
            } else if passed > 0 {
                rates.push((one.value - value) * 1_000.0 / passed as f64);
            } else {
                is_same = true;
            }
        }
        if is_same {
            // Nothing new was measured: the last base stays, so that the next rate covers all of the time.
            return Err(ScrapeError::First);
        }
        let is_first = !std::mem::replace(&mut self.has_looked, true);
        self.before = now;
        match fault {
            Some(fault) => Err(fault),
            None if is_first || rates.is_empty() => Err(ScrapeError::First),
            None => Ok(rates),
        }
    }
}

fn combined(values: &[f64], combine: Combine) -> f64 {
    let sum = || values.iter().sum::<f64>();
    match combine {
        Combine::Sum => sum(),
        Combine::Avg => sum() / values.len().max(1) as f64,
        Combine::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Combine::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
    }
}

/// Thousandths, rounded; what is beyond 64 bits is the most there is.
fn milli(value: f64) -> i64 {
    (value * 1_000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(label: &str, value: f64) -> Series {
        let labels = vec![("pod".to_owned(), label.to_owned())];
        Series { name: "a_total".to_owned(), labels, value, at: None, is_counter: true }
    }

    fn level(value: f64) -> Series {
        Series { name: "b".to_owned(), labels: Labels::new(), value, at: None, is_counter: false }
    }

    const AUTO: (ReadAs, Combine) = (ReadAs::Auto, Combine::Sum);

    #[test]
    fn levels_are_combined_as_asked() {
        let series = [level(1.0), level(2.5), level(4.0)];
        for (combine, value_milli) in
            [(Combine::Sum, 7_500), (Combine::Avg, 2_500), (Combine::Max, 4_000), (Combine::Min, 1_000)]
        {
            let figure = Reader::default().figure(&series, (ReadAs::Auto, combine), 0, "b").unwrap();
            assert_eq!(figure.value_milli, value_milli);
        }
        assert!(matches!(Reader::default().figure(&[], AUTO, 0, "b"), Err(ScrapeError::Nothing { .. })));
        let bad = Reader::default().figure(&[level(f64::NAN)], AUTO, 0, "b");
        assert!(matches!(bad, Err(ScrapeError::Value { .. })));
    }

    #[test]
    fn counters_become_rates_from_the_second_look_on() {
        let mut reader = Reader::default();
        let mut look = |values: &[f64], now| {
            let series: Vec<Series> =
                values.iter().enumerate().map(|(index, value)| counter(&index.to_string(), *value)).collect();
            reader.figure(&series, AUTO, now, "a_total").map(|figure| figure.value_milli)
        };
        assert!(matches!(look(&[100.0, 5.0], 0), Err(ScrapeError::First)));
        assert_eq!(look(&[160.0, 15.0], 10_000).unwrap(), 7_000);
        assert_eq!(look(&[160.0, 15.0, 900.0], 20_000).unwrap(), 0, "a new one has no growth yet");
        assert!(matches!(look(&[3.0, 25.0, 900.0], 30_000), Err(ScrapeError::Reset { .. })));
        assert_eq!(look(&[23.0, 35.0, 900.0], 40_000).unwrap(), 3_000);
        assert_eq!(look(&[23.0], 50_000).unwrap(), 0, "one that is gone takes its share with it");
    }

    #[test]
    fn a_value_of_the_same_time_is_no_new_one() {
        let mut reader = Reader::default();
        let mut look = |value, at| {
            let series = [Series { at: Some(Timestamp(at)), ..counter("x", value) }];
            reader.figure(&series, AUTO, 0, "a_total").map(|figure| (figure.value_milli, figure.at))
        };
        assert!(look(10.0, 1_000).is_err());
        assert!(look(10.0, 1_000).is_err());
        assert_eq!(look(30.0, 2_000).unwrap(), (20_000, Some(Timestamp(2_000))));
    }
}
