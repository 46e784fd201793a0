//! Intervals, and what each operation makes of them.
//!
//! The operations round to nearest, which is monotone, so the bounds of a result are computed with the very same operations at
//! the corners and need no rounding outwards. `log2` and `exp` come from a library that promises less than a monotone last bit, so
//! their bounds are widened.

use crate::op;
use serde::{Deserialize, Serialize};
use std::fmt;

/// All numbers from `lo` to `hi`, both included, in base units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Not above `hi`.
    pub lo: f64,
    /// Not below `lo`.
    pub hi: f64,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.lo, self.hi)
    }
}

impl Interval {
    /// Only one number.
    pub fn point(value: f64) -> Self {
        Self { lo: value, hi: value }
    }

    /// Whether a number is inside.
    pub fn holds(self, value: f64) -> bool {
        self.lo <= value && value <= self.hi
    }

    pub(crate) fn has_zero(self) -> bool {
        self.holds(0.0)
    }

    /// The smallest that has both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self { lo: op::min(self.lo, other.lo), hi: op::max(self.hi, other.hi) }
    }

    /// Whether a bound is where values are held because they would be larger.
    pub(crate) fn is_saturated(self) -> bool {
        self.lo <= -op::LARGEST || self.hi >= op::LARGEST
    }
}

/// An interval, and whether every value in it is whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) interval: Interval,
    pub(crate) is_whole: bool,
}

/// Sums and products of whole numbers stay whole below this.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

impl Range {
    fn new(lo: f64, hi: f64, is_whole: bool) -> Self {
        let is_exact = lo.abs() <= WHOLE_MAX && hi.abs() <= WHOLE_MAX;
        Self { interval: Interval { lo, hi }, is_whole: is_whole && is_exact }
    }

    pub(crate) fn point(value: f64) -> Self {
        Self::new(value, value, op::floor(value) == value)
    }

    pub(crate) fn whole(lo: f64, hi: f64) -> Self {
        Self::new(lo, hi, true)
    }

    /// What a condition is, as a number.
    pub(crate) fn condition(can_fail: bool, can_hold: bool) -> Self {
        Self::new(op::truth(!can_fail), op::truth(can_hold), true)
    }

    fn lo(self) -> f64 {
        self.interval.lo
    }

    fn hi(self) -> f64 {
        self.interval.hi
    }

    pub(crate) fn add(self, b: Self) -> Self {
        Self::new(op::add(self.lo(), b.lo()), op::add(self.hi(), b.hi()), self.is_whole && b.is_whole)
    }

    pub(crate) fn sub(self, b: Self) -> Self {
        Self::new(op::sub(self.lo(), b.hi()), op::sub(self.hi(), b.lo()), self.is_whole && b.is_whole)
    }

    pub(crate) fn mul(self, b: Self) -> Self {
        let Interval { lo, hi } = corners(self.interval, b.interval, op::mul);
        Self::new(lo, hi, self.is_whole && b.is_whole)
    }

    pub(crate) fn div(self, b: Self) -> Self {
        let mut found = if b.interval.has_zero() { Some(Interval::point(0.0)) } else { None };
        let parts = [positive_part(b), negative_part(b)];
        for part in parts.into_iter().flatten() {
            let quotient = corners(self.interval, part, op::div);
            found = Some(found.map_or(quotient, |found| found.union(quotient)));
        }
        let Interval { lo, hi } = found.unwrap_or(Interval::point(0.0));
        Self::new(lo, hi, false)
    }

    pub(crate) fn min(self, b: Self) -> Self {
        Self::new(op::min(self.lo(), b.lo()), op::min(self.hi(), b.hi()), self.is_whole && b.is_whole)
    }

    pub(crate) fn max(self, b: Self) -> Self {
        Self::new(op::max(self.lo(), b.lo()), op::max(self.hi(), b.hi()), self.is_whole && b.is_whole)
    }

