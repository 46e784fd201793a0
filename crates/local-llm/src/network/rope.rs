//! Rotary positions: each pair of neighbouring values is turned by an angle that grows with the position.
//!
//! One table for all layers, as long as the context that is used and no longer: an engine that was tried made one of
//! 131,072 positions for every layer, 3 GiB of them.
//!
//! # Source
//! J. Su et al., "RoFormer", 2021, eq. 34. GGUF files of the architecture `llama` have the rows of queries and keys in the order in
//! which pairs are neighbours.

/// Cosines and sines by position, then by pair.
#[derive(Debug)]
pub struct Rope {
    pairs: usize,
    turns: Vec<(f32, f32)>,
}

impl Rope {
    /// For so many positions of heads with so many values, an even number.
    #[must_use]
    pub fn new(positions: usize, head: usize, base: f64) -> Self {
        let pairs = head / 2;
        let angle = |position: usize, pair: usize| position as f64 * base.powf(-2.0 * pair as f64 / head as f64);
        let turn = |position, pair| {
            let (sin, cos) = f64::sin_cos(angle(position, pair));
            (cos as f32, sin as f32)
        };
        let turns = (0..positions).flat_map(|position| (0..pairs).map(move |pair| turn(position, pair))).collect();
        Self { pairs, turns }
    }

    /// Bytes that a table of this size takes.
    #[must_use]
    pub const fn bytes(positions: u64, head: u64) -> u64 {
        positions.saturating_mul(head / 2 * 8)
    }

    /// Turns every head of a token at this position.
    pub fn turn(&self, heads: &mut [f32], position: usize) {
        let turns = &self.turns[position * self.pairs..][..self.pairs];
        for head in heads.chunks_exact_mut(self.pairs * 2) {
            for ([one, other], (cos, sin)) in head.as_chunks_mut::<2>().0.iter_mut().zip(turns) {
                (*one, *other) = (*one * cos - *other * sin, *one * sin + *other * cos);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_turned_by_its_angle_and_keeps_its_length() {
        let rope = Rope::new(8, 4, 10_000.0);
        let mut heads = [1.0, 0.0, 0.0, 2.0, 3.0, 4.0, 0.0, 0.0];
        rope.turn(&mut heads, 3);
        let close = |a: f32, b: f64| (f64::from(a) - b).abs() < 1e-6;
        assert!(close(heads[0], 3_f64.cos()) && close(heads[1], 3_f64.sin()));
        // The second pair turns a hundredth as fast.
        assert!(close(heads[2], -2.0 * 0.03_f64.sin()) && close(heads[3], 2.0 * 0.03_f64.cos()));
        assert!(close(heads[4].hypot(heads[5]), 5.0));
        let mut at_zero = [1.0, 2.0, 3.0, 4.0];
        rope.turn(&mut at_zero, 0);
        assert_eq!(at_zero, [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn products_depend_on_the_distance_alone() {
        let rope = Rope::new(64, 8, 100_000.0);
        let product = |at: usize, other: usize| {
            let (mut q, mut k) =
                ([0.3, -1.0, 2.0, 0.5, 0.1, 0.7, -0.4, 1.1], [1.0, 0.2, -0.6, 0.9, 0.4, -1.3, 0.8, 0.5]);
            rope.turn(&mut q, at);
            rope.turn(&mut k, other);
            q.iter().zip(k).map(|(q, k)| q * k).sum::<f32>()
        };
        assert!((product(9, 4) - product(60, 55)).abs() < 1e-4);
        assert!((product(9, 4) - product(9, 5)).abs() > 1e-3);
    }

    #[test]
    fn the_table_is_as_long_as_the_context_in_use() {
        assert_eq!(Rope::bytes(2_048, 64), 2_048 * 32 * 8);
        assert_eq!(Rope::new(2_048, 64, 1e5).turns.len() * size_of::<(f32, f32)>(), 2_048 * 32 * 8);
    }
}
