//! Units: every node gets one, or the text is refused with both units and the place.
//!
//! A number without suffix is a plain number, except 0, which fits any unit: `max(cpu_free - 2cpu, 0)`.

use crate::expr::Expr;
use crate::lex::Place;
use crate::node::{BinaryOp, Node, NodeId, UnaryOp};
use crate::schema::Schema;
use crate::unit::Unit;
use std::fmt;

/// An expression whose units do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {problem}{}", At(*.place))]
pub struct UnitError {
    /// The part that is wrong, perhaps shortened.
    pub part: String,
    /// What is wrong with it.
    pub problem: UnitProblem,
    /// Where it stands in the text, if there was one.
    pub place: Option<Place>,
}

struct At(Option<Place>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitProblem {
    /// A name that is not declared.
    #[error("there is no input `{name}`; there is: {known}")]
    Unknown {
        /// As written.
        name: String,
        /// Every name that is declared.
        known: String,
    },
    /// Two units where one belongs.
    #[error("{left} and {right} cannot be {operation}")]
    Differ {
        /// Unit of the first operand.
        left: Unit,
        /// Unit of the second operand.
        right: Unit,
        /// What was to be done with them.
        operation: &'static str,
    },
    /// An operation on plain numbers only.
    #[error("`{operation}` takes a plain number, and this is {found}; divide by one of its unit first")]
    NotPlain {
        /// The operation.
        operation: &'static str,
        /// The unit.
        found: Unit,
    },
    /// A square root of an odd power.
    #[error("{found} has no square root")]
    NoRoot {
        /// The unit.
        found: Unit,
    },
    /// A power above 127.
    #[error("the power of a unit is above 127")]
    Power,
    /// A condition where a number is asked for.
    #[error("this is a condition; a number is wanted, as in `if(condition, 1, 0)`")]
    Condition,
    /// Another unit than the caller asked for.
    #[error("the result is {found}, and {wanted} is wanted")]
    Result {
        /// The unit.
        found: Unit,
        /// The unit asked for.
        wanted: Unit,
    },
}

/// A unit, or any, which a zero has.
type Fit = Option<Unit>;

impl Expr {
    /// The unit of the expression; a plain number for conditions and for what is always zero.
    ///
    /// # Errors
    /// Naming the part, both units and the place.
    pub fn unit(&self, schema: &Schema) -> Result<Unit, UnitError> {
        let fits = self.unit_of_each(schema)?;
        Ok(fits.last().copied().flatten().unwrap_or_default())
    }

    /// The same, held to one unit.
    pub(crate) fn unit_wanted(&self, schema: &Schema, wanted: Option<Unit>) -> Result<Unit, UnitError> {
        let root = self.root();
        let fits = self.unit_of_each(schema)?;
        if self.is_condition() {
            return Err(self.unit_error(root, UnitProblem::Condition));
        }
        match (fits[root.index()], wanted) {
            (Some(found), Some(wanted)) if found != wanted => {
                Err(self.unit_error(root, UnitProblem::Result { found, wanted }))
            }
            (found, wanted) => Ok(found.or(wanted).unwrap_or_default()),
        }
    }

    fn unit_of_each(&self, schema: &Schema) -> Result<Vec<Fit>, UnitError> {
        let mut fits: Vec<Fit> = Vec::with_capacity(self.len());
        for id in self.ids() {
            let fit = of_node(self.node(id), &fits, schema);
            fits.push(fit.map_err(|problem| self.unit_error(id, problem))?);
        }
        Ok(fits)
    }

    fn unit_error(&self, id: NodeId, problem: UnitProblem) -> UnitError {
        UnitError { part: self.excerpt(id, 80), problem, place: self.place(id) }
    }
}

fn of_node(node: &Node, fits: &[Fit], schema: &Schema) -> Result<Fit, UnitProblem> {
    let of = |id: NodeId| fits[id.index()];
    match node {
        Node::Number(literal) if literal.value() == 0.0 => Ok(None),
        Node::Number(literal) => Ok(Some(literal.dimension().map_or(Unit::PLAIN, Unit::of))),
        Node::Truth(_) => Ok(Some(Unit::PLAIN)),
        Node::Input(name) => match schema.id(name) {
            Some(id) => Ok(Some(schema.input(id).measure.unit)),
            None => {
                let known = schema.inputs().iter().map(|input| &*input.name).collect::<Vec<_>>().join(", ");
                Err(UnitProblem::Unknown { name: name.to_string(), known })
            }
        },
        Node::Unary(op, a) => unary(*op, of(*a)),
        Node::Binary(op, a, b) => binary(*op, of(*a), of(*b)),
        Node::If(_, a, b) => same(of(*a), of(*b), "the two results of an `if`"),
    }
}

fn unary(op: UnaryOp, fit: Fit) -> Result<Fit, UnitProblem> {
    match (op, fit) {
        (UnaryOp::Neg | UnaryOp::Abs | UnaryOp::Not, fit) => Ok(fit),
        (UnaryOp::Sqrt, Some(found)) => found.root().map(Some).ok_or(UnitProblem::NoRoot { found }),
        (UnaryOp::Sqrt, None) => Ok(None),
        (UnaryOp::Log2 | UnaryOp::Exp | UnaryOp::Floor, Some(found)) if found != Unit::PLAIN => {
            Err(UnitProblem::NotPlain { operation: op.text(), found })
        }
        _ => Ok(Some(Unit::PLAIN)),
    }
}

fn binary(op: BinaryOp, a: Fit, b: Fit) -> Result<Fit, UnitProblem> {
    let plain = |fit: Result<Fit, UnitProblem>| fit.map(|_| Some(Unit::PLAIN));
    match op {
        BinaryOp::Add => same(a, b, "added"),
        BinaryOp::Sub => same(a, b, "subtracted"),
        BinaryOp::Min => same(a, b, "the operands of a `min`"),
        BinaryOp::Max => same(a, b, "the operands of a `max`"),
        // A product with zero is zero and fits any unit, as zero does; so is a quotient of zero.
        BinaryOp::Mul => a.zip(b).map(|(a, b)| a.times(b).ok_or(UnitProblem::Power)).transpose(),
        BinaryOp::Div => a.zip(b).map(|(a, b)| a.per(b).ok_or(UnitProblem::Power)).transpose(),
        BinaryOp::And | BinaryOp::Or => Ok(Some(Unit::PLAIN)),
        _ => plain(same(a, b, "compared")),
    }
}

fn same(a: Fit, b: Fit, operation: &'static str) -> Result<Fit, UnitProblem> {
    match (a, b) {
        (Some(left), Some(right)) if left != right => Err(UnitProblem::Differ { left, right, operation }),
        (a, b) => Ok(a.or(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Input;
    use crate::unit::Measure;

    fn said(text: &str) -> String {
        let inputs = vec![
            Input::column("cpu_free", Measure::MILLICORES, 0, 1_000),
            Input::column("mem_free", Measure::BYTES, 0, 1_000),
            Input::column("wait", Measure::SECONDS, 0, 1_000),
        ];
        let schema = Schema::try_new(inputs).unwrap();
        match Expr::parse(text).unwrap().unit_wanted(&schema, None) {
            Ok(unit) => unit.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn units_follow_the_arithmetic() {
        assert_eq!(said("cpu_free / 2cpu"), "a plain number");
        assert_eq!(said("cpu_free * wait / 1min"), "cpu");
        assert_eq!(said("max(cpu_free - 2cpu, 0)"), "cpu");
        assert_eq!(said("sqrt(cpu_free * cpu_free)"), "cpu");
        assert_eq!(said("1 / wait"), "1/time");
        assert_eq!(said("if(wait > 5min and mem_free != 0, log2(1 + wait / 1s), 0)"), "a plain number");
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        assert_eq!(
            said("cpu_free + mem_free"),
            "cpu_free + mem_free: cpu and memory cannot be added (line 1, column 10)"
        );
        assert_eq!(
            said("cpu_free - 2"),
            "cpu_free - 2: cpu and a plain number cannot be subtracted (line 1, column 10)"
        );
        assert_eq!(
            said("min(wait, 3)"),
            "min(wait, 3): time and a plain number cannot be the operands of a `min` (line 1, column 1)"
        );
        assert_eq!(said("wait < 3cpu"), "wait < 3cpu: time and cpu cannot be compared (line 1, column 6)");
        assert_eq!(
            said("wait < 3s"),
            "wait < 3s: this is a condition; a number is wanted, as in `if(condition, 1, 0)` (line 1, column 6)"
        );
        assert_eq!(said("sqrt(wait)"), "sqrt(wait): time has no square root (line 1, column 1)");
        assert_eq!(
            said("log2(wait)"),
            "log2(wait): `log2` takes a plain number, and this is time; divide by one of its unit first (line 1, column 1)"
        );
        assert_eq!(
            said("\n cpu"),
            "cpu: there is no input `cpu`; there is: cpu_free, mem_free, wait (line 2, column 2)"
        );
    }
}
