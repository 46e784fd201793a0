//! The history as the network sees it: the last values relative to the newest one, in units of their own deviation.
//!
//! Because everything downstream sees only these numbers, a forecast is equivariant to the scale of the series by
//! construction. It is not quite so to a shift: where zero lies is one of the network's inputs, as a load that touches
//! zero behaves differently from one that does not.

use super::period;

/// Most values that are looked at, unless a longer season is given.
pub(super) const CONTEXT: usize = 1_024;
/// Most values that are ever kept: two seasons of a day of minutes and some.
pub(super) const CONTEXT_MAX: usize = 3_072;

/// A normalised history. Indices count from the oldest value kept.
#[derive(Debug, Clone)]
pub(super) struct Window {
    /// `(value - last) / scale`; 0 where nothing was measured.
    pub z: Vec<f32>,
    /// Whether it was measured.
    pub seen: Vec<bool>,
    /// The newest measured value up to each index; 0 before the first.
    pub held: Vec<f32>,
    /// Sums of `z` and counts of what was seen before each index.
    sums: Vec<(f64, f64)>,
    /// The newest measured value.
    pub last: f64,
    /// Mean absolute deviation from the mean; 0 when all measured values are equal.
    pub scale: f64,
    /// Shortest and longest season that fit, 0 for none.
    pub seasons: [usize; 2],
}

impl Window {
    /// From raw values (NaN: a gap) and the known seasons; detects seasons when none of those known fits.
    /// None when nothing was measured.
    pub fn new(values: &[f64], seasons: &[usize]) -> Option<Self> {
        let last = values.iter().rev().copied().find(|value| value.is_finite())?;
        let scale = deviation(values);
        // Far from 1 a plain reciprocal would overflow or lose everything; a quotient does not.
        let unit = if scale > 0.0 { scale } else { 1.0 };
        let (mut z, mut seen, mut held) = (Vec::new(), Vec::new(), Vec::new());
        let mut sums = vec![(0.0, 0.0)];
        let (mut sum, mut newest) = ((0.0, 0.0), 0.0);
        for value in values {
            let is = value.is_finite();
            let relative = if is { ((value - last) / unit).clamp(-1e6, 1e6) as f32 } else { 0.0 };
            newest = if is { relative } else { newest };
            sum = (sum.0 + f64::from(relative), sum.1 + f64::from(u8::from(is)));
            z.push(relative);
            seen.push(is);
            held.push(newest);
            sums.push(sum);
        }
        let mut window = Self { z, seen, held, sums, last, scale, seasons: [0; 2] };
        window.seasons = window.choose(seasons);
        Some(window)
    }

    /// Values, gaps included.
    pub fn len(&self) -> usize {
        self.z.len()
    }

    /// Mean of what was measured in `from..to`, cut to what there is.
    pub fn mean(&self, from: isize, to: isize) -> Option<f32> {
        let (a, b) = self.between(from, to)?;
        (b.1 > a.1).then(|| ((b.0 - a.0) / (b.1 - a.1)) as f32)
    }

    /// Share of `from..to` that was measured; what lies before the first value was not.
    pub fn share(&self, from: isize, to: isize) -> f32 {
        self.between(from, to).map_or(0.0, |(a, b)| ((b.1 - a.1) / (to - from) as f64) as f32)
    }

    fn between(&self, from: isize, to: isize) -> Option<((f64, f64), (f64, f64))> {
        let last = self.z.len() as isize;
        let (from, to) = (from.clamp(0, last), to.clamp(0, last));
        (from < to).then(|| (self.sums[from as usize], self.sums[to as usize]))
    }

    /// The value at an index that may lie outside; none for a gap.
    pub fn at(&self, index: isize) -> Option<f32> {
        let index = usize::try_from(index).ok()?;
        (*self.seen.get(index)?).then(|| self.z[index])
    }

    /// Shortest and longest known season with one whole season and a little behind it; detected when none fits.
    fn choose(&self, known: &[usize]) -> [usize; 2] {
        let fits = |season: &&usize| **season >= 2 && self.len() >= **season + 3;
        let mut fitting = known.iter().filter(fits);
        let Some(&shortest) = fitting.next() else { return period::detect(self) };
        [shortest, fitting.next_back().copied().unwrap_or(0)]
    }
}

/// Mean absolute deviation from the mean of what was measured, safe against overflow; 0 for equal values.
fn deviation(values: &[f64]) -> f64 {
    let measured = || values.iter().copied().filter(|value| value.is_finite());
    let largest = measured().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest <= f64::MIN_POSITIVE {
        return 0.0;
    }
    let count = measured().count().max(1) as f64;
    let mean = measured().map(|value| value / largest).sum::<f64>() / count;
    let spread = measured().map(|value| (value / largest - mean).abs()).sum::<f64>() / count;
    // Below the rounding of the mean itself there is no deviation, only noise of the arithmetic.
    if spread < 1e-12 { 0.0 } else { spread * largest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_relative_to_the_newest_value_and_knows_its_gaps() {
        let window = Window::new(&[1.0, f64::NAN, 3.0, 5.0, f64::NAN], &[]).unwrap();
        assert_eq!((window.last, window.len()), (5.0, 5));
        assert!((window.scale - 4.0 / 3.0).abs() < 1e-12);
        assert_eq!(window.at(1), None);
        assert_eq!(window.at(-1), None);
        assert_eq!(window.held[4], 0.0);
        assert_eq!(window.mean(2, 9), Some(-0.75));
        assert_eq!(window.mean(1, 2), None);
        assert!((window.share(-2, 2) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn equal_values_have_no_deviation_at_any_magnitude() {
        for level in [0.0, 1e-15, 0.1, 1e15] {
            assert_eq!(Window::new(&[level; 7], &[]).unwrap().scale, 0.0, "{level}");
        }
        assert!(Window::new(&[1e300, -1e300], &[]).unwrap().scale > 1e299);
        assert!(Window::new(&[f64::NAN], &[]).is_none());
    }

    #[test]
    fn known_seasons_that_fit_are_used() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i % 6)).collect();
        assert_eq!(Window::new(&values, &[12, 24, 168]).unwrap().seasons, [12, 24]);
        assert_eq!(Window::new(&values, &[168]).unwrap().seasons[0], 6);
    }
}
