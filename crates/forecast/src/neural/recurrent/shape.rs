//! The sizes of a recurrent network, and where each of its parameters lies in one flat vector.

use plimsoll_stats::Random;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Most values that may enter or leave a network, and most units of a layer.
pub const WIDTH_MAX: usize = 4_096;
/// Most stacked layers.
pub const LAYERS_MAX: usize = 3;

/// What a layer does at each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// Elman's: h' = tanh(W [x, h] + b).
    Rnn,
    /// Long short-term memory: three gates and a cell that forgets only what it is told to.
    Lstm,
}

impl Cell {
    /// Rows of weights per unit: input, forget, candidate and output for an LSTM, in this order.
    #[must_use]
    pub const fn gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Lstm => 4,
        }
    }

    /// Its name in the zoo and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rnn => "rnn",
            Self::Lstm => "lstm",
        }
    }
}

/// Sizes of a stack of layers with a dense head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// What its layers do.
    pub cell: Cell,
    /// Values that enter per step.
    pub inputs: usize,
    /// Units of each layer, the lowest first.
    pub widths: Vec<usize>,
    /// Values that the head gives.
    pub outputs: usize,
    /// Whether the head sees the step's inputs beside the top layer's units, so that what is linear in them needs no unit.
    pub skip: bool,
}

/// Where one layer's or the head's parameters lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Values that enter a row of `weight`: below and, for a layer, its own units of the step before.
    pub inputs: usize,
    /// Columns of `weight`: gates × units, or the outputs.
    pub columns: usize,
    /// `inputs × columns`, row-major: the transpose of what files hold.
    pub weight: Range<usize>,
    /// One per column.
    pub bias: Range<usize>,
}

impl Shape {
    /// Whether every size is at least 1 and within the limits.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let fits = |size: &usize| (1..=WIDTH_MAX).contains(size);
        let layers = (1..=LAYERS_MAX).contains(&self.widths.len()) && self.widths.iter().all(fits);
        layers && fits(&self.inputs) && (1..=16 * WIDTH_MAX).contains(&self.outputs)
    }

    /// Values that enter a layer from below.
    #[must_use]
    pub fn below(&self, layer: usize) -> usize {
        if layer == 0 { self.inputs } else { self.widths[layer - 1] }
    }

    /// Values that enter the head.
    #[must_use]
    pub fn head_inputs(&self) -> usize {
        self.widths.last().copied().unwrap_or(0) + if self.skip { self.inputs } else { 0 }
    }

    /// Every layer's place and, last, the head's.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let layer = |(index, width): (usize, &usize)| (self.below(index) + width, self.cell.gates() * width);
        let sizes = self.widths.iter().enumerate().map(layer).chain([(self.head_inputs(), self.outputs)]);
        let mut start = 0;
        let place = |(inputs, columns): (usize, usize)| {
            let weight = start..start + inputs * columns;
            let bias = weight.end..weight.end + columns;
            start = bias.end;
            Place { inputs, columns, weight, bias }
        };
        sizes.map(place).collect()
    }

    /// Parameters in all.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.places().last().map_or(0, |head| head.bias.end)
    }

    /// Values for a start: layers uniform within ±1/√units as `PyTorch` has it, an LSTM's forget gate open (bias 1), and
    /// a head of zeros, so that the first forecast is the one without a network.
    ///
    /// # Source
    /// R. Jozefowicz, W. Zaremba, I. Sutskever, "An Empirical Exploration of Recurrent Network Architectures", ICML 2015
    /// (the forget gate's bias).
    #[must_use]
    pub fn start(&self, random: &mut Random) -> Vec<f32> {
        let mut parameters = vec![0.0; self.parameters()];
        for (place, width) in self.places().iter().zip(&self.widths) {
            let bound = 1.0 / libm::sqrt(*width as f64);
            for value in &mut parameters[place.weight.clone()] {
                *value = (bound * (2.0 * random.unit() - 1.0)) as f32;
            }
            if self.cell == Cell::Lstm {
                parameters[place.bias.start + width..place.bias.start + 2 * width].fill(1.0);
            }
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_each_other_without_a_hole() {
        let shape = Shape { cell: Cell::Lstm, inputs: 3, widths: vec![8, 4, 1], outputs: 5, skip: true };
        let places = shape.places();
        assert_eq!(places[0], Place { inputs: 11, columns: 32, weight: 0..352, bias: 352..384 });
        assert!(places.windows(2).all(|pair| pair[0].bias.end == pair[1].weight.start));
        assert_eq!(places[3].inputs, 4, "one unit and three inputs");
        assert_eq!(shape.parameters(), places[3].bias.end);
        assert!(shape.is_valid() && !Shape { widths: vec![], ..shape }.is_valid());
    }
}
