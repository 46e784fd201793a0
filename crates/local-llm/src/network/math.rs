//! Small functions of vectors: written plainly, so that the compiler makes vector instructions of them.

/// e to the x, within 2e-7 of it relatively, for x of -87 to 88; beyond, the value at the end.
///
/// # Source
/// Cephes, `expf`: x = n ln 2 + r, a polynomial for r, n put into the exponent.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const WHOLE: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    // ln 2 in two parts, the first of which times n is exact.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p =
        ((((1.987_569_2e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r + 1.666_666_5e-1) * r + 0.5;
    let y = p * r * r + r + 1.0;
    // The low bits of the sum are n, and what lies above them is shifted out.
    y * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// Each row becomes itself over its root mean square, times the weights.
///
/// # Source
/// B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", 2019, eq. 4.
pub fn normed(rows: &[f32], weights: &[f32], epsilon: f32, out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(weights.len()).zip(out.chunks_exact_mut(weights.len())) {
        let by = (squares(row) / weights.len() as f32 + epsilon).sqrt().recip();
        for ((out, value), weight) in out.iter_mut().zip(row).zip(weights) {
            *out = value * by * weight;
        }
    }
}

/// The sum of squares, in sixteen parts.
fn squares(values: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (whole, rest) = values.as_chunks::<16>();
    for part in whole {
        sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += value * value);
    }
    sums.iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>()
}

/// The gate's x over 1 + e^-x, times the other: in the gate's place.
///
/// # Source
/// N. Shazeer, "GLU Variants Improve Transformer", 2020, eq. 6 (SwiGLU).
pub fn gated(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp(-*gate)) * up;
    }
}

/// Adds.
pub fn add(to: &mut [f32], more: &[f32]) {
    to.iter_mut().zip(more).for_each(|(to, more)| *to += more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_seven_digits_and_ends_where_floats_do() {
        for i in -8_700..8_800 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) - exact).abs() <= 3e-7 * exact, "{x}");
        }
        assert!(exp(f32::NEG_INFINITY) > 0.0 && exp(1e30).is_finite());
    }

    #[test]
    fn a_normed_row_has_a_root_mean_square_of_one() {
        let mut out = [0.0; 4];
        normed(&[3.0, -3.0, 3.0, -3.0], &[1.0, 1.0, 2.0, 1.0], 0.0, &mut out);
        assert_eq!(out, [1.0, -1.0, 2.0, -1.0]);
        let mut gate = [0.0, 30.0, -30.0];
        gated(&mut gate, &[5.0, 2.0, 2.0]);
        assert!(gate[0] == 0.0 && (gate[1] - 60.0).abs() < 1e-4 && gate[2].abs() < 1e-10);
    }
}
