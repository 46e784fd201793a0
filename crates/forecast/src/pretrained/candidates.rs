//! Simple forecasts of one step, made from a window at any origin: what the network mixes, and what it is told about how
//! well each did on the window itself.

use super::window::Window;

/// How many there are.
pub(super) const CANDIDATES: usize = 13;
/// What they are called in an explanation, in the order of [`at`].
pub(super) const NAMES: [&str; CANDIDATES] = [
    "last value",
    "mean of 4",
    "mean of 24",
    "mean of 256",
    "a season ago",
    "a season ago, moved",
    "mean of seasons",
    "mean of seasons, moved",
    "a long season ago",
    "a long season ago, moved",
    "mean of long seasons",
    "mean of long seasons, moved",
    "damped trend",
];
/// Seasons back that a profile is averaged over.
const BACK: usize = 4;
/// Damping of the local trend.
const DAMPING: f32 = 0.9;

/// Values in the window's units; none where the window does not have what it takes.
pub(super) type Candidates = [Option<f32>; CANDIDATES];

/// The forecasts of the value `ahead` (1: the next) steps after index `origin`, from nothing later than it.
///
/// In this order: the last value; means of the last 4, 24 and 256; the value a short season ago, and that moved by how the
/// level has changed since; the mean of up to four of the former and of the latter; the same four for the long season; the
/// damped local trend.
pub(super) fn at(window: &Window, origin: usize, ahead: usize) -> Candidates {
    with_trend(window, origin, ahead, damped(ahead))
}

/// Steps that a damped trend still makes on the way: Σ φ^i for i of 1 to `ahead`.
fn damped(ahead: usize) -> f32 {
    DAMPING * (1.0 - libm::powf(DAMPING, ahead as f32)) / (1.0 - DAMPING)
}

fn with_trend(window: &Window, origin: usize, ahead: usize, steps: f32) -> Candidates {
    let mut all = [None; CANDIDATES];
    let now = origin as isize + 1;
    all[0] = Some(window.held[origin]);
    all[1] = window.mean(now - 4, now);
    all[2] = window.mean(now - 24, now);
    all[3] = window.mean(now - 256, now);
    let [short, long] = window.seasons;
    if short > 0 {
        let said = seasonal(window, now, ahead, short, (short as isize).min(6));
        all[4..8].copy_from_slice(&said);
    }
    if long > 0 {
        let said = seasonal(window, now, ahead, long, (short.max(4) as isize).min(48));
        all[8..12].copy_from_slice(&said);
    }
    if let (Some(new), Some(old)) = (window.mean(now - 6, now), window.mean(now - 12, now - 6)) {
        all[12] = Some(window.held[origin] + (new - old) / 6.0 * steps);
    }
    all
}

/// One season ago, that moved by the change of the level over `width` steps, and the means of up to [`BACK`] of each.
fn seasonal(window: &Window, now: isize, ahead: usize, season: usize, width: isize) -> [Option<f32>; 4] {
    let mut said = [None; 4];
    let (mut plain, mut moved) = ((0.0, 0.0), (0.0, 0.0));
    for back in 0..BACK {
        let lag = (season * (ahead.div_ceil(season) + back)) as isize;
        let Some(value) = window.at(now + ahead as isize - 1 - lag) else { continue };
        let change = change(window, now, lag, width);
        if plain.1 == 0.0 {
            said[0] = Some(value);
            said[1] = change.map(|change| value + change);
        }
        plain = (plain.0 + value, plain.1 + 1.0);
        if let Some(change) = change {
            moved = (moved.0 + value + change, moved.1 + 1.0);
        }
    }
    let mean = |(sum, count): (f32, f32)| (count > 1.0).then(|| sum / count);
    said[2] = mean(plain);
    said[3] = mean(moved);
    said
}

