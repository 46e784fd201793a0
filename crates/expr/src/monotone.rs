//! Whether the result rises or falls with an input, proved: "more free CPU never lowers the score".
//!
//! The proof is for the rounded values, because rounding is monotone. "Unknown" is no claim. `log2` and `exp` come from a library that
//! is exact to one unit in the last place, and the claim about them is as good as that.

use crate::bounds::{Given, ranges};
use crate::check::UnitError;
use crate::expr::Expr;
use crate::interval::{Interval, Range};
use crate::node::{BinaryOp, Name, Node, NodeId, UnaryOp};
use crate::schema::Schema;

/// How the result moves when one input grows and the others stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// It stays.
    Constant,
    /// It never falls.
    Rising,
    /// It never rises.
    Falling,
    /// Nothing is proved.
    Unknown,
}

use Direction::{Constant, Falling, Rising, Unknown};

impl Direction {
    /// What is said in reports.
    pub fn name(self) -> &'static str {
        match self {
            Constant => "constant",
            Rising => "rising",
            Falling => "falling",
            Unknown => "unknown",
        }
    }

    fn flipped(self) -> Self {
        match self {
            Rising => Falling,
            Falling => Rising,
            same => same,
        }
    }

    /// Of a sum, or of what picks one of two.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Constant, other) => other,
            (own, Constant) => own,
            (own, other) if own == other => own,
            _ => Unknown,
        }
    }

    /// Times something of one sign.
    fn times(self, factor: Interval) -> Self {
        match self {
            Constant => Constant,
            _ if factor.lo >= 0.0 => self,
            _ if factor.hi <= 0.0 => self.flipped(),
            _ => Unknown,
        }
    }
}

impl Expr {
    /// For each input that is named, in the order of the alphabet, how the result moves with it.
    ///
    /// # Errors
    /// When the units do not fit.
    pub fn monotonicity(&self, schema: &Schema) -> Result<Vec<(Name, Direction)>, UnitError> {
        self.unit(schema)?;
        // Facts stay out: an input that moves alone may break them.
        let ranges = ranges(self, &Given { schema, known: &[], trusts_facts: false });
        let of = |name: Name| {
            let direction = along(self, &name, &ranges);
            (name, direction)
        };
        Ok(self.inputs().into_iter().map(of).collect())
    }
}

fn along(expr: &Expr, name: &str, ranges: &[Range]) -> Direction {
    let mut directions: Vec<Direction> = Vec::with_capacity(expr.len());
    for id in expr.ids() {
        let own = ranges[id.index()].interval;
        let direction = if own.lo == own.hi { Constant } else { of_node(expr.node(id), name, &directions, ranges) };
        directions.push(direction);
    }
    directions.last().copied().unwrap_or(Unknown)
}

fn of_node(node: &Node, name: &str, directions: &[Direction], ranges: &[Range]) -> Direction {
    let of = |id: &NodeId| directions[id.index()];
    let range = |id: &NodeId| ranges[id.index()].interval;
    match node {
        Node::Number(_) | Node::Truth(_) => Constant,
        Node::Input(own) => {
            if **own == *name {
                Rising
            } else {
                Constant
            }
        }
        Node::Unary(op, a) => unary(*op, of(a), range(a)),
        Node::Binary(op, a, b) => binary(*op, (of(a), range(a)), (of(b), range(b))),
        Node::If(condition, a, b) => {
            let branches = of(a).and(of(b));
            match of(condition) {
                Constant => branches,
                _ if range(condition).lo == 1.0 => of(a),
                _ if range(condition).hi == 0.0 => of(b),
                // The condition begins to hold as the input grows: the result steps from b to a.
                turn if range(b).hi <= range(a).lo => branches.and(turn),
                turn if range(a).hi <= range(b).lo => branches.and(turn.flipped()),
                _ => Unknown,
            }
        }
    }
}

fn unary(op: UnaryOp, a: Direction, range: Interval) -> Direction {
    match op {
        UnaryOp::Neg | UnaryOp::Not => a.flipped(),
        UnaryOp::Abs => a.times(range),
        UnaryOp::Sqrt | UnaryOp::Exp | UnaryOp::Floor => a,
        // From 1 on the logarithm is not below the 0 that stands for what is undefined; whatever may be undefined must not be
        // next to a logarithm below 0.
        UnaryOp::Log2 if a == Constant || range.lo > 0.0 || range.hi <= 0.0 => a,
        UnaryOp::Log2 => Unknown,
    }
}

fn binary(op: BinaryOp, (a, x): (Direction, Interval), (b, y): (Direction, Interval)) -> Direction {
    match op {
        BinaryOp::Add | BinaryOp::Min | BinaryOp::Max | BinaryOp::And | BinaryOp::Or => a.and(b),
        BinaryOp::Sub => a.and(b.flipped()),
        BinaryOp::Mul => a.times(y).and(b.times(x)),
        // A fixed divisor of 0 gives 0 throughout; one that moves must not pass 0.
        BinaryOp::Div if b == Constant => a.times(y),
        BinaryOp::Div if !y.has_zero() => a.times(y).and(b.flipped().times(x)),
        BinaryOp::Div => Unknown,
        BinaryOp::Lt | BinaryOp::Le => b.and(a.flipped()),
        BinaryOp::Gt | BinaryOp::Ge => a.and(b.flipped()),
        BinaryOp::Eq | BinaryOp::Ne if a == Constant && b == Constant => Constant,
        BinaryOp::Eq | BinaryOp::Ne => Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Input;
    use crate::unit::Measure;

    fn said(text: &str) -> String {
        let inputs = vec![
            Input::column("free", Measure::PLAIN, 0, 100),
            Input::column("cap", Measure::PLAIN, 1, 100),
            Input::column("delta", Measure::PLAIN, -5, 5),
        ];
        let found = Expr::parse(text).unwrap().monotonicity(&Schema::try_new(inputs).unwrap()).unwrap();
        found.iter().map(|(name, direction)| format!("{name} {}", direction.name())).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn signs_decide_products_and_quotients() {
        assert_eq!(said("0.6 * free / cap + 1"), "cap falling, free rising");
        assert_eq!(said("-free * cap"), "cap falling, free falling");
        assert_eq!(said("delta * free"), "delta rising, free unknown");
        assert_eq!(said("cap / free"), "cap rising, free unknown");
        assert_eq!(said("free / delta"), "delta unknown, free unknown");
        assert_eq!(said("abs(delta) + 0 * free"), "delta unknown, free constant");
        assert_eq!(said("sqrt(free) - log2(cap)"), "cap falling, free rising");
        assert_eq!(said("log2(free)"), "free unknown");
    }

    #[test]
    fn a_step_between_ordered_branches_is_monotone() {
        assert_eq!(said("if(free > 50, 2, 1)"), "free rising");
        assert_eq!(said("if(free > 50, 1, 2)"), "free falling");
        assert_eq!(said("if(free <= 50, free / 100, 1 + free)"), "free rising");
        assert_eq!(said("if(free > 50, delta, 1)"), "delta rising, free unknown");
        assert_eq!(said("if(free == 5, 2, 1)"), "free unknown");
    }
}
