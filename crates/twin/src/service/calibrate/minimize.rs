//! The least of a function of a few numbers, without its slope.
//!
//! # Source
//! J. Nelder, R. Mead, "A Simplex Method for Function Minimization", The Computer Journal 7(4), 1965, with the usual
//! coefficients 1, 2, ½, ½.

/// Where `of` is least, from `start` on, after at most `evaluations`; and its value there.
pub(super) fn minimize(of: impl Fn(&[f64]) -> f64, start: &[f64], evaluations: usize) -> (Vec<f64>, f64) {
    let score = |at: Vec<f64>| {
        let value = of(&at);
        (at, if value.is_nan() { f64::INFINITY } else { value })
    };
    let mut simplex = vec![score(start.to_vec())];
    for axis in 0..start.len() {
        let mut corner = start.to_vec();
        corner[axis] += 0.7;
        simplex.push(score(corner));
    }
    let mut spent = simplex.len();
    while spent < evaluations {
        simplex.sort_by(|left, right| left.1.total_cmp(&right.1));
        let (worst_at, worst) = simplex[start.len()].clone();
        let (best, second) = (simplex[0].1, simplex[start.len() - 1].1);
        if (worst - best).abs() <= 1e-9 * best.abs().max(1e-9) {
            break;
        }
        let centre: Vec<f64> = (0..start.len())
            .map(|axis| simplex[..start.len()].iter().map(|(at, _)| at[axis]).sum::<f64>() / start.len() as f64)
            .collect();
        let along = |share: f64| -> Vec<f64> {
            centre.iter().zip(&worst_at).map(|(centre, worst)| centre + share * (centre - worst)).collect()
        };
        let reflected = score(along(1.0));
        spent += 1;
        let next = if reflected.1 < best {
            spent += 1;
            let further = score(along(2.0));
            if further.1 < reflected.1 { Some(further) } else { Some(reflected) }
        } else if reflected.1 < second {
            Some(reflected)
        } else {
            spent += 1;
            let nearer = score(along(if reflected.1 < worst { 0.5 } else { -0.5 }));
            (nearer.1 < worst.min(reflected.1)).then_some(nearer)
        };
        if let Some(next) = next {
            simplex[start.len()] = next;
        } else {
            let centre = simplex[0].0.clone();
            for corner in simplex.iter_mut().skip(1) {
                let drawn: Vec<f64> = corner.0.iter().zip(&centre).map(|(at, to)| f64::midpoint(*at, *to)).collect();
                *corner = score(drawn);
                spent += 1;
            }
        }
    }
    simplex.sort_by(|left, right| left.1.total_cmp(&right.1));
    simplex.swap_remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_walks_down_a_bent_valley() {
        let banana = |at: &[f64]| {
            let (one, two) = (1.0 - at[0], at[1] - at[0] * at[0]);
            one * one + 100.0 * two * two
        };
        let (at, value) = minimize(banana, &[-1.2, 1.0], 2_000);
        assert!((at[0] - 1.0).abs() < 1e-3 && (at[1] - 1.0).abs() < 1e-3 && value < 1e-6, "{at:?} {value}");
        assert_eq!(minimize(|_| f64::NAN, &[0.0], 50).1, f64::INFINITY);
    }
}
