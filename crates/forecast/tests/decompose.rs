//! STL and MSTL against recorded outputs of statsmodels, and what holds for any series.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]
#![allow(clippy::needless_range_loop, reason = "one index walks several series")]
use plimsoll_forecast::decompose::{DecomposeError, Decomposition, Degree, Loess, Mstl, Stl, mstl, stl};
use proptest::prelude::*;
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/decompose.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn assert_near(name: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() < 1e-8, "{name} at {index}: {a} and not {b}");
    }
}

fn spec_of(case: &Value) -> Stl {
    let int = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let spec = &case["spec"];
    let loess = |name: &str| Loess {
        window: int(&spec[name]),
        degree: if int(&spec[format!("{name}_deg")]) == 0 { Degree::Constant } else { Degree::Line },
        jump: int(&spec[format!("{name}_jump")]),
    };
    Stl {
        period: int(&spec["period"]),
        seasonal: loess("seasonal"),
        trend: loess("trend"),
        low_pass: loess("low_pass"),
        inner: int(&case["inner"]),
        outer: int(&case["outer"]),
    }
}

#[test]
fn stl_gives_what_statsmodels_gives() {
    for case in fixture()["stl"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let parts = stl(&floats(&case["values"]), &spec_of(case)).unwrap();
        assert_near(name, &parts.trend, &floats(&case["trend"]));
        assert_near(name, &parts.seasons[0].values, &floats(&case["season"]));
        assert_near(name, &parts.weights, &floats(&case["weights"]));
    }
}

#[test]
fn mstl_gives_what_statsmodels_gives() {
    for case in fixture()["mstl"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let periods: Vec<usize> = floats(&case["periods"]).iter().map(|period| *period as usize).collect();
        let parts = mstl(&floats(&case["values"]), &periods, &Mstl { exact: true, ..Mstl::default() }).unwrap();
        assert_near(name, &parts.trend, &floats(&case["trend"]));
        for (season, theirs) in parts.seasons.iter().zip(case["seasons"].as_array().unwrap()) {
            assert_near(name, &season.values, &floats(theirs));
        }
    }
}

/// A day of 24 and a week of 168 steps, a trend, and a little noise.
fn load(len: usize) -> Vec<f64> {
    let wave = |index: usize, period: f64| (index as f64 * std::f64::consts::TAU / period).sin();
    let noise = |index: usize| ((index * 7919) % 101) as f64 / 101.0 - 0.5;
    (0..len).map(|i| 50.0 + 0.01 * i as f64 + 10.0 * wave(i, 24.0) + 4.0 * wave(i, 168.0) + noise(i)).collect()
}

fn finite(parts: &Decomposition) -> bool {
    let all = |values: &[f64]| values.iter().all(|value| value.is_finite());
    all(&parts.trend) && all(&parts.weights) && parts.seasons.iter().all(|season| all(&season.values))
}

#[test]
fn jumps_change_little() {
    let values = load(1_000);
    let fast = mstl(&values, &[24, 168], &Mstl::default()).unwrap();
    let exact = mstl(&values, &[24, 168], &Mstl { exact: true, ..Mstl::default() }).unwrap();
    for (a, b) in fast.trend.iter().zip(&exact.trend) {
        assert!((a - b).abs() < 0.3, "{a} {b}");
    }
}

#[test]
fn a_gap_is_bridged_by_the_estimates_and_stays_a_gap() {
    let full = load(1_000);
    let mut holed = full.clone();
    holed[300..420].fill(f64::NAN); // Five days.
    holed.iter_mut().skip(13).step_by(24).for_each(|value| *value = f64::NAN); // One hour is never measured.
    for robust in [false, true] {
        let spec = Mstl { robust, ..Mstl::default() };
        let (parts, whole) = (mstl(&holed, &[24, 168], &spec).unwrap(), mstl(&full, &[24, 168], &spec).unwrap());
        assert!(finite(&parts));
        for index in 0..1_000 {
            assert_eq!(parts.remainder[index].is_nan(), holed[index].is_nan());
            assert!(holed[index].is_finite() || parts.weights[index] == 0.0);
            assert!((parts.trend[index] - whole.trend[index]).abs() < 2.0, "{robust} {index}");
            if index % 24 == 13 {
                continue;
            }
            let day = |parts: &Decomposition| parts.seasons[0].values[index];
            assert!((day(&parts) - day(&whole)).abs() < 1.5, "{robust} {index}: {} {}", day(&parts), day(&whole));
        }
    }
}

