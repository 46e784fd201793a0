//! What a clock on the wall knows of a moment: the hour, the day of the week, Fourier terms of any period, and holidays.
//!
//! Everything is computed from the timestamp alone, so a value of the future is as certain as one of the past. Hours
//! and days are those of a fixed offset from UTC: daylight saving is not known here, because its rules are data that
//! change with politics; whoever needs it gives the offset that holds, or an event per changed stretch.

use crate::events::{Column, Window};
use plimsoll_model::quantity::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// One hour.
pub const HOUR: Millis = Millis::from_minutes(60);
/// One day of 24 hours.
pub const DAY: Millis = Millis::from_minutes(24 * 60);
/// One week of seven days.
pub const WEEK: Millis = Millis::from_minutes(7 * 24 * 60);

/// Milliseconds of one day.
const DAY_MS: i64 = 86_400_000;

/// How far local clocks are ahead of UTC, in minutes: 60 is Central European Time, -300 is Eastern Standard Time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UtcOffset(pub i32);

impl UtcOffset {
    /// Clocks that show UTC.
    pub const UTC: Self = Self(0);

    /// What local clocks show, as milliseconds since their 1 January 1970.
    const fn local(self, at: Timestamp) -> i64 {
        at.0.saturating_add(self.0 as i64 * 60_000)
    }
}

/// Hours since local midnight, with their fraction: 0 to below 24.
#[must_use]
pub fn hour_of_day(at: Timestamp, offset: UtcOffset) -> f64 {
    offset.local(at).rem_euclid(DAY_MS) as f64 / 3_600_000.0
}

/// The local day of the week: 0 is Monday, 6 is Sunday (ISO 8601's number less 1).
#[must_use]
pub fn day_of_week(at: Timestamp, offset: UtcOffset) -> u32 {
    // 1 January 1970 was a Thursday.
    u32::try_from((offset.local(at).div_euclid(DAY_MS) + 3).rem_euclid(7)).unwrap_or(0)
}

/// How far a moment is into its cycle of `period`, counted from 1 January 1970 UTC: 0 to below 1; 0 for an empty period.
#[must_use]
pub fn phase(at: Timestamp, period: Millis) -> f64 {
    let period = i64::try_from(period.0).unwrap_or(i64::MAX);
    if period == 0 { 0.0 } else { at.0.rem_euclid(period) as f64 / period as f64 }
}

/// Appends the Fourier terms of `period` at a moment to `out`: sin 2πφ, cos 2πφ, sin 4πφ, cos 4πφ, … for orders 1 to
/// `orders`, φ the [`phase`]; `2 × orders` numbers in -1 to 1.
///
/// Orders above half of the period's steps say nothing that lower ones do not; at exactly half of them the sine is
/// always 0. Choosing the orders is the caller's.
///
/// # Source
/// A. C. Harvey, N. Shephard, "Structural Time Series Models", Handbook of Statistics 11, 1993 (trigonometric seasons);
/// the terms of each order from those of the order before by the addition theorems.
pub fn fourier(at: Timestamp, period: Millis, orders: usize, out: &mut Vec<f64>) {
    let angle = std::f64::consts::TAU * phase(at, period);
    let (sin, cos) = libm::sincos(angle);
    let (mut s, mut c) = (sin, cos);
    for _ in 0..orders {
        out.extend([s, c]);
        (s, c) = (s * cos + c * sin, c * cos - s * sin);
    }
}

/// [`fourier`] of several periods after each other, each with its own orders.
pub fn fourier_set(at: Timestamp, periods: &[(Millis, usize)], out: &mut Vec<f64>) {
    periods.iter().for_each(|(period, orders)| fourier(at, *period, *orders, out));
}

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Date {
    year: i32,
    month: u8,
    day: u8,
}

/// There is no such day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{year:04}-{month:02}-{day:02} is not a day of the calendar")]
pub struct DateError {
    /// As given.
    pub year: i32,
    /// As given.
    pub month: u8,
    /// As given.
    pub day: u8,
}

