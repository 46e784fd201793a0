//! A recurrent network and its state: one step forward at a time, for one sequence or for several lanes.

use super::cell::{Trace, Units, forward, head};
use super::shape::{Place, Shape};
use crate::neural::matrix::{Real, axpy};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A stack of layers with a dense head.
#[derive(Debug, Clone, PartialEq)]
pub struct Network<R> {
    shape: Shape,
    places: Vec<Place>,
    /// All parameters, where `places` says.
    pub(super) parameters: Vec<R>,
}

/// What a network remembers between two steps: one entry per layer, `lanes × units` each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State<R> {
    pub(super) layers: Vec<Units<R>>,
}

impl<R: Real> State<R> {
    /// That of a network that has seen nothing yet, in so many lanes.
    #[must_use]
    pub fn zero(shape: &Shape, lanes: usize) -> Self {
        let layers = shape.widths.iter().map(|width| Units::zero(shape.cell, lanes * width)).collect();
        Self { layers }
    }

    /// Whether it belongs to one sequence of that shape, and is finite.
    #[must_use]
    pub fn is_sound(&self, shape: &Shape) -> bool {
        let like = Self::zero(shape, 1);
        let lengths = |units: &Units<R>| (units.hidden.len(), units.cells.len());
        let finite = |units: &Units<R>| units.hidden.iter().chain(&units.cells).all(|value| value.to_f64().is_finite());
        self.layers.iter().map(lengths).eq(like.layers.iter().map(lengths)) && self.layers.iter().all(finite)
    }

    /// Makes one lane forget.
    pub fn forget(&mut self, lane: usize, shape: &Shape) {
        for (units, width) in self.layers.iter_mut().zip(&shape.widths) {
            let row = lane * width..(lane + 1) * width;
            units.hidden[row.clone()].fill(R::ZERO);
            if let Some(cells) = units.cells.get_mut(row) {
                cells.fill(R::ZERO);
            }
        }
    }
}

impl<R: Real> Network<R> {
    /// Of a shape, with its parameters in the order of [`Shape::places`]. None when they are not as many.
    #[must_use]
    pub fn new(shape: Shape, parameters: Vec<R>) -> Option<Self> {
        let places = shape.places();
        (shape.is_valid() && parameters.len() == shape.parameters()).then_some(Self { shape, places, parameters })
    }

    /// Its sizes.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Where its parameters lie: every layer's, then the head's.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Takes the state one step on; `inputs` is `lanes × inputs`. `traces` takes what training needs, a trace per layer.
    pub(super) fn advance(&self, state: &mut State<R>, inputs: &[R], traces: &mut [Trace<R>]) {
        for (layer, trace) in traces.iter_mut().enumerate() {
            let (lower, upper) = state.layers.split_at_mut(layer);
            let below = lower.last().map_or(inputs, |units| units.hidden.as_slice());
            let place = &self.places[layer];
            forward(self.shape.cell, place, &self.parameters, below, &mut upper[0], trace);
        }
    }

    /// Takes the state of one sequence one step on.
    ///
    /// # Panics
    /// When `inputs` are not as many as the shape says, or the state is another shape's.
    pub fn step(&self, state: &mut State<R>, inputs: &[R]) {
        assert_eq!(inputs.len(), self.shape.inputs, "invariant: one value per input");
        let mut traces = vec![Trace::default(); self.shape.widths.len()];
        self.advance(state, inputs, &mut traces);
    }

    /// The head's outputs, `lanes × outputs`; `inputs` are those of the state's last step.
    #[must_use]
    pub fn outputs(&self, state: &State<R>, inputs: &[R]) -> Vec<R> {
        head(&self.places[self.shape.widths.len()], &self.parameters, &self.head_rows(state, inputs))
    }

    /// Some of the head's outputs, of one sequence: cheap where few are needed.
    pub(super) fn outputs_in(&self, columns: Range<usize>, state: &State<R>, inputs: &[R]) -> Vec<R> {
        let place = &self.places[self.shape.widths.len()];
        let mut outputs = self.parameters[place.bias.clone()][columns.clone()].to_vec();
        let rows = self.parameters[place.weight.clone()].chunks_exact(place.columns);
        let seen = self.head_rows(state, inputs);
        seen.iter().zip(rows).for_each(|(value, row)| axpy(&mut outputs, *value, &row[columns.clone()]));
        outputs
    }

    /// What the head sees, row by row.
    pub(super) fn head_rows(&self, state: &State<R>, inputs: &[R]) -> Vec<R> {
        let top = state.layers.last().map_or(&[][..], |units| &units.hidden);
        if !self.shape.skip {
            return top.to_vec();
        }
        let width = self.shape.head_inputs() - self.shape.inputs;
        let rows = top.chunks_exact(width).zip(inputs.chunks_exact(self.shape.inputs));
        rows.flat_map(|(top, inputs)| top.iter().chain(inputs).copied()).collect()
    }
}
