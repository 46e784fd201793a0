//! From an expression to steps: what the bounds decide is removed, what all rows share is computed once, registers are reused.

use crate::bounds::{Given, ranges};
use crate::canonical::Canon;
use crate::expr::Expr;
use crate::interval::Range;
use crate::kernel::{Operand, Operation, Program, Shared, Step};
use crate::node::{BinaryOp, Literal, Node, NodeId, UnaryOp};
use crate::op;
use crate::schema::{Schema, Shape};

/// The expression without what the intervals of the inputs make superfluous, equal to the last bit within them. Units are gone
/// from its literals: they have been checked.
pub(crate) fn prune(expr: &Expr, schema: &Schema) -> Expr {
    let mut now = expr.simplify();
    // Each round may show more; two are the rule.
    for _ in 0..8 {
        let ranges = ranges(&now, &Given { schema, known: &[], trusts_facts: false });
        let Some(next) = prune_once(&now, &ranges) else { return now };
        let next = next.simplify();
        if next == now {
            return now;
        }
        now = next;
    }
    now
}

fn prune_once(expr: &Expr, ranges: &[Range]) -> Option<Expr> {
    let mut canon = Canon::new();
    let mut places: Vec<NodeId> = Vec::with_capacity(expr.len());
    for (node, range) in expr.nodes().iter().zip(ranges) {
        let place = match decided(node, *range, ranges) {
            Decided::Node(node) => canon.add(node).ok()?,
            Decided::Child(child) => places[child.index()],
            Decided::Negative(child) => canon.add(Node::Unary(UnaryOp::Neg, places[child.index()])).ok()?,
            Decided::Times(a, factor) => {
                let factor = canon.add(number(factor)?).ok()?;
                canon.add(Node::Binary(BinaryOp::Mul, factor, places[a.index()])).ok()?
            }
            Decided::No => canon.add(node.with_children(|child| places[child.index()])).ok()?,
        };
        places.push(place);
    }
    canon.finish(places[expr.root().index()]).ok()
}

fn number(value: f64) -> Option<Node> {
    Literal::new(value, None).map(Node::Number)
}

enum Decided {
    Node(Node),
    Child(NodeId),
    Negative(NodeId),
    Times(NodeId, f64),
    No,
}

fn decided(node: &Node, range: Range, ranges: &[Range]) -> Decided {
    let of = |id: &NodeId| ranges[id.index()].interval;
    let own = range.interval;
    if own.lo == own.hi {
        let constant = if node.is_condition() { Some(Node::Truth(own.lo != 0.0)) } else { number(own.lo) };
        return constant.map_or(Decided::No, Decided::Node);
    }
    match node {
        Node::Binary(BinaryOp::Min, a, b) if of(a).hi <= of(b).lo => Decided::Child(*a),
        Node::Binary(BinaryOp::Min, a, b) if of(b).hi <= of(a).lo => Decided::Child(*b),
        Node::Binary(BinaryOp::Max, a, b) if of(a).lo >= of(b).hi => Decided::Child(*a),
        Node::Binary(BinaryOp::Max, a, b) if of(b).lo >= of(a).hi => Decided::Child(*b),
        Node::Binary(BinaryOp::Div, a, b) if a == b && !of(a).has_zero() => {
            number(1.0).map_or(Decided::No, Decided::Node)
        }
        Node::Binary(BinaryOp::Div, a, b) => match exact_inverse(of(b).lo, of(b).hi) {
            Some(inverse) => Decided::Times(*a, inverse),
            None => Decided::No,
        },
        Node::Unary(UnaryOp::Abs, a) if of(a).lo >= 0.0 => Decided::Child(*a),
        Node::Unary(UnaryOp::Abs, a) if of(a).hi <= 0.0 => Decided::Negative(*a),
        Node::Unary(UnaryOp::Floor, a) if ranges[a.index()].is_whole => Decided::Child(*a),
        _ => Decided::No,
    }
}

/// Of a power of two, by which one may multiply instead: both round the same real number.
fn exact_inverse(lo: f64, hi: f64) -> Option<f64> {
    const MANTISSA: u64 = (1 << 52) - 1;
    let inverse = 1.0 / lo;
    let is_power = lo == hi && lo.is_normal() && lo.to_bits() & MANTISSA == 0;
    (is_power && inverse.is_normal()).then_some(inverse)
}

/// Steps for an expression whose names are declared.
pub(crate) fn lower(expr: &Expr, schema: &Schema) -> Program {
    let ranges = ranges(expr, &Given { schema, known: &[], trusts_facts: false });
    let order = evaluation_order(expr);
    let mut uses_left = vec![0_usize; expr.len()];
    expr.nodes().iter().flat_map(Node::children).for_each(|child| uses_left[child.index()] += 1);
    let mut lowering = Lowering {
        operands: vec![Operand::Scalar(0); expr.len()],
        shared: Vec::new(),
        steps: Vec::new(),
        free: Vec::new(),
        registers: 0,
    };
    for id in order {
        let node = expr.node(id);
        lowering.operands[id.index()] = lowering.place(node, id, &ranges, schema);
        for child in node.children() {
            uses_left[child.index()] -= 1;
            if let (0, Operand::Register(register)) = (uses_left[child.index()], lowering.operands[child.index()]) {
                lowering.free.push(register);
            }
        }
    }
    let result = lowering.operands[expr.root().index()];
    Program { shared: lowering.shared, steps: lowering.steps, result, registers: usize::from(lowering.registers) }
}

