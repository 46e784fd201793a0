//! A trained network with everything that is needed to use it, and its form in a file.
//!
//! The layout is documented in `docs/forecast-weights.md`; tensors are named and ordered as `PyTorch` has them.

use super::encoder::{anchors, features};
use super::network::Network;
use super::output::Loss;
use super::shape::{Cell, Place, Shape, WIDTH_MAX};
use crate::Levels;
use crate::neural::matrix::transposed;
use crate::neural::weights::{Weights, WeightsError};

/// Version of the layout in files.
pub const LAYOUT: u32 = 1;
/// Most seasons that a network may look at.
pub const SLOTS_MAX: usize = 4;

/// How a network's numbers become forecasts.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Steps ahead that the head gives.
    pub horizon: usize,
    /// Seasons that the network looks at, at least 1.
    pub slots: usize,
    /// What it was trained on.
    pub loss: Loss,
    /// Levels of the head's quantiles; 0.5 alone for the squared loss, whose numbers are means.
    pub levels: Levels,
}

impl Recipe {
    /// The head's outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.horizon * self.levels.len() + anchors(self.slots)
    }

    /// The sizes of a network for this recipe.
    #[must_use]
    pub fn shape(&self, cell: Cell, widths: &[usize], skip: bool) -> Shape {
        Shape { cell, inputs: features(self.slots), widths: widths.to_vec(), outputs: self.outputs(), skip }
    }
}

/// A trained network: it never changes, so that many series share one.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    pub(super) network: Network<f32>,
    pub(super) recipe: Recipe,
    /// Per step ahead, the root mean square of the held-out errors in units. Only the squared loss needs it.
    pub(super) deviations: Vec<f32>,
}

impl Trained {
    /// How its numbers become forecasts.
    #[must_use]
    pub const fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Its sizes.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        self.network.shape()
    }

    /// As named tensors.
    #[must_use]
    pub fn to_weights(&self) -> Weights {
        let mut weights = self.network.to_weights();
        weights.set("horizon", self.recipe.horizon);
        weights.set("slots", self.recipe.slots);
        weights.set("loss", if self.recipe.loss == Loss::Squared { "squared" } else { "pinball" });
        let levels: Vec<String> = self.recipe.levels.as_slice().iter().map(f64::to_string).collect();
        weights.set("levels", levels.join(","));
        weights.insert("deviations", &[self.recipe.horizon], self.deviations.clone());
        weights
    }

    /// From named tensors.
    ///
    /// # Errors
    /// [`WeightsError`] with what is wrong: its name, what it is and what it should be.
    pub fn from_weights(mut weights: Weights) -> Result<Self, WeightsError> {
        let recipe = recipe(&weights)?;
        let deviations = weights.take("deviations", &[recipe.horizon])?;
        let network = Network::from_weights(weights)?;
        let shape = network.shape();
        let (inputs, outputs) = (features(recipe.slots), recipe.outputs());
        for (key, found, needed) in [("inputs", shape.inputs, inputs), ("outputs", shape.outputs, outputs)] {
            if found != needed {
                let allowed = format!("{needed}, because of horizon, levels and slots");
                return Err(WeightsError::Value { key: key.into(), value: found.to_string(), allowed });
            }
        }
        Ok(Self { network, recipe, deviations })
    }
}

fn recipe(weights: &Weights) -> Result<Recipe, WeightsError> {
    let horizon = weights.value("horizon", "1 to 4096", |steps| (1..=WIDTH_MAX).contains(steps))?;
    let slots = weights.value("slots", "1 to 4", |slots| (1..=SLOTS_MAX).contains(slots))?;
    let loss: String = weights.value("loss", "squared or pinball", |loss| loss == "squared" || loss == "pinball")?;
    let allowed = "rising numbers between 0 and 1, at most 64";
    let levels = weights.list::<f64>("levels", allowed)?;
    let few = levels.len() <= 64;
    let wrong = || WeightsError::Value {
        key: "levels".into(),
        value: weights.text("levels").unwrap_or_default().chars().take(80).collect(),
        allowed: allowed.into(),
    };
    let levels = Levels::try_new(levels).ok().filter(|_| few).ok_or_else(wrong)?;
    let loss = if loss == "squared" { Loss::Squared } else { Loss::Pinball };
    Ok(Recipe { horizon, slots, loss, levels })
}

impl Network<f32> {
    /// The stack and its head as named tensors.
    #[must_use]
    pub fn to_weights(&self) -> Weights {
        let shape = self.shape();
        let mut weights = Weights::new(shape.cell.name(), LAYOUT);
        let widths: Vec<String> = shape.widths.iter().map(usize::to_string).collect();
        weights.set("inputs", shape.inputs);
        weights.set("widths", widths.join(","));
        weights.set("outputs", shape.outputs);
        weights.set("skip", shape.skip);
        let layers = shape.widths.len();
        for (index, place) in self.places()[..layers].iter().enumerate() {
            let (columns, below) = (place.columns, shape.below(index));
            let (lower, own) = self.parameters[place.weight.clone()].split_at(below * columns);
            weights.insert(&layer(index, "weight_ih"), &[columns, below], transposed(lower, columns));
            weights.insert(&layer(index, "weight_hh"), &[columns, shape.widths[index]], transposed(own, columns));
            weights.insert(&layer(index, "bias_ih"), &[columns], self.parameters[place.bias.clone()].to_vec());
            weights.insert(&layer(index, "bias_hh"), &[columns], vec![0.0; columns]);
        }
        let Place { inputs, columns, weight, bias } = &self.places()[layers];
        let turned = transposed(&self.parameters[weight.clone()], *columns);
        weights.insert("head.weight", &[*columns, *inputs], turned);
        weights.insert("head.bias", &[*columns], self.parameters[bias.clone()].to_vec());
        weights
    }

