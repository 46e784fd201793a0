//! Quantities as people write them: `"250ms"`, `"64MiB"`, `"250m"`, `"60%"`, `"50/s"`.
//!
//! Every unit is a table of suffixes and factors over one integer base, and numbers are read digit by digit, so that
//! no float ever stands between a file and a decision: `"0.1"` cores are 100 millicores and not 99. What is finer than
//! the base resolves is refused instead of rounded. Printing is the exact inverse of reading.
//!
//! Suffixes follow Kubernetes where it has one (`m` of CPU; `M` is 10⁶ bytes and `Mi` is 2²⁰).

use plimsoll_model::Millis;
use plimsoll_model::scaling::quantity::{MilliQuantity, QuantityError};

/// What a number counts. The base of each is the unit in which the value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things; whole.
    Count,
    /// Time, in milliseconds.
    Duration,
    /// Memory or data, in bytes.
    Bytes,
    /// CPU, in thousandths of a core.
    Cpu,
    /// A share, in thousandths.
    Share,
    /// Requests per second, in thousandths.
    Rate,
    /// A plain number, in thousandths.
    Thousandths,
    /// A quantity as Kubernetes writes it, in thousandths; what is finer is rounded up, as it does.
    Quantity,
}

/// Why a quantity was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No digits where a number has to be.
    #[error("there is no number in it")]
    NoNumber,
    /// A number without the unit that says what it means.
    #[error("the unit is missing ({known})")]
    NoUnit {
        /// The units there are.
        known: String,
    },
    /// A unit that this quantity does not have.
    #[error("`{unit}` is not a unit of it ({known})")]
    UnknownUnit {
        /// The unit found.
        unit: String,
        /// The units there are.
        known: String,
    },
    /// More digits than the base resolves.
    #[error("it is finer than the smallest step, {step}")]
    TooFine {
        /// One step, printed.
        step: String,
    },
    /// Does not fit 63 bits.
    #[error("it is larger than any quantity can be")]
    TooLarge,
}

