//! The fitted `auto`: its members, their weights per stretch of the horizon, and the spread of their fusion. Weights go on
//! learning with every update (`live.rs`); spreads stay those of the fit.

use super::live::{self, Kind, Live};
use super::weights::{fused, median, weighted_median};
use crate::explanation::{Explanation, Margin, NamedPart};
use crate::{Ahead, Fitted, Forecaster, Levels, Prediction, Sample};
use serde::{Deserialize, Serialize};

/// One model that has a say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The model's name.
    pub name: String,
    /// Its weight per stretch of the horizon, as the fit gave it.
    pub weights: Vec<f64>,
    /// The same in the point.
    pub point_weights: Vec<f64>,
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
    /// The least and the greatest value measured so far.
    range: (f64, f64),
    /// What came since the fit; nothing in what was written before this was kept.
    #[serde(default)]
    live: Live,
}

/// A member's values are held within the range of the series, widened on either side by this many times its width. A model
/// whose recursion or exponential runs away would otherwise take the whole with it, however small its weight.
const RANGE_WIDENED: f64 = 1.0;

impl FittedAuto {
    /// Weights are made to sum to 1 again over the members that could be fitted. None without any.
    pub(super) fn new(
        mut members: Vec<Member>,
        spreads: Vec<(usize, f64)>,
        seasons: Vec<usize>,
        origins: usize,
        range: (f64, f64),
    ) -> Option<Self> {
        if members.is_empty() {
            return None;
        }
        for stretch in 0..spreads.len() {
            whole(members.iter_mut().map(|member| &mut member.weights[stretch]).collect());
            whole(members.iter_mut().map(|member| &mut member.point_weights[stretch]).collect());
        }
        Some(Self { members, spreads, seasons, origins, range, live: Live::default() })
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

    /// What a member says, held within the widened range.
    fn said(&self, member: &Member, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let said = member.fitted.predict(ahead, levels);
        let wide = RANGE_WIDENED * (self.range.1 - self.range.0);
        let held = |value: &f64| value.clamp(self.range.0 - wide, self.range.1 + wide);
        Prediction::new(levels, said.points().iter().map(held).collect(), said.values().iter().map(held).collect())
    }

    /// By stretch: the weights of the members, those of the fit moved by what came since.
    fn weights(&self, kind: Kind) -> Vec<Vec<f64>> {
        let fit = |member: &Member, stretch: usize| match kind {
            Kind::Points => member.point_weights[stretch],
            Kind::Quantiles => member.weights[stretch],
        };
        let of = |stretch: usize| {
            let fit: Vec<f64> = self.members.iter().map(|member| fit(member, stretch)).collect();
            self.live.moved(&fit, kind, stretch)
        };
        (0..self.spreads.len()).map(of).collect()
    }

    fn stretch(&self, step: usize) -> usize {
        self.spreads.iter().position(|(to, _)| step < *to).unwrap_or(self.spreads.len() - 1)
    }
}

impl Forecaster for FittedAuto {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let (asked, places) = with_inner(levels);
        let (weights, point_weights) = (self.weights(Kind::Quantiles), self.weights(Kind::Points));
        // Those without a say are not asked, which saves most of the time where few have one.
        let has_say = |place: &usize| weights.iter().chain(&point_weights).any(|weights| weights[*place] > 0.0);
        let heard: Vec<usize> = (0..self.members.len()).filter(has_say).collect();
        let only = |weights: &[f64]| heard.iter().map(|place| weights[*place]).collect::<Vec<f64>>();
        let said: Vec<Prediction> = heard.iter().map(|place| self.said(&self.members[*place], ahead, &asked)).collect();
        let width = asked.len();
        let mut points = Vec::with_capacity(ahead.horizon);
        let mut values = Vec::with_capacity(ahead.horizon * levels.len());
        for step in 0..ahead.horizon {
            let stretch = self.stretch(step);
            let (weights, point_weights) = (only(&weights[stretch]), only(&point_weights[stretch]));
            let rows: Vec<&[f64]> = said.iter().map(|one| &one.values()[step * width..(step + 1) * width]).collect();
            let row = fused(&rows, &weights, &asked);
            let middle = median(&row, &asked);
            let spread = self.spreads[stretch].1;
            // The median and not the mean: where members disagree on whether a load is on or off, half-way is never right.
            let member_points: Vec<&[f64]> = said.iter().map(|one| &one.points()[step..=step]).collect();
            points.push(weighted_median(&member_points, &point_weights, 0));
            values.extend(places.iter().map(|place| middle + spread * (row[*place] - middle)));
        }
        Prediction::new(levels, points, values)
    }

