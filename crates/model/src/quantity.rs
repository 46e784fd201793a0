//! Quantities as integer newtypes, each with one unit, so that a number never travels without its meaning.
//!
//! Integers and not floats: a decision must replay to the same bytes on any CPU. Arithmetic saturates instead of
//! overflowing, because a wrapped quantity would turn an absurd input into a plausible one.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($repr:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $repr);

        impl $name {
            /// The zero of this quantity.
            pub const ZERO: Self = Self(0);

            /// The plain number, in this type's unit.
            #[must_use]
            pub const fn get(self) -> $repr {
                self.0
            }

            /// Sum, held at the largest representable value.
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// Difference, held at the smallest representable value.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// Product with a plain factor, held at the largest representable value.
            #[must_use]
            pub const fn saturating_mul(self, factor: $repr) -> Self {
                Self(self.0.saturating_mul(factor))
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::ZERO, Self::saturating_add)
            }
        }
    };
}

quantity! {
    /// A point in trace time: milliseconds since the Unix epoch. Negative before 1970, which recorded traces may be.
    Timestamp(i64)
}
quantity! {
    /// A span of trace time in milliseconds.
    Millis(u64)
}
quantity! {
    /// A latency in microseconds of physical time.
    Micros(u64)
}
quantity! {
    /// CPU in thousandths of one core: 1,500 is one and a half cores.
    Millicores(u64)
}
quantity! {
    /// Memory or data in bytes.
    Bytes(u64)
}
quantity! {
    /// A request rate in thousandths of a request per second of physical time.
    MilliRps(u64)
}
quantity! {
    /// A share in thousandths: 600 is 60 %. May exceed 1,000 where usage exceeds a request.
    Permille(u64)
}

impl Timestamp {
    /// This moment plus a span.
    #[must_use]
    pub const fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }

    /// This moment minus a span.
    #[must_use]
    pub const fn minus(self, span: Millis) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }

    /// The span from `earlier` to this moment; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        let difference = self.0.saturating_sub(earlier.0);
        if difference < 0 { Millis(0) } else { Millis(difference.unsigned_abs()) }
    }
}

impl Millis {
    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// A span of whole minutes.
    #[must_use]
    pub const fn from_minutes(minutes: u64) -> Self {
        Self::from_secs(minutes.saturating_mul(60))
    }
}

impl fmt::Display for Timestamp {
    /// `2018-01-07 13:05:00Z` (proleptic Gregorian, UTC), with `.mmm` only where milliseconds are not zero.
    ///
    /// # Source
    /// Civil-from-days, H. Hinnant, "chrono-Compatible Low-Level Date Algorithms": days since 0000-03-01 split into
    /// 400-year eras of 146,097 days.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, in_day) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
        let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute, second, ms) =
            (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1_000 % 60, in_day % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")?;
        if ms != 0 {
            write!(f, ".{ms:03}")?;
        }
        f.write_str("Z")
    }
}

impl fmt::Display for Millis {
    /// `250ms`, `30s`, `1m30s`, `2h`, `3d4h`: the two largest units that are not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1_000 {
            return write!(f, "{}ms", self.0);
        }
        let seconds = self.0 / 1_000;
        if seconds < 60 && !self.0.is_multiple_of(1_000) {
            return write!(f, "{}.{:03}s", seconds, self.0 % 1_000);
        }
        let units =
            [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
        let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(3);
        for (count, unit) in units.iter().skip(first).take(2).filter(|(count, _)| *count > 0) {
            write!(f, "{count}{unit}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Micros {
    /// `850µs`, `12.3ms`, `1.50s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1_000 => write!(f, "{}µs", self.0),
            1_000..1_000_000 => write!(f, "{}.{}ms", self.0 / 1_000, self.0 % 1_000 / 100),
            _ => write!(f, "{}.{:02}s", self.0 / 1_000_000, self.0 % 1_000_000 / 10_000),
        }
    }
}

impl fmt::Display for Millicores {
    /// `250m`, as Kubernetes writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}m", self.0)
    }
}

impl fmt::Display for Bytes {
    /// `512B`, `12.5KiB`, `64.0MiB`, `2.0GiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match UNITS.iter().find(|(size, _)| self.0 >= *size) {
            None => write!(f, "{}B", self.0),
            Some((size, unit)) => write!(f, "{}.{}{unit}", self.0 / size, (self.0 % size) / (size / 10).max(1) % 10),
        }
    }
}

impl fmt::Display for MilliRps {
    /// `12.345/s`, trailing zeros dropped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1_000, self.0 % 1_000);
        write!(f, "{}/s", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for Permille {
    /// `63.5%`, `.0` dropped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(10) {
            write!(f, "{}%", self.0 / 10)
        } else {
            write!(f, "{}.{}%", self.0 / 10, self.0 % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_its_utc_date() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_400_000, "2000-02-29 00:00:00Z"),
            (1_515_329_100_250, "2018-01-07 12:45:00.250Z"),
            (-1, "1969-12-31 23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp(ms).to_string(), text);
        }
    }

    #[test]
    fn spans_print_their_two_largest_units() {
        for (ms, text) in [
            (0, "0ms"),
            (250, "250ms"),
            (1_500, "1.500s"),
            (30_000, "30s"),
            (90_000, "1m30s"),
            (7_200_000, "2h"),
            (273_600_000, "3d4h"),
            (60_000, "1m"),
        ] {
            assert_eq!(Millis(ms).to_string(), text);
        }
    }

    #[test]
    fn sizes_rates_and_shares_print_in_the_units_people_use() {
        assert_eq!(Bytes(67_108_864).to_string(), "64.0MiB");
        assert_eq!(Bytes(12_800).to_string(), "12.5KiB");
        assert_eq!(MilliRps(12_340).to_string(), "12.34/s");
        assert_eq!(MilliRps(5_000).to_string(), "5/s");
        assert_eq!(Permille(635).to_string(), "63.5%");
        assert_eq!(Micros(12_345).to_string(), "12.3ms");
    }

    #[test]
    fn arithmetic_saturates_and_since_never_goes_negative() {
        assert_eq!(Bytes(u64::MAX).saturating_add(Bytes(1)), Bytes(u64::MAX));
        assert_eq!(Timestamp(5).since(Timestamp(9)), Millis(0));
        assert_eq!(Timestamp(i64::MAX).plus(Millis(9)), Timestamp(i64::MAX));
    }
}
