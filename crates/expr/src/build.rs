//! Expressions without a text: one constructor per kind of node, each with the checks that a text gets.

use crate::arena::{Arena, BuildError, Limits};
use crate::expr::{Expr, WIDE};
use crate::node::{BinaryOp, Literal, Name, Node, NodeId, UnaryOp};
use crate::unit::Suffix;

impl Expr {
    /// A plain number.
    ///
    /// # Errors
    /// When it is not finite.
    pub fn number(value: f64) -> Result<Self, BuildError> {
        leaf(Node::Number(Literal::new(value, None).ok_or(BuildError::NotFinite { value })?))
    }

    /// A number with a unit: `Expr::quantity(2.0, cpu)` is `2cpu`.
    ///
    /// # Errors
    /// When it is not finite in base units.
    pub fn quantity(value: f64, suffix: Suffix) -> Result<Self, BuildError> {
        let value = value * suffix.scale;
        leaf(Node::Number(Literal::new(value, Some(suffix.dimension)).ok_or(BuildError::NotFinite { value })?))
    }

    /// A literal of another expression, perhaps with another value.
    ///
    /// # Errors
    /// Never for a literal that exists; the signature is that of its siblings.
    pub fn literal(literal: Literal) -> Result<Self, BuildError> {
        leaf(Node::Number(literal))
    }

    /// A named input.
    ///
    /// # Errors
    /// When it is no name.
    pub fn input(name: &str) -> Result<Self, BuildError> {
        leaf(Node::Input(Name::from(name)))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// Never; the signature is that of its siblings.
    pub fn truth(value: bool) -> Result<Self, BuildError> {
        leaf(Node::Truth(value))
    }

    /// An operation on one operand.
    ///
    /// # Errors
    /// When the operand is of the wrong kind or a limit is passed.
    pub fn unary(op: UnaryOp, operand: &Self) -> Result<Self, BuildError> {
        join(&[operand], |children| Node::Unary(op, children[0]))
    }

    /// An operation on two operands.
    ///
    /// # Errors
    /// When an operand is of the wrong kind or a limit is passed.
    pub fn binary(op: BinaryOp, left: &Self, right: &Self) -> Result<Self, BuildError> {
        join(&[left, right], |children| Node::Binary(op, children[0], children[1]))
    }

    /// `if(condition, a, b)`.
    ///
    /// # Errors
    /// When an operand is of the wrong kind or a limit is passed.
    pub fn choice(condition: &Self, a: &Self, b: &Self) -> Result<Self, BuildError> {
        join(&[condition, a, b], |children| Node::If(children[0], children[1], children[2]))
    }
}

fn leaf(node: Node) -> Result<Expr, BuildError> {
    let mut arena = Arena::new(WIDE);
    let root = arena.add(node)?;
    Expr::finish(&arena, root, Limits::default())
}

fn join(parts: &[&Expr], node: impl FnOnce(&[NodeId]) -> Node) -> Result<Expr, BuildError> {
    let mut arena = Arena::new(WIDE);
    let children = parts.iter().map(|part| arena.add_all(part.nodes(), &[])).collect::<Result<Vec<_>, _>>()?;
    let root = arena.add(node(&children))?;
    Expr::finish(&arena, root, Limits::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_equals_what_is_read() {
        let input = |name| Expr::input(name).unwrap();
        let free = Expr::binary(BinaryOp::Sub, &input("cap"), &input("used")).unwrap();
        let spare = Expr::quantity(2.0, Suffix::by_text("cpu").unwrap()).unwrap();
        let fits = Expr::binary(BinaryOp::Ge, &free, &spare).unwrap();
        let built = Expr::choice(&fits, &Expr::number(1.5).unwrap(), &Expr::number(-0.0).unwrap()).unwrap();
        assert_eq!(built, Expr::parse("if(cap - used >= 2cpu, 1.5, 0)").unwrap());
        assert_eq!(Expr::truth(true).unwrap(), Expr::parse("true").unwrap());
    }

    #[test]
    fn what_is_no_expression_is_not_built() {
        assert!(matches!(Expr::number(f64::NAN), Err(BuildError::NotFinite { .. })));
        assert!(matches!(Expr::quantity(1e308, Suffix::by_text("TiB").unwrap()), Err(BuildError::NotFinite { .. })));
        for name in ["", "1a", "a b", "min", "a..b", ".a", "a.", "_", "ä"] {
            assert!(matches!(Expr::input(name), Err(BuildError::Name { .. })), "{name}");
        }
        let one = Expr::number(1.0).unwrap();
        assert!(matches!(Expr::unary(UnaryOp::Not, &one), Err(BuildError::Kind { .. })));
        assert!(matches!(Expr::choice(&one, &one, &one), Err(BuildError::Kind { .. })));
    }
}
