//! Which numbers of a policy may move, between which bounds, and on which scale.
//!
//! Fields, units and the values allowed come from the one table of `config`; a field that a spec does not know cannot be
//! searched. The range searched is narrower than what is allowed: around the value in the file, because a policy that runs
//! is a better guess than the middle of everything. Sizes that can differ by factors (times, prices, numbers) move by
//! factors, so that 40 to 80 is as far as 80 to 160; shares and what may be zero move by differences.

use plimsoll_config::field::{Fallback, Field, Kind, Literal, Section};
use plimsoll_config::table::ROOT;
use plimsoll_config::unit::Unit;

/// How a parameter moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// By differences.
    Linear,
    /// By factors; its range lies above zero.
    Log,
}

/// One number of a policy that is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Where it stands below the service, such as `scaling.headroom.price`.
    pub path: String,
    /// What it counts; values are in its base.
    pub unit: Unit,
    /// Least that a policy may say.
    pub allowed_min: i64,
    /// Most that a policy may say.
    pub allowed_max: i64,
    /// Least that is tried.
    pub low: i64,
    /// Most that is tried.
    pub high: i64,
    /// Where the search starts.
    pub start: i64,
    /// How it moves.
    pub scale: Scale,
}

/// Why a range, a value or a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// No such field.
    #[error("{path}: a policy has no number of that name; the file names {known}")]
    Unknown {
        /// What was typed.
        path: String,
        /// What there is.
        known: String,
    },
    /// Text that is no value of the field.
    #[error("{path}: {text:?} is no {noun}: {error}")]
    Value {
        /// The field.
        path: String,
        /// What was typed.
        text: String,
        /// What it should be.
        noun: &'static str,
        /// Why it is not.
        error: String,
    },
    /// A value that no policy may have.
    #[error("{path}: {value} is out of range; allowed are {min} to {max}")]
    Range {
        /// The field.
        path: String,
        /// What was typed.
        value: String,
        /// Least.
        min: String,
        /// Most.
        max: String,
    },
    /// A range without an inside.
    #[error("{path}: {low} is not below {high}, so nothing lies between them")]
    Empty {
        /// The field.
        path: String,
        /// Its lower end.
        low: String,
        /// Its upper end.
        high: String,
    },
    /// Not `PATH=LOW..HIGH`.
    #[error("{text:?} is no range; write PATH=LOW..HIGH, such as scaling.cpu=50%..95%")]
    Form {
        /// What was typed.
        text: String,
    },
}

/// The table of what may stand below `scaling`.
///
/// # Panics
/// Never: the table of fields has it.
#[must_use]
pub fn scaling() -> &'static Section {
    let service = ROOT.field("services").and_then(|field| match field.kind {
        Kind::Named(section) => section.field("scaling"),
        _ => None,
    });
    match service.map(|field| field.kind) {
        Some(Kind::Table(section)) => section,
        _ => unreachable!("invariant: a service has a table called scaling"),
    }
}

/// The field at `path`, such as `scaling.headroom.price`, where it is a number.
#[must_use]
pub fn field(path: &str) -> Option<&'static Field> {
    let mut parts = path.split('.');
    if parts.next() != Some("scaling") {
        return None;
    }
    let mut section = scaling();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let field = section.field(part)?;
        match (field.kind, parts.peek()) {
            (Kind::Quantity { .. }, None) => return Some(field),
            (Kind::Table(inner), Some(_)) => section = inner,
            _ => return None,
        }
    }
    None
}

/// The parameter at `path` as a policy has it, with a range around its value; none where `path` is no number.
#[must_use]
pub fn parameter(path: &str, value: i64) -> Option<Parameter> {
    let Kind::Quantity { unit, min, max, .. } = field(path)?.kind else { return None };
    let (scale, low, high) = around(unit, value, min, max);
    Some(Parameter { path: path.to_owned(), unit, allowed_min: min, allowed_max: max, low, high, start: value, scale })
}

