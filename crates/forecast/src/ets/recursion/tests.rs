//! The recursion against the book's equations, and its derivatives against differences.

use super::super::form::Trend;
use super::*;

const ALL: [(ErrorKind, Seasonal); 5] = [
    (ErrorKind::Additive, Seasonal::None),
    (ErrorKind::Additive, Seasonal::Additive),
    (ErrorKind::Multiplicative, Seasonal::None),
    (ErrorKind::Multiplicative, Seasonal::Additive),
    (ErrorKind::Multiplicative, Seasonal::Multiplicative),
];

fn forms() -> impl Iterator<Item = Form> {
    let trends = [Trend::None, Trend::Additive, Trend::Damped];
    ALL.into_iter().flat_map(move |(error, season)| trends.map(|trend| Form::new(error, trend, season)))
}

fn series(gap: bool) -> Vec<f64> {
    let mut random = plimsoll_stats::Random::new(7);
    let season = [0.2, -0.1, 0.15, -0.25];
    let mut values: Vec<f64> =
        (0..45).map(|at| 1.0 + 0.01 * at as f64 + season[at % 4] + 0.05 * random.normal()).collect();
    if gap {
        values[9] = f64::NAN;
        values[30] = f64::NAN;
    }
    values
}

fn by(form: Form) -> Smoothing {
    let trend = if form.has_trend() { 0.1 } else { 0.0 };
    let phi = if form.is_damped() { 0.9 } else { 1.0 };
    Smoothing { alpha: 0.3, beta: trend, gamma: if form.is_seasonal() { 0.2 } else { 0.0 }, phi }
}

fn state(form: Form) -> State {
    let season = match form.season {
        Seasonal::None => vec![],
        Seasonal::Additive => vec![0.18, -0.08, 0.1, -0.2],
        Seasonal::Multiplicative => vec![1.2, 0.9, 1.1, 0.8],
    };
    State { level: 1.05, slope: if form.has_trend() { 0.02 } else { 0.0 }, season }
}

/// The recursions as table 2.2 and 2.3 of the book write them, from its l and b.
fn by_the_book(form: Form, values: &[f64], by: &Smoothing, start: &State) -> f64 {
    let (mut b, mut s) = (start.slope / by.phi, start.season.clone());
    let mut l = start.level - start.slope;
    let (mut squares, mut logs, mut count) = (0.0, 0.0, 0.0);
    for (at, y) in values.iter().enumerate() {
        let q = l + by.phi * b;
        let place = if s.is_empty() { 0 } else { at % s.len() };
        let forecast = match form.season {
            Seasonal::None => q,
            Seasonal::Additive => q + s[place],
            Seasonal::Multiplicative => q * s[place],
        };
        if y.is_nan() {
            (l, b) = (q, by.phi * b);
            continue;
        }
        let error = y - forecast;
        squares += if form.is_relative() { (error / forecast) * (error / forecast) } else { error * error };
        logs += if form.is_relative() { libm::log(forecast) } else { 0.0 };
        count += 1.0;
        let (to_level, to_season) = match form.season {
            Seasonal::Multiplicative => (error / s[place], error / q),
            _ => (error, error),
        };
        l = q + by.alpha * to_level;
        b = by.phi * b + by.beta * to_level;
        if let Some(s) = s.get_mut(place) {
            *s += by.gamma * to_season;
        }
    }
    count * libm::log(squares) + 2.0 * logs
}

#[test]
fn it_is_the_book_s_recursion_for_every_form_with_and_without_gaps() {
    for gap in [false, true] {
        let values = series(gap);
        let seen = if gap { 43 } else { 45 };
        for form in forms() {
            let mut after = state(form);
            let values = Values { values: &values, period: 4, seen };
            let found = Tape::new(45).likelihood(form, &values, &by(form), &mut after);
            let expected = by_the_book(form, values.values, &by(form), &state(form));
            assert!((found - expected).abs() < 1e-9, "{form}: {found} and {expected}");
        }
    }
}

#[test]
fn derivatives_are_those_of_differences() {
    for (gap, form) in [false, true].into_iter().flat_map(|gap| forms().map(move |form| (gap, form))) {
        let values = series(gap);
        let values = Values { values: &values, period: 4, seen: if gap { 43 } else { 45 } };
        let value = |by: &Smoothing, state: &State| Tape::new(45).likelihood(form, &values, by, &mut state.clone());
        let mut tape = Tape::new(45);
        tape.likelihood(form, &values, &by(form), &mut state(form));
        let mut gradient = Gradient { smoothing: by(form), state: state(form) };
        tape.gradient(form, &values, &by(form), &mut gradient);
        let check = |name: &str, found: f64, change: &dyn Fn(&mut Smoothing, &mut State, f64)| {
            let at = |step: f64| {
                let (mut by, mut state) = (by(form), state(form));
                change(&mut by, &mut state, step);
                value(&by, &state)
            };
            let expected = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{form} {name}: {found} and {expected}");
        };
        check("alpha", gradient.smoothing.alpha, &|by, _, step| by.alpha += step);
        check("level", gradient.state.level, &|_, state, step| state.level += step);
        if form.has_trend() {
            check("beta", gradient.smoothing.beta, &|by, _, step| by.beta += step);
            check("phi", gradient.smoothing.phi, &|by, _, step| by.phi += step);
            check("slope", gradient.state.slope, &|_, state, step| state.slope += step);
        }
        for place in 0..state(form).season.len() {
            check("gamma", gradient.smoothing.gamma, &|by, _, step| by.gamma += step);
            check("season", gradient.state.season[place], &|_, state, step| state.season[place] += step);
        }
    }
}

#[test]
fn a_form_of_relative_errors_that_forecasts_less_than_nothing_has_no_likelihood() {
    let form = Form::new(ErrorKind::Multiplicative, Trend::Additive, Seasonal::None);
    let values = Values { values: &[1.0, 1.0, 1.0], period: 1, seen: 3 };
    let mut state = State { level: 1.0, slope: -2.0, season: vec![] };
    let found = Tape::new(3).likelihood(form, &values, &by(form), &mut state);
    assert_eq!(found, f64::INFINITY);
}
