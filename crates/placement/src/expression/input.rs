//! What is said about an input: its name, unit, interval, scope and meaning, and where its value comes from.

use plimsoll_expr::{Dimension, Input, Measure, Unit};

/// Of what an input is a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Of the task alone.
    Task = 0,
    /// Of the node alone, before the task is there.
    Node = 1,
    /// Of the node once the task is there.
    After = 2,
    /// Of the cluster: the same for all nodes and tasks.
    Cluster = 3,
    /// Of the task and the clock, or of what its holder used.
    Moving = 4,
}

impl Scope {
    /// Its name in the documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Node => "node",
            Self::After => "after",
            Self::Cluster => "cluster",
            Self::Moving => "moving",
        }
    }
}

/// What one step of an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A thousandth of a core.
    Millicore,
    /// 2^20 bytes of memory.
    Mebibyte,
    /// 2^20 bytes of disk.
    DiskMebibyte,
    /// A million bits per second.
    MegabitPerSecond,
    /// A thousandth of a GPU.
    Milligpu,
    /// A millisecond.
    Millisecond,
    /// A millionth of the currency.
    Micromoney,
    /// A plain number.
    Plain,
}

impl Step {
    /// Its name in the documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Millicore => "millicore",
            Self::Mebibyte => "mebibyte",
            Self::DiskMebibyte => "mebibyte of data",
            Self::MegabitPerSecond => "Mbit/s",
            Self::Milligpu => "thousandth of a GPU",
            Self::Millisecond => "millisecond",
            Self::Micromoney => "micromoney",
            Self::Plain => "plain",
        }
    }

    fn measure(self) -> Measure {
        let data = Unit::of(Dimension::Data);
        match self {
            Self::Millicore => Measure::MILLICORES,
            Self::Mebibyte => Measure::MEBIBYTES,
            Self::DiskMebibyte => Measure { unit: data, scale: 1 << 20 },
            Self::MegabitPerSecond => {
                let rate = data.per(Unit::of(Dimension::Time)).expect("invariant: exponents of 1 and -1 are in range");
                // 125,000 bytes in 1,000 ms.
                Measure { unit: rate, scale: 125 }
            }
            Self::Milligpu => Measure::MILLIGPUS,
            Self::Millisecond => Measure::MILLIS,
            Self::Micromoney => Measure::MICROMONEY,
            Self::Plain => Measure::PLAIN,
        }
    }
}

/// One input.
#[derive(Debug, Clone, Copy)]
pub struct InputEntry<S> {
    /// As formulas write it.
    pub name: &'static str,
    /// Where its value comes from.
    pub source: S,
    /// What one step is.
    pub step: Step,
    /// The smallest value, in steps.
    pub least: i64,
    /// The largest value, in steps. What is beyond counts as this.
    pub most: i64,
    /// Of what it is a property.
    pub scope: Scope,
    /// What it means.
    pub meaning: &'static str,
}

impl<S> InputEntry<S> {
    /// As the expression's schema has it; what is the same for all rows of a call is a scalar.
    pub(super) fn input(&self, is_scalar: bool) -> Input {
        let make = if is_scalar { Input::scalar } else { Input::column };
        make(self.name, self.step.measure(), self.least, self.most).in_scope(self.scope as u8).meaning(self.meaning)
    }
}
