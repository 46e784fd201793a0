//! The part of a row that is known in advance: Fourier terms, calendar and events of a moment.

use crate::calendar::{UtcOffset, day_of_week, hour_of_day};
use crate::{Data, Events};
use plimsoll_model::quantity::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Fourier terms of one season.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seasonality {
    /// Length in steps.
    pub period: usize,
    /// Orders: pairs of sine and cosine.
    pub orders: usize,
}

/// Which regressors of the target's moment a row holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Fourier terms of these seasons, in this order.
    pub fourier: Vec<Seasonality>,
    /// Hour of the day and day of the week (0 is Monday), UTC.
    pub calendar: bool,
    /// How many columns of events the model was trained with; those are columns of the row.
    pub events: usize,
}

impl Known {
    /// Numbers that it adds to a row.
    #[must_use]
    pub fn width(&self) -> usize {
        let fourier: usize = self.fourier.iter().map(|season| 2 * season.orders).sum();
        fourier + 2 * usize::from(self.calendar) + self.events
    }

    /// Appends the regressors of `at`. A column of events that `events` lacks is 0: no event is known.
    pub fn push(&self, at: Timestamp, step: Millis, events: &Events, row: &mut Vec<f64>) {
        for season in &self.fourier {
            crate::calendar::fourier(at, step.saturating_mul(season.period as u64), season.orders, row);
        }
        if self.calendar {
            row.extend([hour_of_day(at, UtcOffset::UTC), f64::from(day_of_week(at, UtcOffset::UTC))]);
        }
        row.extend((0..self.events).map(|column| events.columns.get(column).map_or(0.0, |column| column.at(at))));
    }

    /// What its columns are called, in their order.
    pub fn names(&self, data: &Data<'_>) -> Vec<String> {
        let mut names = Vec::with_capacity(self.width());
        for season in &self.fourier {
            for order in 1..=season.orders {
                names.extend(["sin", "cos"].map(|part| format!("{part} {order} of season {}", season.period)));
            }
        }
        if self.calendar {
            names.extend(["hour of day".to_owned(), "day of week".to_owned()]);
        }
        let events = data.events.columns.iter().take(self.events);
        names.extend(events.map(|column| format!("event {}", column.name)));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Series;
    use crate::events::{Column, Window};

    #[test]
    fn it_is_as_wide_as_it_says_and_every_column_has_a_name() {
        let window = Window { from: Timestamp(0), to: Timestamp(7_200_000), value: 2.0 };
        let events = Events { columns: vec![Column { name: "match".into(), windows: vec![window] }] };
        let known = Known { fourier: vec![Seasonality { period: 4, orders: 1 }], calendar: true, events: 1 };
        let data = Data { events: &events, ..Data::alone(Series::untimed(&[]), &[]) };
        let mut row = Vec::new();
        known.push(Timestamp(3_600_000), Millis(3_600_000), &events, &mut row);
        let expected = [1.0, 0.0, 1.0, 3.0, 2.0];
        assert!(row.iter().zip(expected).all(|(is, should)| (is - should).abs() < 1e-12), "{row:?}");
        assert_eq!((row.len(), known.names(&data).len()), (known.width(), known.width()));
        assert_eq!(known.names(&data)[4], "event match");
    }
}
