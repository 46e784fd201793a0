//! How often to difference: the KPSS test for steps, the strength of the season or the OCSB test for seasons.
//!
//! Gaps are left out of the KPSS test as in R; for the tests on seasons they hold interpolated values, which decide
//! about differences only and never reach an estimate.

use super::cholesky::Cholesky;
use super::form::{Form, Order};
use super::prepare::difference;
use super::strength::seasonal_strength;
use serde::{Deserialize, Serialize};

/// What decides whether a seasonal difference is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeasonalTest {
    /// The season's share of the variance without trend, by STL, is above 0.64: R's default.
    #[default]
    Strength,
    /// The test of Osborn, Chui, Smith and Birchenhall at 5 %.
    Ocsb,
}

/// From this strength on a season is differenced.
///
/// # Source
/// R. J. Hyndman's experiments on the M3 data, as in R's `nsdiffs(test = "seas")`.
const STRENGTH_MIN: f64 = 0.64;

/// The 5 % point of the KPSS statistic around a level.
///
/// # Source
/// D. Kwiatkowski, P. C. B. Phillips, P. Schmidt, Y. Shin, Journal of Econometrics 54, 1992, table 1.
const KPSS_LEVEL: f64 = 0.463;

fn is_constant(values: &[f64]) -> bool {
    values.iter().all(|value| *value == values[0])
}

/// The KPSS statistic around a level, with ⌊3 √n / 13⌋ lags; infinite for values of which only rounding varies.
pub(crate) fn kpss(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let errors: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let mut sum = 0.0;
    let mut partial = 0.0;
    for error in &errors {
        sum += error;
        partial += sum * sum;
    }
    let covariance = |lag: usize| errors[lag..].iter().zip(&errors).map(|(a, b)| a * b).sum::<f64>();
    let lags = (3.0 * libm::sqrt(count) / 13.0) as usize;
    let weighted = |lag: usize| 2.0 * (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag);
    let variance = covariance(0) + (1..=lags.min(errors.len() - 1)).map(weighted).sum::<f64>();
    partial / (count * variance)
}

/// How many differences make `values` (gaps left out) stationary around a level, at most `most`.
pub(crate) fn differences(values: &[f64], most: usize) -> usize {
    let mut values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    for d in 0..most {
        if values.len() < 3 || is_constant(&values) || !(kpss(&values) > KPSS_LEVEL) {
            return d;
        }
        values = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    }
    most
}

/// How many seasonal differences `values` (without gaps) need, at most `most`.
pub(crate) fn seasonal_differences(values: &[f64], season: usize, test: SeasonalTest, most: usize) -> usize {
    let mut values = values.to_vec();
    for d in 0..most {
        if values.len() <= 2 * season || is_constant(&values) || !is_seasonal(&values, season, test) {
            return d;
        }
        let once = Form { plain: Order::default(), seasonal: Order::new(0, 1, 0), season, constant: false };
        values = difference(&values, &once);
    }
    most
}

fn is_seasonal(values: &[f64], season: usize, test: SeasonalTest) -> bool {
    match test {
        SeasonalTest::Strength => seasonal_strength(values, season) > STRENGTH_MIN,
        SeasonalTest::Ocsb => ocsb(values, season).is_some_and(|statistic| statistic > ocsb_critical(season)),
    }
}

/// The OCSB statistic: t of the seasonally lagged regressor, with the lag length of the lowest AIC up to 3.
///
/// # Source
/// D. R. Osborn, A. P. L. Chui, J. P. Smith, C. R. Birchenhall, "Seasonality and the order of integration for
/// consumption", Oxford Bulletin of Economics and Statistics 50(4), 1988; as R's `ocsb.test(lag.method = "AIC",
/// maxlag = 3)`.
pub(crate) fn ocsb(values: &[f64], season: usize) -> Option<f64> {
    let fits = (0..=3).filter_map(|lags| ocsb_regression(values, season, lags));
    let best = fits.min_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(statistic, _)| statistic)
}

fn lagged(values: &[f64], lag: usize) -> Vec<f64> {
    if values.len() <= lag {
        Vec::new()
    } else {
        values[lag..].iter().zip(values).map(|(now, before)| now - before).collect()
    }
}

