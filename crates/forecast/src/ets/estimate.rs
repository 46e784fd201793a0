//! One form fitted to one series: the search for smoothing parameters and initial states of greatest likelihood.
//!
//! All of them are estimated together, as R's `ets` does, but with exact derivatives instead of a simplex: some forty
//! passes over the series where a simplex in thirty dimensions is far from the optimum after a thousand.

use super::admissible::is_admissible;
use super::bounds::{Bounds, count};
use super::form::{Form, Trend};
use super::minimise::{Limits, Minimiser};
use super::recursion::{Gradient, Smoothing, State, Tape, Values};
use super::start;

/// A form with everything that was estimated.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub form: Form,
    pub by: Smoothing,
    /// States before the first value.
    pub start: State,
    /// −2 log L up to a constant.
    pub likelihood: f64,
    pub aicc: f64,
}

/// Room for searches on one series; reused from form to form.
pub struct Workspace<'a> {
    pub values: Values<'a>,
    pub bounds: Bounds,
    tape: Tape,
    minimiser: Minimiser,
    gradient: Gradient,
    state: State,
    scratch: Vec<f64>,
}

/// Smoothing parameters that a search may start from, slow to fast; α as a share of the greatest.
const ALPHAS: [f64; 4] = [0.03, 0.15, 0.4, 0.8];
const GAMMAS: [f64; 3] = [0.02, 0.1, 0.4];
/// Greatest α above which slow and fast smoothing may be two hills.
const HILLS: f64 = 0.5;

/// Unit of each state in a search: about what one error can change.
struct Units {
    level: f64,
    slope: f64,
    season: f64,
}

fn unpack(form: Form, x: &[f64], units: &Units, state: &mut State) {
    let (level, rest) = (x[0], &x[1..]);
    state.level = level * units.level;
    let season = if form.has_trend() {
        state.slope = rest[0] * units.slope;
        &rest[1..]
    } else {
        state.slope = 0.0;
        rest
    };
    state.season.clear();
    state.season.extend(season.iter().map(|s| s * units.season));
}

fn pack(form: Form, state: &State, units: &Units, x: &mut [f64]) {
    x[0] = state.level / units.level;
    let first = 1 + usize::from(form.has_trend());
    if form.has_trend() {
        x[1] = state.slope / units.slope;
    }
    x[first..].iter_mut().zip(&state.season).for_each(|(x, s)| *x = s / units.season);
}

impl<'a> Workspace<'a> {
    pub fn new(values: Values<'a>, bounds: Bounds) -> Self {
        let none = Smoothing { alpha: 0.0, beta: 0.0, gamma: 0.0, phi: 1.0 };
        let gradient = Gradient { smoothing: none, state: State::default() };
        let tape = Tape::new(values.values.len());
        Self {
            values,
            bounds,
            tape,
            minimiser: Minimiser::default(),
            gradient,
            state: State::default(),
            scratch: Vec::new(),
        }
    }

    /// −2 log L of given parameters from given states; infinite outside of the admissible region.
    pub fn likelihood(&mut self, form: Form, by: &Smoothing, start: &State) -> f64 {
        if !is_admissible(form, by, self.values.period, &mut self.scratch) {
            return f64::INFINITY;
        }
        self.state.clone_from(start);
        self.tape.likelihood(form, &self.values, by, &mut self.state)
    }

    /// Sum of squares (of relative errors where the form has those) and the states behind the last value.
    pub fn filter(&mut self, candidate: &Candidate) -> (f64, State) {
        self.likelihood(candidate.form, &candidate.by, &candidate.start);
        (self.tape.squares(), self.state.clone())
    }

