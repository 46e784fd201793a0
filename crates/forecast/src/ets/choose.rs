//! The choice among forms: the least corrected information criterion, and few passes over the series to find it.

use super::estimate::{Candidate, Workspace};
use super::form::{ErrorKind, Form, Seasonal, Trend};
use super::minimise::Limits;

/// Where a comparison of forms may stop: two steps that brought less than this. Differences of criteria below it mean
/// nothing (2 is the usual threshold).
const COMPARED: f64 = 0.1;
/// Where the form that was chosen may stop.
const CHOSEN: f64 = 1e-4;
/// Steps of one search at most.
const STEPS: usize = 150;

/// All forms, those that win most often first: a good one early lets the search for a hopeless one be given up.
pub fn all() -> Vec<Form> {
    use {ErrorKind::Additive, ErrorKind::Multiplicative};
    let kinds = [
        (Additive, Seasonal::Additive),
        (Multiplicative, Seasonal::Multiplicative),
        (Multiplicative, Seasonal::Additive),
        (Additive, Seasonal::None),
        (Multiplicative, Seasonal::None),
    ];
    let trends = [Trend::None, Trend::Additive, Trend::Damped];
    kinds.into_iter().flat_map(|(error, season)| trends.map(|trend| Form::new(error, trend, season))).collect()
}

/// The best of `forms`; none when no form describes the series.
pub fn best(workspace: &mut Workspace<'_>, forms: &[Form]) -> Option<Candidate> {
    let mut best: Option<Candidate> = None;
    for form in forms {
        let (starts, state) = workspace.begin(*form);
        for by in &starts {
            let target = best.as_ref().map_or(f64::INFINITY, |best| best.aicc - workspace.penalty(*form));
            let candidate = workspace.fit(*form, by, &state, &Limits { steps: STEPS, gain: COMPARED, target });
            if candidate.aicc.is_finite() && best.as_ref().is_none_or(|best| candidate.aicc < best.aicc) {
                best = Some(candidate);
            }
        }
    }
    let limits = Limits { steps: STEPS, gain: CHOSEN, target: f64::INFINITY };
    best.map(|best| workspace.fit(best.form, &best.by, &best.start, &limits))
}