/// What holds where the file leaves the field out, in the base of its unit.
#[must_use]
pub fn default_of(path: &str) -> Option<i64> {
    let field = field(path)?;
    let Kind::Quantity { unit, .. } = field.kind else { return None };
    match field.fallback {
        Fallback::Is(Literal::Integer(number), _) => unit.integer(number).ok(),
        Fallback::Is(Literal::Text(text), _) => unit.parse(text).ok(),
        _ => None,
    }
}

/// Shares reach this far beyond a value of zero, thousandths.
const SHARE_FROM_ZERO: i64 = 300;
/// Times reach this far beyond zero, ms.
const TIME_FROM_ZERO: i64 = 600_000;
/// Everything else.
const COUNT_FROM_ZERO: i64 = 10;
/// The whole of a share, thousandths.
const WHOLE: i64 = 1_000;
/// Sizes are tried from a quarter to four times the value.
const FACTOR: i64 = 4;

fn around(unit: Unit, value: i64, min: i64, max: i64) -> (Scale, i64, i64) {
    let within = |low: i64, high: i64| (low.clamp(min, max), high.clamp(min, max));
    if unit == Unit::Share && (0..=WHOLE).contains(&value) {
        // A share of a whole: half as far as it can go either way, and never the whole of nothing.
        let (low, high) = match value {
            0 => within(0, SHARE_FROM_ZERO),
            _ => within(value / 2, value + (WHOLE - value) / 2),
        };
        return (Scale::Linear, low, high);
    }
    if value <= 0 {
        let reach = if unit == Unit::Duration { TIME_FROM_ZERO } else { COUNT_FROM_ZERO };
        let (low, high) = within(value, reach);
        return (Scale::Linear, low, high);
    }
    let (low, high) = within((value / FACTOR).max(1), value.saturating_mul(FACTOR));
    (Scale::Log, low, high)
}

impl Parameter {
    /// Takes another range to search, `LOW..HIGH` as text.
    ///
    /// # Errors
    /// [`SpaceError`] where an end is no value, not allowed, or not below the other.
    pub fn range(&mut self, low: &str, high: &str) -> Result<(), SpaceError> {
        let (low, high) = (self.read(low)?, self.read(high)?);
        if low >= high {
            let (low, high) = (self.unit.print(low), self.unit.print(high));
            return Err(SpaceError::Empty { path: self.path.clone(), low, high });
        }
        (self.low, self.high) = (low, high);
        self.start = self.start.clamp(low, high);
        if low <= 0 {
            self.scale = Scale::Linear;
        }
        Ok(())
    }

    /// Reads a value of this parameter.
    ///
    /// # Errors
    /// [`SpaceError`] where it is none or not allowed.
    pub fn read(&self, text: &str) -> Result<i64, SpaceError> {
        let value = number(self.unit, text).map_err(|error| SpaceError::Value {
            path: self.path.clone(),
            text: text.to_owned(),
            noun: self.unit.noun(),
            error,
        })?;
        if value < self.allowed_min || value > self.allowed_max {
            return Err(SpaceError::Range {
                path: self.path.clone(),
                value: self.unit.print(value),
                min: self.unit.print(self.allowed_min),
                max: self.unit.print(self.allowed_max),
            });
        }
        Ok(value)
    }

    /// The value at `place` of its range, 0 the lowest and 1 the highest; rounded to what a person would write.
    #[must_use]
    pub fn at(&self, place: f64) -> i64 {
        let place = if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.5 };
        let (low, high) = (self.low as f64, self.high as f64);
        let value = match self.scale {
            Scale::Linear => low + (high - low) * place,
            Scale::Log => low * libm::exp(place * libm::log(high / low)),
        };
        rounded(libm::round(value) as i64, self.unit).clamp(self.low, self.high)
    }

    /// Where in its range a value lies.
    #[must_use]
    pub fn place(&self, value: i64) -> f64 {
        let (low, high, value) = (self.low as f64, self.high as f64, value.clamp(self.low, self.high) as f64);
        if self.high <= self.low {
            return 0.0;
        }
        match self.scale {
            Scale::Linear => (value - low) / (high - low),
            Scale::Log => libm::log(value / low) / libm::log(high / low),
        }
    }
}

