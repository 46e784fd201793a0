//! The evaluation of a compiled expression: chunks of rows through a list of steps, each a loop that the compiler turns into
//! several lanes at a time.
//!
//! A chunk's registers stay in the first-level cache, so memory is read once and written once. Steps know from the bounds which
//! checks cannot matter (an overflow, a divisor of 0) and leave them out, which changes no bit.

use crate::columns::Columns;
use crate::fingerprint::Fingerprint;
use crate::node::{BinaryOp, UnaryOp};
use crate::op;
use crate::output::Output;
use crate::schema::InputId;
use crate::walk;
use std::ops::Range;

/// Rows in a chunk: ten registers take 20 KiB of a first-level cache of 32 to 48 KiB.
pub(crate) const CHUNK: usize = 256;

/// Where an operand comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operand {
    Column(InputId),
    Scalar(u16),
    Register(u16),
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Unary(UnaryOp, Operand),
    Binary(BinaryOp, Operand, Operand),
    Choose(Operand, Operand, Operand),
}

/// One loop over a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) operation: Operation,
    pub(crate) out: u16,
    /// The bounds show that nothing overflows.
    pub(crate) is_bounded: bool,
    /// The bounds show that the divisor is not 0.
    pub(crate) divides_safely: bool,
}

/// A value that all rows share, computed once in a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shared {
    Number(f64),
    Input(InputId),
    Unary(UnaryOp, u16),
    Binary(BinaryOp, u16, u16),
    Choose(u16, u16, u16),
}

/// A compiled expression, without what people read.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) shared: Vec<Shared>,
    pub(crate) steps: Vec<Step>,
    pub(crate) result: Operand,
    pub(crate) registers: usize,
}

/// Room for intermediate values, reused from call to call.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    registers: Vec<Vec<f64>>,
    shared: Vec<f64>,
}

/// Why nothing was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// Columns of another schema.
    #[error("the columns are of schema {found}, and the expression was compiled for {wanted}")]
    Schema {
        /// Of the columns.
        found: Fingerprint,
        /// Of the expression.
        wanted: Fingerprint,
    },
    /// An input that the columns do not hold.
    #[error("the columns do not hold input {index} of the schema, which the expression uses")]
    NotHeld {
        /// Its index in the schema.
        index: usize,
    },
    /// Rows that the columns do not have, or room for another number of results.
    #[error("rows {from} to {to} of {rows}, and room for {room} results")]
    Rows {
        /// First row.
        from: usize,
        /// Row after the last.
        to: usize,
        /// Rows of the columns.
        rows: usize,
        /// Length of the output.
        room: usize,
    },
}

impl Program {
    /// Values of `rows`, as integers. The columns hold every input, and `out` is as long as `rows`.
    pub(crate) fn run(
        &self,
        columns: &Columns,
        rows: Range<usize>,
        output: Output,
        scratch: &mut Scratch,
        out: &mut [i64],
    ) {
        self.share(columns, &mut scratch.shared);
        if scratch.registers.len() < self.registers {
            scratch.registers.resize_with(self.registers, || vec![0.0; CHUNK]);
        }
        let mut from = rows.start;
        for out in out.chunks_mut(CHUNK) {
            let chunk = from..from + out.len();
            from = chunk.end;
            for step in &self.steps {
                let mut target = std::mem::take(&mut scratch.registers[usize::from(step.out)]);
                let lanes = Lanes { columns, chunk: chunk.clone(), scratch };
                step.run(&lanes, &mut target[..out.len()]);
                scratch.registers[usize::from(step.out)] = target;
            }
            match (Lanes { columns, chunk, scratch }).of(self.result) {
                Lane::Rows(values) => output.quantise_all(values, out),
                Lane::Same(value) => out.fill(output.quantise(value)),
            }
        }
    }

    fn share(&self, columns: &Columns, values: &mut Vec<f64>) {
        values.clear();
        for shared in &self.shared {
            let of = |slot: u16| values[usize::from(slot)];
            let value = match *shared {
                Shared::Number(value) => value,
                Shared::Input(id) => columns.scalar(id),
                Shared::Unary(op, a) => walk::unary(op, of(a)),
                Shared::Binary(op, a, b) => walk::binary(op, of(a), of(b)),
                Shared::Choose(condition, a, b) => op::choose(of(condition), of(a), of(b)),
            };
            values.push(value);
        }
    }
}

/// The operands of one chunk.
struct Lanes<'a> {
    columns: &'a Columns,
    chunk: Range<usize>,
    scratch: &'a Scratch,
}

/// A value for each row of the chunk, or one for all.
#[derive(Clone, Copy)]
enum Lane<'a> {
    Rows(&'a [f64]),
    Same(f64),
}

impl<'a> Lanes<'a> {
    fn of(&self, operand: Operand) -> Lane<'a> {
        match operand {
            Operand::Column(id) => Lane::Rows(&self.columns.column(id)[self.chunk.clone()]),
            Operand::Register(register) => {
                Lane::Rows(&self.scratch.registers[usize::from(register)][..self.chunk.len()])
            }
            Operand::Scalar(slot) => Lane::Same(self.scratch.shared[usize::from(slot)]),
        }
    }
}

