//! What is kept of past tokens, and what a token takes of them.
//!
//! Keys and values are 16-bit floats, as the reference engine keeps them. Keys lie sixteen positions side by side, so that sixteen
//! products are made at once without adding across a register; values lie position by position, because sums of them go the
//! other way. Heads of queries that share a head of keys take them together.
//!
//! # Source
//! A. Vaswani et al., "Attention Is All You Need", 2017, eq. 1; J. Ainslie et al., "GQA", 2023.

use super::math::exp;
use crate::half;

/// Positions that lie side by side.
const LANES: usize = 16;
/// Heads of queries that are taken together, at the most.
const GROUP_MAX: usize = 4;

/// Sizes of the attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; divides the heads of queries.
    pub heads_kv: usize,
    /// Values of a head, a multiple of 16.
    pub head: usize,
}

/// Keys and values of one layer.
#[derive(Debug)]
pub struct Memory {
    shape: Shape,
    /// A multiple of sixteen.
    positions: usize,
    /// By head, then by sixteen positions, then by value, then by position.
    keys: Vec<u16>,
    /// By head, then by position.
    values: Vec<u16>,
}

impl Memory {
    /// For so many positions. Memory that is not used yet is not there yet.
    #[must_use]
    pub fn new(shape: Shape, positions: usize) -> Self {
        let positions = positions.next_multiple_of(LANES);
        let size = shape.heads_kv * positions * shape.head;
        Self { shape, positions, keys: vec![0; size], values: vec![0; size] }
    }

    /// Bytes that it takes when it is full.
    #[must_use]
    pub fn bytes(shape: Shape, positions: usize) -> u64 {
        (shape.heads_kv * positions.next_multiple_of(LANES) * shape.head * 4) as u64
    }

    /// Keeps a token's keys and values, all heads of each.
    pub fn keep(&mut self, position: usize, keys: &[f32], values: &[f32]) {
        let head = self.shape.head;
        for (index, (keys, values)) in keys.chunks_exact(head).zip(values.chunks_exact(head)).enumerate() {
            let first = index * self.positions * head;
            let tile = &mut self.keys[first + position / LANES * LANES * head..][..LANES * head];
            for (lanes, key) in tile.as_chunks_mut::<LANES>().0.iter_mut().zip(keys) {
                lanes[position % LANES] = half::narrow(*key);
            }
            let row = &mut self.values[first + position * head..][..head];
            row.iter_mut().zip(values).for_each(|(row, value)| *row = half::narrow(*value));
        }
    }

    /// What the token at this position takes of itself and all before it. `scores` is room to work in.
    pub fn attend(&self, queries: &[f32], position: usize, scores: &mut Vec<f32>, out: &mut [f32]) {
        let Shape { heads, heads_kv, head } = self.shape;
        let shared = heads / heads_kv;
        for index in 0..heads_kv {
            let first = index * self.positions * head;
            let (keys, values) = (&self.keys[first..][..self.positions * head], &self.values[first..]);
            let mut from = 0;
            while from < shared {
                let group = (shared - from).min(GROUP_MAX);
                let at = (index * shared + from) * head;
                let out = &mut out[at..][..group * head];
                let of = Heads { queries: &queries[at..][..group * head], keys, values, head, position };
                match group {
                    1 => some::<1>(of, scores, out),
                    2 => some::<2>(of, scores, out),
                    3 => some::<3>(of, scores, out),
                    _ => some::<GROUP_MAX>(of, scores, out),
                }
                from += group;
            }
        }
    }
}

/// Some heads of queries over the same keys and values.
#[derive(Clone, Copy)]
struct Heads<'a> {
    queries: &'a [f32],
    keys: &'a [u16],
    values: &'a [u16],
    head: usize,
    position: usize,
}

/// With the best instructions.
fn some<const N: usize>(of: Heads<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    let room = (of.position + 1).next_multiple_of(LANES);
    scores.clear();
    scores.resize(N * room, 0.0);
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            // SAFETY: its instructions are here.
            return unsafe { x86::wide::<N>(of, room, scores, out) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: as above.
            return unsafe { x86::middle::<N>(of, room, scores, out) };
        }
    }
    plain::<N>(of, room, scores, out);
}

