//! Makes a formula smaller: constants gathered, and what could be left out.
//!
//! The language's own simplification keeps every bit, so it cannot gather constants over a sum or a product of three, nor drop a
//! constant that only shifts a score. A search may: whatever comes out is judged again by running it.

use super::grammar::{Grammar, number};
use plimsoll_expr::{BinaryOp, Expr, Node, NodeId};

/// Most rounds of gathering; each makes the formula smaller.
const ROUNDS: usize = 32;
/// Most smaller formulas that are offered at a time.
const OFFERS: usize = 64;

/// The formula with `a + (b + x)`, `a * (b * x)`, `max(a, max(b, x))` and the like made one constant, as far as that makes it smaller.
#[must_use]
pub fn gathered(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    for _ in 0..ROUNDS {
        let positions = 0..expr.occurrences().min(1_000);
        let smaller = positions.filter_map(|at| gather_at(&expr, at)).map(|smaller| smaller.simplify());
        let Some(smaller) = smaller.into_iter().find(|smaller| smaller.occurrences() < expr.occurrences()) else {
            break;
        };
        expr = smaller;
    }
    expr
}

/// Of an operation with a constant over one with a constant: that with one constant.
fn gather_at(expr: &Expr, at: u64) -> Option<Expr> {
    let id = expr.occurrence(at).ok()?;
    let Node::Binary(op, a, b) = *expr.node(id) else { return None };
    let (outer, inner, is_left) = match (constant(expr, a), constant(expr, b)) {
        (Some(value), None) => (value, b, true),
        (None, Some(value)) => (value, a, false),
        _ => return None,
    };
    let Node::Binary(below, c, d) = *expr.node(inner) else { return None };
    let (value, rest, rest_is_right) = match (constant(expr, c), constant(expr, d)) {
        (Some(value), None) => (value, d, true),
        (None, Some(value)) => (value, c, false),
        _ => return None,
    };
    let (kind, constant, sign) = joined(op, (outer, is_left), below, (value, rest_is_right))?;
    let rest = expr.subtree(rest).ok()?;
    let constant = number(constant)?;
    let made = match (kind, sign) {
        (BinaryOp::Sub, _) => Expr::binary(BinaryOp::Sub, &constant, &rest),
        (kind, _) => Expr::binary(kind, &constant, &rest),
    };
    expr.replace_occurrence(at, &made.ok()?).ok()
}

fn constant(expr: &Expr, id: NodeId) -> Option<f64> {
    match expr.node(id) {
        Node::Number(literal) if literal.dimension().is_none() => Some(literal.value()),
        _ => None,
    }
}

/// `outer op (value below x)` as `constant kind x`; the flags say on which side constants stand.
fn joined(
    op: BinaryOp,
    (outer, outer_is_left): (f64, bool),
    below: BinaryOp,
    (value, value_is_left): (f64, bool),
) -> Option<(BinaryOp, f64, bool)> {
    use BinaryOp::{Add, Div, Max, Min, Mul, Sub};
    // The inner as ±x + shift, then the outer over it.
    let shift = match below {
        Add => Some((1.0, value)),
        Sub if value_is_left => Some((-1.0, value)),
        Sub => Some((1.0, -value)),
        _ => None,
    };
    if let (Some((sign, shift)), Add | Sub) = (shift, op) {
        let (sign, shift) = match (op, outer_is_left) {
            (Add, _) => (sign, shift + outer),
            (_, true) => (-sign, outer - shift),
            (_, false) => (sign, shift - outer),
        };
        return Some((if sign < 0.0 { Sub } else { Add }, shift, true));
    }
    let factor = match below {
        Mul => Some(value),
        // 1 / a constant is as good as dividing by it, where numbers have three digits anyway.
        Div if !value_is_left && value != 0.0 => Some(1.0 / value),
        _ => None,
    };
    match (op, below) {
        (Mul, _) => factor.map(|factor| (Mul, factor * outer, true)),
        (Div, _) if !outer_is_left && outer != 0.0 => factor.map(|factor| (Mul, factor / outer, true)),
        (Max, Max) => Some((Max, outer.max(value), true)),
        (Min, Min) => Some((Min, outer.min(value), true)),
        _ => None,
    }
}

