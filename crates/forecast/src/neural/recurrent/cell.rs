//! One layer, one step, over several lanes at once: forward, and the gradient backward.
//!
//! A lane is an independent sequence; lanes share the weights and nothing else, so a lane's numbers are the same bits
//! alone and among others.
//!
//! # Source
//! LSTM: S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997, with the forget gate of
//! F. Gers, J. Schmidhuber, F. Cummins, 2000: i, f, o = σ(W [x, h] + b), g = tanh(W [x, h] + b), c' = f c + i g,
//! h' = o tanh c'. RNN: J. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990: h' = tanh(W [x, h] + b).

use super::shape::{Cell, Place};
use crate::neural::matrix::{Real, axpy, outer_add, row_times, rows_add, rows_times};
use serde::{Deserialize, Serialize};

/// What one step of one layer leaves behind for the way back. Rows are lanes.
#[derive(Debug, Clone, Default)]
pub struct Trace<R> {
    /// `[x, h]`: from below, and the layer's own units of the step before.
    pub joined: Vec<R>,
    /// Activated gates; for an RNN the units themselves.
    pub gates: Vec<R>,
    /// The LSTM's cells of the step before.
    pub cells_before: Vec<R>,
    /// Hyperbolic tangent of the LSTM's new cells.
    pub squashed: Vec<R>,
}

/// A layer's units and (LSTM) cells, `lanes × width` each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Units<R> {
    /// h.
    pub hidden: Vec<R>,
    /// c; empty for an RNN.
    pub cells: Vec<R>,
}

impl<R: Real> Units<R> {
    /// All zero.
    #[must_use]
    pub fn zero(cell: Cell, size: usize) -> Self {
        let cells = if cell == Cell::Lstm { size } else { 0 };
        Self { hidden: vec![R::ZERO; size], cells: vec![R::ZERO; cells] }
    }
}

/// Takes `units` one step on. `below` holds the values from below, `lanes × n`.
pub fn forward<R: Real>(
    cell: Cell,
    place: &Place,
    parameters: &[R],
    below: &[R],
    units: &mut Units<R>,
    trace: &mut Trace<R>,
) {
    let width = place.columns / cell.gates();
    let lanes = units.hidden.len() / width;
    join(&mut trace.joined, below, &units.hidden, place.inputs - width, width);
    trace.gates.clear();
    let bias = &parameters[place.bias.clone()];
    (0..lanes).for_each(|_| trace.gates.extend_from_slice(bias));
    rows_times(&mut trace.gates, &trace.joined, &parameters[place.weight.clone()], place.columns);
    match cell {
        Cell::Rnn => {
            trace.gates.iter_mut().for_each(|z| *z = z.squashed());
            units.hidden.copy_from_slice(&trace.gates);
        }
        Cell::Lstm => lstm_forward(width, units, trace),
    }
}

/// `[below, hidden]` row by row.
fn join<R: Real>(joined: &mut Vec<R>, below: &[R], hidden: &[R], n: usize, width: usize) {
    joined.clear();
    for (below, hidden) in below.chunks_exact(n).zip(hidden.chunks_exact(width)) {
        joined.extend_from_slice(below);
        joined.extend_from_slice(hidden);
    }
}

fn lstm_forward<R: Real>(width: usize, units: &mut Units<R>, trace: &mut Trace<R>) {
    trace.cells_before.clear();
    trace.cells_before.extend_from_slice(&units.cells);
    trace.squashed.resize(units.cells.len(), R::ZERO);
    let rows = units.cells.chunks_exact_mut(width).zip(units.hidden.chunks_exact_mut(width));
    let squashed = trace.squashed.chunks_exact_mut(width);
    for ((gates, (cells, hidden)), squashed) in trace.gates.chunks_exact_mut(4 * width).zip(rows).zip(squashed) {
        let (input_forget, rest) = gates.split_at_mut(2 * width);
        let (candidate, output) = rest.split_at_mut(width);
        input_forget.iter_mut().for_each(|z| *z = z.sigmoid());
        candidate.iter_mut().for_each(|z| *z = z.squashed());
        output.iter_mut().for_each(|z| *z = z.sigmoid());
        let (input, forget) = input_forget.split_at(width);
        for (((c, i), f), g) in cells.iter_mut().zip(input).zip(forget).zip(&*candidate) {
            *c = *f * *c + *i * *g;
        }
        squashed.iter_mut().zip(&*cells).for_each(|(t, c)| *t = c.squashed());
        hidden.iter_mut().zip(&*output).zip(&*squashed).for_each(|((h, o), t)| *h = *o * *t);
    }
}