    /// What the corrected information criterion adds to −2 log L: 2 k + 2 k (k + 1) / (n − k − 1), infinite where there are
    /// too few values for k parameters.
    pub fn penalty(&self, form: Form) -> f64 {
        let (k, n) = (form.parameters(self.values.period) as f64, self.values.seen as f64);
        if n - k - 1.0 > 0.0 { 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0) } else { f64::INFINITY }
    }

    /// Where searches for this form start: states from a decomposition, parameters the best of a coarse grid (among slow
    /// ones and among fast ones where there is room for both, since the likelihood has a hill for each). Empty where the form has no
    /// likelihood anywhere on the grid.
    pub fn begin(&mut self, form: Form) -> (Vec<Smoothing>, State) {
        let mut state = start::state(form, &self.values);
        let mut found = self.grid(form, &state);
        if found.is_empty() && form.has_trend() {
            // A slope of the first seasons that leads below zero later.
            state = start::state(Form { trend: Trend::None, ..form }, &self.values);
            found = self.grid(form, &state);
        }
        (found, state)
    }

    fn grid(&mut self, form: Form, state: &State) -> Vec<Smoothing> {
        let phi = if form.is_damped() { 0.95 } else { 1.0 };
        let gammas: &[f64] = if form.is_seasonal() { &GAMMAS } else { &[0.0] };
        let Bounds { alpha_max, beta_max } = self.bounds;
        let beta = |alpha: f64| if form.has_trend() { 0.02 * alpha.min(beta_max) + 1e-4 } else { 0.0 };
        let best_of = |shares: &[f64]| {
            let mut best = None;
            for (share, gamma) in shares.iter().flat_map(|share| gammas.iter().map(move |gamma| (share, gamma))) {
                let alpha = share * alpha_max;
                let by = Smoothing { alpha, beta: beta(alpha), gamma: gamma * (1.0 - alpha), phi };
                let likelihood = self.likelihood(form, &by, state);
                if likelihood < best.map_or(f64::INFINITY, |(least, _)| least) {
                    best = Some((likelihood, by));
                }
            }
            best.map(|(_, by)| by)
        };
        let hills = if alpha_max > HILLS { ALPHAS.len() / 2 } else { ALPHAS.len() };
        ALPHAS.chunks(hills).filter_map(best_of).collect()
    }

    /// The best that a search from there finds.
    pub fn fit(&mut self, form: Form, by: &Smoothing, start: &State, limits: &Limits) -> Candidate {
        let penalty = self.penalty(form);
        let likelihood = self.likelihood(form, by, start);
        let mut candidate = Candidate { form, by: *by, start: start.clone(), likelihood, aicc: f64::INFINITY };
        let sigma = libm::sqrt(self.tape.squares() / self.values.seen as f64).clamp(1e-9, 1e9);
        let units = Units { level: sigma, slope: 0.1 * sigma, season: sigma };
        let smoothing = count(form);
        let states = 1 + usize::from(form.has_trend()) + start.season.len();
        let mut x = vec![0.0; smoothing + states];
        self.bounds.position(form, by, &mut x[..smoothing]);
        pack(form, start, &units, &mut x[smoothing..]);
        let Self { values, bounds, tape, minimiser, gradient, state, scratch } = self;
        gradient.state.season.resize(start.season.len(), 0.0);
        let mut initial = start.clone();
        let found = minimiser.run(&mut x, limits, |x, out| {
            let by = bounds.smoothing(form, &x[..smoothing]);
            if !is_admissible(form, &by, values.period, scratch) {
                return f64::INFINITY;
            }
            unpack(form, &x[smoothing..], &units, &mut initial);
            state.clone_from(&initial);
            let value = tape.likelihood(form, values, &by, state);
            if value.is_finite() {
                tape.gradient(form, values, &by, gradient);
                bounds.chain(form, &x[..smoothing], &by, &gradient.smoothing, &mut out[..smoothing]);
                pack_gradient(form, &gradient.state, &units, &mut out[smoothing..]);
            }
            value
        });
        if found < candidate.likelihood {
            candidate.likelihood = found;
            candidate.by = bounds.smoothing(form, &x[..smoothing]);
            unpack(form, &x[smoothing..], &units, &mut candidate.start);
        }
        candidate.aicc = candidate.likelihood + penalty;
        candidate
    }
}

fn pack_gradient(form: Form, state: &State, units: &Units, out: &mut [f64]) {
    out[0] = state.level * units.level;
    let first = 1 + usize::from(form.has_trend());
    if form.has_trend() {
        out[1] = state.slope * units.slope;
    }
    out[first..].iter_mut().zip(&state.season).for_each(|(out, s)| *out = s * units.season);
}