#[test]
fn outliers_take_no_weight_where_it_is_robust() {
    let mut values = load(480);
    values[200] += 500.0;
    let parts = stl(&values, &Stl::new(24, 11).robust()).unwrap();
    assert_eq!(parts.weights[200], 0.0);
    assert!(parts.remainder[200] > 450.0 && parts.remainder[201].abs() < 10.0);
}

#[test]
fn odd_series_are_decomposed_or_refused_in_words() {
    let spec = Mstl::default();
    for values in [vec![0.0; 60], vec![7.5; 60], vec![1e15; 60], vec![1e-15; 60], vec![1e300; 60]] {
        let parts = mstl(&values, &[12], &spec).unwrap();
        assert!(finite(&parts));
        let unit = values[0].max(f64::MIN_POSITIVE);
        assert!(parts.seasons[0].values.iter().all(|value| value.abs() / unit < 1e-12));
        assert!(parts.trend.iter().all(|value| (value - values[0]).abs() / unit < 1e-12));
    }
    for values in [vec![1.0, 2.0], vec![3.0], vec![f64::NAN, 3.0, f64::NAN]] {
        let parts = mstl(&values, &[12], &spec).unwrap();
        assert!(parts.seasons.is_empty() && finite(&parts));
    }
    let words = |result: Result<Decomposition, DecomposeError>| result.unwrap_err().to_string();
    assert_eq!(words(mstl(&[f64::NAN; 30], &[12], &spec)), "nothing was measured");
    assert_eq!(words(mstl(&[], &[], &spec)), "nothing was measured");
    assert_eq!(words(mstl(&[1.0; 9], &[1], &spec)), "a season has at least 2 steps, and 1 were asked for");
    let few = "a season of 5 steps needs a series of at least 10 values, and there are 9";
    assert_eq!(words(stl(&[1.0; 9], &Stl::new(5, 7))), few);
    assert_eq!(words(stl(&[1.0; 10], &Stl::new(5, 4))), "the seasonal window is 4; it must be odd and at least 3");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn scaling_and_shifting_the_series_scales_and_shifts_the_parts(
        values in proptest::collection::vec(prop_oneof![9 => -100.0..100.0_f64, 1 => Just(f64::NAN)], 30..90),
        factor in prop_oneof![Just(1e15), Just(1e-15), Just(-1.0), 0.1..10.0_f64],
        shift in -1_000.0..1_000.0_f64,
        robust: bool,
    ) {
        prop_assume!(values.iter().any(|value| value.is_finite()));
        let spec = Mstl { robust, ..Mstl::default() };
        let moved: Vec<f64> = values.iter().map(|value| (value + shift) * factor).collect();
        let (before, after) = (mstl(&values, &[4, 12], &spec).unwrap(), mstl(&moved, &[4, 12], &spec).unwrap());
        prop_assert!(finite(&before) && finite(&after));
        // Where robustness weights decide between "in" and "out", a rounding error may decide; the smooth case is exact.
        let allowed = if robust { 1e-3 } else { 1e-7 };
        for index in 0..values.len() {
            let trend = (before.trend[index] + shift) * factor;
            prop_assert!((after.trend[index] - trend).abs() <= allowed * factor.abs());
            for (a, b) in after.seasons.iter().zip(&before.seasons) {
                prop_assert!((a.values[index] - b.values[index] * factor).abs() <= allowed * factor.abs());
            }
            let sum = after.trend[index] + after.seasons.iter().map(|s| s.values[index]).sum::<f64>()
                + after.remainder[index];
            prop_assert!(sum.is_nan() && moved[index].is_nan() || (sum - moved[index]).abs() <= 1e-9 * factor.abs());
        }
    }
}
