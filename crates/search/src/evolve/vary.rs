//! New candidates from old ones: changes of one tree, and crossings of two.
//!
//! Every change is checked by the grammar, so that what comes out can be judged; a draw that leads nowhere is drawn again.

use super::grammar::{Grammar, number, operator, weight};
use super::shrink;
use plimsoll_expr::{BinaryOp, Expr, Node, NodeId};
use plimsoll_stats::Random;

/// Draws before giving up.
const TRIES: u32 = 24;

/// A changed tree; none where no draw gave a candidate other than the old one.
pub fn mutate(grammar: &Grammar, expr: &Expr, random: &mut Random) -> Option<Expr> {
    (0..TRIES).find_map(|_| {
        let mut changed = once(grammar, expr, random)?;
        // One change in three is followed by another: what needs both is found too.
        if random.below(3) == 0 {
            changed = once(grammar, &changed, random).unwrap_or(changed);
        }
        accepted(grammar, expr, &changed)
    })
}

/// A part of `b` in the place of a part of `a`.
pub fn cross(grammar: &Grammar, a: &Expr, b: &Expr, random: &mut Random) -> Option<Expr> {
    (0..TRIES).find_map(|_| {
        let part = place(grammar, b, random).and_then(|at| b.subtree(b.occurrence(at).ok()?).ok())?;
        let crossed = if random.below(3) == 0 {
            // Sums of what both have found: the whole of one and a part of the other.
            Expr::binary(BinaryOp::Add, a, &part).ok()?
        } else {
            a.replace_occurrence(place(grammar, a, random)?, &part).ok()?
        };
        accepted(grammar, a, &crossed)
    })
}

/// Simplified, allowed, and not what it was before.
fn accepted(grammar: &Grammar, before: &Expr, after: &Expr) -> Option<Expr> {
    let after = shrink::gathered(&after.simplify());
    let moves = after.nodes().iter().any(|node| matches!(node, Node::Input(_)));
    (moves && grammar.allows(&after) && after.fingerprint() != before.fingerprint()).then_some(after)
}

fn once(grammar: &Grammar, expr: &Expr, random: &mut Random) -> Option<Expr> {
    match random.below(12) {
        0..2 if grammar.has_unit() && random.below(2) == 0 => weigh(grammar, expr, random),
        0..2 => constant(expr, random),
        2..4 => replace(grammar, expr, random),
        4..8 => term(grammar, expr, random),
        8 => swap_operator(grammar, expr, random),
        9..11 => hoist(grammar, expr, random),
        _ => branch(grammar, expr, random),
    }
}

/// The position of some part that is a plain number.
fn place(grammar: &Grammar, expr: &Expr, random: &mut Random) -> Option<u64> {
    let count = expr.occurrences().min(1_000);
    let start = random.below(count);
    (0..count)
        .map(|step| (start + step) % count)
        .find(|at| expr.occurrence(*at).and_then(|id| expr.subtree(id)).is_ok_and(|part| grammar.fits(&part)))
}

/// Positions of constants without a unit.
pub fn constants(expr: &Expr) -> Vec<(u64, f64)> {
    let literal = |at: u64| match expr.occurrence(at).map(|id| expr.node(id).clone()) {
        Ok(Node::Number(literal)) if literal.dimension().is_none() => Some((at, literal.value())),
        _ => None,
    };
    (0..expr.occurrences().min(1_000)).filter_map(literal).collect()
}

/// A constant a little larger or smaller, seldom of the other sign.
fn constant(expr: &Expr, random: &mut Random) -> Option<Expr> {
    let all = constants(expr);
    let (at, value) = *all.get(random.below(all.len() as u64) as usize)?;
    let changed = match random.below(10) {
        0 => -value,
        1 => weight(random),
        _ if value == 0.0 => 0.1 * random.normal(),
        _ => value * libm::exp(0.5 * random.normal()),
    };
    expr.replace_occurrence(at, &number(changed)?).ok()
}

/// A part a little larger or smaller: what a formula of inputs with a unit has in the place of constants.
fn weigh(grammar: &Grammar, expr: &Expr, random: &mut Random) -> Option<Expr> {
    let at = place(grammar, expr, random)?;
    let old = expr.subtree(expr.occurrence(at).ok()?).ok()?;
    let factor = number(libm::exp(0.3 * random.normal()))?;
    expr.replace_occurrence(at, &Expr::binary(BinaryOp::Mul, &factor, &old).ok()?).ok()
}