    fn update(&mut self, sample: &Sample<'_>) {
        let ends: Vec<usize> = self.spreads.iter().map(|(to, _)| *to).collect();
        if self.live.is_idle() {
            let (ahead, levels) = (Ahead::steps(ends.last().copied().unwrap_or(1)), live::levels());
            let said: Vec<Prediction> = self.members.iter().map(|member| self.said(member, &ahead, &levels)).collect();
            self.live.watch(&said);
        }
        self.live.take(sample.value, &ends);
        if sample.value.is_finite() {
            self.range = (self.range.0.min(sample.value), self.range.1.max(sample.value));
        }
        self.members.iter_mut().for_each(|member| member.fitted.update(sample));
    }

    /// Level, trend and seasons are those of the member with the most weight; weights are means over the stretches, and each
    /// member's loss stands among the terms.
    fn explain(&self) -> Explanation {
        let weights = self.weights(Kind::Quantiles);
        let share = |place: usize| weights.iter().map(|row| row[place]).sum::<f64>() / weights.len().max(1) as f64;
        let shares: Vec<f64> = (0..self.members.len()).map(share).collect();
        let heaviest = self.members.iter().zip(&shares).max_by(|a, b| a.1.total_cmp(b.1));
        let whole = heaviest.map_or_else(Explanation::default, |(member, _)| member.fitted.explain());
        let loss = |member: &Member| NamedPart { name: format!("loss of {}", member.name), value: member.loss };
        let weight = |(member, share): (&Member, &f64)| {
            (*share > 0.0).then(|| NamedPart { name: member.name.clone(), value: *share })
        };
        let said = self.predict(&Ahead::steps(1), &Levels::try_new(vec![0.5, 0.95]).expect("invariant: they rise"));
        let margin = said.quantiles(0).map(|row| row[1] - row[0]);
        let spread = self.spreads.first().map_or(1.0, |(_, spread)| *spread);
        let since = match self.live.origins() {
            origins if origins > 0.0 => format!(" and {origins:.1} since"),
            _ => String::new(),
        };
        Explanation {
            form: format!("auto, seasons {:?}, weighed at {} origins{since}", self.seasons, self.origins),
            terms: self.members.iter().filter(|member| member.loss.is_finite()).map(loss).collect(),
            weights: self.members.iter().zip(&shares).filter_map(weight).collect(),
            margin: margin.map(|value| Margin { level: 0.95, value, scale: format!("the members' times {spread:.2}") }),
            ..whole
        }
    }
}

/// Divides by the sum; equal parts where there is nothing to divide.
fn whole(parts: Vec<&mut f64>) {
    let (total, equal) = (parts.iter().map(|part| **part).sum::<f64>(), 1.0 / parts.len().max(1) as f64);
    parts.into_iter().for_each(|part| *part = if total > 0.0 { *part / total } else { equal });
}

/// The levels asked for with those that fusing needs, and where those asked for stand among them.
fn with_inner(levels: &Levels) -> (Levels, Vec<usize>) {
    let mut all: Vec<f64> = levels.as_slice().iter().copied().chain([0.1, 0.5, 0.9]).collect();
    all.sort_unstable_by(f64::total_cmp);
    all.dedup();
    let place = |level: &f64| all.iter().position(|other| other == level).expect("invariant: it was put there");
    let places = levels.as_slice().iter().map(place).collect();
    (Levels::try_new(all).expect("invariant: sorted, each once, within 0 and 1"), places)
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
