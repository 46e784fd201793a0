//! Evaluation by walking over the nodes: the plain reading of what an expression means, and the oracle of the compiled form.
//!
//! It evaluates both branches of an `if` and nothing cleverly. It is 5 to 20 times slower than columns.

use crate::expr::Expr;
use crate::node::{BinaryOp, Node, NodeId, UnaryOp};
use crate::op;
use crate::schema::Schema;

/// Why a row has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// Too few or too many values.
    #[error("{found} values for {wanted} inputs")]
    Length {
        /// Values given.
        found: usize,
        /// Inputs of the schema.
        wanted: usize,
    },
    /// A name that is not declared.
    #[error("there is no input `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
}

impl Expr {
    /// The value in base units (0 or 1 of a condition), from one value for each input of the schema in steps of its measure. A
    /// value outside its interval is taken as the nearest bound.
    ///
    /// # Errors
    /// When the number of values is wrong or a name is not declared.
    pub fn walk(&self, schema: &Schema, row: &[i64]) -> Result<f64, WalkError> {
        if row.len() != schema.inputs().len() {
            return Err(WalkError::Length { found: row.len(), wanted: schema.inputs().len() });
        }
        let mut values: Vec<f64> = Vec::with_capacity(self.len());
        for node in self.nodes() {
            let of = |id: &NodeId| values[id.index()];
            let value = match node {
                Node::Number(literal) => literal.value(),
                Node::Truth(value) => op::truth(*value),
                Node::Input(name) => match schema.id(name) {
                    Some(id) => schema.input(id).base_value(row[id.index()]),
                    None => return Err(WalkError::Unknown { name: name.to_string() }),
                },
                Node::Unary(op, a) => unary(*op, of(a)),
                Node::Binary(op, a, b) => binary(*op, of(a), of(b)),
                Node::If(condition, a, b) => op::choose(of(condition), of(a), of(b)),
            };
            values.push(value);
        }
        // The sum turns a negative zero into zero.
        Ok(values.last().copied().unwrap_or(0.0) + 0.0)
    }
}

/// One operation on a value.
pub(crate) fn unary(op: UnaryOp, a: f64) -> f64 {
    match op {
        UnaryOp::Neg => -a,
        UnaryOp::Abs => a.abs(),
        UnaryOp::Sqrt => op::sqrt(a),
        UnaryOp::Log2 => op::log2(a),
        UnaryOp::Exp => op::exp(a),
        UnaryOp::Floor => op::floor(a),
        UnaryOp::Not => 1.0 - a,
    }
}

/// One operation on two values.
pub(crate) fn binary(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => op::add(a, b),
        BinaryOp::Sub => op::sub(a, b),
        BinaryOp::Mul => op::mul(a, b),
        BinaryOp::Div => op::div(a, b),
        BinaryOp::Min | BinaryOp::And => op::min(a, b),
        BinaryOp::Max | BinaryOp::Or => op::max(a, b),
        BinaryOp::Lt => op::truth(a < b),
        BinaryOp::Le => op::truth(a <= b),
        BinaryOp::Gt => op::truth(a > b),
        BinaryOp::Ge => op::truth(a >= b),
        BinaryOp::Eq => op::truth(a == b),
        BinaryOp::Ne => op::truth(a != b),
    }
}