/// The same for every CPU; what calls it says for which it is compiled.
#[inline(always)]
fn plain<const N: usize>(of: Heads<'_>, room: usize, scores: &mut [f32], out: &mut [f32]) {
    let head = of.head;
    for (tile, lanes) in of.keys.chunks_exact(LANES * head).take(room / LANES).enumerate() {
        let mut sums = [[0.0_f32; LANES]; N];
        for (i, key) in lanes.as_chunks::<LANES>().0.iter().enumerate() {
            let key = key.map(half::widen);
            for (n, sums) in sums.iter_mut().enumerate() {
                let query = of.queries[n * head + i];
                sums.iter_mut().zip(key).for_each(|(sum, key)| *sum += query * key);
            }
        }
        for (n, sums) in sums.iter().enumerate() {
            scores[n * room + tile * LANES..][..LANES].copy_from_slice(sums);
        }
    }
    scores.chunks_exact_mut(room).for_each(|scores| shares(scores, of.position + 1, head));
    for chunk in (0..head).step_by(LANES) {
        let mut sums = [[0.0_f32; LANES]; N];
        for (t, row) in of.values.chunks_exact(head).take(of.position + 1).enumerate() {
            let Some(value) = row[chunk..].first_chunk::<LANES>() else { continue };
            let value = value.map(half::widen);
            for (n, sums) in sums.iter_mut().enumerate() {
                let share = scores[n * room + t];
                sums.iter_mut().zip(value).for_each(|(sum, value)| *sum += share * value);
            }
        }
        for (n, sums) in sums.iter().enumerate() {
            out[n * head + chunk..][..LANES].copy_from_slice(sums);
        }
    }
}

