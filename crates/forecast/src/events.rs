//! What is known in advance: events and holidays as columns whose value is known at any moment, past or to come.

use plimsoll_model::quantity::Timestamp;
use serde::{Deserialize, Serialize};

/// One stretch of time in which a column has a value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// First moment.
    pub from: Timestamp,
    /// The moment after the last.
    pub to: Timestamp,
    /// The column's value in between; 1 for an event that simply takes place.
    pub value: f64,
}

/// One regressor that is known in advance: the sum of its windows, 0 outside of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// What it is called in an explanation.
    pub name: String,
    /// In any order.
    pub windows: Vec<Window>,
}

/// The regressors known in advance of one series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// Each one column of a regression, in this order.
    pub columns: Vec<Column>,
}

/// No events.
pub static NO_EVENTS: Events = Events { columns: Vec::new() };

impl Column {
    /// Its value at a moment.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> f64 {
        self.windows.iter().filter(|window| window.from <= at && at < window.to).map(|window| window.value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_from_its_start_to_before_its_end() {
        let window = Window { from: Timestamp(10), to: Timestamp(20), value: 2.0 };
        let column = Column { name: "match".into(), windows: vec![window] };
        assert_eq!([9, 10, 19, 20].map(|at| column.at(Timestamp(at))), [0.0, 2.0, 2.0, 0.0]);
    }
}