const DURATIONS: &[(&str, i64)] =
    &[("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const BYTES: &[(&str, i64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
    ("B", 1),
    ("", 1),
];

impl Unit {
    /// Suffixes and how many of the base each is, largest first within one way of writing.
    const fn suffixes(self) -> &'static [(&'static str, i64)] {
        match self {
            Self::Count => &[("", 1)],
            Self::Duration => DURATIONS,
            Self::Bytes => BYTES,
            Self::Cpu => &[("", 1_000), ("m", 1)],
            Self::Share => &[("%", 10), ("", 1_000)],
            Self::Rate => &[("/s", 1_000)],
            Self::Thousandths | Self::Quantity => &[("", 1_000)],
        }
    }

    /// The units a person may choose from, for a message.
    fn known(self) -> String {
        match self {
            Self::Bytes => "B, kB, MB, GB, TB, KiB, MiB, GiB, TiB; M is MB and Mi is MiB".to_owned(),
            Self::Cpu => "m for thousandths, or none for whole cores".to_owned(),
            Self::Share => "%, or none for a fraction".to_owned(),
            Self::Quantity => "n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei, or none".to_owned(),
            _ => self.suffixes().iter().rev().map(|(suffix, _)| *suffix).collect::<Vec<_>>().join(", "),
        }
    }

    /// Whether a TOML string is a way to write it.
    #[must_use]
    pub const fn takes_text(self) -> bool {
        !matches!(self, Self::Count | Self::Thousandths)
    }

    /// Whether a TOML integer is a way to write it. A duration or rate without a unit says too little, and `60` for a
    /// share could be 60 % or sixty times.
    #[must_use]
    pub const fn takes_integer(self) -> bool {
        matches!(self, Self::Count | Self::Bytes | Self::Cpu | Self::Thousandths | Self::Quantity)
    }

    /// Whether a TOML float is a way to write it.
    #[must_use]
    pub const fn takes_decimal(self) -> bool {
        matches!(self, Self::Cpu | Self::Share | Self::Thousandths | Self::Quantity)
    }

    /// The unit that a bare number most likely means.
    #[must_use]
    pub const fn likeliest(self) -> &'static str {
        match self {
            Self::Duration => "s",
            Self::Share => "%",
            Self::Rate => "/s",
            Self::Bytes => "B",
            Self::Count | Self::Cpu | Self::Thousandths | Self::Quantity => "",
        }
    }

    /// What it is, for a message: `a duration such as "30s"`.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Count => "an integer",
            Self::Duration => "a duration such as \"30s\"",
            Self::Bytes => "a size such as \"64MiB\"",
            Self::Cpu => "CPU cores such as \"250m\" or 0.25",
            Self::Share => "a share such as \"60%\" or 0.6",
            Self::Rate => "a rate such as \"50/s\"",
            Self::Thousandths => "a number such as 4 or 1.5",
            Self::Quantity => "a quantity such as \"500m\", \"2Gi\" or 30",
        }
    }

    /// A regular expression (ECMA 262) of the strings accepted.
    #[must_use]
    pub const fn pattern(self) -> &'static str {
        match self {
            Self::Duration => r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d|w)( ?[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d|w))*$",
            Self::Bytes => r"^[0-9]+(\.[0-9]+)?( ?([KMGT]iB?|[kMGT]B?|B))?$",
            Self::Cpu => r"^[0-9]+(\.[0-9]+)?( ?m)?$",
            Self::Share => r"^[0-9]+(\.[0-9]+)?( ?%)?$",
            Self::Rate => r"^[0-9]+(\.[0-9]+)? ?/s$",
            Self::Quantity => r"^[0-9]*(\.[0-9]*)?([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$",
            Self::Count | Self::Thousandths => r"^[0-9]+(\.[0-9]+)?$",
        }
    }

    /// Reads a written quantity into its base.
    ///
    /// # Errors
    /// [`UnitError`] when it is no number, has no or an unknown unit, is finer than the base or too large.
    pub fn parse(self, text: &str) -> Result<i64, UnitError> {
        if self == Self::Quantity {
            return text.parse::<MilliQuantity>().map(|quantity| quantity.0).map_err(|error| self.refused(error));
        }
        let mut rest = text;
        let mut total: i64 = 0;
        loop {
            let number = prefix(rest, |byte| byte.is_ascii_digit() || byte == b'.');
            if !number.starts_with(|first: char| first.is_ascii_digit()) {
                return Err(UnitError::NoNumber);
            }
            let behind = &rest[number.len()..];
            let after = behind.strip_prefix(' ').unwrap_or(behind);
            let unit = prefix(after, |byte| !byte.is_ascii_digit() && byte != b' ');
            if unit.is_empty() && !behind.is_empty() {
                return Err(UnitError::NoUnit { known: self.known() });
            }
            total = total.checked_add(self.part(number, unit)?).ok_or(UnitError::TooLarge)?;
            let left = &after[unit.len()..];
            match left {
                "" => return Ok(total),
                // Only durations are written in several parts.
                _ if self == Self::Duration => rest = left.strip_prefix(' ').unwrap_or(left),
                _ => return Err(UnitError::UnknownUnit { unit: after.to_owned(), known: self.known() }),
            }
        }
    }

    fn refused(self, error: QuantityError) -> UnitError {
        match error {
            QuantityError::NoNumber => UnitError::NoNumber,
            QuantityError::UnknownSuffix { suffix } => UnitError::UnknownUnit { unit: suffix, known: self.known() },
            QuantityError::TooLarge => UnitError::TooLarge,
        }
    }

    fn part(self, number: &str, unit: &str) -> Result<i64, UnitError> {
        match self.suffixes().iter().find(|(suffix, _)| *suffix == unit) {
            Some((_, factor)) => self.scaled(number, *factor),
            None if unit.is_empty() => Err(UnitError::NoUnit { known: self.known() }),
            None => Err(UnitError::UnknownUnit { unit: unit.to_owned(), known: self.known() }),
        }
    }

    /// `number × factor`, exactly.
    ///
    /// # Errors
    /// [`UnitError`] as of [`Unit::parse`].
    fn scaled(self, number: &str, factor: i64) -> Result<i64, UnitError> {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
            return Err(UnitError::NoNumber);
        }
        let fraction = fraction.trim_end_matches('0');
        let too_fine = || UnitError::TooFine { step: self.print(1) };
        // A factor is at most 2^40, so more than 40 decimals can never come out whole; this also bounds the powers.
        let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= 18).ok_or_else(too_fine)?;
        let whole: i64 = whole.parse().map_err(|_| UnitError::TooLarge)?;
        let scale = 10_i128.pow(places);
        let digits: i128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| UnitError::TooLarge)? };
        let product = (i128::from(whole) * scale + digits) * i128::from(factor);
        if product % scale != 0 {
            return Err(too_fine());
        }
        i64::try_from(product / scale).map_err(|_| UnitError::TooLarge)
    }

    /// Reads a TOML integer, which must be allowed by [`Unit::takes_integer`].
    ///
    /// # Errors
    /// [`UnitError::TooLarge`] when it does not fit.
    pub fn integer(self, number: i64) -> Result<i64, UnitError> {
        let factor = if matches!(self, Self::Cpu | Self::Thousandths | Self::Quantity) { 1_000 } else { 1 };
        number.checked_mul(factor).ok_or(UnitError::TooLarge)
    }

    /// Reads the digits of a TOML float, which must be allowed by [`Unit::takes_decimal`].
    ///
    /// # Errors
    /// [`UnitError`] when it has an exponent, is not finite, or is finer than the base.
    pub fn decimal(self, digits: &str) -> Result<i64, UnitError> {
        let (negative, digits) = match digits.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, digits.strip_prefix('+').unwrap_or(digits)),
        };
        let digits: String = digits.chars().filter(|digit| *digit != '_').collect();
        if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(UnitError::NoNumber);
        }
        self.scaled(&digits, 1_000).map(|value| if negative { -value } else { value })
    }

    /// The value as a person would write it, without quotes; reading it gives the same value.
    #[must_use]
    pub fn print(self, value: i64) -> String {
        match self {
            Self::Count => value.to_string(),
            Self::Duration => print_duration(value),
            Self::Bytes => print_bytes(value),
            Self::Cpu if value % 1_000 == 0 => (value / 1_000).to_string(),
            Self::Cpu => format!("{value}m"),
            Self::Share => format!("{}%", tenths(value)),
            Self::Rate => format!("{}/s", thousandths(value)),
            Self::Thousandths => thousandths(value),
            Self::Quantity => MilliQuantity(value).to_string(),
        }
    }

    /// The value as a TOML literal.
    #[must_use]
    pub fn literal(self, value: i64) -> String {
        if self.takes_text() { format!("\"{}\"", self.print(value)) } else { self.print(value) }
    }
}

