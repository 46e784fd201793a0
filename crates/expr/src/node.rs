//! The nodes of an expression and the operations they may hold.
//!
//! Children are named by their place in the expression's list of nodes, children before parents, so that every analysis is
//! one pass over the list and no recursion.

use crate::unit::Dimension;
use std::sync::Arc;

/// The name of an input.
pub type Name = Arc<str>;

/// The place of a node in its expression, the first is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u16);

impl NodeId {
    /// As an index of [`crate::Expr::nodes`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A number in base units; zero fits any unit and carries none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal {
    bits: u64,
    dimension: Option<Dimension>,
}

impl Literal {
    /// None where the value is not finite.
    pub fn new(value: f64, dimension: Option<Dimension>) -> Option<Self> {
        let is_zero = value == 0.0;
        let bits = if is_zero { 0 } else { value.to_bits() };
        value.is_finite().then_some(Self { bits, dimension: if is_zero { None } else { dimension } })
    }

    /// In base units.
    pub fn value(self) -> f64 {
        f64::from_bits(self.bits)
    }

    /// None for a plain number.
    pub fn dimension(self) -> Option<Dimension> {
        self.dimension
    }
}

/// An operation on one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnaryOp {
    /// `-x`
    Neg,
    /// `abs(x)`
    Abs,
    /// `sqrt(x)`
    Sqrt,
    /// `log2(x)`
    Log2,
    /// `exp(x)`
    Exp,
    /// `floor(x)`
    Floor,
    /// `not x`
    Not,
}

impl UnaryOp {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Neg, Self::Abs, Self::Sqrt, Self::Log2, Self::Exp, Self::Floor, Self::Not];

    /// As written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Neg => "-",
            Self::Abs => "abs",
            Self::Sqrt => "sqrt",
            Self::Log2 => "log2",
            Self::Exp => "exp",
            Self::Floor => "floor",
            Self::Not => "not",
        }
    }

    /// Whether operand and result are conditions and not numbers.
    pub fn is_logic(self) -> bool {
        self == Self::Not
    }
}

/// An operation on two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BinaryOp {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`
    Div,
    /// `min(a, b)`
    Min,
    /// `max(a, b)`
    Max,
    /// `a < b`
    Lt,
    /// `a <= b`
    Le,
    /// `a > b`
    Gt,
    /// `a >= b`
    Ge,
    /// `a == b`
    Eq,
    /// `a != b`
    Ne,
    /// `a and b`
    And,
    /// `a or b`
    Or,
}

impl BinaryOp {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Min,
        Self::Max,
        Self::Lt,
        Self::Le,
        Self::Gt,
        Self::Ge,
        Self::Eq,
        Self::Ne,
        Self::And,
        Self::Or,
    ];

    /// As written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Min => "min",
            Self::Max => "max",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::And => "and",
            Self::Or => "or",
        }
    }

    /// Whether two numbers give a condition.
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Lt | Self::Le | Self::Gt | Self::Ge | Self::Eq | Self::Ne)
    }

    /// Whether two conditions give a condition.
    pub fn is_logic(self) -> bool {
        matches!(self, Self::And | Self::Or)
    }

    /// Whether the operands may change places without changing a bit of the result.
    pub fn is_commutative(self) -> bool {
        matches!(self, Self::Add | Self::Mul | Self::Min | Self::Max | Self::Eq | Self::Ne | Self::And | Self::Or)
    }
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A number.
    Number(Literal),
    /// `true` or `false`.
    Truth(bool),
    /// A named input.
    Input(Name),
    /// An operation on one operand.
    Unary(UnaryOp, NodeId),
    /// An operation on two operands.
    Binary(BinaryOp, NodeId, NodeId),
    /// `if(condition, a, b)`: the condition, the number where it holds, the number where it does not.
    If(NodeId, NodeId, NodeId),
}

impl Node {
    /// Whether it is a condition and not a number.
    pub fn is_condition(&self) -> bool {
        match self {
            Self::Number(_) | Self::Input(_) | Self::If(..) => false,
            Self::Truth(_) => true,
            Self::Unary(op, _) => op.is_logic(),
            Self::Binary(op, ..) => op.is_comparison() || op.is_logic(),
        }
    }

    /// Its children from left to right.
    pub fn children(&self) -> impl Iterator<Item = NodeId> + use<> {
        let children = match *self {
            Self::Number(_) | Self::Truth(_) | Self::Input(_) => [None, None, None],
            Self::Unary(_, a) => [Some(a), None, None],
            Self::Binary(_, a, b) => [Some(a), Some(b), None],
            Self::If(condition, a, b) => [Some(condition), Some(a), Some(b)],
        };
        children.into_iter().flatten()
    }

    /// The same node over other children.
    pub(crate) fn with_children(&self, to: impl Fn(NodeId) -> NodeId) -> Self {
        match self {
            Self::Number(_) | Self::Truth(_) | Self::Input(_) => self.clone(),
            Self::Unary(op, a) => Self::Unary(*op, to(*a)),
            Self::Binary(op, a, b) => Self::Binary(*op, to(*a), to(*b)),
            Self::If(condition, a, b) => Self::If(to(*condition), to(*a), to(*b)),
        }
    }

    /// The value, of a number.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(literal) => Some(literal.value()),
            _ => None,
        }
    }
}

/// What a name must look like, in words.
pub(crate) const NAME_RULE: &str =
    "a letter, then letters, digits, `_` and inner dots, at most 64 bytes, and no word of the language";
const NAME_BYTES_MAX: usize = 64;
const RESERVED: [&str; 18] = [
    "let", "if", "and", "or", "not", "true", "false", "min", "max", "abs", "clamp", "sqrt", "log2", "exp", "floor",
    "pow", "else", "then",
];

/// Whether a name may stand for an input or a binding.
pub(crate) fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    text.len() <= NAME_BYTES_MAX && !RESERVED.contains(&text) && text.split('.').all(is_part)
}
