//! Units: exponents of eight base dimensions, and the suffixes by which a number in a text carries one.
//!
//! Every value is computed in the base unit of its dimension, which is the smallest unit anybody counts in, so that amounts are
//! whole numbers and their sums exact. A [`Measure`] says in which multiple of it a caller hands an input in.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A base dimension. What is in brackets is its base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// Processor [thousandth of a core].
    Cpu,
    /// Memory [byte].
    Memory,
    /// Accelerator [thousandth of one].
    Gpu,
    /// Time [millisecond].
    Time,
    /// Money [millionth].
    Money,
    /// Things counted: tasks [one].
    Count,
    /// Data stored or sent [byte]; bandwidth is data per time.
    Data,
    /// Replicas of a service, and loads in what one replica carries [thousandth of one].
    Replica,
}

impl Dimension {
    /// All of them, in the order of the exponents.
    pub const ALL: [Self; 8] =
        [Self::Cpu, Self::Memory, Self::Gpu, Self::Time, Self::Money, Self::Count, Self::Data, Self::Replica];

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Gpu => "gpu",
            Self::Time => "time",
            Self::Money => "money",
            Self::Count => "count",
            Self::Data => "data",
            Self::Replica => "replicas",
        }
    }
}

/// A suffix of a number: `2cpu`, `4GiB`, `10min`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suffix {
    /// As written.
    pub text: &'static str,
    /// What it measures.
    pub dimension: Dimension,
    /// Base units in one of it.
    pub scale: f64,
}

const fn suffix(text: &'static str, dimension: Dimension, scale: f64) -> Suffix {
    Suffix { text, dimension, scale }
}

impl Suffix {
    /// All of them. Each dimension has one of scale 1, and larger ones follow smaller ones.
    pub const ALL: [Self; 30] = [
        suffix("mcpu", Dimension::Cpu, 1.0),
        suffix("cpu", Dimension::Cpu, 1e3),
        suffix("B", Dimension::Memory, 1.0),
        suffix("kB", Dimension::Memory, 1e3),
        suffix("KiB", Dimension::Memory, 1_024.0),
        suffix("MB", Dimension::Memory, 1e6),
        suffix("MiB", Dimension::Memory, 1_048_576.0),
        suffix("GB", Dimension::Memory, 1e9),
        suffix("GiB", Dimension::Memory, 1_073_741_824.0),
        suffix("TB", Dimension::Memory, 1e12),
        suffix("TiB", Dimension::Memory, 1_099_511_627_776.0),
        suffix("mgpu", Dimension::Gpu, 1.0),
        suffix("gpu", Dimension::Gpu, 1e3),
        suffix("ms", Dimension::Time, 1.0),
        suffix("s", Dimension::Time, 1e3),
        suffix("min", Dimension::Time, 6e4),
        suffix("h", Dimension::Time, 3.6e6),
        suffix("d", Dimension::Time, 8.64e7),
        suffix("micromoney", Dimension::Money, 1.0),
        suffix("money", Dimension::Money, 1e6),
        suffix("count", Dimension::Count, 1.0),
        suffix("bit", Dimension::Data, 0.125),
        suffix("octet", Dimension::Data, 1.0),
        suffix("kbit", Dimension::Data, 125.0),
        suffix("Mbit", Dimension::Data, 1.25e5),
        suffix("Gbit", Dimension::Data, 1.25e8),
        suffix("Tbit", Dimension::Data, 1.25e11),
        suffix("Pbit", Dimension::Data, 1.25e14),
        suffix("mreplica", Dimension::Replica, 1.0),
        suffix("replica", Dimension::Replica, 1e3),
    ];

    /// The suffix written like this.
    pub fn by_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suffix| suffix.text == text)
    }
}

/// A product of powers of base dimensions; all exponents 0 is a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Unit([i8; 8]);

impl Unit {
    /// A plain number: a ratio, a share, a weight.
    pub const PLAIN: Self = Self([0; 8]);

    /// The base unit of one dimension.
    pub const fn of(dimension: Dimension) -> Self {
        let mut exponents = [0; 8];
        exponents[dimension as usize] = 1;
        Self(exponents)
    }

    /// The exponent of a dimension.
    pub fn exponent(self, dimension: Dimension) -> i8 {
        self.0[dimension as usize]
    }

    /// The unit of a product; none when an exponent leaves its range.
    pub fn times(self, other: Self) -> Option<Self> {
        self.combine(other, i8::checked_add)
    }