/// Products become shares that add up to 1; those from `count` on, which pad the last sixteen, become next to nothing.
#[inline(always)]
fn shares(scores: &mut [f32], count: usize, head: usize) {
    let by = (head as f32).sqrt().recip();
    scores[count..].fill(f32::MIN);
    let (scores, _) = scores.as_chunks_mut::<LANES>();
    let mut most = [f32::MIN; LANES];
    for part in &mut *scores {
        for (most, score) in most.iter_mut().zip(part) {
            *score *= by;
            *most = if *score > *most { *score } else { *most };
        }
    }
    let most = most.iter().fold(f32::MIN, |most, one| most.max(*one));
    let mut sums = [0.0_f32; LANES];
    for part in &mut *scores {
        for (sum, score) in sums.iter_mut().zip(part) {
            *score = exp(*score - most);
            *sum += *score;
        }
    }
    let by = sums.iter().sum::<f32>().recip();
    scores.iter_mut().flatten().for_each(|score| *score *= by);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Heads, LANES, plain, shares};
    use std::arch::x86_64::{
        __m512, _mm256_loadu_si256, _mm512_add_ps, _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_set1_ps, _mm512_setzero_ps,
        _mm512_storeu_ps,
    };

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn middle<const N: usize>(of: Heads<'_>, room: usize, scores: &mut [f32], out: &mut [f32]) {
        plain::<N>(of, room, scores, out);
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn wide<const N: usize>(of: Heads<'_>, room: usize, scores: &mut [f32], out: &mut [f32]) {
        let head = of.head;
        // Halves of a length that is known here, so that no bound is checked below.
        let queries: [&[[f32; 2]]; N] = std::array::from_fn(|n| of.queries[n * head..][..head].as_chunks::<2>().0);
        for (tile, lanes) in of.keys.chunks_exact(LANES * head).take(room / LANES).enumerate() {
            let mut sums = [[_mm512_setzero_ps(); 2]; N];
            for (i, [even, odd]) in lanes.as_chunks::<LANES>().0.as_chunks::<2>().0.iter().enumerate() {
                let (even, odd) = (widened(even), widened(odd));
                for (sums, queries) in sums.iter_mut().zip(&queries) {
                    let [one, two] = queries[i];
                    sums[0] = _mm512_fmadd_ps(_mm512_set1_ps(one), even, sums[0]);
                    sums[1] = _mm512_fmadd_ps(_mm512_set1_ps(two), odd, sums[1]);
                }
            }
            for (n, sums) in sums.into_iter().enumerate() {
                store(sums, &mut scores[n * room + tile * LANES..]);
            }
        }
        scores.chunks_exact_mut(room).for_each(|scores| shares(scores, of.position + 1, head));
        let taken: [&[[f32; 2]]; N] = std::array::from_fn(|n| scores[n * room..][..room].as_chunks::<2>().0);
        for chunk in (0..head).step_by(LANES) {
            let mut sums = [[_mm512_setzero_ps(); 2]; N];
            // An even number of rows: the share of what lies beyond the last is next to nothing, and its values are finite.
            for (pair, rows) in of.values.chunks_exact(2 * head).take(room / 2).enumerate() {
                let (even, odd) = (rows[chunk..].first_chunk(), rows[head + chunk..].first_chunk());
                let (Some(even), Some(odd)) = (even, odd) else { continue };
                let (even, odd) = (widened(even), widened(odd));
                for (sums, shares) in sums.iter_mut().zip(&taken) {
                    let [one, two] = shares[pair];
                    sums[0] = _mm512_fmadd_ps(_mm512_set1_ps(one), even, sums[0]);
                    sums[1] = _mm512_fmadd_ps(_mm512_set1_ps(two), odd, sums[1]);
                }
            }
            for (n, sums) in sums.into_iter().enumerate() {
                store(sums, &mut out[n * head + chunk..]);
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    fn widened(halves: &[u16; LANES]) -> __m512 {
        // SAFETY: sixteen halves are 32 bytes.
        _mm512_cvtph_ps(unsafe { _mm256_loadu_si256((&raw const *halves).cast()) })
    }

    /// Two sums of the same, so that an addition need not wait for the one before.
    #[target_feature(enable = "avx512f")]
    fn store(sums: [__m512; 2], to: &mut [f32]) {
        if let Some(to) = to.first_chunk_mut::<LANES>() {
            // SAFETY: there is room for sixteen.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), _mm512_add_ps(sums[0], sums[1])) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: usize) -> f32 {
        ((i as u64 * 2_654_435_761 % 1_000) as f32) / 500.0 - 1.0
    }

    #[test]
    fn a_token_takes_of_the_past_what_the_formula_says() {
        for (heads, heads_kv) in [(9, 3), (4, 4), (6, 1)] {
            let shape = Shape { heads, heads_kv, head: 32 };
            let mut memory = Memory::new(shape, 40);
            let width = heads_kv * 32;
            let (keys, values): (Vec<f32>, Vec<f32>) = (0..35 * width)
                .map(|i| (half::widen(half::narrow(noise(i))), half::widen(half::narrow(noise(i + 7)))))
                .unzip();
            for t in 0..35 {
                memory.keep(t, &keys[t * width..][..width], &values[t * width..][..width]);
            }
            let queries: Vec<f32> = (0..heads * 32).map(|i| 2.0 * noise(i + 3)).collect();
            for position in [0, 15, 16, 34] {
                let mut out = vec![f32::NAN; heads * 32];
                memory.attend(&queries, position, &mut Vec::new(), &mut out);
                for h in 0..heads {
                    let kv = h / (heads / heads_kv) * 32;
                    let score = |t: usize| -> f64 {
                        let dot: f32 = (0..32).map(|i| queries[h * 32 + i] * keys[t * width + kv + i]).sum();
                        (f64::from(dot) / 32_f64.sqrt()).exp()
                    };
                    let all: f64 = (0..=position).map(score).sum();
                    for i in 0..32 {
                        let exact: f64 =
                            (0..=position).map(|t| score(t) / all * f64::from(values[t * width + kv + i])).sum();
                        assert!((f64::from(out[h * 32 + i]) - exact).abs() < 1e-5, "{heads} {h} {i}");
                    }
                }
            }
        }
    }
}
