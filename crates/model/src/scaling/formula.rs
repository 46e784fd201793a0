//! A number of replicas given by a formula of the policy language, and why it came to that number.
//!
//! The formula is text here: what it may name and what is proved of it is the affair of whoever evaluates it.

use crate::quantity::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A formula that says how many replicas there should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormulaSpec {
    /// What reasons call it.
    pub name: String,
    /// The formula, in the language of `docs/expressions.md`.
    pub text: String,
    /// Price of a moment in which replicas are missing, in idle replicas of that moment; what `start_margin` rests on.
    pub price: u32,
    /// The same where a replica runs already and is only kept, at least `price`; what `keep_margin` rests on.
    pub price_keep: u32,
}

/// What an integer of a reason stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormulaUnit {
    /// Thousandths of a replica.
    MilliReplicas,
    /// Milliseconds of trace time.
    Millis,
    /// Itself.
    Plain,
}

/// A value that a formula read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormulaInput {
    /// As the formula names it.
    pub name: String,
    /// In its unit.
    pub value: i64,
    /// Its unit.
    pub unit: FormulaUnit,
}

/// A part of a formula that is a number of replicas itself: an operand of the sum, least or highest at its root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormulaPart {
    /// As written.
    pub text: String,
    /// What it came to, thousandths of a replica.
    pub value_milli: i64,
}

/// Why a formula votes as it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormulaReason {
    /// Its name.
    pub name: String,
    /// What it came to, thousandths of a replica; the vote is that rounded up, at least 0.
    pub wanted_milli: i64,
    /// Its parts at the root, in the order written; none where the root is no sum, least or highest.
    pub parts: Vec<FormulaPart>,
    /// What it read, in the order of the documentation.
    pub inputs: Vec<FormulaInput>,
    /// Moments learnt from; below an hour of them what is expected is a third more than is needed.
    pub learnt: u64,
}

impl fmt::Display for FormulaReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "formula {}: {} wanted", self.name, Thousandths(self.wanted_milli))?;
        for (index, FormulaPart { text, value_milli }) in self.parts.iter().enumerate() {
            write!(f, "{} {text} = {}", if index == 0 { ", of" } else { "," }, Thousandths(*value_milli))?;
        }
        for (index, FormulaInput { name, value, unit }) in self.inputs.iter().enumerate() {
            write!(f, "{} {name} ", if index == 0 { "; with" } else { "," })?;
            match unit {
                FormulaUnit::MilliReplicas => write!(f, "{}", Thousandths(*value))?,
                FormulaUnit::Millis => write!(f, "{}", Millis(value.unsigned_abs()))?,
                FormulaUnit::Plain => write!(f, "{value}")?,
            }
        }
        if self.learnt == 0 {
            f.write_str("; while it is learnt how far the need rises, a third more than is needed is expected")?;
        }
        Ok(())
    }
}

/// Thousandths with one place.
struct Thousandths(i64);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.unsigned_abs().saturating_add(50) / 100;
        let sign = if self.0 < 0 && tenths > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_reads_as_a_sentence() {
        let part = |text: &str, value_milli| FormulaPart { text: text.to_owned(), value_milli };
        let input = |name: &str, value, unit| FormulaInput { name: name.to_owned(), value, unit };
        let reason = FormulaReason {
            name: "packed".to_owned(),
            wanted_milli: 21_040,
            parts: vec![part("needed", 17_960), part("expected + 2 * error", 21_040)],
            inputs: vec![
                input("needed", 17_960, FormulaUnit::MilliReplicas),
                input("trend", -320, FormulaUnit::MilliReplicas),
                input("startup", 60_000, FormulaUnit::Millis),
                input("price", 80, FormulaUnit::Plain),
            ],
            learnt: 500,
        };
        assert_eq!(
            reason.to_string(),
            "formula packed: 21.0 wanted, of needed = 18.0, expected + 2 * error = 21.0; with needed 18.0, trend -0.3, \
             startup 1m, price 80"
        );
        let learning = FormulaReason { learnt: 0, parts: Vec::new(), ..reason }.to_string();
        assert!(learning.ends_with("a third more than is needed is expected"), "{learning}");
    }
}
