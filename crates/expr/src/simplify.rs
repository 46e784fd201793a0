//! The canonical form: constants folded, what changes nothing removed, operands in order.
//!
//! Every rule leaves the value equal to the last bit for all inputs (the sign of a zero aside, which nothing sees), so a simplified
//! expression makes the same decisions. No rule adds a node. Rules that hold for real numbers only (`(a + b) + c`) are absent.

use crate::arena::BuildError;
use crate::canonical::Canon;
use crate::expr::Expr;
use crate::node::{BinaryOp, Literal, Node, NodeId, UnaryOp};
use crate::op;
use crate::unit::Dimension;

/// Passes until nothing changes; two are the rule.
const PASSES_MAX: usize = 64;

impl Expr {
    /// The canonical form, which has the same value to the last bit.
    #[must_use]
    pub fn simplify(&self) -> Self {
        let mut now = self.clone();
        for _ in 0..PASSES_MAX {
            // A pass cannot pass the limits of an arena that held the expression; if it could, what there is stands.
            let Ok(next) = pass(&now) else { return now };
            if next == now {
                return next;
            }
            now = next;
        }
        now
    }
}

fn pass(expr: &Expr) -> Result<Expr, BuildError> {
    let mut uses = vec![0_u32; expr.len()];
    expr.nodes().iter().flat_map(Node::children).for_each(|child| uses[child.index()] += 1);
    let mut canon = Canon::new();
    let mut places: Vec<NodeId> = Vec::with_capacity(expr.len());
    for (at, node) in expr.nodes().iter().enumerate() {
        // A link of a chain that is used nowhere else waits for the chain's end.
        let place = match node {
            Node::Binary(op @ (BinaryOp::Min | BinaryOp::Max), ..) => {
                let mut operands = Vec::new();
                gather(expr, *op, NodeId(at as u16), &uses, true, &mut operands);
                let operands = operands.into_iter().map(|id| places[id.index()]).collect();
                chain(&mut canon, *op, operands)?
            }
            _ => make(&mut canon, node.with_children(|child| places[child.index()]))?,
        };
        places.push(place);
    }
    canon.finish(places[expr.root().index()])
}

/// Operands of a chain of one operation; a part that is used elsewhere too stays one operand, so that it stays shared.
fn gather(expr: &Expr, op: BinaryOp, id: NodeId, uses: &[u32], is_top: bool, out: &mut Vec<NodeId>) {
    let mut open = vec![(id, is_top)];
    while let Some((id, is_top)) = open.pop() {
        match expr.node(id) {
            Node::Binary(own, a, b) if *own == op && (is_top || uses[id.index()] == 1) => {
                open.push((*b, false));
                open.push((*a, false));
            }
            _ => out.push(id),
        }
    }
}

/// Operands in order, each once, numbers as one.
fn chain(canon: &mut Canon, op: BinaryOp, mut operands: Vec<NodeId>) -> Result<NodeId, BuildError> {
    operands.sort_by(|a, b| canon.order(*a, *b));
    operands.dedup();
    let mut operands = operands.into_iter();
    let mut left = operands.next().expect("invariant: a chain has operands");
    for right in operands {
        left = match fold_binary(canon, op, left, right) {
            Some(folded) => canon.add(folded)?,
            None => canon.add(Node::Binary(op, left, right))?,
        };
    }
    Ok(left)
}

/// Adds a node over simplified children, or what it is equal to.
fn make(canon: &mut Canon, node: Node) -> Result<NodeId, BuildError> {
    match node {
        Node::Unary(op, a) => unary(canon, op, a),
        Node::Binary(op, a, b) => binary(canon, op, a, b),
        Node::If(condition, a, b) => match canon.node(condition).clone() {
            Node::Truth(holds) => Ok(if holds { a } else { b }),
            _ if a == b => Ok(a),
            Node::Unary(UnaryOp::Not, inner) => canon.add(Node::If(inner, b, a)),
            _ => canon.add(Node::If(condition, a, b)),
        },
        leaf => canon.add(leaf),
    }
}