    /// The unit of a quotient; none when an exponent leaves its range.
    pub fn per(self, other: Self) -> Option<Self> {
        self.combine(other, i8::checked_sub)
    }

    /// The unit of the square root; none when an exponent is odd.
    pub fn root(self) -> Option<Self> {
        self.0.iter().all(|exponent| exponent % 2 == 0).then(|| Self(self.0.map(|exponent| exponent / 2)))
    }

    fn combine(self, other: Self, with: impl Fn(i8, i8) -> Option<i8>) -> Option<Self> {
        let mut exponents = [0; 8];
        for (at, exponent) in exponents.iter_mut().enumerate() {
            *exponent = with(self.0[at], other.0[at])?;
        }
        Some(Self(exponents))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |dimension: Dimension, power: i8| match power {
            1 => dimension.name().to_owned(),
            power => format!("{}^{power}", dimension.name()),
        };
        let powers = || Dimension::ALL.into_iter().map(|dimension| (dimension, self.exponent(dimension)));
        let above: Vec<String> = powers().filter(|(_, p)| *p > 0).map(|(d, p)| part(d, p)).collect();
        let below: Vec<String> = powers().filter(|(_, p)| *p < 0).map(|(d, p)| part(d, p.saturating_neg())).collect();
        match (above.is_empty(), below.is_empty()) {
            (true, true) => f.write_str("a plain number"),
            (true, false) => write!(f, "1/{}", below.join("/")),
            (false, true) => f.write_str(&above.join("*")),
            (false, false) => write!(f, "{}/{}", above.join("*"), below.join("/")),
        }
    }
}

/// What one step of a caller's integer stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Its unit.
    pub unit: Unit,
    /// Base units in one step, at least 1.
    pub scale: i64,
}

impl Measure {
    /// A plain number.
    pub const PLAIN: Self = Self { unit: Unit::PLAIN, scale: 1 };
    /// Thousandths of a core.
    pub const MILLICORES: Self = Self::base(Dimension::Cpu);
    /// Bytes of memory.
    pub const BYTES: Self = Self::base(Dimension::Memory);
    /// 2^20 bytes of memory.
    pub const MEBIBYTES: Self = Self { unit: Unit::of(Dimension::Memory), scale: 1 << 20 };
    /// Thousandths of an accelerator.
    pub const MILLIGPUS: Self = Self::base(Dimension::Gpu);
    /// Milliseconds.
    pub const MILLIS: Self = Self::base(Dimension::Time);
    /// Seconds.
    pub const SECONDS: Self = Self { unit: Unit::of(Dimension::Time), scale: 1_000 };
    /// Millionths of the currency.
    pub const MICROMONEY: Self = Self::base(Dimension::Money);
    /// Things.
    pub const COUNT: Self = Self::base(Dimension::Count);
    /// Thousandths of a replica.
    pub const MILLIREPLICAS: Self = Self::base(Dimension::Replica);
    /// Bytes stored or sent.
    pub const OCTETS: Self = Self::base(Dimension::Data);

    /// The base unit of a dimension.
    pub const fn base(dimension: Dimension) -> Self {
        Self { unit: Unit::of(dimension), scale: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_said_in_names_of_dimensions() {
        let (cpu, time) = (Unit::of(Dimension::Cpu), Unit::of(Dimension::Time));
        assert_eq!(Unit::PLAIN.to_string(), "a plain number");
        assert_eq!(cpu.times(time).unwrap().to_string(), "cpu*time");
        assert_eq!(cpu.per(time).and_then(|u| u.per(time)).unwrap().to_string(), "cpu/time^2");
        assert_eq!(Unit::PLAIN.per(time).unwrap().to_string(), "1/time");
        assert_eq!(cpu.times(cpu).unwrap().root(), Some(cpu));
        assert_eq!(cpu.root(), None);
    }

    #[test]
    fn an_exponent_out_of_range_is_no_unit() {
        let mut unit = Unit::of(Dimension::Cpu);
        for _ in 0..6 {
            unit = unit.times(unit).unwrap();
        }
        assert_eq!(unit.times(unit), None);
    }

    #[test]
    fn every_dimension_has_a_suffix_of_one_base_unit_and_no_text_stands_twice() {
        for dimension in Dimension::ALL {
            assert!(Suffix::ALL.iter().any(|s| s.dimension == dimension && s.scale == 1.0), "{dimension:?}");
        }
        for suffix in Suffix::ALL {
            assert_eq!(Suffix::by_text(suffix.text), Some(suffix));
        }
    }
}