/// How the level of the last `width` steps differs from that `lag` steps earlier.
fn change(window: &Window, now: isize, lag: isize, width: isize) -> Option<f32> {
    let new = window.mean(now - width, now)?;
    window.mean(now - lag - width, now - lag).map(|old| new - old)
}

/// What the candidates' errors were at earlier origins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backtest {
    /// Mean absolute error of each; none when it could never be tested.
    pub errors: [Option<f32>; CANDIDATES],
    /// The same over the newest [`NEWEST`] origins: a season may have slipped or a level moved since the others.
    pub newest: [Option<f32>; CANDIDATES],
    /// Largest error of the last value.
    pub largest: f32,
}

/// Origins that the candidates are tested at.
const ORIGINS: usize = 24;
/// And those that are newest.
const NEWEST: isize = 5;

/// Tests every candidate `ahead` steps before origins that lie evenly in the recent past.
pub(super) fn backtest(window: &Window, ahead: usize) -> Backtest {
    let mut sums = [(0.0_f32, 0.0_f32); CANDIDATES];
    let mut newest = sums;
    let mut largest = 0.0_f32;
    let steps = damped(ahead);
    let last = window.len() as isize - 1;
    let room = (last - ahead as isize).max(0) as usize;
    // Close together for the next steps, further apart for far ones, whose errors overlap.
    let stride = (ahead.clamp(2, 19)).min((room / ORIGINS).max(1)) as isize;
    for back in 0..ORIGINS as isize {
        let origin = last - ahead as isize - back * stride;
        let Ok(start) = usize::try_from(origin) else { break };
        let Some(truth) = window.at(origin + ahead as isize) else { continue };
        for (index, candidate) in with_trend(window, start, ahead, steps).iter().enumerate() {
            let Some(candidate) = candidate else { continue };
            let error = (truth - candidate).abs();
            add(&mut sums[index], error);
            if back < NEWEST {
                add(&mut newest[index], error);
            }
            if index == 0 {
                largest = largest.max(error);
            }
        }
    }
    let mean = |(sum, count): (f32, f32)| (count > 0.0).then(|| sum / count);
    Backtest { errors: sums.map(mean), newest: newest.map(mean), largest }
}

fn add(sum: &mut (f32, f32), error: f32) {
    *sum = (sum.0 + error, sum.1 + 1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_season_is_forecast_without_error_by_what_repeats_it() {
        let values: Vec<f64> = (0..60).map(|step| f64::from(step % 6)).collect();
        let window = Window::new(&values, &[6]).unwrap();
        for ahead in 1..20 {
            let said = at(&window, window.len() - 1, ahead);
            let truth = (((59 + ahead) % 6) as f64 - window.last) / window.scale;
            for index in [4, 5, 6, 7] {
                assert!((f64::from(said[index].unwrap()) - truth).abs() < 1e-5, "{index} at {ahead}");
            }
            let errors = backtest(&window, ahead).errors;
            assert!(errors[4].unwrap() < 1e-5 && (ahead % 6 == 0 || errors[0].unwrap() > 0.1));
        }
    }

    #[test]
    fn nothing_later_than_the_origin_is_looked_at() {
        let mut values: Vec<f64> = (0..80).map(|step| f64::from(step * step % 17)).collect();
        values.extend([0.0; 4]);
        let before = Window::new(&values, &[5, 10]).unwrap();
        // The newest value stays, so that the units do; the ones between change.
        values[80..83].fill(1.0);
        let after = Window::new(&values, &[5, 10]).unwrap();
        let rescale = (after.scale / before.scale) as f32;
        for ahead in 1..12 {
            for (a, b) in at(&before, 79, ahead).iter().zip(at(&after, 79, ahead)) {
                assert!((a.unwrap() - b.unwrap() * rescale).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn two_points_have_a_last_value_and_no_season() {
        let window = Window::new(&[1.0, 2.0], &[24]).unwrap();
        let said = at(&window, 1, 3);
        assert!(said[0].is_some() && said[4..12].iter().all(Option::is_none));
    }
}