/// Another small formula in the place of a part.
fn replace(grammar: &Grammar, expr: &Expr, random: &mut Random) -> Option<Expr> {
    expr.replace_occurrence(place(grammar, expr, random)?, &grammar.small(random)?).ok()
}

/// One more weighted term, at the root or at a part.
fn term(grammar: &Grammar, expr: &Expr, random: &mut Random) -> Option<Expr> {
    let part = Expr::binary(BinaryOp::Mul, &number(weight(random))?, &grammar.small(random)?).ok()?;
    if random.below(2) == 0 {
        return Expr::binary(BinaryOp::Add, expr, &part).ok();
    }
    let at = place(grammar, expr, random)?;
    let old = expr.subtree(expr.occurrence(at).ok()?).ok()?;
    expr.replace_occurrence(at, &Expr::binary(operator(random), &old, &part).ok()?).ok()
}

/// Two parts joined another way.
fn swap_operator(grammar: &Grammar, expr: &Expr, random: &mut Random) -> Option<Expr> {
    let at = place(grammar, expr, random)?;
    let id = expr.occurrence(at).ok()?;
    let Node::Binary(_, left, right) = expr.node(id).clone() else { return None };
    let (left, right) = (expr.subtree(left).ok()?, expr.subtree(right).ok()?);
    expr.replace_occurrence(at, &Expr::binary(operator(random), &left, &right).ok()?).ok()
}

/// A part in the place of what it was a part of.
fn hoist(grammar: &Grammar, expr: &Expr, random: &mut Random) -> Option<Expr> {
    let at = place(grammar, expr, random)?;
    let children: Vec<NodeId> = expr.node(expr.occurrence(at).ok()?).children().collect();
    let child = *children.get(random.below(children.len() as u64) as usize)?;
    expr.replace_occurrence(at, &expr.subtree(child).ok()?).ok()
}

/// Another formula under a condition.
fn branch(grammar: &Grammar, expr: &Expr, random: &mut Random) -> Option<Expr> {
    let at = place(grammar, expr, random)?;
    let old = expr.subtree(expr.occurrence(at).ok()?).ok()?;
    let other = match random.below(3) {
        0 => grammar.small(random)?,
        1 => Expr::number(0.0).ok()?,
        _ => Expr::binary(BinaryOp::Add, &old, &grammar.small(random)?).ok()?,
    };
    let condition = grammar.condition(random)?;
    let (yes, no) = if random.below(2) == 0 { (&old, &other) } else { (&other, &old) };
    expr.replace_occurrence(at, &Expr::choice(&condition, yes, no).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_expr::{Input, Measure, Schema};
    use proptest::prelude::*;

    fn grammar() -> Grammar {
        let column = |name: &str, measure| Input::column(name, measure, 0, 1 << 30);
        let schema = Schema::try_new(vec![
            column("cpu_left", Measure::MILLICORES),
            column("cpu_cap", Measure::MILLICORES),
            column("wait", Measure::MILLIS),
            column("count", Measure::PLAIN),
        ])
        .unwrap();
        Grammar::try_new(schema, &["cpu_left", "cpu_cap", "wait", "count"], 21).unwrap()
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_is_a_candidate_and_another_one(seed in any::<u64>()) {
            let grammar = grammar();
            let mut random = Random::new(seed);
            let mut a = Expr::parse("cpu_left / cpu_cap").unwrap();
            let b = Expr::parse("if(wait / 1h > 2, count / 1e9, sqrt(cpu_cap / cpu_left))").unwrap();
            for round in 0..30 {
                let child = if round % 3 == 2 { cross(&grammar, &a, &b, &mut random) } else { mutate(&grammar, &a, &mut random) };
                let Some(child) = child else { continue };
                prop_assert!(grammar.allows(&child), "{child}");
                prop_assert!(child.fingerprint() != a.fingerprint());
                let text = child.to_string();
                prop_assert_eq!(Expr::parse(&text).unwrap().fingerprint(), child.fingerprint());
                a = child;
            }
        }
    }
}
