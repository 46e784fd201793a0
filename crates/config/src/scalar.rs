//! One value without structure, checked against its field: type, form, choice, unit, range.

use crate::field::{Choice, Field, Kind, Literal};
use crate::nearest::nearest;
use crate::unit::{Unit, UnitError};
use crate::value::Value;
use toml::de::DeValue;

/// A value without its structure: what the file or a default says in one place.
pub enum Scalar<'a> {
    /// A string.
    Text(&'a str),
    /// An integer; none where it is beyond 64 bits.
    Integer(Option<i64>),
    /// The digits of a float.
    Decimal(&'a str),
    /// `true` or `false`.
    Flag(bool),
    /// Anything else.
    Other,
}

impl<'a> From<&'a DeValue<'_>> for Scalar<'a> {
    fn from(value: &'a DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text),
            DeValue::Integer(digits) => Self::Integer(i64::from_str_radix(digits.as_str(), digits.radix()).ok()),
            DeValue::Float(digits) => Self::Decimal(digits.as_str()),
            DeValue::Boolean(flag) => Self::Flag(*flag),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => Self::Other,
        }
    }
}

impl From<Literal> for Scalar<'static> {
    fn from(literal: Literal) -> Self {
        match literal {
            Literal::Text(text) => Self::Text(text),
            Literal::Integer(number) => Self::Integer(Some(number)),
            Literal::Decimal(digits) => Self::Decimal(digits),
            Literal::Flag(flag) => Self::Flag(flag),
        }
    }
}

/// Why a scalar was refused.
pub enum Fault {
    /// Wrong type or shape, with a clause (may be empty) and the nearest word.
    Invalid(String, Option<String>),
    /// Beyond its bounds.
    Range(String),
}

impl From<UnitError> for Fault {
    fn from(error: UnitError) -> Self {
        Self::Invalid(error.to_string(), None)
    }
}

/// Checks a value against its field.
///
/// # Errors
/// A [`Fault`] that says what about it is wrong.
pub fn check(field: &Field, raw: &Scalar<'_>) -> Result<Value, Fault> {
    let wrong = || Fault::Invalid(String::new(), None);
    match (field.kind, raw) {
        (Kind::Flag, Scalar::Flag(flag)) => Ok(Value::Flag(*flag)),
        (Kind::Quantity { unit, min, max, unlimited }, raw) => {
            if unlimited && matches!(raw, Scalar::Text("unlimited")) {
                return Ok(Value::Unlimited);
            }
            let value = quantity(unit, raw).map_err(|fault| with_unit(field, raw, fault))?;
            let range = || Fault::Range(field.kind.range().unwrap_or_default());
            if (min..=max).contains(&value) { Ok(Value::Number(value)) } else { Err(range()) }
        }
        (Kind::Text(form) | Kind::Texts { form, .. }, Scalar::Text(text)) => {
            form.check(text).map(|()| Value::Text((*text).to_owned())).map_err(|why| Fault::Invalid(why, None))
        }
        (Kind::Choice(choices) | Kind::Choices(choices), Scalar::Text(text)) => choice(choices, text),
        _ => Err(wrong()),
    }
}

/// Adds the likeliest unit to a bare number, where that would be right.
fn with_unit(field: &Field, raw: &Scalar<'_>, fault: Fault) -> Fault {
    let (Kind::Quantity { unit, .. }, Fault::Invalid(why, None)) = (field.kind, &fault) else { return fault };
    let bare = match raw {
        Scalar::Integer(Some(number)) => number.to_string(),
        Scalar::Text(text) | Scalar::Decimal(text) => (*text).to_owned(),
        _ => return fault,
    };
    let written = if unit.takes_text() { format!("{bare}{}", unit.likeliest()) } else { bare };
    let raw = if unit.takes_text() { Scalar::Text(&written) } else { Scalar::Integer(written.parse().ok()) };
    let fits = quantity(unit, &raw).is_ok_and(|value| match field.kind {
        Kind::Quantity { min, max, .. } => (min..=max).contains(&value),
        _ => false,
    });
    let near = if unit.takes_text() { format!("\"{written}\"") } else { written.clone() };
    Fault::Invalid(why.clone(), fits.then_some(near))
}

fn choice(choices: &'static [Choice], text: &str) -> Result<Value, Fault> {
    if choices.iter().any(|choice| choice.word == text) {
        return Ok(Value::Text(text.to_owned()));
    }
    let near = nearest(text, choices.iter().map(|choice| choice.word)).map(str::to_owned);
    Err(Fault::Invalid("it is not one of the choices".to_owned(), near))
}

fn quantity(unit: Unit, raw: &Scalar<'_>) -> Result<i64, Fault> {
    match raw {
        Scalar::Text(text) if unit.takes_text() => Ok(unit.parse(text)?),
        Scalar::Text(_) => Err(Fault::Invalid("it is a string; leave the quotes out".to_owned(), None)),
        Scalar::Integer(None) => Err(UnitError::TooLarge.into()),
        Scalar::Integer(Some(number)) if unit.takes_integer() => Ok(unit.integer(*number)?),
        Scalar::Integer(Some(_)) if unit == Unit::Share => {
            Err(Fault::Invalid("it could be per cent or times".to_owned(), None))
        }
        Scalar::Integer(Some(_)) => Err(Fault::Invalid("the unit is missing".to_owned(), None)),
        Scalar::Decimal(digits) if unit.takes_decimal() => Ok(unit.decimal(digits)?),
        Scalar::Decimal(_) if unit == Unit::Count => Err(Fault::Invalid("it is not whole".to_owned(), None)),
        Scalar::Decimal(_) => Err(Fault::Invalid("the unit is missing".to_owned(), None)),
        Scalar::Flag(_) | Scalar::Other => Err(Fault::Invalid(String::new(), None)),
    }
}
