//! What a forecast is made of, as data: level, trend, seasons, events, experts and their weights, and what it got wrong.
//!
//! Every fitted model gives one; what a model does not have is absent. Text is made of it by whoever shows it, or by
//! [`Display`](std::fmt::Display), one line per part.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a fitted model is made of. Values are in the unit of the series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The model and its form, for example `ETS(A,Ad,A)`.
    pub form: String,
    /// Where the series stands now, without season.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<f64>,
    /// By how much the level changes per step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<f64>,
    /// Seasons, the shortest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seasons: Vec<SeasonPart>,
    /// Named terms with their effect or coefficient: events, lags, regressors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<NamedPart>,
    /// Members and the share of each in the whole, which sum to 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<NamedPart>,
    /// What was added for safety, and how it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<Margin>,
    /// What it got wrong lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recent: Option<RecentErrors>,
}

/// One season.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeasonPart {
    /// Its length in steps.
    pub period: usize,
    /// Highest less lowest point of its shape.
    pub swing: f64,
    /// What it adds to the next step (a factor where it multiplies).
    pub next: f64,
    /// Whether it multiplies the level.
    pub multiplies: bool,
}

/// A number with a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedPart {
    /// What it is.
    pub name: String,
    /// How much.
    pub value: f64,
}

/// The distance between the point and a quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Margin {
    /// The quantile.
    pub level: f64,
    /// Quantile less point.
    pub value: f64,
    /// What errors are relative to: `additive`, `square-root`, `relative`, ...
    pub scale: String,
}

/// Errors of the forecasts that came due last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecentErrors {
    /// How many are counted.
    pub count: u64,
    /// Mean absolute error.
    pub mean_absolute: f64,
    /// Mean of actual less forecast: above 0 it forecast too little.
    pub bias: f64,
    /// A quantile's level and the share of actual values at or below it, where that is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<(f64, f64)>,
}

impl Explanation {
    /// Only a form.
    #[must_use]
    pub fn of(form: impl Into<String>) -> Self {
        Self { form: form.into(), ..Self::default() }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.form)?;
        if let Some(level) = self.level {
            writeln!(f, "  level   {}", Figure(level))?;
        }
        if let Some(trend) = self.trend {
            writeln!(f, "  trend   {} per step", Figure(trend))?;
        }
        for season in &self.seasons {
            let SeasonPart { period, swing, next, multiplies } = season;
            let how = if *multiplies { "times" } else { "plus" };
            writeln!(f, "  season  of {period}: swing {}, next step {how} {}", Figure(*swing), Figure(*next))?;
        }
        for NamedPart { name, value } in &self.terms {
            writeln!(f, "  term    {name} {}", Figure(*value))?;
        }
        for NamedPart { name, value } in &self.weights {
            writeln!(f, "  weight  {name} {:.1} %", value * 100.0)?;
        }
        if let Some(Margin { level, value, scale }) = &self.margin {
            writeln!(f, "  margin  {} for the {level} quantile ({scale} errors)", Figure(*value))?;
        }
        if let Some(recent) = &self.recent {
            let RecentErrors { count, mean_absolute, bias, coverage } = recent;
            write!(
                f,
                "  lately  {count} forecasts off by {} on average, bias {}",
                Figure(*mean_absolute),
                Figure(*bias)
            )?;
            if let Some((level, share)) = coverage {
                write!(f, ", {:.1} % at or below the {level} quantile", share * 100.0)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Four significant digits or so.
struct Figure(f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        match size {
            _ if size >= 1e7 || (size > 0.0 && size < 1e-4) => write!(f, "{:.3e}", self.0),
            _ if size >= 1_000.0 => write!(f, "{:.0}", self.0),
            _ if size >= 10.0 => write!(f, "{:.2}", self.0),
            _ => write!(f, "{:.4}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_that_is_there_gets_a_line() {
        let whole = Explanation {
            form: "ETS(A,A,A)".into(),
            level: Some(1_234.5),
            trend: Some(-0.25),
            seasons: vec![SeasonPart { period: 24, swing: 20.0, next: 3.0, multiplies: false }],
            terms: vec![NamedPart { name: "match".into(), value: 7.0 }],
            weights: vec![NamedPart { name: "mstl".into(), value: 0.5 }],
            margin: Some(Margin { level: 0.99, value: 40.0, scale: "relative".into() }),
            recent: Some(RecentErrors { count: 10, mean_absolute: 2.0, bias: 0.1, coverage: Some((0.99, 0.98)) }),
        };
        let text = whole.to_string();
        assert_eq!(text.lines().count(), 8);
        assert!(text.contains("season  of 24: swing 20.00, next step plus 3.0000"), "{text}");
        assert!(text.ends_with("98.0 % at or below the 0.99 quantile\n"));
        assert_eq!(Explanation::of("x").to_string(), "x\n");
    }
}