impl Step {
    fn run(&self, lanes: &Lanes<'_>, out: &mut [f64]) {
        match self.operation {
            Operation::Unary(op, a) => unary(op, lanes.of(a), out),
            Operation::Binary(op, a, b) => self.binary(op, lanes.of(a), lanes.of(b), out),
            Operation::Choose(condition, a, b) => choose(lanes.of(condition), lanes.of(a), lanes.of(b), out),
        }
    }

    fn binary(&self, op: BinaryOp, a: Lane<'_>, b: Lane<'_>, out: &mut [f64]) {
        match (op, self.is_bounded) {
            (BinaryOp::Add, true) => each_pair(a, b, out, |a, b| a + b),
            (BinaryOp::Add, false) => each_pair(a, b, out, op::add),
            (BinaryOp::Sub, true) => each_pair(a, b, out, |a, b| a - b),
            (BinaryOp::Sub, false) => each_pair(a, b, out, op::sub),
            (BinaryOp::Mul, true) => each_pair(a, b, out, |a, b| a * b),
            (BinaryOp::Mul, false) => each_pair(a, b, out, op::mul),
            (BinaryOp::Div, true) if self.divides_safely => each_pair(a, b, out, |a, b| a / b),
            (BinaryOp::Div, true) => each_pair(a, b, out, op::div_unbounded),
            (BinaryOp::Div, false) => each_pair(a, b, out, op::div),
            (BinaryOp::Min | BinaryOp::And, _) => each_pair(a, b, out, op::min),
            (BinaryOp::Max | BinaryOp::Or, _) => each_pair(a, b, out, op::max),
            (BinaryOp::Lt, _) => each_pair(a, b, out, |a, b| op::truth(a < b)),
            (BinaryOp::Le, _) => each_pair(a, b, out, |a, b| op::truth(a <= b)),
            (BinaryOp::Gt, _) => each_pair(a, b, out, |a, b| op::truth(a > b)),
            (BinaryOp::Ge, _) => each_pair(a, b, out, |a, b| op::truth(a >= b)),
            (BinaryOp::Eq, _) => each_pair(a, b, out, |a, b| op::truth(a == b)),
            (BinaryOp::Ne, _) => each_pair(a, b, out, |a, b| op::truth(a != b)),
        }
    }
}

fn unary(op: UnaryOp, a: Lane<'_>, out: &mut [f64]) {
    match op {
        UnaryOp::Neg => each(a, out, |a| -a),
        UnaryOp::Abs => each(a, out, f64::abs),
        UnaryOp::Sqrt => each(a, out, op::sqrt),
        UnaryOp::Log2 => each(a, out, op::log2),
        UnaryOp::Exp => each(a, out, op::exp),
        UnaryOp::Floor => each(a, out, op::floor),
        UnaryOp::Not => each(a, out, |a| 1.0 - a),
    }
}

fn each(a: Lane<'_>, out: &mut [f64], apply: impl Fn(f64) -> f64) {
    match a {
        Lane::Rows(a) => out.iter_mut().zip(a).for_each(|(out, a)| *out = apply(*a)),
        Lane::Same(a) => out.fill(apply(a)),
    }
}

fn each_pair(a: Lane<'_>, b: Lane<'_>, out: &mut [f64], apply: impl Fn(f64, f64) -> f64) {
    match (a, b) {
        (Lane::Rows(a), Lane::Rows(b)) => {
            out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = apply(*a, *b));
        }
        (Lane::Rows(a), Lane::Same(b)) => out.iter_mut().zip(a).for_each(|(out, a)| *out = apply(*a, b)),
        (Lane::Same(a), Lane::Rows(b)) => out.iter_mut().zip(b).for_each(|(out, b)| *out = apply(a, *b)),
        (Lane::Same(a), Lane::Same(b)) => out.fill(apply(a, b)),
    }
}

fn choose(condition: Lane<'_>, a: Lane<'_>, b: Lane<'_>, out: &mut [f64]) {
    let holds = match condition {
        Lane::Same(condition) => {
            return each(if condition != 0.0 { a } else { b }, out, |value| value);
        }
        Lane::Rows(holds) => holds,
    };
    let cells = out.iter_mut().zip(holds);
    match (a, b) {
        (Lane::Rows(a), Lane::Rows(b)) => {
            cells.zip(a).zip(b).for_each(|(((out, c), a), b)| *out = op::choose(*c, *a, *b));
        }
        (Lane::Rows(a), Lane::Same(b)) => cells.zip(a).for_each(|((out, c), a)| *out = op::choose(*c, *a, b)),
        (Lane::Same(a), Lane::Rows(b)) => cells.zip(b).for_each(|((out, c), b)| *out = op::choose(*c, a, *b)),
        (Lane::Same(a), Lane::Same(b)) => cells.for_each(|(out, c)| *out = op::choose(*c, a, b)),
    }
}