/// A number as it is typed on a command line or stands in a file.
pub(crate) fn number(unit: Unit, text: &str) -> Result<i64, String> {
    let text = text.trim();
    if unit.takes_text() && unit.parse(text).is_ok() {
        return unit.parse(text).map_err(|error| error.to_string());
    }
    match text.parse::<i64>() {
        Ok(whole) if unit.takes_integer() => unit.integer(whole).map_err(|error| error.to_string()),
        _ if unit.takes_decimal() => unit.decimal(text).map_err(|error| error.to_string()),
        _ => unit.parse(text).map_err(|error| error.to_string()),
    }
}

/// To two or three digits, and times to whole seconds: 37.4 % means nothing that 37.5 % does not.
fn rounded(value: i64, unit: Unit) -> i64 {
    let step = match unit {
        Unit::Duration if value >= 10_000 => 1_000,
        Unit::Share => 5,
        _ => 1,
    };
    let mut step = step.max(1);
    while value.abs() / step >= 1_000 {
        step *= 10;
    }
    // Half up; values are far from the ends of an i64 because they are allowed ones.
    (value + step / 2).div_euclid(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_range_lies_around_the_value_and_within_what_is_allowed() {
        let price = parameter("scaling.headroom.price", 80).unwrap();
        assert_eq!((price.low, price.high, price.scale), (20, 320, Scale::Log));
        assert_eq!((price.at(0.0), price.at(0.5), price.at(1.0)), (20, 80, 320));
        let target = parameter("scaling.cpu", 600).unwrap();
        assert_eq!((target.low, target.high, target.scale), (300, 800, Scale::Linear));
        let tolerance = parameter("scaling.tolerance", 0).unwrap();
        assert_eq!((tolerance.low, tolerance.high), (0, 300));
        let window = parameter("scaling.stabilization.down", 300_000).unwrap();
        assert_eq!((window.low, window.high, window.unit), (75_000, 1_200_000, Unit::Duration));
        assert_eq!(parameter("scaling.headroom", 1), None);
        assert_eq!(parameter("scaling.cron.replicas", 1), None, "a list has no one value");
        assert_eq!(parameter("replicas.min", 1), None, "bounds are not the policy's to choose");
        assert_eq!(default_of("scaling.tolerance"), Some(100));
        assert_eq!(default_of("scaling.cpu"), None);
    }

    #[test]
    fn a_range_that_is_typed_is_read_with_its_unit_and_refused_with_the_field() {
        let mut target = parameter("scaling.cpu", 600).unwrap();
        target.range("65%", "95%").unwrap();
        assert_eq!((target.low, target.high, target.start), (650, 950, 650));
        for (low, high, why) in [
            ("95%", "65%", "scaling.cpu: 95% is not below 65%"),
            ("x", "65%", "scaling.cpu: \"x\" is no "),
            ("0%", "65%", "scaling.cpu: 0% is out of range; allowed are 0.1% to 1000%"),
        ] {
            let error = target.range(low, high).unwrap_err().to_string();
            assert!(error.starts_with(why), "{error}");
        }
        let mut price = parameter("scaling.headroom.price", 80).unwrap();
        price.range("1", "1000").unwrap();
        assert_eq!(price.at(0.5), 32, "the middle of a range of factors");
    }

    proptest! {
        #[test]
        fn a_place_gives_a_value_in_range_that_lies_near_it(place in 0.0_f64..=1.0, value in 1_i64..1_000_000) {
            let price = parameter("scaling.headroom.price", value).unwrap();
            let found = price.at(place);
            prop_assert!((price.low..=price.high).contains(&found));
            prop_assert_eq!(price.at(price.place(found)), found);
        }
    }
}
