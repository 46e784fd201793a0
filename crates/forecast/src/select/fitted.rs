//! The fitted `auto`: its members, their weights per stretch of the horizon, and the spread of their fusion.

use super::weights::{fused, median};
use crate::explanation::{Explanation, Margin, NamedPart};
use crate::{Ahead, Fitted, Forecaster, Levels, Prediction, Sample};
use serde::{Deserialize, Serialize};

/// One model that has a say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The model's name.
    pub name: String,
    /// Its weight per stretch of the horizon.
    pub weights: Vec<f64>,
    /// Its mean pinball loss at the origins it was tried at, in the unit of the series; none where it was not.
    #[serde(with = "unknown_as_none")]
    pub loss: f64,
    /// The model, fitted on everything.
    pub fitted: Fitted,
}

/// Models and their weights: [`super::Auto`] on one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedAuto {
    members: Vec<Member>,
    /// Last step and spread of each stretch; the last one holds on beyond.
    spreads: Vec<(usize, f64)>,
    seasons: Vec<usize>,
    origins: usize,
}

impl FittedAuto {
    /// Weights are made to sum to 1 again over the members that could be fitted. None without any.
    pub(super) fn new(
        mut members: Vec<Member>,
        spreads: Vec<(usize, f64)>,
        seasons: Vec<usize>,
        origins: usize,
    ) -> Option<Self> {
        if members.is_empty() {
            return None;
        }
        for stretch in 0..spreads.len() {
            let total: f64 = members.iter().map(|member| member.weights[stretch]).sum();
            let equal = 1.0 / members.len() as f64;
            let weigh = |weight: f64| if total > 0.0 { weight / total } else { equal };
            members.iter_mut().for_each(|member| member.weights[stretch] = weigh(member.weights[stretch]));
        }
        Some(Self { members, spreads, seasons, origins })
    }

    /// The models that have a say, with weights and losses.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The seasons it works with, which may differ from those given.
    #[must_use]
    pub fn seasons(&self) -> &[usize] {
        &self.seasons
    }

    fn stretch(&self, step: usize) -> usize {
        self.spreads.iter().position(|(to, _)| step < *to).unwrap_or(self.spreads.len() - 1)
    }
}

impl Forecaster for FittedAuto {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let said: Vec<Prediction> = self.members.iter().map(|member| member.fitted.predict(ahead, levels)).collect();
        let width = levels.len();
        let mut points = Vec::with_capacity(ahead.horizon);
        let mut values = Vec::with_capacity(ahead.horizon * width);
        for step in 0..ahead.horizon {
            let stretch = self.stretch(step);
            let weights: Vec<f64> = self.members.iter().map(|member| member.weights[stretch]).collect();
            let rows: Vec<&[f64]> = said.iter().map(|one| &one.values()[step * width..(step + 1) * width]).collect();
            let row = fused(&rows, &weights);
            let point: f64 = said.iter().zip(&weights).map(|(one, weight)| one.points()[step] * weight).sum();
            let has_median = levels.as_slice()[0] <= 0.5 && levels.as_slice()[width - 1] >= 0.5;
            let middle = if has_median { median(&row, levels) } else { point };
            points.push(point);
            values.extend(row.iter().map(|value| middle + self.spreads[stretch].1 * (value - middle)));
        }
        Prediction::new(levels, points, values)
    }

    fn update(&mut self, sample: &Sample<'_>) {
        self.members.iter_mut().for_each(|member| member.fitted.update(sample));
    }

    /// Level, trend and seasons are those of the member with the most weight; weights are means over the stretches, and each
    /// member's loss stands among the terms.
    fn explain(&self) -> Explanation {
        let share = |member: &Member| member.weights.iter().sum::<f64>() / member.weights.len().max(1) as f64;
        let heaviest = self.members.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
        let whole = heaviest.map_or_else(Explanation::default, |member| member.fitted.explain());
        let loss = |member: &Member| NamedPart { name: format!("loss of {}", member.name), value: member.loss };
        let weight = |member: &Member| NamedPart { name: member.name.clone(), value: share(member) };
        let said = self.predict(&Ahead::steps(1), &Levels::try_new(vec![0.5, 0.95]).expect("invariant: they rise"));
        let margin = said.quantiles(0).map(|row| row[1] - row[0]);
        let spread = self.spreads.first().map_or(1.0, |(_, spread)| *spread);
        Explanation {
            form: format!("auto, seasons {:?}, weighed at {} origins", self.seasons, self.origins),
            terms: self.members.iter().filter(|member| member.loss.is_finite()).map(loss).collect(),
            weights: self.members.iter().map(weight).collect(),
            margin: margin.map(|value| Margin { level: 0.95, value, scale: format!("the members' times {spread:.2}") }),
            ..whole
        }
    }
}

/// A loss that is not known is infinite here and absent in the serialised form, which has no infinity.
mod unknown_as_none {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(loss: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Some(*loss).filter(|loss| loss.is_finite()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::INFINITY))
    }
}
