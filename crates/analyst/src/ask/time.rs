//! Moments, as they are asked for and as they are written.

use plimsoll_model::Timestamp;
use serde::{Deserialize, Serialize};

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// A time of day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
}

impl TimeOfDay {
    /// Milliseconds after midnight.
    #[must_use]
    pub fn ms(self) -> i64 {
        i64::from(self.hour) * 3_600_000 + i64::from(self.minute) * 60_000
    }
}

/// A moment as `2026-11-21 09:00:15`, UTC, in whole seconds.
#[must_use]
pub(super) fn moment(ms: i64) -> String {
    let seconds = Timestamp(ms.div_euclid(1_000).saturating_mul(1_000)).to_string();
    seconds.trim_end_matches('Z').to_owned()
}

/// The day of the week of a moment: 0 is Monday.
#[must_use]
pub(super) const fn weekday(ms: i64) -> u32 {
    // The epoch was a Thursday.
    (ms.div_euclid(DAY_MS) + 3).rem_euclid(7) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        assert_eq!(moment(0), "1970-01-01 00:00:00");
        assert_eq!(moment(951_782_399_000), "2000-02-28 23:59:59");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00:00");
        assert_eq!(moment(1_795_251_615_000), "2026-11-21 09:00:15");
        assert_eq!(moment(-1), "1969-12-31 23:59:59");
        assert_eq!((weekday(0), weekday(1_795_251_615_000), weekday(-1)), (3, 5, 2));
    }
}
