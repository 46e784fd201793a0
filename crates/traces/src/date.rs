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

/// Any of the usual ways to write a moment: Unix seconds (whole or with a fraction) or milliseconds, `YYYY-MM-DD`, and that
/// with `HH:MM[:SS[.fff]]` after a `T` or a space, then nothing (UTC), `Z`, or an offset `±HH:MM`.
///
/// A number from 10¹¹ on is milliseconds: as seconds it would lie past the year 5000.
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.parse::<f64>() {
        if !number.is_finite() || number.abs() >= 1e15 {
            return None;
        }
        let ms = if number.abs() >= 1e11 { number } else { number * 1_000.0 };
        return Some(Timestamp(ms.round() as i64));
    }
    let (day, clock) = match text.split_once(['T', ' ']) {
        Some((day, clock)) => (parse_day(day)?, clock),
        None => return parse_day(text),
    };
    let (clock, offset) = match clock.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => match clock.rsplit_once(['+', '-']) {
            Some((rest, zone)) => {
                let (hours, minutes) = zone.split_once(':')?;
                let minutes = digits(hours)?.checked_mul(60)? + digits(minutes)?;
                (rest, if clock.as_bytes()[rest.len()] == b'-' { -minutes } else { minutes })
            }
            None => (clock, 0),
        },
    };
    let (whole, fraction) = clock.split_once('.').map_or((clock, None), |(whole, part)| (whole, Some(part)));
    let mut parts = whole.split(':');
    let (hour, minute) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let second = parts.next().map_or(Some(0), digits)?;
    let is_clock = parts.next().is_none() && hour <= 23 && minute <= 59 && second <= 59;
    let ms = match fraction {
        Some(part) if part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty() => {
            format!("{part:0<3}")[..3].parse().ok()?
        }
        Some(_) => return None,
        None => 0,
    };
    is_clock.then(|| Timestamp(day.0 + ((hour * 60 + minute - offset) * 60 + second) * 1_000 + ms))
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

    #[test]
    fn a_moment_is_read_in_each_of_the_usual_ways() {
        let at = Some(Timestamp(1_533_081_600_000));
        for text in [
            "1533081600",
            "1533081600.0",
            "1533081600000",
            "2018-08-01",
            "2018-08-01 00:00",
            "2018-08-01T00:00:00Z",
            "2018-08-01 02:00:00.000+02:00",
            "2018-07-31T23:30:00-00:30",
        ] {
            assert_eq!(parse_time(text), at, "{text}");
        }
        assert_eq!(parse_time("1970-01-01 00:00:01.5"), Some(Timestamp(1_500)));
        for text in ["", "x", "inf", "2018-08-01T", "2018-08-01T24:00", "2018-08-01 00:00:00.", "2018-8-1", "1e300"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_moment_or_none(text in "[0-9:T Z+.\\-é]{0,30}") {
            let _ = parse_time(&text);
        }

        #[test]
        fn a_printed_timestamp_is_read_back(minutes in 0_i64..200_000_000) {
            let at = Timestamp(minutes * 60_000);
            let printed = at.to_string();
            prop_assert_eq!(parse_minute(printed.trim_end_matches('Z')), Some(at));
        }
    }
}
