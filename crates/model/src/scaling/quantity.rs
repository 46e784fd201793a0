//! A quantity as Kubernetes writes it (`500m`, `2`, `1.5`, `10k`, `2Gi`, `1e3`), kept in thousandths.
//!
//! Thousandths, because that is what the autoscaler itself computes with; what is finer is rounded away from zero, as it
//! does. Reading and printing are exact in integers, so that no float stands between a file and a decision.
//!
//! # Source
//! Kubernetes API conventions, "Quantity": decimal suffixes n, u, m, k, M, G, T, P, E; binary Ki to Ei; or an exponent.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// Thousandths of whatever is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct MilliQuantity(pub i64);

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No digits where a number has to be.
    #[error("there is no number in it")]
    NoNumber,
    /// A suffix that no quantity has.
    #[error(
        "`{suffix}` is no suffix of a quantity (n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei, or an exponent)"
    )]
    UnknownSuffix {
        /// The suffix found.
        suffix: String,
    },
    /// Beyond 63 bits of thousandths.
    #[error("it is larger than any quantity can be")]
    TooLarge,
}

/// Digits of a number that are read at most; more could not change a thousandth of anything that fits.
const DIGITS_MAX: usize = 30;

impl MilliQuantity {
    /// The quantity of a whole number; the largest where it does not fit.
    #[must_use]
    pub const fn whole(number: i64) -> Self {
        Self(number.saturating_mul(1_000))
    }
}

impl FromStr for MilliQuantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = unsigned.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at_checked(end).ok_or(QuantityError::NoNumber)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let fraction = fraction.trim_end_matches('0');
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(QuantityError::NoNumber);
        }
        if whole.len() + fraction.len() > DIGITS_MAX {
            return Err(QuantityError::TooLarge);
        }
        let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| QuantityError::NoNumber)?;
        let (binary, decimal) = scale(suffix)?;
        let places = i32::try_from(fraction.len()).unwrap_or(i32::MAX);
        let milli = scaled(digits, binary, decimal + 3 - places).ok_or(QuantityError::TooLarge)?;
        let milli = i64::try_from(milli).map_err(|_| QuantityError::TooLarge)?;
        Ok(Self(if negative { -milli } else { milli }))
    }
}

/// The suffix as a power of two and a power of ten.
fn scale(suffix: &str) -> Result<(u32, i32), QuantityError> {
    const DECIMAL: [(&str, i32); 10] =
        [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
    const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
    if let Some((_, power)) = DECIMAL.iter().find(|(known, _)| *known == suffix) {
        return Ok((0, *power));
    }
    if let Some((_, power)) = BINARY.iter().find(|(known, _)| *known == suffix) {
        return Ok((*power, 0));
    }
    let exponent = suffix.strip_prefix(['e', 'E']).and_then(|digits| digits.parse::<i32>().ok());
    match exponent {
        Some(power) if power.abs() <= 60 => Ok((0, power)),
        Some(_) => Err(QuantityError::TooLarge),
        None => Err(QuantityError::UnknownSuffix { suffix: suffix.to_owned() }),
    }
}

/// `digits × 2^binary × 10^decimal`, rounded up; none beyond 128 bits.
fn scaled(digits: u128, binary: u32, decimal: i32) -> Option<u128> {
    let digits = digits.checked_mul(1_u128 << binary)?;
    if digits == 0 {
        return Some(0);
    }
    match u32::try_from(decimal) {
        Ok(power) => digits.checked_mul(10_u128.checked_pow(power)?),
        Err(_) => Some(10_u128.checked_pow(decimal.unsigned_abs()).map_or(1, |divisor| digits.div_ceil(divisor))),
    }
}

impl fmt::Display for MilliQuantity {
    /// `2` or `500m`: the shortest that reads back as the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1_000 == 0 { write!(f, "{}", self.0 / 1_000) } else { write!(f, "{}m", self.0) }
    }
}

impl Serialize for MilliQuantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MilliQuantity {
    /// A string, or a whole number as people write it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Whole(i64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Whole(number) => {
                number.checked_mul(1_000).map(Self).ok_or_else(|| de::Error::custom(QuantityError::TooLarge))
            }
            Written::Text(text) => {
                text.parse().map_err(|error| de::Error::custom(format!("quantity {text:?}: {error}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, milli) in [
            ("500m", 500_i128),
            ("2", 2_000),
            ("1.5", 1_500),
            (".5", 500),
            ("10k", 10_000_000),
            ("2Gi", 2_147_483_648_000),
            ("1e3", 1_000_000),
            ("1E", 1_000_000_000_000_000_000_000),
            ("100u", 1),
            ("1n", 1),
            ("0", 0),
            ("-1", -1_000),
            ("5e-1", 500),
        ] {
            let read = text.parse::<MilliQuantity>();
            match i64::try_from(milli) {
                Ok(milli) => assert_eq!(read, Ok(MilliQuantity(milli)), "{text}"),
                Err(_) => assert_eq!(read, Err(QuantityError::TooLarge), "{text}"),
            }
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_its_reason() {
        for (text, error) in [
            ("", QuantityError::NoNumber),
            ("m", QuantityError::NoNumber),
            ("1.2.3", QuantityError::NoNumber),
            ("5x", QuantityError::UnknownSuffix { suffix: "x".to_owned() }),
            ("5 m", QuantityError::UnknownSuffix { suffix: " m".to_owned() }),
            ("1e99", QuantityError::TooLarge),
            ("99999999999999999999999999999999", QuantityError::TooLarge),
        ] {
            assert_eq!(text.parse::<MilliQuantity>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(milli in -9_000_000_000_000_000_000_i64..9_000_000_000_000_000_000) {
            let quantity = MilliQuantity(milli);
            prop_assert_eq!(quantity.to_string().parse(), Ok(quantity));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}", near in "[0-9.eEmkMGin+-]{0,40}") {
            let _ = (text.parse::<MilliQuantity>(), near.parse::<MilliQuantity>());
        }
    }
}