    /// The stack and its head from named tensors.
    ///
    /// # Errors
    /// [`WeightsError`] with what is wrong: its name, what it is and what it should be.
    pub fn from_weights(mut weights: Weights) -> Result<Self, WeightsError> {
        let shape = shape(&weights)?;
        let mut parameters = Vec::new();
        for (index, place) in shape.places()[..shape.widths.len()].iter().enumerate() {
            let columns = place.columns;
            let lower = weights.take(&layer(index, "weight_ih"), &[columns, shape.below(index)])?;
            let own = weights.take(&layer(index, "weight_hh"), &[columns, shape.widths[index]])?;
            parameters.extend(transposed(&lower, shape.below(index)));
            parameters.extend(transposed(&own, shape.widths[index]));
            let below = weights.take(&layer(index, "bias_ih"), &[columns])?;
            let own = weights.take(&layer(index, "bias_hh"), &[columns])?;
            parameters.extend(below.iter().zip(own).map(|(a, b)| a + b));
        }
        let head = weights.take("head.weight", &[shape.outputs, shape.head_inputs()])?;
        parameters.extend(transposed(&head, shape.head_inputs()));
        parameters.extend(weights.take("head.bias", &[shape.outputs])?);
        weights.finish()?;
        let widths = shape.widths.len();
        Self::new(shape, parameters).ok_or_else(|| WeightsError::Value {
            key: "widths".into(),
            value: widths.to_string(),
            allowed: "sizes whose tensors have been read".into(),
        })
    }
}

/// Name of a layer's tensor: that of the only layer of a `torch.nn.LSTM` or `RNN` in a `ModuleList` called `layers`.
fn layer(index: usize, tensor: &str) -> String {
    format!("layers.{index}.{tensor}_l0")
}

fn shape(weights: &Weights) -> Result<Shape, WeightsError> {
    let kind: String =
        weights.value(crate::neural::weights::KIND, "rnn or lstm", |kind| kind == "rnn" || kind == "lstm")?;
    weights.check_kind(&kind, LAYOUT)?;
    let cell = if kind == "rnn" { Cell::Rnn } else { Cell::Lstm };
    let inputs = weights.value("inputs", "1 to 4096", |n| (1..=WIDTH_MAX).contains(n))?;
    let outputs = weights.value("outputs", "1 to 65536", |n| (1..=16 * WIDTH_MAX).contains(n))?;
    let skip = weights.value("skip", "true or false", |_| true)?;
    let allowed = "one to three sizes of 1 to 4096, separated by commas";
    let widths = weights.list::<usize>("widths", allowed)?;
    let shape = Shape { cell, inputs, widths, outputs, skip };
    if shape.is_valid() {
        return Ok(shape);
    }
    let value = weights.text("widths").unwrap_or_default().chars().take(80).collect();
    Err(WeightsError::Value { key: "widths".into(), value, allowed: allowed.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    fn some(cell: Cell) -> Trained {
        let recipe = Recipe { horizon: 3, slots: 2, loss: Loss::Pinball, levels: Levels::deciles() };
        let shape = recipe.shape(cell, &[5, 2], true);
        let mut random = Random::new(3);
        let parameters = (0..shape.parameters()).map(|_| random.unit() as f32).collect();
        Trained { network: Network::new(shape, parameters).unwrap(), recipe, deviations: vec![1.0, 2.0, 3.0] }
    }

    #[test]
    fn a_file_gives_back_the_very_network() {
        for cell in [Cell::Rnn, Cell::Lstm] {
            let bytes = some(cell).to_weights().to_bytes();
            assert_eq!(Trained::from_weights(Weights::from_bytes(&bytes).unwrap()).unwrap(), some(cell));
        }
    }

    #[test]
    fn a_file_that_does_not_fit_says_where() {
        let error = |change: &dyn Fn(&mut Weights)| {
            let mut weights = some(Cell::Lstm).to_weights();
            change(&mut weights);
            Trained::from_weights(weights).unwrap_err().to_string()
        };
        let shape = error(&|weights| weights.insert("layers.1.weight_hh_l0", &[8, 3], vec![0.0; 24]));
        assert_eq!(shape, "tensor layers.1.weight_hh_l0 has shape [8, 3]; expected [8, 2]");
        let extra = error(&|weights| weights.insert("layers.2.bias_ih_l0", &[1], vec![0.0]));
        assert_eq!(extra, "tensor layers.2.bias_ih_l0 of shape [1] belongs to no part of this network");
        let horizon = error(&|weights| {
            weights.set("horizon", 2);
            weights.insert("deviations", &[2], vec![1.0; 2]);
        });
        assert_eq!(horizon, "metadata outputs is \"31\"; it must be 22, because of horizon, levels and slots");
        assert!(error(&|weights| weights.set("widths", "5,2,3,4")).starts_with("metadata widths is \"5,2,3,4\""));
        assert!(error(&|weights| weights.set("levels", "0.5,0.1")).starts_with("metadata levels"));
    }
}
