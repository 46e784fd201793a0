//! Back-propagation through time, truncated at the ends of a chunk of steps.
//!
//! # Source
//! P. Werbos, "Backpropagation through time: what it does and how to do it", Proceedings of the IEEE 78(10), 1990;
//! truncation: R. Williams, J. Peng, Neural Computation 2(4), 1990. The state is carried from chunk to chunk, its
//! gradient is not.

use super::cell::{Flow, Room, Trace, Units, backward, head};
use super::network::{Network, State};
use crate::neural::matrix::{Real, axpy, outer_add, rows_add, rows_times, transposed};

/// One chunk: what the way forward left for the way back. Reused from chunk to chunk.
#[derive(Debug, Default)]
pub struct Chunk<R> {
    /// Step by step, layer by layer.
    traces: Vec<Vec<Trace<R>>>,
    /// What the head saw, step by step.
    rows: Vec<Vec<R>>,
    /// Gradients of the head's outputs, for the steps that have any.
    errors: Vec<Option<Vec<R>>>,
}

impl<R: Real> Chunk<R> {
    /// Forward over a chunk: `inputs` holds per step `lanes × inputs`. The state ends where the chunk ends.
    pub fn forward(&mut self, network: &Network<R>, state: &mut State<R>, inputs: &[Vec<R>]) {
        let layers = network.shape().widths.len();
        self.traces.resize_with(inputs.len(), || vec![Trace::default(); layers]);
        self.traces.iter_mut().for_each(|step| step.resize_with(layers, Trace::default));
        self.rows.clear();
        self.errors.clear();
        self.errors.resize(inputs.len(), None);
        for (inputs, traces) in inputs.iter().zip(&mut self.traces) {
            network.advance(state, inputs, traces);
            self.rows.push(network.head_rows(state, inputs));
        }
    }

    /// The head's outputs after a step of the chunk, `lanes × outputs`.
    #[must_use]
    pub fn outputs(&self, network: &Network<R>, step: usize) -> Vec<R> {
        let place = &network.places()[network.shape().widths.len()];
        head(place, &network.parameters, &self.rows[step])
    }

    /// Says what the loss's gradient by the outputs of a step is, `lanes × outputs`.
    pub fn set_error(&mut self, step: usize, error: Vec<R>) {
        self.errors[step] = Some(error);
    }

    /// Adds the loss's gradient by every parameter to `gradient`.
    pub fn backward(&self, network: &Network<R>, gradient: &mut [R]) {
        let (shape, places) = (network.shape(), network.places());
        let layers = shape.widths.len();
        let turned: Vec<Vec<R>> =
            places.iter().map(|place| transposed(&network.parameters[place.weight.clone()], place.columns)).collect();
        let lanes = self.rows.first().map_or(0, |rows| rows.len() / shape.head_inputs());
        let mut flows: Vec<Flow<R>> = shape.widths.iter().map(|width| Units::zero(shape.cell, lanes * width)).collect();
        let mut room = Room::default();
        for step in (0..self.rows.len()).rev() {
            if let Some(error) = &self.errors[step] {
                self.head_backward(network, step, error, &turned[layers], &mut flows[layers - 1].hidden, gradient);
            }
            for layer in (0..layers).rev() {
                let (lower, upper) = flows.split_at_mut(layer);
                let below = lower.last_mut().map(|flow| flow.hidden.as_mut_slice());
                let trace = &self.traces[step][layer];
                let (place, turned) = (&places[layer], &turned[layer]);
                backward(shape.cell, place, turned, trace, &mut upper[0], gradient, below, &mut room);
            }
        }
    }