/// What flows backward through one layer: gradients of its units and cells, `lanes × width`.
pub type Flow<R> = Units<R>;

/// Room that [`backward`] reuses.
#[derive(Debug, Clone, Default)]
pub struct Room<R> {
    gates: Vec<R>,
    joined: Vec<R>,
}

/// Takes `flow` one step back: on entry the gradient of the step's new units and cells, on return that of the old ones.
/// Adds to `gradient` (as `parameters`), and to `below` (`lanes × n`, when there is a layer below) what flows down.
/// `transposed` is the transpose of the layer's weight.
#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename the parts")]
pub fn backward<R: Real>(
    cell: Cell,
    place: &Place,
    transposed: &[R],
    trace: &Trace<R>,
    flow: &mut Flow<R>,
    gradient: &mut [R],
    below: Option<&mut [R]>,
    room: &mut Room<R>,
) {
    let width = place.columns / cell.gates();
    room.gates.resize(trace.gates.len(), R::ZERO);
    match cell {
        Cell::Rnn => {
            let parts = room.gates.iter_mut().zip(&flow.hidden).zip(&trace.gates);
            parts.for_each(|((z, dh), h)| *z = *dh * (R::ONE - *h * *h));
        }
        Cell::Lstm => lstm_backward(width, trace, flow, &mut room.gates),
    }
    outer_add(&mut gradient[place.weight.clone()], &trace.joined, &room.gates, place.columns);
    rows_add(&mut gradient[place.bias.clone()], &room.gates);
    room.joined.clear();
    room.joined.resize(trace.joined.len(), R::ZERO);
    rows_times(&mut room.joined, &room.gates, transposed, place.inputs);
    let n = place.inputs - width;
    let rows = room.joined.chunks_exact(place.inputs);
    for (hidden, joined) in flow.hidden.chunks_exact_mut(width).zip(rows.clone()) {
        hidden.copy_from_slice(&joined[n..]);
    }
    if let Some(below) = below {
        below.chunks_exact_mut(n).zip(rows).for_each(|(below, joined)| axpy(below, R::ONE, &joined[..n]));
    }
}

/// Gradients of the gates before activation into `to`; `flow.cells` becomes the gradient of the cells before.
fn lstm_backward<R: Real>(width: usize, trace: &Trace<R>, flow: &mut Flow<R>, to: &mut [R]) {
    let lanes = flow.hidden.len() / width;
    for lane in 0..lanes {
        let row = lane * width..(lane + 1) * width;
        let (gates, to) = (&trace.gates[4 * row.start..4 * row.end], &mut to[4 * row.start..4 * row.end]);
        let (i, f, g, o) =
            (&gates[..width], &gates[width..2 * width], &gates[2 * width..3 * width], &gates[3 * width..]);
        let (zi, rest) = to.split_at_mut(width);
        let (zf, rest) = rest.split_at_mut(width);
        let (zg, zo) = rest.split_at_mut(width);
        let (before, tanh) = (&trace.cells_before[row.clone()], &trace.squashed[row.clone()]);
        let (dh, dc) = (&flow.hidden[row.clone()], &mut flow.cells[row]);
        for k in 0..width {
            let d = dc[k] + dh[k] * o[k] * (R::ONE - tanh[k] * tanh[k]);
            zo[k] = dh[k] * tanh[k] * o[k] * (R::ONE - o[k]);
            zi[k] = d * g[k] * i[k] * (R::ONE - i[k]);
            zf[k] = d * before[k] * f[k] * (R::ONE - f[k]);
            zg[k] = d * i[k] * (R::ONE - g[k] * g[k]);
            dc[k] = d * f[k];
        }
    }
}

/// The head's outputs for rows of the top layer's units (and the inputs, where the head sees them).
pub fn head<R: Real>(place: &Place, parameters: &[R], rows: &[R]) -> Vec<R> {
    let mut outputs = Vec::with_capacity(rows.len() / place.inputs * place.columns);
    let (weight, bias) = (&parameters[place.weight.clone()], &parameters[place.bias.clone()]);
    for row in rows.chunks_exact(place.inputs) {
        let start = outputs.len();
        outputs.extend_from_slice(bias);
        row_times(&mut outputs[start..], row, weight);
    }
    outputs
}
