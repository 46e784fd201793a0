//! Shapes as people type them: `constant:rps=50,duration=2m`, `step:before=20,after=200,at=30s,duration=2m`,
//! `spike:base=20,peak=400,at=1m,width=20s,duration=3m`, `sine:mean=100,amplitude=80,period=1m,duration=5m`.
//!
//! Fields come in any order, each once and all of them: a default here would be a load that nobody asked for. Times
//! are a number with `ms`, `s`, `m` or `h`. A trace is no such text: it is a file with a clock of its own.

use crate::shape::Shape;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a text is no shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// No such shape.
    #[error("{0:?} is no shape; there are constant, step, spike and sine, as in \"constant:rps=50,duration=2m\"")]
    Name(String),
    /// A field that the shape does not have, has not been given, or was given twice.
    #[error("shape {shape} has the fields {fields}, each once; {problem}")]
    Fields {
        /// The shape.
        shape: &'static str,
        /// Its fields.
        fields: String,
        /// What is wrong with those given.
        problem: String,
    },
    /// A value that its field can not hold.
    #[error("shape {shape}, field {field}: {value:?} is not {expected}")]
    Value {
        /// The shape.
        shape: &'static str,
        /// The field.
        field: &'static str,
        /// What was written.
        value: String,
        /// What would have been accepted.
        expected: &'static str,
    },
}

struct Fields<'a> {
    shape: &'static str,
    names: &'static [&'static str],
    values: Vec<Option<&'a str>>,
}

impl<'a> Fields<'a> {
    fn read(shape: &'static str, names: &'static [&'static str], text: &'a str) -> Result<Self, ShapeError> {
        let mut fields = Self { shape, names, values: vec![None; names.len()] };
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match names.iter().position(|known| *known == name.trim()) {
                None => return Err(fields.refuse(format_args!("{:?} is none of them", name.trim()))),
                Some(index) if fields.values[index].is_some() => {
                    return Err(fields.refuse(format_args!("{name} stands twice")));
                }
                Some(index) => fields.values[index] = Some(value.trim()),
            }
        }
        match fields.values.iter().position(Option::is_none) {
            Some(missing) => Err(fields.refuse(format_args!("{} is missing", names[missing]))),
            None => Ok(fields),
        }
    }

    fn refuse(&self, problem: fmt::Arguments<'_>) -> ShapeError {
        ShapeError::Fields { shape: self.shape, fields: self.names.join(", "), problem: problem.to_string() }
    }

    fn value<T>(
        &self,
        index: usize,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ShapeError> {
        let value = self.values[index].unwrap_or_default();
        read(value).ok_or_else(|| ShapeError::Value {
            shape: self.shape,
            field: self.names[index],
            value: value.to_owned(),
            expected,
        })
    }

    fn rate(&self, index: usize) -> Result<f64, ShapeError> {
        let read = |text: &str| text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0);
        self.value(index, "a rate in requests per second, 0 or more", read)
    }

    fn time(&self, index: usize) -> Result<Duration, ShapeError> {
        self.value(index, "a time such as 500ms, 30s, 5m or 2h", time)
    }
}

fn time(text: &str) -> Option<Duration> {
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

impl FromStr for Shape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        Ok(match name.trim() {
            "constant" => {
                let fields = Fields::read("constant", &["rps", "duration"], rest)?;
                Self::Constant { rps: fields.rate(0)?, duration: fields.time(1)? }
            }
            "step" => {
                let fields = Fields::read("step", &["before", "after", "at", "duration"], rest)?;
                Self::Step {
                    rps_before: fields.rate(0)?,
                    rps_after: fields.rate(1)?,
                    at: fields.time(2)?,
                    duration: fields.time(3)?,
                }
            }
            "spike" => {
                let fields = Fields::read("spike", &["base", "peak", "at", "width", "duration"], rest)?;
                Self::Spike {
                    rps_base: fields.rate(0)?,
                    rps_peak: fields.rate(1)?,
                    at: fields.time(2)?,
                    width: fields.time(3)?,
                    duration: fields.time(4)?,
                }
            }
            "sine" => {
                let fields = Fields::read("sine", &["mean", "amplitude", "period", "duration"], rest)?;
                Self::Sine {
                    rps_mean: fields.rate(0)?,
                    rps_amplitude: fields.rate(1)?,
                    period: fields.time(2)?,
                    duration: fields.time(3)?,
                }
            }
            other => return Err(ShapeError::Name(other.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shapes_are_read_as_they_are_typed() {
        for (text, described) in [
            ("constant:rps=50,duration=2m", "constant 50/s for 120s"),
            ("step: before=20, after=200.5, at=500ms, duration=1h", "step from 20/s to 200.5/s at 500ms, 3600s in all"),
            (
                "spike:duration=3m,base=20,peak=400,at=1m,width=20s",
                "spike to 400/s for 20s at 60s over 20/s, 180s in all",
            ),
            ("sine:mean=100,amplitude=80,period=1m,duration=5m", "sine 100 ± 80/s, period 60s, 300s in all"),
        ] {
            assert_eq!(text.parse::<Shape>().unwrap().describe(), described);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            ("saw:rps=1", "\"saw\" is no shape; there are constant, step, spike and sine"),
            ("constant:rps=1", "shape constant has the fields rps, duration, each once; duration is missing"),
            (
                "constant:rps=1,rps=2,duration=1s",
                "shape constant has the fields rps, duration, each once; rps stands twice",
            ),
            ("constant:rate=1", "shape constant has the fields rps, duration, each once; \"rate\" is none of them"),
            ("constant:rps=-1,duration=1s", "shape constant, field rps: \"-1\" is not a rate"),
            ("constant:rps=1,duration=10", "shape constant, field duration: \"10\" is not a time such as"),
            ("constant:rps=1,duration=-1s", "shape constant, field duration: \"-1s\" is not a time such as"),
        ] {
            let error = text.parse::<Shape>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_shape_or_an_error(
            name in "(constant|step|spike|sine|x)", rest in "[a-z=,0-9.:e -]{0,60}",
        ) {
            let _ = format!("{name}:{rest}").parse::<Shape>().map(|shape| shape.describe());
        }
    }
}
