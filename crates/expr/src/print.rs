//! An expression as text that reads back as the same expression, with as few parentheses as that allows.
//!
//! Large parts that are used more than once become bindings (`let v1 = …;`), so that the text stays as small as the expression.

use crate::expr::Expr;
use crate::node::{BinaryOp, Literal, Node, NodeId, UnaryOp};
use crate::parse::binding_power::{NOT, SIGN};
use crate::parse::power_of;
use crate::unit::Suffix;
use std::fmt;
use std::fmt::Write as _;

/// A shared part with more nodes than this gets a name.
const INLINE_NODES_MAX: u64 = 3;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printer = Printer { expr: self, names: names(self) };
        let mut text = String::new();
        for (id, name) in self.ids().zip(&printer.names) {
            if let Some(name) = name {
                text.push_str(&format!("let {name} = "));
                printer.body(id, 0, &mut text);
                text.push_str("; ");
            }
        }
        printer.node(self.root(), 0, &mut text);
        f.write_str(&text)
    }
}

impl Expr {
    /// The part below a node on at most `most` characters, for messages.
    pub(crate) fn excerpt(&self, id: NodeId, most: usize) -> String {
        let text = self.subtree(id).map(|part| part.to_string()).unwrap_or_default();
        if text.chars().count() <= most {
            return text;
        }
        text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
    }
}

/// Which nodes are bound to a name.
fn names(expr: &Expr) -> Vec<Option<String>> {
    let mut uses = vec![0_u32; expr.len()];
    for child in expr.nodes().iter().flat_map(Node::children) {
        uses[child.index()] += 1;
    }
    let taken = expr.inputs();
    let mut free = (1..).map(|n| format!("v{n}")).filter(|name| taken.iter().all(|taken| **taken != **name));
    let sizes = expr.occurrence_counts();
    uses.iter()
        .zip(sizes)
        .map(|(uses, size)| if *uses > 1 && size > INLINE_NODES_MAX { free.next() } else { None })
        .collect()
}

struct Printer<'a> {
    expr: &'a Expr,
    names: Vec<Option<String>>,
}

impl Printer<'_> {
    /// A node, by its name if it has one; in parentheses when it binds no tighter than `least`.
    fn node(&self, id: NodeId, least: u8, out: &mut String) {
        match &self.names[id.index()] {
            Some(name) => out.push_str(name),
            None => self.body(id, least, out),
        }
    }

    fn body(&self, id: NodeId, least: u8, out: &mut String) {
        match self.expr.node(id) {
            Node::Number(literal) => number(*literal, out),
            Node::Truth(value) => out.push_str(if *value { "true" } else { "false" }),
            Node::Input(name) => out.push_str(name),
            Node::Unary(UnaryOp::Neg, a) => {
                let is_number = matches!(self.expr.node(*a), Node::Number(_));
                self.parenthesised(SIGN <= least, out, |out| {
                    out.push('-');
                    // `-3` is a number, so the negation of 3 needs its parentheses.
                    self.parenthesised(is_number, out, |out| self.node(*a, SIGN - 1, out));
                });
            }
            Node::Unary(UnaryOp::Not, a) => self.parenthesised(NOT <= least, out, |out| {
                out.push_str("not ");
                self.node(*a, NOT - 1, out);
            }),
            Node::Unary(op, a) => self.call(op.text(), &[*a], out),
            Node::Binary(op, a, b) => match power_of(*op) {
                Some(power) => self.parenthesised(power <= least, out, |out| {
                    self.node(*a, power - 1, out);
                    let _ = write!(out, " {} ", op.text());
                    self.node(*b, power, out);
                }),
                None => self.call(op.text(), &self.chain(*op, *a, *b), out),
            },
            Node::If(condition, a, b) => self.call("if", &[*condition, *a, *b], out),
        }
    }

    /// Operands of `min(min(a, b), c)`, which is written `min(a, b, c)`.
    fn chain(&self, op: BinaryOp, a: NodeId, b: NodeId) -> Vec<NodeId> {
        let (mut first, mut operands) = (a, vec![b]);
        while let (Node::Binary(inner, left, right), None) = (self.expr.node(first), &self.names[first.index()]) {
            if *inner != op {
                break;
            }
            operands.push(*right);
            first = *left;
        }
        operands.push(first);
        operands.reverse();
        operands
    }

    fn call(&self, function: &str, arguments: &[NodeId], out: &mut String) {
        out.push_str(function);
        out.push('(');
        for (at, argument) in arguments.iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            self.node(*argument, 0, out);
        }
        out.push(')');
    }

    fn parenthesised(&self, is_needed: bool, out: &mut String, inner: impl FnOnce(&mut String)) {
        if is_needed {
            out.push('(');
        }
        inner(out);
        if is_needed {
            out.push(')');
        }
    }
}

/// A number in the largest unit in which it is whole; the shortest digits that read back as the same bits.
fn number(literal: Literal, out: &mut String) {
    let value = literal.value();
    let suffix = literal.dimension().and_then(|dimension| {
        let all = Suffix::ALL.into_iter().filter(|suffix| suffix.dimension == dimension && suffix.scale >= 1.0);
        all.rev().find(|suffix| suffix.scale == 1.0 || is_whole_in(value, suffix.scale))
    });
    let shown = value / suffix.map_or(1.0, |suffix| suffix.scale);
    let magnitude = shown.abs();
    let is_short = magnitude == 0.0 || (1e-6..1e16).contains(&magnitude);
    let _ = if is_short { write!(out, "{shown}") } else { write!(out, "{shown:e}") };
    out.push_str(suffix.map_or("", |suffix| suffix.text));
}

fn is_whole_in(value: f64, scale: f64) -> bool {
    let shown = value / scale;
    shown.abs() < 1e9 && crate::op::floor(shown) == shown && shown * scale == value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let expr = Expr::parse(text).unwrap();
        assert_eq!(expr.to_string(), expected);
        assert_eq!(Expr::parse(expected).unwrap(), expr);
    }

    #[test]
    fn parentheses_stand_only_where_they_are_needed() {
        check("((a + b)) * (c)", "(a + b) * c");
        check("a - (b + c)", "a - (b + c)");
        check("(a - b) + c", "a - b + c");
        check("a / (b / c) / d", "a / (b / c) / d");
        check("-(3) + -3 - -x", "-(3) + -3 - -x");
        check("not (a < b and c > d)", "not (a < b and c > d)");
        check("if(not (a < b), -(a + b), min(a, max(b, c), d))", "if(not a < b, -(a + b), min(a, max(b, c), d))");
    }

    #[test]
    fn numbers_are_shown_in_the_largest_unit_that_is_whole() {
        check("0.25", "0.25");
        check("2048MiB + 1.5GiB", "2GiB + 1536MiB");
        check("250mcpu + 3cpu", "250mcpu + 3cpu");
        check("90min", "90min");
        check("0.3GiB", "322122547.2B");
        check("1e300 * 1e-9", "1e300 * 1e-9");
        check("8bit", "1octet");
        check("0cpu", "0");
    }

    #[test]
    fn a_large_shared_part_gets_a_name_that_is_free() {
        check("let x = a / b + v1; x * x", "let v2 = a / b + v1; v2 * v2");
        check("a / b + a / b", "a / b + a / b");
    }
}