impl Date {
    /// A day by its year, month (1 to 12) and day of the month.
    ///
    /// # Errors
    /// [`DateError`] when the calendar has no such day, or it lies beyond year ±99,999, farther than any timestamp is
    /// of use.
    pub const fn try_new(year: i32, month: u8, day: u8) -> Result<Self, DateError> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        if day == 0 || day > days || year.unsigned_abs() > 99_999 {
            return Err(DateError { year, month, day });
        }
        Ok(Self { year, month, day })
    }

    /// Its first moment on clocks with this offset.
    ///
    /// # Source
    /// Days-from-civil, H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    #[must_use]
    pub fn midnight(self, offset: UtcOffset) -> Timestamp {
        let month = i64::from(self.month);
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        Timestamp(days * DAY_MS - i64::from(offset.0) * 60_000)
    }
}

/// A column that is 1 on the given local days and 0 on all others; a day given twice counts once.
#[must_use]
pub fn holidays(name: impl Into<String>, dates: &[Date], offset: UtcOffset) -> Column {
    let mut dates = dates.to_vec();
    dates.sort_unstable();
    dates.dedup();
    let window = |date: Date| {
        let from = date.midnight(offset);
        Window { from, to: from.plus(DAY), value: 1.0 }
    };
    Column { name: name.into(), windows: dates.into_iter().map(window).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21 10:30 UTC, a Saturday.
    const SATURDAY: Timestamp = Timestamp(1_795_257_000_000);

    #[test]
    fn hours_and_days_are_those_of_the_offset() {
        assert_eq!(SATURDAY.to_string(), "2026-11-21 10:30:00Z");
        assert_eq!((hour_of_day(SATURDAY, UtcOffset::UTC), day_of_week(SATURDAY, UtcOffset::UTC)), (10.5, 5));
        let far = UtcOffset(14 * 60);
        assert_eq!((hour_of_day(SATURDAY, far), day_of_week(SATURDAY, far)), (0.5, 6));
        let before = Timestamp(-1); // 31 December 1969 was a Wednesday.
        assert_eq!(day_of_week(before, UtcOffset::UTC), 2);
        assert!(
            (hour_of_day(before, UtcOffset::UTC) - 24.0).abs() < 1e-6 && hour_of_day(before, UtcOffset::UTC) < 24.0
        );
    }

    #[test]
    fn fourier_terms_are_sines_and_cosines_of_the_phase() {
        let mut terms = vec![9.0];
        fourier_set(SATURDAY, &[(DAY, 30), (WEEK, 2)], &mut terms);
        assert_eq!(terms.len(), 1 + 60 + 4);
        for (order, pair) in terms[1..61].chunks(2).enumerate() {
            let angle = std::f64::consts::TAU * 10.5 / 24.0 * (order as f64 + 1.0);
            assert!((pair[0] - angle.sin()).abs() < 1e-13 && (pair[1] - angle.cos()).abs() < 1e-13, "order {order}");
        }
        let mut again = Vec::new();
        fourier(SATURDAY.plus(DAY), DAY, 30, &mut again);
        assert_eq!(again, terms[1..61]);
        fourier(SATURDAY, Millis(0), 1, &mut again);
        assert_eq!(again[60..], [0.0, 1.0]);
    }

    #[test]
    fn a_holiday_lasts_from_local_midnight_to_the_next() {
        let date = Date::try_new(2026, 11, 21).unwrap();
        let column = holidays("fair", &[date, date], UtcOffset(60));
        let start = Date::try_new(2026, 11, 21).unwrap().midnight(UtcOffset(60));
        assert_eq!(start.to_string(), "2026-11-20 23:00:00Z");
        let values = [start.minus(Millis(1)), start, start.plus(Millis(DAY.0 - 1)), start.plus(DAY)];
        assert_eq!(values.map(|at| column.at(at)), [0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn days_that_the_calendar_lacks_are_refused() {
        assert!(Date::try_new(2000, 2, 29).is_ok() && Date::try_new(2024, 2, 29).is_ok());
        for (year, month, day) in [(1900, 2, 29), (2026, 4, 31), (2026, 13, 1), (2026, 0, 1), (2026, 1, 0)] {
            assert_eq!(Date::try_new(year, month, day), Err(DateError { year, month, day }));
        }
        let error = Date::try_new(1900, 2, 29).unwrap_err();
        assert_eq!(error.to_string(), "1900-02-29 is not a day of the calendar");
        assert_eq!(Date::try_new(1970, 1, 1).unwrap().midnight(UtcOffset::UTC), Timestamp(0));
        assert_eq!(Date::try_new(2000, 2, 29).unwrap().midnight(UtcOffset::UTC), Timestamp(951_782_400_000));
    }
}
