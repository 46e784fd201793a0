//! A matrix of bytes: each column cut into at most 255 bins, so that a split is found by adding up histograms.

/// Bins of measured values at most; one more byte is for gaps.
pub const BINS_MAX: usize = 255;
/// The bin of a gap.
pub(super) const GAP: u8 = 255;

/// Where the columns are cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    /// Per column the largest value of each bin but the last, rising.
    edges: Vec<Vec<f64>>,
}

/// The bins of all rows, column by column.
#[derive(Debug, Clone, PartialEq)]
pub struct Binned {
    rows: usize,
    /// `columns × rows`.
    bytes: Vec<u8>,
    bins: Bins,
}

impl Bins {
    /// Cuts the columns of `x`, `rows × width` by rows: half-way between neighbouring values while there are few enough
    /// distinct ones (then splits are exact), otherwise into `most` (at most [`BINS_MAX`]) bins of about equal counts.
    ///
    /// # Source
    /// G. Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NIPS 2017, 2.1 (histogram method).
    #[must_use]
    pub fn learn(x: &[f64], width: usize, most: usize) -> Self {
        let most = most.clamp(2, BINS_MAX);
        let column = |column: usize| {
            let mut values: Vec<f64> =
                x.iter().copied().skip(column).step_by(width).filter(|value| !value.is_nan()).collect();
            plimsoll_stats::quantile::sort(&mut values);
            edges(&values, most)
        };
        Self { edges: (0..width).map(column).collect() }
    }

    /// The bin of a value in a column.
    fn bin(&self, column: usize, value: f64) -> u8 {
        if value.is_nan() {
            return GAP;
        }
        let bin = self.edges[column].partition_point(|edge| *edge < value);
        u8::try_from(bin).unwrap_or(GAP - 1)
    }

    /// Bins of a column.
    pub(super) fn count(&self, column: usize) -> usize {
        self.edges[column].len() + 1
    }

    /// The largest value that goes left when `bin` and those before it go left.
    pub(super) fn edge(&self, column: usize, bin: usize) -> f64 {
        self.edges[column][bin]
    }

    /// Columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.edges.len()
    }
}

fn edges(sorted: &[f64], most: usize) -> Vec<f64> {
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for value in sorted {
        match distinct.last_mut() {
            Some((last, count)) if last == value => *count += 1,
            _ => distinct.push((*value, 1)),
        }
    }
    // Half-way, but never rounded up to the upper value itself.
    let between = |low: f64, high: f64| {
        let middle = low / 2.0 + high / 2.0;
        if middle < high { middle.max(low) } else { low }
    };
    if distinct.len() <= most {
        return distinct.windows(2).map(|pair| between(pair[0].0, pair[1].0)).collect();
    }
    let mut edges = Vec::with_capacity(most - 1);
    let (mut left, mut filled) = (sorted.len(), 0);
    for pair in distinct.windows(2) {
        filled += pair[0].1;
        let open = most - edges.len();
        // What is left is shared evenly among the bins still open.
        if open > 1 && filled * open >= left {
            edges.push(between(pair[0].0, pair[1].0));
            left -= filled;
            filled = 0;
        }
    }
    edges
}

impl Binned {
    /// The bins of `x`, `rows × width` by rows.
    #[must_use]
    pub fn new(bins: Bins, x: &[f64]) -> Self {
        let width = bins.width();
        let rows = x.len().checked_div(width).unwrap_or(0);
        let mut bytes = vec![0; x.len()];
        for column in 0..width {
            let own = &mut bytes[column * rows..(column + 1) * rows];
            own.iter_mut().enumerate().for_each(|(row, byte)| *byte = bins.bin(column, x[row * width + column]));
        }
        Self { rows, bytes, bins }
    }

    /// Rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Where the columns were cut.
    #[must_use]
    pub const fn bins(&self) -> &Bins {
        &self.bins
    }

    /// The bins of one column.
    pub(super) fn column(&self, column: usize) -> &[u8] {
        &self.bytes[column * self.rows..(column + 1) * self.rows]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_cut_half_way_and_a_gap_has_its_own_bin() {
        let x = [1.0, 5.0, 3.0, 5.0, f64::NAN, 5.0, 1.0, 5.0];
        let bins = Bins::learn(&x, 2, 255);
        assert_eq!(bins.edges, [vec![2.0], vec![]]);
        let binned = Binned::new(bins, &x);
        assert_eq!(
            (binned.column(0), binned.column(1), binned.rows()),
            ([0, 1, GAP, 0].as_slice(), [0; 4].as_slice(), 4)
        );
    }

    #[test]
    fn many_values_are_cut_into_bins_of_about_equal_counts() {
        let x: Vec<f64> = (0..10_000).map(|i| f64::from(i * 7_919 % 10_007)).collect();
        let binned = Binned::new(Bins::learn(&x, 1, 10), &x);
        let mut counts = [0; 10];
        binned.column(0).iter().for_each(|bin| counts[usize::from(*bin)] += 1);
        assert!(counts.iter().all(|count: &i32| (990..=1010).contains(count)), "{counts:?}");
        let heavy: Vec<f64> = (0..1_000).map(|i| f64::from((i - 500).max(0))).collect();
        assert_eq!(Bins::learn(&heavy, 1, 10).count(0), 10, "half of the values are zeros");
    }

    #[test]
    fn neighbouring_numbers_and_infinities_are_told_apart() {
        let high = f64::from_bits(1.0f64.to_bits() + 1);
        let binned = Binned::new(Bins::learn(&[1.0, high, f64::INFINITY], 1, 255), &[1.0, high, f64::INFINITY]);
        assert_eq!(binned.column(0), [0, 1, 2]);
    }
}