fn unary(canon: &mut Canon, op: UnaryOp, a: NodeId) -> Result<NodeId, BuildError> {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne, Sub};
    let inner = canon.node(a).clone();
    if let Some(folded) = fold_unary(op, &inner) {
        return canon.add(folded);
    }
    match (op, inner) {
        (UnaryOp::Neg, Node::Unary(UnaryOp::Neg, x)) | (UnaryOp::Not, Node::Unary(UnaryOp::Not, x)) => Ok(x),
        (UnaryOp::Neg, Node::Binary(Sub, x, y)) => make(canon, Node::Binary(Sub, y, x)),
        (UnaryOp::Abs, Node::Unary(UnaryOp::Neg, x)) => make(canon, Node::Unary(UnaryOp::Abs, x)),
        (UnaryOp::Abs, Node::Unary(UnaryOp::Abs | UnaryOp::Sqrt | UnaryOp::Exp, _)) => Ok(a),
        (UnaryOp::Floor, Node::Unary(UnaryOp::Floor, _)) => Ok(a),
        (UnaryOp::Not, Node::Binary(comparison, x, y)) if comparison.is_comparison() => {
            // There is no NaN, so what is not below is at least.
            let turned = match comparison {
                Lt => Ge,
                Le => Gt,
                Gt => Le,
                Ge => Lt,
                Eq => Ne,
                _ => Eq,
            };
            make(canon, Node::Binary(turned, x, y))
        }
        _ => canon.add(Node::Unary(op, a)),
    }
}

fn binary(canon: &mut Canon, op: BinaryOp, a: NodeId, b: NodeId) -> Result<NodeId, BuildError> {
    use BinaryOp::{Add, Div, Eq, Ge, Gt, Le, Lt, Mul, Ne, Sub};
    if let Some(folded) = fold_binary(canon, op, a, b) {
        return canon.add(folded);
    }
    if op.is_logic() {
        return logic(canon, op, a, b);
    }
    if a == b && matches!(op, Le | Ge | Eq | Lt | Gt | Ne) {
        return canon.add(Node::Truth(matches!(op, Le | Ge | Eq)));
    }
    let (first, second) = (canon.node(a).clone(), canon.node(b).clone());
    let is = |node: &Node, value: f64| matches!(node, Node::Number(l) if l.value() == value && l.dimension().is_none());
    match (op, &first, &second) {
        (Gt, ..) => make(canon, Node::Binary(Lt, b, a)),
        (Ge, ..) => make(canon, Node::Binary(Le, b, a)),
        (Add, x, _) if is(x, 0.0) => Ok(b),
        (Add | Sub, _, y) if is(y, 0.0) => Ok(a),
        (Sub, x, _) if is(x, 0.0) => make(canon, Node::Unary(UnaryOp::Neg, b)),
        (Sub, ..) if a == b => zero(canon),
        (Add, _, Node::Unary(UnaryOp::Neg, y)) => make(canon, Node::Binary(Sub, a, *y)),
        (Add, Node::Unary(UnaryOp::Neg, x), _) => make(canon, Node::Binary(Sub, b, *x)),
        (Sub, _, Node::Unary(UnaryOp::Neg, y)) => make(canon, Node::Binary(Add, a, *y)),
        (Mul, x, y) if is(x, 0.0) || is(y, 0.0) => zero(canon),
        (Div, x, y) if is(x, 0.0) || is(y, 0.0) => zero(canon),
        (Mul, x, _) if is(x, 1.0) => Ok(b),
        (Mul | Div, _, y) if is(y, 1.0) => Ok(a),
        (Mul, x, _) if is(x, -1.0) => make(canon, Node::Unary(UnaryOp::Neg, b)),
        (Mul | Div, _, y) if is(y, -1.0) => make(canon, Node::Unary(UnaryOp::Neg, a)),
        (Mul | Div, Node::Unary(UnaryOp::Neg, x), Node::Unary(UnaryOp::Neg, y)) => {
            make(canon, Node::Binary(op, *x, *y))
        }
        _ if op.is_commutative() => {
            let (a, b) = canon.ordered(a, b);
            canon.add(Node::Binary(op, a, b))
        }
        _ => canon.add(Node::Binary(op, a, b)),
    }
}

fn zero(canon: &mut Canon) -> Result<NodeId, BuildError> {
    canon.add(Node::Number(Literal::new(0.0, None).expect("invariant: zero is finite")))
}

fn logic(canon: &mut Canon, op: BinaryOp, a: NodeId, b: NodeId) -> Result<NodeId, BuildError> {
    // `true and x` is x, `false and x` is false; `or` is the other way round.
    let neutral = op == BinaryOp::And;
    match (canon.node(a), canon.node(b)) {
        (Node::Truth(value), _) => Ok(if *value == neutral { b } else { a }),
        (_, Node::Truth(value)) => Ok(if *value == neutral { a } else { b }),
        _ if a == b => Ok(a),
        _ => {
            let (a, b) = canon.ordered(a, b);
            canon.add(Node::Binary(op, a, b))
        }
    }
}

