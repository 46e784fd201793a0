//! Bounds: an interval for every node, proved from the intervals of the inputs.
//!
//! There are two sets. `ranges` rests on intervals alone, which are enforced when values come in, and may change what is computed.
//! [`Expr::bounds`] also uses the schema's facts, which are promised, and is only reported.

use crate::check::UnitError;
use crate::expr::Expr;
use crate::interval::{Interval, Range};
use crate::node::{BinaryOp, Node, NodeId, UnaryOp};
use crate::op;
use crate::schema::{InputId, Schema};

impl Expr {
    /// Bounds of the result in base units, for all values of the inputs in their intervals that keep the facts of the schema.
    ///
    /// # Errors
    /// When the units do not fit.
    pub fn bounds(&self, schema: &Schema) -> Result<Interval, UnitError> {
        self.bounds_within(schema, &[])
    }

    /// The same where some inputs are known more closely, in steps of their measure.
    ///
    /// # Errors
    /// When the units do not fit.
    pub fn bounds_within(&self, schema: &Schema, known: &[(InputId, i64, i64)]) -> Result<Interval, UnitError> {
        self.unit(schema)?;
        let ranges = ranges(self, &Given { schema, known, trusts_facts: true });
        Ok(ranges[self.root().index()].interval)
    }
}

/// What is known about the inputs.
pub(crate) struct Given<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) known: &'a [(InputId, i64, i64)],
    pub(crate) trusts_facts: bool,
}

impl Given<'_> {
    fn range(&self, id: InputId) -> Range {
        let input = self.schema.input(id);
        let known = self.known.iter().find(|(of, ..)| *of == id);
        let (least, most) = known.map_or((input.least, input.most), |(_, least, most)| (*least, *most));
        Range::whole(input.base_value(least), input.base_value(most))
    }
}

/// A range for every node of an expression whose names are declared.
pub(crate) fn ranges(expr: &Expr, given: &Given<'_>) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::with_capacity(expr.len());
    for id in expr.ids() {
        let range = of_node(expr.node(id), &ranges, given);
        let tighter = if given.trusts_facts { by_facts(expr, id, range, &ranges, given.schema) } else { range };
        ranges.push(tighter);
    }
    ranges
}

fn of_node(node: &Node, ranges: &[Range], given: &Given<'_>) -> Range {
    let of = |id: &NodeId| ranges[id.index()];
    match node {
        Node::Number(literal) => Range::point(literal.value()),
        Node::Truth(value) => Range::point(op::truth(*value)),
        Node::Input(name) => {
            given.schema.id(name).map_or(Range::whole(-op::LARGEST, op::LARGEST), |id| given.range(id))
        }
        Node::Unary(op, a) => unary(*op, of(a)),
        Node::Binary(op, a, b) => binary(*op, of(a), of(b)),
        Node::If(condition, a, b) => {
            let condition = of(condition).interval;
            match (condition.hi == 0.0, condition.lo != 0.0) {
                (true, _) => of(b),
                (_, true) => of(a),
                _ => of(a).union(of(b)),
            }
        }
    }
}

fn unary(op: UnaryOp, a: Range) -> Range {
    match op {
        UnaryOp::Neg => a.neg(),
        UnaryOp::Abs => a.abs(),
        UnaryOp::Sqrt => a.sqrt(),
        UnaryOp::Log2 => a.logarithm(),
        UnaryOp::Exp => a.exponential(),
        UnaryOp::Floor => a.floor(),
        UnaryOp::Not => Range::point(1.0).sub(a),
    }
}

fn binary(op: BinaryOp, a: Range, b: Range) -> Range {
    let (x, y) = (a.interval, b.interval);
    let less = |x: Interval, y: Interval| Range::condition(x.hi >= y.lo, x.lo < y.hi);
    let at_most = |x: Interval, y: Interval| Range::condition(x.hi > y.lo, x.lo <= y.hi);
    let is_one_point = x.lo == x.hi && y.lo == y.hi && x.lo == y.lo;
    let equal = Range::condition(!is_one_point, x.lo <= y.hi && y.lo <= x.hi);
    match op {
        BinaryOp::Add => a.add(b),
        BinaryOp::Sub => a.sub(b),
        BinaryOp::Mul => a.mul(b),
        BinaryOp::Div => a.div(b),
        BinaryOp::Min | BinaryOp::And => a.min(b),
        BinaryOp::Max | BinaryOp::Or => a.max(b),
        BinaryOp::Lt => less(x, y),
        BinaryOp::Gt => less(y, x),
        BinaryOp::Le => at_most(x, y),
        BinaryOp::Ge => at_most(y, x),
        BinaryOp::Eq => equal,
        BinaryOp::Ne => Range::point(1.0).sub(equal),
    }
}