    fn head_backward(
        &self,
        network: &Network<R>,
        step: usize,
        error: &[R],
        turned: &[R],
        top: &mut [R],
        gradient: &mut [R],
    ) {
        let shape = network.shape();
        let place = &network.places()[shape.widths.len()];
        outer_add(&mut gradient[place.weight.clone()], &self.rows[step], error, place.columns);
        rows_add(&mut gradient[place.bias.clone()], error);
        let mut rows = vec![R::ZERO; self.rows[step].len()];
        rows_times(&mut rows, error, turned, place.inputs);
        let width = shape.widths[shape.widths.len() - 1];
        let pairs = top.chunks_exact_mut(width).zip(rows.chunks_exact(place.inputs));
        pairs.for_each(|(top, row)| axpy(top, R::ONE, &row[..width]));
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::{Cell, Shape};
    use super::*;
    use plimsoll_stats::Random;

    /// Σ over steps, lanes and outputs of weight × output + output²/2, at the steps that count.
    fn loss(network: &Network<f64>, inputs: &[Vec<f64>], lanes: usize) -> f64 {
        let mut state = State::zero(network.shape(), lanes);
        let mut chunk = Chunk::default();
        chunk.forward(network, &mut state, inputs);
        let one = |step: usize| -> f64 {
            let outputs = chunk.outputs(network, step);
            outputs.iter().enumerate().map(|(k, y)| factor(step, k) * y + y * y / 2.0).sum()
        };
        (0..inputs.len()).filter(|step| step % 2 == 1).map(one).sum()
    }

    fn factor(step: usize, output: usize) -> f64 {
        ((step * 7 + output * 3) % 5) as f64 - 2.0
    }

    /// The largest difference between the gradient and central differences, relative to the gradient's largest value.
    fn worst(cell: Cell, widths: &[usize], skip: bool) -> f64 {
        let shape = Shape { cell, inputs: 3, widths: widths.to_vec(), outputs: 2, skip };
        let mut random = Random::new(5);
        let mut draw = || 2.0 * random.unit() - 1.0;
        let parameters: Vec<f64> = (0..shape.parameters()).map(|_| draw()).collect();
        let inputs: Vec<Vec<f64>> = (0..6).map(|_| (0..2 * 3).map(|_| draw()).collect()).collect();
        let network = Network::new(shape, parameters).unwrap();
        let mut chunk = Chunk::default();
        chunk.forward(&network, &mut State::zero(network.shape(), 2), &inputs);
        for step in [1, 3, 5] {
            let outputs = chunk.outputs(&network, step);
            let error = outputs.iter().enumerate().map(|(k, y)| factor(step, k) + y).collect();
            chunk.set_error(step, error);
        }
        let mut gradient = vec![0.0; network.parameters.len()];
        chunk.backward(&network, &mut gradient);
        let largest = gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
        let mut worst = 0.0_f64;
        for (index, analytic) in gradient.iter().enumerate() {
            let moved = |by: f64| {
                let mut moved = network.clone();
                moved.parameters[index] += by;
                loss(&moved, &inputs, 2)
            };
            let numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            worst = worst.max((numeric - analytic).abs() / largest);
        }
        worst
    }

    #[test]
    fn the_gradient_of_every_parameter_is_that_of_finite_differences() {
        for cell in [Cell::Rnn, Cell::Lstm] {
            for (widths, skip) in [(&[4][..], false), (&[5, 3], true), (&[4, 3, 1], true)] {
                let worst = worst(cell, widths, skip);
                println!("{cell:?} {widths:?} {skip}: {worst:.2e}");
                assert!(worst < 1e-8, "{cell:?} {widths:?} {skip}: {worst}");
            }
        }
    }

    #[test]
    fn a_lane_gives_the_same_bits_alone_step_by_step_and_among_others() {
        for cell in [Cell::Rnn, Cell::Lstm] {
            let shape = Shape { cell, inputs: 3, widths: vec![7, 4], outputs: 5, skip: true };
            let mut random = Random::new(9);
            let parameters = (0..shape.parameters()).map(|_| (random.unit() - 0.5) as f32).collect();
            let inputs: Vec<Vec<f32>> =
                (0..20).map(|_| (0..4 * 3).map(|_| (random.unit() * 4.0 - 2.0) as f32).collect()).collect();
            let network = Network::new(shape, parameters).unwrap();
            let mut chunk = Chunk::default();
            chunk.forward(&network, &mut State::zero(network.shape(), 4), &inputs);
            for lane in 0..4 {
                let mut state = State::zero(network.shape(), 1);
                for (step, inputs) in inputs.iter().enumerate() {
                    let own = &inputs[lane * 3..(lane + 1) * 3];
                    network.step(&mut state, own);
                    let batch = &chunk.outputs(&network, step)[lane * 5..(lane + 1) * 5];
                    assert_eq!(network.outputs(&state, own), batch, "{cell:?} lane {lane} step {step}");
                }
            }
        }
    }
}