/// Coefficients, sum of squares and the t value of the last column of the regression of `target` on `columns`.
fn regress(columns: &[Vec<f64>], target: &[f64]) -> Option<(Vec<f64>, f64, f64)> {
    let count = columns.len();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let matrix: Vec<f64> = (0..count * count).map(|at| product(&columns[at / count], &columns[at % count])).collect();
    let factor = Cholesky::try_new(&matrix, count)?;
    let mut betas: Vec<f64> = columns.iter().map(|column| product(column, target)).collect();
    factor.solve(&mut betas);
    let fitted = |row: usize| columns.iter().zip(&betas).map(|(column, beta)| beta * column[row]).sum::<f64>();
    let squares = (0..target.len()).map(|row| target[row] - fitted(row)).map(|error| error * error).sum::<f64>();
    let freedom = target.len().checked_sub(count).filter(|freedom| *freedom > 0)?;
    let mut unit = vec![0.0; count];
    *unit.last_mut()? = 1.0;
    factor.solve(&mut unit);
    let deviation = libm::sqrt(squares / freedom as f64 * unit.last()?);
    let statistic = betas.last()? / deviation;
    Some((betas, squares, statistic))
}

/// t of the seasonal unit root, and the AIC of the regression that it stands in.
fn ocsb_regression(values: &[f64], season: usize, lags: usize) -> Option<(f64, f64)> {
    let yearly = lagged(values, season);
    let y = lagged(&yearly, 1);
    let part = |lag: usize, from: usize| y[from - lag..y.len() - lag].to_vec();
    if y.len() <= 2 * (season + lags + 3) {
        return None;
    }
    let mut lambda = Vec::new();
    if lags > 0 {
        let columns: Vec<Vec<f64>> = (1..=lags).map(|lag| part(lag, lags)).collect();
        lambda = regress(&columns, &y[lags..])?.0;
    }
    // Two regressors: the seasonal differences and the first differences, both without the autoregression of y.
    let whiten = |x: &[f64]| -> Vec<f64> {
        let past = |at: usize| lambda.iter().enumerate().map(|(lag, value)| value * x[at - lag - 1]).sum::<f64>();
        (lags..x.len()).map(|at| x[at] - past(at)).collect()
    };
    let by_step = whiten(&yearly);
    let by_season = whiten(&lagged(values, 1));
    // All series end with the last value; their last `rows` elements belong together, lagged by 1 and by the season.
    let rows = (y.len() - lags).min(by_step.len() - 1).min(by_season.len() - season);
    let tail = |x: &[f64], lag: usize| x[x.len() - lag - rows..x.len() - lag].to_vec();
    let mut columns: Vec<Vec<f64>> = (1..=lags).map(|lag| tail(&y[..y.len() - lag], 0)).collect();
    columns.push(tail(&by_step, 1));
    columns.push(tail(&by_season, season));
    let target = tail(&y, 0);
    let (_, squares, statistic) = regress(&columns, &target)?;
    let aic = rows as f64 * libm::log(squares / rows as f64) + 2.0 * (columns.len() + 1) as f64;
    Some((statistic, aic))
}

/// The 5 % point of the OCSB statistic, smoothed over the season's length.
///
/// # Source
/// As in R's `forecast` package, `calcOCSBCritVal`.
fn ocsb_critical(season: usize) -> f64 {
    let log = libm::log(season as f64);
    let distance = log - 0.765_645_1;
    -0.293_741_1 * libm::exp(-0.285_085_3 * distance - 0.059_836_44 * distance * distance) - 1.652_202
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    fn walk(count: usize, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed);
        let mut level = 0.0;
        (0..count)
            .map(|_| {
                level += plimsoll_stats::normal::quantile(random.unit().clamp(1e-9, 1.0 - 1e-9));
                level
            })
            .collect()
    }

    #[test]
    fn a_walk_is_differenced_once_and_noise_never() {
        let walk = walk(400, 7);
        let noise: Vec<f64> = walk.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!((differences(&walk, 2), differences(&noise, 2)), (1, 0));
    }

    #[test]
    fn a_season_is_differenced_and_noise_is_not() {
        let noise: Vec<f64> = walk(400, 3).windows(2).map(|pair| pair[1] - pair[0]).collect();
        let season = |hour: usize| 5.0 * libm::sin(hour as f64 * std::f64::consts::TAU / 12.0);
        let seasonal: Vec<f64> = noise.iter().enumerate().map(|(hour, noise)| season(hour) + noise).collect();
        assert_eq!(seasonal_differences(&seasonal, 12, SeasonalTest::Strength, 1), 1);
        assert_eq!(seasonal_differences(&noise, 12, SeasonalTest::Strength, 1), 0);
        assert_eq!(seasonal_differences(&noise, 12, SeasonalTest::Ocsb, 1), 0);
        // A walk per month has a seasonal unit root.
        let mut months = [0.0; 12];
        let walks: Vec<f64> = noise
            .iter()
            .enumerate()
            .map(|(at, noise)| {
                months[at % 12] += noise;
                months[at % 12]
            })
            .collect();
        assert_eq!(seasonal_differences(&walks, 12, SeasonalTest::Ocsb, 1), 1);
    }
}