fn fold_unary(op: UnaryOp, a: &Node) -> Option<Node> {
    let Node::Number(literal) = a else {
        let Node::Truth(value) = a else { return None };
        return (op == UnaryOp::Not).then_some(Node::Truth(!value));
    };
    let (x, dimension) = (literal.value(), literal.dimension());
    let (value, keeps_unit) = match op {
        UnaryOp::Neg => (-x, true),
        UnaryOp::Abs => (x.abs(), true),
        UnaryOp::Sqrt => (op::sqrt(x), false),
        UnaryOp::Log2 => (op::log2(x), false),
        UnaryOp::Exp => (op::exp(x), false),
        UnaryOp::Floor => (op::floor(x), false),
        UnaryOp::Not => return None,
    };
    if !keeps_unit && dimension.is_some() {
        return None;
    }
    Literal::new(value, dimension).map(Node::Number)
}

/// The value of an operation on two numbers, where a literal can carry its unit.
fn fold_binary(canon: &Canon, op: BinaryOp, a: NodeId, b: NodeId) -> Option<Node> {
    let (Node::Number(first), Node::Number(second)) = (canon.node(a), canon.node(b)) else { return None };
    let (x, y) = (first.value(), second.value());
    let (d, e) = (first.dimension(), second.dimension());
    let is_same = d == e || x == 0.0 || y == 0.0;
    let number = |value: f64, dimension: Option<Dimension>| Literal::new(value, dimension).map(Node::Number);
    match op {
        BinaryOp::Mul if d.is_none() || e.is_none() => number(op::mul(x, y), d.or(e)),
        BinaryOp::Div if e.is_none() => number(op::div(x, y), d),
        BinaryOp::Div if d == e => number(op::div(x, y), None),
        BinaryOp::Mul | BinaryOp::Div => None,
        _ if !is_same => None,
        BinaryOp::Add => number(op::add(x, y), d.or(e)),
        BinaryOp::Sub => number(op::sub(x, y), d.or(e)),
        BinaryOp::Min => number(op::min(x, y), d.or(e)),
        BinaryOp::Max => number(op::max(x, y), d.or(e)),
        BinaryOp::Lt => Some(Node::Truth(x < y)),
        BinaryOp::Le => Some(Node::Truth(x <= y)),
        BinaryOp::Gt => Some(Node::Truth(x > y)),
        BinaryOp::Ge => Some(Node::Truth(x >= y)),
        BinaryOp::Eq => Some(Node::Truth(x == y)),
        BinaryOp::Ne => Some(Node::Truth(x != y)),
        BinaryOp::And | BinaryOp::Or => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let simple = Expr::parse(text).unwrap().simplify();
        assert_eq!(simple.to_string(), expected, "{text}");
        assert_eq!(simple.simplify(), simple);
    }

    #[test]
    fn what_changes_nothing_goes() {
        check("a * 1 + 0 - 0 / b", "a");
        check("0 * a + b / 1", "b");
        check("a - a", "0");
        check("-(-a) + -b", "a - b");
        check("-(a - b)", "b - a");
        check("if(not a < b, 1, 2)", "if(b <= a, 1, 2)");
        check("if(1 < 2 and a <= a, a, b)", "a");
        check("abs(-abs(a))", "abs(a)");
        check("a / a", "a / a");
    }

    #[test]
    fn constants_fold_as_far_as_their_units_allow() {
        check("2cpu + 500mcpu", "2500mcpu");
        check("6cpu / 2cpu * a", "3 * a");
        check("2 * 3cpu", "6cpu");
        check("2cpu * 3s", "2cpu * 3s");
        check("sqrt(16) + 1/0", "4");
        check("2cpu + 3s", "2cpu + 3s");
    }

    #[test]
    fn operands_get_an_order_where_no_bit_depends_on_it() {
        check("max(c, a, b, a)", "max(a, b, c)");
        check("min(3, a, min(2, b))", "min(2, a, b)");
        check("b * a * 2", "2 * (a * b)");
        check("a > b or false", "b < a");
        // Not the same rounding, so not the same canonical form.
        let of = |text: &str| Expr::parse(text).unwrap().fingerprint();
        assert_ne!(of("(a + b) + c"), of("a + (b + c)"));
        assert_eq!(of("min(a, min(b, c))"), of("min(min(c, b), a)"));
        assert_eq!(of("let x = a / b; x + 1"), of("1 + a / b"));
    }

    #[test]
    fn the_fingerprint_is_that_of_every_version() {
        let of = |text: &str| Expr::parse(text).unwrap().fingerprint().to_string();
        assert_eq!(
            of("0.6*cpu_free/cpu_cap + 0.4*min(mem_free/mem_cap, gpu_frag)"),
            "7c4daa64aad996d7081453c85309555e"
        );
    }
}