/// A duration as it is written in a spec, for flags that take one.
///
/// # Errors
/// [`UnitError`] when it is no number with a unit of time.
pub fn duration(text: &str) -> Result<Millis, UnitError> {
    Unit::Duration.parse(text).map(|ms| Millis(ms.unsigned_abs()))
}

fn prefix(text: &str, keep: impl Fn(u8) -> bool) -> &str {
    let end = text.bytes().position(|byte| !keep(byte)).unwrap_or(text.len());
    // A byte that ends a prefix is ASCII or starts a character, for both predicates used here.
    text.get(..end).unwrap_or(text)
}

fn print_duration(value: i64) -> String {
    let mut rest = value;
    let mut text = String::new();
    for (suffix, factor) in DURATIONS.iter().skip(1) {
        if rest / factor != 0 {
            text.push_str(&format!("{}{suffix}", rest / factor));
            rest %= factor;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn print_bytes(value: i64) -> String {
    let whole = BYTES.iter().filter(|(suffix, _)| suffix.len() > 1 && suffix.ends_with('B'));
    match whole.into_iter().find(|(_, factor)| value != 0 && value % factor == 0) {
        Some((suffix, factor)) => format!("{}{suffix}", value / factor),
        None => format!("{value}B"),
    }
}

fn thousandths(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:03}", value.unsigned_abs() / 1_000, value.unsigned_abs() % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn tenths(value: i64) -> String {
    if value % 10 == 0 { (value / 10).to_string() } else { format!("{}.{}", value / 10, (value % 10).abs()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Unit; 8] = [
        Unit::Count,
        Unit::Duration,
        Unit::Bytes,
        Unit::Cpu,
        Unit::Share,
        Unit::Rate,
        Unit::Thousandths,
        Unit::Quantity,
    ];

    #[test]
    fn quantities_are_read_in_the_units_people_use() {
        for (unit, text, value) in [
            (Unit::Duration, "250ms", 250),
            (Unit::Duration, "1.5s", 1_500),
            (Unit::Duration, "1h30m", 5_400_000),
            (Unit::Duration, "1d", 86_400_000),
            (Unit::Duration, "1 h 30 m", 5_400_000),
            (Unit::Bytes, "64MiB", 67_108_864),
            (Unit::Bytes, "64Mi", 67_108_864),
            (Unit::Bytes, "64M", 64_000_000),
            (Unit::Bytes, "1.5KiB", 1_536),
            (Unit::Bytes, "100", 100),
            (Unit::Cpu, "250m", 250),
            (Unit::Cpu, "0.1", 100),
            (Unit::Cpu, "2", 2_000),
            (Unit::Share, "60%", 600),
            (Unit::Share, "62.5%", 625),
            (Unit::Share, "0.6", 600),
            (Unit::Rate, "100/s", 100_000),
            (Unit::Rate, "0.5/s", 500),
        ] {
            assert_eq!(unit.parse(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn flags_take_durations_as_the_spec_does() {
        assert_eq!(duration("1h30m"), Ok(Millis(5_400_000)));
        assert!(duration("90").is_err());
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        for (unit, text, message) in [
            (Unit::Duration, "30", "the unit is missing (ms, s, m, h, d, w)"),
            (Unit::Duration, "30 sec", "`sec` is not a unit of it (ms, s, m, h, d, w)"),
            (Unit::Duration, "0.5ms", "it is finer than the smallest step, 1ms"),
            (Unit::Duration, "", "there is no number in it"),
            (Unit::Duration, "-5s", "there is no number in it"),
            (Unit::Duration, "99999999999999999999s", "it is larger than any quantity can be"),
            (Unit::Cpu, "0.0001", "it is finer than the smallest step, 1m"),
            (Unit::Cpu, "250 mm", "`mm` is not a unit of it (m for thousandths, or none for whole cores)"),
            (Unit::Rate, "100", "the unit is missing (/s)"),
            (Unit::Bytes, "1.2.3M", "there is no number in it"),
            (
                Unit::Bytes,
                "5M5",
                "`M5` is not a unit of it (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB; M is MB and Mi is MiB)",
            ),
            (Unit::Share, "6😀%", "`😀%` is not a unit of it (%, or none for a fraction)"),
        ] {
            assert_eq!(unit.parse(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(value in 0_i64..i64::MAX / 1_000_000) {
            for unit in ALL {
                prop_assert_eq!(unit.parse(&unit.print(value)), Ok(value), "{:?}", unit);
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}", digits in "[0-9._+-]{0,24}") {
            for unit in ALL {
                let _ = unit.parse(&text);
                let _ = unit.parse(&digits);
                let _ = unit.decimal(&digits);
            }
        }
    }
}
