//! Which lags an autoregression looks at when nobody says.

/// How many newest lags, and how many beside those of the seasons: the first pattern that the rows can feed is taken.
const PATTERNS: [(usize, usize); 5] = [(25, 2), (13, 1), (5, 1), (2, 0), (1, 0)];
/// Shortest seasons up to this are covered by the newest lags as a whole.
const COVERED_MAX: usize = 48;
/// Rows per weight at least.
const ROWS_PER_LAG: usize = 6;

/// All newest lags (through the shortest season where that is at most two days of hours), those around that season and
/// around twice of it, and those around each longer season; fewer of them, and then fewer seasons, where `len` values can
/// not feed them.
///
/// It is the pattern of lags of a multiplicative seasonal autoregression, with its products left free. On hourly series
/// (seasons 24 and 168: lags 1 to 26, 46 to 50, 166 to 170) it beats both few lags and all lags of a week.
///
/// # Source
/// The pattern: G. E. P. Box, G. M. Jenkins, *Time Series Analysis*, 9 (multiplicative seasonal models).
pub(crate) fn usual(seasons: &[usize], len: usize) -> Vec<usize> {
    let fitting =
        |beside: usize| seasons.iter().copied().filter(move |season| *season >= 2 && 2 * (season + beside) <= len);
    for (recent, beside) in PATTERNS {
        let around = |centre: usize| centre.saturating_sub(beside).max(1)..=centre + beside;
        let shortest = fitting(beside).next();
        let covered = shortest.filter(|season| *season <= COVERED_MAX && recent > COVERED_MAX / 2);
        let mut lags: Vec<usize> = (1..=covered.map_or(recent, |season| season + 1)).collect();
        lags.extend(shortest.filter(|season| 4 * season + 2 * beside <= len).into_iter().flat_map(|s| around(2 * s)));
        fitting(beside).for_each(|season| lags.extend(around(season)));
        lags.sort_unstable();
        lags.dedup();
        if lags.last().is_some_and(|farthest| farthest + ROWS_PER_LAG * lags.len() <= len) {
            return lags;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hourly_series_have_a_day_and_a_bit_of_the_days_and_the_week_before() {
        let expected: Vec<usize> = (1..=26).chain(46..=50).chain(166..=170).collect();
        assert_eq!(usual(&[24, 168], 700), expected);
    }

    #[test]
    fn short_series_have_few_and_two_values_none() {
        assert_eq!(usual(&[24, 168], 60), [1, 2, 24]);
        assert_eq!(usual(&[], 30), [1, 2]);
        assert_eq!(usual(&[24], 2), [0; 0]);
        assert_eq!(usual(&[], 0), [0; 0]);
    }
}
