//! Civil dates to days since the epoch, the inverse of `Timestamp`'s `Display`.

use plimsoll_model::Timestamp;

/// Milliseconds of one day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Midnight UTC of `YYYY-MM-DD`, or `None` when the text is no date of the Gregorian calendar.
///
/// # Source
/// Days-from-civil, H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
pub(crate) fn parse_day(text: &str) -> Option<Timestamp> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let (year, month, day): (i64, i64, i64) = (digits(year)?, digits(month)?, digits(day)?);
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(Timestamp((era * 146_097 + day_of_era - 719_468) * DAY_MS))
}

/// `YYYY-MM-DD HH:MM`, optionally with `:SS`, in UTC.
pub(crate) fn parse_minute(text: &str) -> Option<Timestamp> {
    let (day, clock) = text.split_once(' ')?;
    let midnight = parse_day(day)?;
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let second = parts.next().map_or(Some(0), digits)?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(Timestamp(midnight.0 + ((hour * 60 + minute) * 60 + second) * 1_000))
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_dates_and_impossible_ones() {
        assert_eq!(parse_day("1970-01-01"), Some(Timestamp(0)));
        assert_eq!(parse_day("2000-02-29"), Some(Timestamp(951_782_400_000)));
        assert_eq!(parse_minute("1998-06-10 12:34"), Some(Timestamp(897_482_040_000)));
        for text in ["1998-02-29", "1998-13-01", "1998-00-10", "98-01-01", "1998-6-1", "1998-06-10-1", "+998-01-01", ""]
        {
            assert_eq!(parse_day(text), None, "{text}");
        }
        for text in ["1998-06-10", "1998-06-10 24:00", "1998-06-10 1:60", "1998-06-10 1:2:3:4", "1998-06-10 :"] {
            assert_eq!(parse_minute(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_timestamp_is_read_back(minutes in 0_i64..200_000_000) {
            let at = Timestamp(minutes * 60_000);
            let printed = at.to_string();
            prop_assert_eq!(parse_minute(printed.trim_end_matches('Z')), Some(at));
        }
    }
}