    pub(crate) fn union(self, b: Self) -> Self {
        let Interval { lo, hi } = self.interval.union(b.interval);
        Self::new(lo, hi, self.is_whole && b.is_whole)
    }

    pub(crate) fn neg(self) -> Self {
        Self::new(-self.hi(), -self.lo(), self.is_whole)
    }

    pub(crate) fn abs(self) -> Self {
        let (a, b) = (self.lo().abs(), self.hi().abs());
        let lo = if self.interval.has_zero() { 0.0 } else { op::min(a, b) };
        Self::new(lo, op::max(a, b), self.is_whole)
    }

    pub(crate) fn sqrt(self) -> Self {
        Self::new(op::sqrt(self.lo()), op::sqrt(self.hi()), false)
    }

    pub(crate) fn floor(self) -> Self {
        Self::new(op::floor(self.lo()), op::floor(self.hi()), true)
    }

    pub(crate) fn exponential(self) -> Self {
        let Interval { lo, hi } = widened(op::exp(self.lo()), op::exp(self.hi()));
        Self::new(op::max(lo, 0.0), hi, false)
    }

    /// Where an operand may be zero or less, 0 is among the results.
    pub(crate) fn logarithm(self) -> Self {
        let Some(positive) = positive_part(self) else { return Self::point(0.0) };
        let found = widened(op::log2(positive.lo), op::log2(positive.hi));
        let Interval { lo, hi } = if self.lo() > 0.0 { found } else { found.union(Interval::point(0.0)) };
        Self::new(lo, hi, false)
    }
}

/// What is above 0: from 1 if all are whole, from the smallest number otherwise.
fn positive_part(range: Range) -> Option<Interval> {
    let smallest = if range.is_whole { 1.0 } else { f64::from_bits(1) };
    let Interval { lo, hi } = range.interval;
    (hi > 0.0).then_some(Interval { lo: if lo > 0.0 { lo } else { smallest }, hi })
}

fn negative_part(range: Range) -> Option<Interval> {
    positive_part(range.neg()).map(|part| Interval { lo: -part.hi, hi: -part.lo })
}

/// The interval of an operation that rises or falls all along in each operand.
fn corners(a: Interval, b: Interval, apply: impl Fn(f64, f64) -> f64) -> Interval {
    let [w, x, y, z] = [apply(a.lo, b.lo), apply(a.lo, b.hi), apply(a.hi, b.lo), apply(a.hi, b.hi)];
    Interval { lo: op::min(op::min(w, x), op::min(y, z)), hi: op::max(op::max(w, x), op::max(y, z)) }
}

/// A few units in the last place wider; libm promises one.
fn widened(lo: f64, hi: f64) -> Interval {
    const SLACK: f64 = 1e-15;
    Interval { lo: op::saturate(lo - lo.abs() * SLACK), hi: op::saturate(hi + hi.abs() * SLACK) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_divisor_that_may_be_zero_is_bounded_when_it_is_whole() {
        let (ten, divisor) = (Range::whole(-10.0, 10.0), Range::whole(0.0, 4.0));
        assert_eq!(ten.div(divisor).interval, Interval { lo: -10.0, hi: 10.0 });
        let share = Range::new(0.0, 4.0, false);
        assert!(ten.div(share).interval.is_saturated());
        assert_eq!(ten.div(Range::point(0.0)).interval, Interval::point(0.0));
        assert_eq!(ten.div(Range::whole(-4.0, -2.0)).interval, Interval { lo: -5.0, hi: 5.0 });
    }

    #[test]
    fn zero_is_among_the_logarithms_of_what_may_be_zero() {
        assert_eq!(Range::whole(0.0, 8.0).logarithm().interval.lo, 0.0);
        assert!(Range::whole(2.0, 8.0).logarithm().interval.lo > 0.99);
        assert_eq!(Range::whole(-3.0, 0.0).logarithm().interval, Interval::point(0.0));
    }
}