/// A closer range where facts say more than intervals: `free / cap` is at most 1, `cap - free` at least 0.
fn by_facts(expr: &Expr, id: NodeId, range: Range, ranges: &[Range], schema: &Schema) -> Range {
    let Node::Binary(operation, a, b) = expr.node(id) else { return range };
    let mut closer = range;
    let Interval { lo, hi } = range.interval;
    match operation {
        BinaryOp::Sub if is_input_at_most(expr, *b, *a, schema) => closer.interval.lo = op::min(op::max(lo, 0.0), hi),
        BinaryOp::Sub if is_input_at_most(expr, *a, *b, schema) => closer.interval.hi = op::max(op::min(hi, 0.0), lo),
        BinaryOp::Div if ranges[b.index()].interval.lo >= 0.0 => {
            if let Some(times) = multiple(expr, *a, *b, ranges, schema) {
                // The numerator was rounded before it was divided, so a factor other than 1 may end a little above.
                let most = if times == 1.0 { 1.0 } else { times * (1.0 + 1e-15) };
                closer.interval.hi = op::max(op::min(hi, most), lo);
            }
        }
        _ => {}
    }
    closer
}

fn is_input_at_most(expr: &Expr, small: NodeId, large: NodeId, schema: &Schema) -> bool {
    let input = |id| if let Node::Input(name) = expr.node(id) { schema.id(name) } else { None };
    input(small).zip(input(large)).is_some_and(|(small, large)| schema.is_at_most(small, large))
}

/// A factor by which `node` is at most `limit` (an input of at least 0), as far as rounding goes.
fn multiple(expr: &Expr, node: NodeId, limit: NodeId, ranges: &[Range], schema: &Schema) -> Option<f64> {
    let of = |id: &NodeId| multiple(expr, *id, limit, ranges, schema);
    let is_negative = |id: &NodeId| ranges[id.index()].interval.lo < 0.0;
    match expr.node(node) {
        Node::Input(_) => is_input_at_most(expr, node, limit, schema).then_some(1.0),
        Node::Binary(BinaryOp::Sub, a, b) if !is_negative(b) => of(a),
        Node::Binary(BinaryOp::Min, a, b) => match (of(a), of(b)) {
            (Some(a), Some(b)) => Some(op::min(a, b)),
            (a, b) => a.or(b),
        },
        Node::Binary(BinaryOp::Max, a, b) => Some(op::max(of(a)?, of(b)?)),
        Node::Binary(BinaryOp::Mul, a, b) => match (expr.node(*a).number(), expr.node(*b).number()) {
            (Some(factor), _) if factor >= 0.0 => Some(factor * of(b)?),
            (_, Some(factor)) if factor >= 0.0 => Some(factor * of(a)?),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Input;
    use crate::unit::Measure;

    fn schema() -> Schema {
        let inputs = vec![
            Input::column("free", Measure::MILLICORES, 0, 128_000),
            Input::column("cap", Measure::MILLICORES, 0, 128_000),
            Input::scalar("request", Measure::MILLICORES, 0, 64_000),
            Input::column("frag", Measure::PLAIN, 0, 1),
        ];
        let schema = Schema::try_new(inputs).unwrap();
        schema.with_fact("free", "cap").and_then(|s| s.with_fact("request", "free")).unwrap()
    }

    fn bounds(text: &str) -> String {
        Expr::parse(text).unwrap().bounds(&schema()).unwrap().to_string()
    }

    #[test]
    fn facts_give_what_intervals_cannot() {
        assert_eq!(bounds("free / cap"), "[0, 1]");
        assert_eq!(bounds("(cap - free) / cap"), "[0, 1]");
        assert_eq!(bounds("(free - request) / cap"), "[0, 1]");
        assert_eq!(bounds("1 - min(free / cap, frag)"), "[0, 1]");
        assert_eq!(bounds("cap / free"), "[0, 128000]");
        let score = Expr::parse("0.6*free/cap + 0.4*min(free/cap, frag)").unwrap().bounds(&schema()).unwrap();
        assert!(score.lo == 0.0 && score.hi >= 1.0 && score.hi < 1.000_000_000_001, "{score}");
    }

    #[test]
    fn a_condition_that_is_decided_leaves_one_branch() {
        assert_eq!(bounds("if(free >= 0, 1, 2)"), "[1, 1]");
        assert_eq!(bounds("if(free > 200cpu, 1, 2)"), "[2, 2]");
        assert_eq!(bounds("if(free == cap, 1, 2)"), "[1, 2]");
        assert_eq!(bounds("if(frag != 5, 1, 2)"), "[1, 1]");
    }

    #[test]
    fn what_is_known_of_an_input_closes_the_bounds() {
        let schema = schema();
        let expr = Expr::parse("frag - free / 1cpu").unwrap();
        let free = schema.id("free").unwrap();
        let found = expr.bounds_within(&schema, &[(free, 2_000, 4_000)]).unwrap();
        assert_eq!(found, Interval { lo: -4.0, hi: -1.0 });
    }
}
