//! Moments and times of day: `2018-01-07T00:00:00Z`, `03:30`.
//!
//! Only UTC with an explicit `Z` or offset: a moment without a zone means something else on each machine.
//!
//! # Source
//! RFC 3339; days-from-civil of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".

/// Milliseconds since the Unix epoch of an RFC 3339 moment with `Z` or a numeric offset; none when it is no such moment.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (time, offset) = split_offset(time)?;
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let of_day = seconds(clock)? * 1_000 + milliseconds(fraction)?;
    Some(days_from_civil(year, month, day) * 86_400_000 + of_day - offset * 60_000)
}

/// Milliseconds after midnight of `HH:MM` or `HH:MM:SS`; none when it is no time of day.
#[must_use]
pub fn time_of_day(text: &str) -> Option<i64> {
    let text = if text.len() == 5 { format!("{text}:00") } else { text.to_owned() };
    seconds(&text).map(|seconds| seconds * 1_000)
}

/// `HH:MM`, or `HH:MM:SS` where the seconds are not zero.
#[must_use]
pub fn print_time_of_day(ms: u64) -> String {
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    if second == 0 { format!("{hour:02}:{minute:02}") } else { format!("{hour:02}:{minute:02}:{second:02}") }
}

fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (hour, minute) = time[at + 1..].split_once(':')?;
    let minutes = digits(hour, 2).filter(|hour| *hour < 24)? * 60 + digits(minute, 2).filter(|minute| *minute < 60)?;
    Some((&time[..at], if time[at..].starts_with('-') { -minutes } else { minutes }))
}

fn seconds(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let (hour, minute, second) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    (parts.next().is_none() && hour < 24 && minute < 60 && second < 60).then_some(hour * 3_600 + minute * 60 + second)
}

fn milliseconds(fraction: &str) -> Option<i64> {
    let all_digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let padded = format!("{fraction}000");
    if all_digits { padded.get(..3)?.parse().ok() } else { None }
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn moments_need_a_zone_and_a_real_date() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2018-01-07T12:45:00.25Z", Some(1_515_329_100_250)),
            ("2000-02-29 00:00:00Z", Some(951_782_400_000)),
            ("2018-01-07T01:00:00+01:00", Some(1_515_283_200_000)),
            ("2018-01-06T23:30:00-00:30", Some(1_515_283_200_000)),
            ("2018-01-07T00:00:00", None),
            ("2018-01-07", None),
            ("2018-02-29T00:00:00Z", None),
            ("2018-01-07T24:00:00Z", None),
            ("2018-01-07T00:00:00.Z", None),
            ("", None),
        ] {
            assert_eq!(parse(text), ms, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_prints_as_it_is_written() {
        for text in ["00:00", "03:30", "23:59:59"] {
            let ms = time_of_day(text).unwrap();
            assert_eq!(print_time_of_day(ms.unsigned_abs()), text);
        }
        for text in ["24:00", "3:30", "03:60", "0330", "03:30 ", "é3:30"] {
            assert_eq!(time_of_day(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_of_four_digit_years_reads_back(ms in -62_135_596_800_000_i64..253_402_300_800_000) {
            prop_assert_eq!(parse(&Timestamp(ms).to_string()), Some(ms));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,32}", near in "[0-9T:.Z+-]{0,32}") {
            let _ = (parse(&text), time_of_day(&text), parse(&near), time_of_day(&near));
        }
    }
}
