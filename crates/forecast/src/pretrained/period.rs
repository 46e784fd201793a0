//! Which seasons a short window shows, by autocorrelation: cheap, and good enough for inputs that the network may
//! distrust (it sees how well each season forecast the window itself).
//!
//! This is no test of a season: where the seasons are known, they are handed in.

use super::window::Window;

/// Longest lag that is looked at.
const LAG_MAX: usize = 512;
/// An autocorrelation below this is no season.
const WEAK: f32 = 0.25;
/// How far the autocorrelation must fall before it rises to a peak.
const DIP: f32 = 0.15;
/// A shorter season is preferred to the best one when it reaches this share of it.
const NEARLY: f32 = 0.75;
/// And the first of the longer ones that reaches this share.
const LIKE: f32 = 0.95;

/// Shortest and longest season, 0 for none.
pub(super) fn detect(window: &Window) -> [usize; 2] {
    let values = recent(window);
    let most = (values.len() / 2).min(LAG_MAX);
    if most < 4 {
        return [0; 2];
    }
    let r: Vec<f32> = (0..=most).map(|lag| correlation(&values, lag)).collect();
    if r[0] <= 0.0 {
        return [0; 2];
    }
    let r: Vec<f32> = r.iter().map(|value| value / r[0]).collect();
    let peaks = peaks(&r);
    let Some(best) = peaks.iter().copied().max_by(|a, b| r[*a].total_cmp(&r[*b])) else { return [0; 2] };
    let shortest = peaks.iter().copied().find(|lag| r[*lag] >= NEARLY * r[best]).unwrap_or(best);
    // Multiples of a season peak almost alike; the first that is nearly the best is the season.
    let longer = |lag: &usize| *lag > shortest + shortest / 2 && r[*lag] > r[shortest] + 0.03;
    let longest = peaks.iter().copied().filter(longer).find(|lag| r[*lag] >= LIKE * r[best]).unwrap_or(0);
    [shortest, longest]
}

/// The last values around their mean, 0 for a gap.
fn recent(window: &Window) -> Vec<f32> {
    let from = window.len().saturating_sub(2 * LAG_MAX);
    let mean = window.mean(from as isize, window.len() as isize).unwrap_or(0.0);
    let value = |index: usize| if window.seen[index] { (window.z[index] - mean).clamp(-6.0, 6.0) } else { 0.0 };
    (from..window.len()).map(value).collect()
}

/// Mean product of values that lie `lag` apart.
fn correlation(values: &[f32], lag: usize) -> f32 {
    let (left, right) = (&values[..values.len() - lag], &values[lag..]);
    // Lanes of their own, summed in one order on every CPU.
    let mut lanes = [0.0_f32; 16];
    let (left, right) = (left.chunks_exact(16), right[..left.len()].chunks_exact(16));
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        for lane in 0..16 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    (lanes.iter().sum::<f32>() + rest) / (values.len() - lag) as f32
}

/// Lags at which the autocorrelation peaks after a dip, rising.
fn peaks(r: &[f32]) -> Vec<usize> {
    let mut lowest = f32::INFINITY;
    let mut found = Vec::new();
    for lag in 1..r.len() - 1 {
        lowest = lowest.min(r[lag]);
        let top = r[lag] >= r[lag - 1] && r[lag] > r[lag + 1];
        if lag >= 2 && top && r[lag] >= WEAK && r[lag] >= lowest + DIP {
            found.push(lag);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn a_day_is_found_a_week_above_it_too_and_noise_has_none() {
        let mut random = Random::new(1);
        let mut course = |weekend: f64| -> Vec<f64> {
            let at = |hour: usize| {
                let wave = libm::sin(std::f64::consts::TAU * hour as f64 / 24.0);
                5.0 + wave * if hour / 24 % 7 >= 5 { weekend } else { 1.0 }
            };
            (0..800).map(|hour| at(hour) + 0.1 * random.normal()).collect()
        };
        assert_eq!(Window::new(&course(1.0), &[]).unwrap().seasons[0], 24);
        assert_eq!(Window::new(&course(0.1), &[]).unwrap().seasons, [24, 168]);
        let noise: Vec<f64> = (0..800).map(|_| random.normal()).collect();
        assert_eq!(Window::new(&noise, &[]).unwrap().seasons, [0, 0]);
        assert_eq!(Window::new(&[1.0, 2.0, 1.0], &[]).unwrap().seasons, [0, 0]);
    }
}
