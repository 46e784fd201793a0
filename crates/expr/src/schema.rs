//! What an expression may name: inputs with their measure, interval, scope and meaning, declared by the caller.
//!
//! Intervals are kept, not trusted: a value outside its interval is taken as the nearest bound when it comes in, so every bound
//! that is proved from them holds. A fact (`a <= b`) is trusted, and for that reason used in the bounds that are reported and
//! never in what is computed.

use crate::fingerprint::{Fingerprint, Hasher};
use crate::node::{NAME_RULE, Name, is_name};
use crate::unit::{Measure, Unit};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The place of an input in its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputId(pub(crate) u16);

impl InputId {
    /// As an index of [`Schema::inputs`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Whether an input has a value for each row or one for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// One value for each row.
    Column,
    /// One value for all rows of a call.
    Scalar,
}

/// A named input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// As written in expressions.
    pub name: Name,
    /// What one step of its integer stands for.
    pub measure: Measure,
    /// Smallest value, in steps.
    pub least: i64,
    /// Largest value, in steps.
    pub most: i64,
    /// One value for each row, or one for all.
    pub shape: Shape,
    /// A group of the caller's, at most 63; its meaning is the caller's.
    pub scope: u8,
    /// What it means, for people.
    pub meaning: String,
}

impl Input {
    /// An input with a value for each row. Bounds are in steps of the measure, both included.
    pub fn column(name: &str, measure: Measure, least: i64, most: i64) -> Self {
        Self { name: Name::from(name), measure, least, most, shape: Shape::Column, scope: 0, meaning: String::new() }
    }

    /// An input with one value for all rows.
    pub fn scalar(name: &str, measure: Measure, least: i64, most: i64) -> Self {
        Self { shape: Shape::Scalar, ..Self::column(name, measure, least, most) }
    }

    /// The same in a group of the caller's.
    #[must_use]
    pub fn in_scope(self, scope: u8) -> Self {
        Self { scope, ..self }
    }

    /// The same with what it means.
    #[must_use]
    pub fn meaning(self, text: &str) -> Self {
        Self { meaning: text.to_owned(), ..self }
    }

    /// The value within the interval, in base units. Exact, because the bounds are.
    pub(crate) fn base_value(&self, value: i64) -> f64 {
        (value.clamp(self.least, self.most) * self.measure.scale) as f64
    }

    pub(crate) fn holds(&self, value: i64) -> bool {
        (self.least..=self.most).contains(&value)
    }
}

/// Whole numbers up to here are exact in 64-bit floats.
const BASE_VALUE_MAX: i128 = 1 << 53;
const SCOPE_MAX: u8 = 63;

/// Why a list of inputs is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Not a name.
    #[error("input `{name}` may not be called so: a name is {NAME_RULE}")]
    Name {
        /// As given.
        name: String,
    },
    /// A name stands twice.
    #[error("input `{name}` is declared twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// An interval that is empty, or not exact in base units.
    #[error(
        "input `{name}` from {least} to {most} in steps of {scale}: the interval is not empty and stays within 2^53 base units"
    )]
    Interval {
        /// The input.
        name: String,
        /// Smallest value.
        least: i64,
        /// Largest value.
        most: i64,
        /// Base units in a step.
        scale: i64,
    },
    /// A scope above 63.
    #[error("input `{name}` is in scope {scope}, and {SCOPE_MAX} is the last")]
    Scope {
        /// The input.
        name: String,
        /// As given.
        scope: u8,
    },
    /// More inputs than can be counted.
    #[error("{count} inputs, and 65,535 are the most")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A fact about an input that is not declared.
    #[error("a fact names `{name}`, which is not declared")]
    Unknown {
        /// As given.
        name: String,
    },
    /// A fact about inputs of different units.
    #[error("`{small}` cannot be compared with `{large}`: {small_unit} and {large_unit}")]
    FactUnits {
        /// The smaller input.
        small: String,
        /// The larger input.
        large: String,
        /// Unit of the smaller.
        small_unit: Unit,
        /// Unit of the larger.
        large_unit: Unit,
    },
}

/// Inputs by name, with facts about them. A copy shares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    inputs: Arc<[Input]>,
    index: Arc<BTreeMap<Name, InputId>>,
    facts: Arc<[(InputId, InputId)]>,
    fingerprint: Fingerprint,
}

impl Schema {
    /// A schema of these inputs, in this order.
    ///
    /// # Errors
    /// Naming the input and what is wrong with it.
    pub fn try_new(inputs: Vec<Input>) -> Result<Self, SchemaError> {
        if inputs.len() > usize::from(u16::MAX) {
            return Err(SchemaError::TooMany { count: inputs.len() });
        }
        let mut index = BTreeMap::new();
        for (at, input) in inputs.iter().enumerate() {
            check(input)?;
            if index.insert(input.name.clone(), InputId(at as u16)).is_some() {
                return Err(SchemaError::Twice { name: input.name.to_string() });
            }
        }
        let fingerprint = fingerprint(&inputs);
        Ok(Self { inputs: inputs.into(), index: Arc::new(index), facts: Arc::new([]), fingerprint })
    }