/// The formula without what only shifts or stretches it: for scores and orders, where only who is above whom matters.
#[must_use]
pub fn ranked(expr: &Expr) -> Expr {
    let mut expr = gathered(expr);
    for _ in 0..ROUNDS {
        let Node::Binary(op, a, b) = *expr.node(expr.root()) else { break };
        let kept = match (op, constant(&expr, a), constant(&expr, b)) {
            (BinaryOp::Add, Some(_), None) => b,
            (BinaryOp::Add | BinaryOp::Sub, None, Some(_)) => a,
            (BinaryOp::Mul, Some(factor), None) if factor > 0.0 => b,
            (BinaryOp::Mul | BinaryOp::Div, None, Some(factor)) if factor > 0.0 => a,
            _ => break,
        };
        let Ok(smaller) = expr.subtree(kept) else { break };
        expr = smaller.simplify();
    }
    expr
}

/// Smaller formulas that are candidates: each with one part in the place of what it was a part of. The smallest first.
#[must_use]
pub fn smaller(grammar: &Grammar, expr: &Expr) -> Vec<Expr> {
    let mut found: Vec<Expr> = Vec::new();
    for at in 0..expr.occurrences().min(1_000) {
        let Ok(id) = expr.occurrence(at) else { continue };
        for child in expr.node(id).children() {
            let Ok(part) = expr.subtree(child) else { continue };
            let Ok(changed) = expr.replace_occurrence(at, &part) else { continue };
            let changed = gathered(&changed.simplify());
            let is_new = !found.iter().any(|known| known.fingerprint() == changed.fingerprint());
            if changed.occurrences() < expr.occurrences() && is_new && grammar.allows(&changed) {
                found.push(changed);
            }
        }
    }
    found.sort_by_key(Expr::occurrences);
    found.truncate(OFFERS);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_expr::{Input, Measure, Schema};

    fn check(text: &str, expected: &str) {
        assert_eq!(gathered(&Expr::parse(text).unwrap().simplify()).to_string(), expected, "{text}");
    }

    #[test]
    fn constants_are_gathered_over_sums_products_and_bounds() {
        check("1 + (2 + a)", "3 + a");
        check("(a - 1) - 2", "-3 + a");
        check("5 - (2 - a)", "3 + a");
        check("5 - (2 + a)", "3 - a");
        check("2 * (3 * a) / 4", "1.5 * a");
        check("max(1, max(a, 2))", "max(2, a)");
        check("1 + 2 * a", "1 + 2 * a");
        check("a * b + 1", "1 + a * b");
    }

    #[test]
    fn what_only_shifts_or_stretches_a_score_goes() {
        let ranked = |text: &str| ranked(&Expr::parse(text).unwrap().simplify()).to_string();
        assert_eq!(ranked("2 * (a / b) + 3"), "a / b");
        assert_eq!(ranked("a - 0.5"), "a");
        assert_eq!(ranked("-2 * a"), "-2 * a", "a factor below 0 turns the order");
        assert_eq!(ranked("1 - a"), "1 - a");
    }

    #[test]
    fn what_is_offered_is_smaller_and_a_candidate() {
        let schema = Schema::try_new(vec![
            Input::column("a", Measure::MILLICORES, 0, 9),
            Input::column("b", Measure::MILLICORES, 0, 9),
        ]);
        let grammar = Grammar::try_new(schema.unwrap(), &["a", "b"], 25).unwrap();
        let expr = Expr::parse("a / b + 0.01 * (b / a)").unwrap().simplify();
        let offered = smaller(&grammar, &expr);
        assert!(offered.iter().all(|offer| offer.occurrences() < expr.occurrences() && grammar.allows(offer)));
        let texts: Vec<String> = offered.iter().map(ToString::to_string).collect();
        assert!(texts.contains(&"a / b".to_owned()) && texts.contains(&"0.01 * (b / a)".to_owned()), "{texts:?}");
        assert!(offered.windows(2).all(|pair| pair[0].occurrences() <= pair[1].occurrences()), "{texts:?}");
    }
}