/// Children before parents, and of two operands first the one that needs more registers, so that a long sum needs three.
///
/// # Source
/// Sethi, Ullman, "The generation of optimal code for arithmetic expressions", Journal of the ACM 17(4), 1970.
fn evaluation_order(expr: &Expr) -> Vec<NodeId> {
    let mut needs: Vec<usize> = Vec::with_capacity(expr.len());
    let falling = |node: &Node, needs: &[usize]| {
        let mut children: Vec<NodeId> = node.children().collect();
        children.sort_by_key(|child| std::cmp::Reverse(needs[child.index()]));
        children
    };
    for node in expr.nodes() {
        // The operands that were computed before wait in a register each.
        let children = falling(node, &needs);
        let waiting = children.iter().enumerate().map(|(before, child)| match needs[child.index()] {
            0 => 0,
            need => need + before,
        });
        let need = waiting.max().map_or(0, |most| most.max(1));
        needs.push(need);
    }
    let (mut order, mut is_done) = (Vec::with_capacity(expr.len()), vec![false; expr.len()]);
    let mut open = vec![expr.root()];
    while let Some(id) = open.last().copied() {
        let next = falling(expr.node(id), &needs).into_iter().find(|child| !is_done[child.index()]);
        match next {
            Some(child) if !is_done[id.index()] => open.push(child),
            _ => {
                open.pop();
                if !std::mem::replace(&mut is_done[id.index()], true) {
                    order.push(id);
                }
            }
        }
    }
    order
}

struct Lowering {
    /// Where the value of each node is.
    operands: Vec<Operand>,
    shared: Vec<Shared>,
    steps: Vec<Step>,
    free: Vec<u16>,
    registers: u16,
}

impl Lowering {
    fn place(&mut self, node: &Node, id: NodeId, ranges: &[Range], schema: &Schema) -> Operand {
        match node {
            Node::Number(literal) => self.share(Shared::Number(literal.value())),
            Node::Truth(value) => self.share(Shared::Number(op::truth(*value))),
            Node::Input(name) => {
                let input = schema.id(name).expect("invariant: units are checked first, and with them every name");
                match schema.input(input).shape {
                    Shape::Column => Operand::Column(input),
                    Shape::Scalar => self.share(Shared::Input(input)),
                }
            }
            Node::Unary(op, a) => match self.operands[a.index()] {
                Operand::Scalar(a) => self.share(Shared::Unary(*op, a)),
                a => self.step(Operation::Unary(*op, a), true, false),
            },
            Node::Binary(op, a, b) => match (self.operands[a.index()], self.operands[b.index()]) {
                (Operand::Scalar(a), Operand::Scalar(b)) => self.share(Shared::Binary(*op, a, b)),
                (x, y) => {
                    let is_bounded = !ranges[id.index()].interval.is_saturated();
                    self.step(Operation::Binary(*op, x, y), is_bounded, !ranges[b.index()].interval.has_zero())
                }
            },
            Node::If(condition, a, b) => {
                let [condition, a, b] = [condition, a, b].map(|id| self.operands[id.index()]);
                match (condition, a, b) {
                    (Operand::Scalar(c), Operand::Scalar(a), Operand::Scalar(b)) => self.share(Shared::Choose(c, a, b)),
                    _ => self.step(Operation::Choose(condition, a, b), true, false),
                }
            }
        }
    }

    fn share(&mut self, shared: Shared) -> Operand {
        self.shared.push(shared);
        Operand::Scalar((self.shared.len() - 1) as u16)
    }

    /// The result goes to a register that no operand is in: operands are freed after the step.
    fn step(&mut self, operation: Operation, is_bounded: bool, divides_safely: bool) -> Operand {
        let out = self.free.pop().unwrap_or_else(|| {
            self.registers += 1;
            self.registers - 1
        });
        self.steps.push(Step { operation, out, is_bounded, divides_safely });
        Operand::Register(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Input;
    use crate::unit::Measure;

    fn schema() -> Schema {
        let inputs = vec![
            Input::column("a", Measure::PLAIN, 1, 100),
            Input::column("b", Measure::PLAIN, 0, 100),
            Input::scalar("s", Measure::PLAIN, -10, 10),
        ];
        Schema::try_new(inputs).unwrap()
    }

    fn pruned(text: &str) -> String {
        prune(&Expr::parse(text).unwrap(), &schema()).to_string()
    }

    #[test]
    fn what_the_intervals_decide_is_gone() {
        assert_eq!(pruned("if(a > 0, min(a, 200), b)"), "a");
        assert_eq!(pruned("a / a + abs(b)"), "1 + b");
        assert_eq!(pruned("b / 4 + floor(a)"), pruned("0.25 * b + a"));
        assert_eq!(pruned("b / 3"), "b / 3");
        assert_eq!(pruned("b / b"), "b / b");
        assert_eq!(pruned("abs(s) + abs(-a)"), pruned("a + abs(s)"));
    }

    #[test]
    fn shared_values_are_no_steps_and_registers_are_reused() {
        let lowered = |text: &str| lower(&prune(&Expr::parse(text).unwrap(), &schema()), &schema());
        let program = lowered("a * sqrt(s * s + 1) + b * (s - 1)");
        assert_eq!((program.steps.len(), program.registers), (3, 3));
        assert_eq!(lowered("a / b + (a * b + (a - b + (b / a + (a + s))))").registers, 3);
        assert!(lowered("s * 2").steps.is_empty());
    }
}