    /// The same with the fact that one input never exceeds another, which the caller promises.
    ///
    /// # Errors
    /// When an input is not declared or the units differ.
    pub fn with_fact(mut self, small: &str, large: &str) -> Result<Self, SchemaError> {
        let find = |name: &str| self.id(name).ok_or_else(|| SchemaError::Unknown { name: name.to_owned() });
        let (a, b) = (find(small)?, find(large)?);
        let (small_unit, large_unit) = (self.input(a).measure.unit, self.input(b).measure.unit);
        if small_unit != large_unit {
            let (small, large) = (small.to_owned(), large.to_owned());
            return Err(SchemaError::FactUnits { small, large, small_unit, large_unit });
        }
        self.facts = self.facts.iter().copied().chain([(a, b)]).collect();
        Ok(self)
    }

    /// All inputs, in the order of their ids.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The id of a name.
    pub fn id(&self, name: &str) -> Option<InputId> {
        self.index.get(name).copied()
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = InputId> + use<> {
        (0..self.inputs.len() as u16).map(InputId)
    }

    /// One input.
    ///
    /// # Panics
    /// When the id is one of a larger schema.
    pub fn input(&self, id: InputId) -> &Input {
        &self.inputs[id.index()]
    }

    /// Tells schemas apart whose columns may not be exchanged.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether the facts say, directly or through others, that `small <= large`.
    pub(crate) fn is_at_most(&self, small: InputId, large: InputId) -> bool {
        let (mut open, mut seen) = (vec![small], vec![false; self.inputs.len()]);
        while let Some(at) = open.pop() {
            if at == large {
                return true;
            }
            if !std::mem::replace(&mut seen[at.index()], true) {
                open.extend(self.facts.iter().filter(|(a, _)| *a == at).map(|(_, b)| *b));
            }
        }
        false
    }
}

fn check(input: &Input) -> Result<(), SchemaError> {
    let name = || input.name.to_string();
    let (least, most, scale) = (input.least, input.most, input.measure.scale);
    if !is_name(&input.name) {
        return Err(SchemaError::Name { name: name() });
    }
    let fits = |bound: i64| (i128::from(bound) * i128::from(scale)).abs() <= BASE_VALUE_MAX;
    if least > most || scale < 1 || !fits(least) || !fits(most) {
        return Err(SchemaError::Interval { name: name(), least, most, scale });
    }
    if input.scope > SCOPE_MAX {
        return Err(SchemaError::Scope { name: name(), scope: input.scope });
    }
    Ok(())
}

/// Of everything that decides what a column means.
fn fingerprint(inputs: &[Input]) -> Fingerprint {
    let mut hasher = Hasher::new();
    for input in inputs {
        hasher.bytes(input.name.as_bytes()).byte(0).byte((input.shape == Shape::Scalar).into()).byte(input.scope);
        hasher.bytes(&input.least.to_le_bytes()).bytes(&input.most.to_le_bytes());
        hasher.bytes(&input.measure.scale.to_le_bytes()).bytes(input.measure.unit.to_string().as_bytes()).byte(0);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(input: Input) -> Result<Schema, SchemaError> {
        Schema::try_new(vec![input])
    }

    #[test]
    fn what_is_no_schema_says_which_input_is_wrong() {
        let bytes = Measure::BYTES;
        assert!(matches!(one(Input::column("min", bytes, 0, 1)), Err(SchemaError::Name { .. })));
        assert!(matches!(one(Input::column("a", bytes, 1, 0)), Err(SchemaError::Interval { .. })));
        assert!(matches!(one(Input::column("a", Measure::MEBIBYTES, 0, 1 << 34)), Err(SchemaError::Interval { .. })));
        assert!(matches!(one(Input::column("a", bytes, i64::MIN, 0)), Err(SchemaError::Interval { .. })));
        assert!(matches!(one(Input::column("a", bytes, 0, 1).in_scope(64)), Err(SchemaError::Scope { .. })));
        let twice = vec![Input::column("a", bytes, 0, 1), Input::scalar("a", bytes, 0, 1)];
        assert!(matches!(Schema::try_new(twice), Err(SchemaError::Twice { .. })));
    }

    #[test]
    fn facts_are_followed_through_others_and_in_circles() {
        let inputs = ["a", "b", "c"].map(|name| Input::column(name, Measure::BYTES, 0, 9)).to_vec();
        let schema = Schema::try_new(inputs).unwrap();
        let schema = schema.with_fact("a", "b").and_then(|s| s.with_fact("b", "c")).and_then(|s| s.with_fact("c", "b"));
        let schema = schema.unwrap();
        let id = |name| schema.id(name).unwrap();
        assert!(schema.is_at_most(id("a"), id("c")) && schema.is_at_most(id("a"), id("a")));
        assert!(!schema.is_at_most(id("c"), id("a")));
        assert!(matches!(schema.clone().with_fact("a", "d"), Err(SchemaError::Unknown { .. })));
    }
}
