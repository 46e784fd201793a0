//! Seasons as the series shows them, where they differ from those that were given.
//!
//! A series that is called hourly may repeat after 23 steps (a clock that loses an hour a day; M4 has such series): the
//! season that was given then predicts worse than its neighbour, and every seasonal model fails with it. So the shortest
//! season gives way to a nearby lag when the values one such lag apart differ by clearly less.

/// By how much smaller the mean difference at another lag has to be before that lag replaces the season.
const CLEARLY: f64 = 0.85;
/// How near to the best lag a shorter one has to come to be taken before it.
const NEARLY: f64 = 1.1;
/// Whole seasons that have to be there before the season is questioned.
const SEASONS_MIN: usize = 6;

/// `seasons` with the shortest corrected to what `values` show, within half and twice its length. Rising, as they were.
#[must_use]
pub fn refined(values: &[f64], seasons: &[usize]) -> Vec<usize> {
    let Some((&short, longer)) = seasons.split_first() else { return Vec::new() };
    if short < 4 || values.len() < SEASONS_MIN * short {
        return seasons.to_vec();
    }
    let difference = |lag: usize| mean_difference(values, lag);
    let given = difference(short);
    // A lag that is nearly 0 off is no season but smoothness: it starts at half the season.
    let lags = (short / 2).max(2)..=(2 * short - 1).min(values.len() / 3);
    let sizes: Vec<(usize, f64)> =
        lags.map(|lag| (lag, difference(lag))).filter(|(_, size)| size.is_finite()).collect();
    let least = sizes.iter().map(|(_, size)| *size).fold(f64::INFINITY, f64::min);
    // Twice the season is about as good as the season: the first that is nearly the best.
    let first = sizes.iter().find(|(_, size)| *size <= NEARLY * least).filter(|_| least < CLEARLY * given);
    let short = first.map_or(short, |(lag, _)| *lag);
    let longer = longer.iter().copied().filter(|season| *season > short);
    std::iter::once(short).chain(longer).collect()
}

/// Mean |difference| of values `lag` apart; NaN without a measured pair.
fn mean_difference(values: &[f64], lag: usize) -> f64 {
    let (sum, count) = values[lag..]
        .iter()
        .zip(values)
        .map(|(now, before)| (now - before).abs())
        .fold((0.0, 0_u32), |(sum, count), size| if size.is_finite() { (sum + size, count + 1) } else { (sum, count) });
    sum / f64::from(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(period: usize, len: usize) -> Vec<f64> {
        let noise = |i: usize| (i * 7_919 % 101) as f64 / 500.0;
        (0..len)
            .map(|i| if i % period < period / 3 { 5.0 } else { 1.0 + (i % period) as f64 / 9.0 } + noise(i))
            .collect()
    }

    #[test]
    fn a_season_that_is_off_by_one_is_corrected_and_a_right_one_stays() {
        assert_eq!(refined(&wave(23, 400), &[24, 168]), [23, 168]);
        assert_eq!(refined(&wave(24, 400), &[24, 168]), [24, 168]);
        assert_eq!(refined(&[1.0; 400], &[24, 168]), [24, 168]);
        assert_eq!(refined(&wave(24, 40), &[24]), [24], "too short to tell");
        assert!(refined(&[], &[]).is_empty());
    }
}
