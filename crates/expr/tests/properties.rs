//! What holds for every expression: made up at random, in text and in value.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use plimsoll_expr::{
    BinaryOp, Columns, Compiled, Direction, Expr, Input, Measure, Node, Options, Output, Schema, Scratch, Suffix,
    UnaryOp,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

const INPUTS: [(&str, i64, i64); 6] =
    [("a", 0, 100), ("b", 1, 64_000), ("c", -50, 50), ("d", 0, 1), ("e", -3, -1), ("s", -10, 1 << 40)];

fn schema() -> Schema {
    let input = |(name, least, most): (&str, i64, i64)| {
        let make = if name == "s" { Input::scalar } else { Input::column };
        make(name, Measure::PLAIN, least, most)
    };
    Schema::try_new(INPUTS.map(input).to_vec()).unwrap()
}

fn leaf() -> impl Strategy<Value = Expr> {
    let number = prop_oneof![
        (-20_i32..20).prop_map(f64::from),
        -1e3..1e3_f64,
        prop::sample::select(vec![0.1, 0.5, 1e300, -1e300, 1e-300, f64::MAX, 5e-324]),
    ];
    prop_oneof![
        2 => number.prop_map(|value| Expr::number(value).unwrap()),
        4 => prop::sample::select(INPUTS.to_vec()).prop_map(|(name, ..)| Expr::input(name).unwrap()),
    ]
}

fn unary_ops() -> Vec<UnaryOp> {
    UnaryOp::ALL.into_iter().filter(|op| !op.is_logic()).collect()
}

fn binary_ops(keep: impl Fn(BinaryOp) -> bool) -> Vec<BinaryOp> {
    BinaryOp::ALL.into_iter().filter(|op| keep(*op)).collect()
}

/// A condition of two numbers, perhaps turned over, or joined with one of others.
fn condition(a: Expr, b: Expr, c: Expr, op: BinaryOp, join: BinaryOp, shape: u8) -> Expr {
    let first = Expr::binary(op, &a, &b).unwrap();
    let second = Expr::binary(BinaryOp::Lt, &b, &c).unwrap();
    match shape {
        0 => first,
        1 => Expr::unary(UnaryOp::Not, &first).unwrap(),
        2 => Expr::binary(join, &first, &Expr::truth(true).unwrap()).unwrap(),
        _ => Expr::binary(join, &first, &second).unwrap(),
    }
}

fn numbers() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(6, 60, 3, |inner| {
        let arithmetic = binary_ops(|op| !op.is_logic() && !op.is_comparison());
        let comparison = prop::sample::select(binary_ops(BinaryOp::is_comparison));
        let join = prop::sample::select(binary_ops(BinaryOp::is_logic));
        prop_oneof![
            1 => (prop::sample::select(unary_ops()), inner.clone()).prop_map(|(op, a)| Expr::unary(op, &a).unwrap()),
            4 => (prop::sample::select(arithmetic), inner.clone(), inner.clone())
                .prop_map(|(op, a, b)| Expr::binary(op, &a, &b).unwrap()),
            1 => (inner.clone(), inner.clone(), inner, comparison, join, 0..4_u8).prop_map(|(a, b, c, op, join, shape)| {
                Expr::choice(&condition(a.clone(), b.clone(), c, op, join, shape), &a, &b).unwrap()
            }),
        ]
    })
}

fn rows() -> impl Strategy<Value = Vec<Vec<i64>>> {
    let row = INPUTS.map(
        |(_, least, most)| prop_oneof![6 => (least..=most).boxed(), 1 => Just(0).boxed(), 1 => any::<i64>().boxed()],
    );
    prop::collection::vec(row.to_vec(), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_printed_reads_back_as_the_same(expr in numbers()) {
        let text = expr.to_string();
        prop_assert_eq!(&Expr::parse(&text).unwrap(), &expr, "{}", text);
        let simple = expr.simplify();
        let text = simple.to_string();
        prop_assert_eq!(&Expr::parse(&text).unwrap(), &simple, "{}", text);
    }

    #[test]
    fn the_canonical_form_has_the_same_bits_and_is_its_own(expr in numbers(), rows in rows()) {
        let (schema, simple) = (schema(), expr.simplify());
        prop_assert_eq!(&simple.simplify(), &simple);
        prop_assert!(simple.len() <= expr.len());
        prop_assert_eq!(expr.fingerprint(), simple.fingerprint());
        for row in rows {
            let (one, other) = (expr.walk(&schema, &row).unwrap(), simple.walk(&schema, &row).unwrap());
            prop_assert_eq!(one.to_bits(), other.to_bits(), "{} became {}", expr, simple);
            prop_assert!(one.is_finite());
        }
    }

    #[test]
    fn columns_equal_the_walk_bit_for_bit(expr in numbers(), few in rows(), repeats in 1..200_usize) {
        let schema = schema();
        let options = Options { unit: None, output: Output::Order };
        let compiled = Compiled::with(&expr, &schema, options).unwrap();
        // All rows of a call share the scalar.
        let scalar = few[0][5];
        let rows: Vec<Vec<i64>> = few.iter().cycle().take(few.len() * repeats).cloned().collect();
        let mut columns = Columns::try_new(&schema, rows.len(), compiled.inputs().iter().copied()).unwrap();
        for id in compiled.inputs().iter().filter(|id| id.index() < 5) {
            columns.fill(*id, &rows.iter().map(|row| row[id.index()]).collect::<Vec<i64>>()).unwrap();
        }
        columns.set_scalar(schema.id("s").unwrap(), scalar).unwrap();
        let (mut scratch, mut out) = (Scratch::default(), vec![0; rows.len()]);
        // Twice, so that what is left in the scratch shows.
        compiled.eval_columns(&columns, &mut scratch, &mut out).unwrap();
        compiled.eval_columns(&columns, &mut scratch, &mut out).unwrap();
        for (row, found) in rows.iter().zip(&out).take(few.len()) {
            let row = [&row[..5], &[scalar]].concat();
            let (oracle, (least, most)) = (compiled.eval_row(&row).unwrap(), compiled.bounds());
            prop_assert_eq!(oracle, *found, "{} as {}", expr, compiled.body());
            prop_assert!((least..=most).contains(found), "{} not in {}..{}", found, least, most);
        }
        prop_assert!(out.chunks(few.len()).all(|chunk| chunk == &out[..few.len()]));
        let last = rows.len() - 1;
        let mut one = [0];
        compiled.eval_rows(&columns, last..rows.len(), &mut scratch, &mut one).unwrap();
        prop_assert_eq!(one[0], out[last]);
    }

    #[test]
    fn bounds_hold(expr in numbers(), rows in rows()) {
        let schema = schema();
        let bounds = expr.bounds(&schema).unwrap();
        for row in rows {
            let value = expr.walk(&schema, &row).unwrap();
            prop_assert!(bounds.holds(value), "{} of {} not in {}", value, expr, bounds);
        }
    }

    #[test]
    fn what_is_said_of_directions_holds(expr in numbers(), row in rows(), other in rows()) {
        let schema = schema();
        for (name, direction) in expr.monotonicity(&schema).unwrap() {
            let at = schema.id(&name).unwrap().index();
            let (mut low, mut high) = (row[0].clone(), row[0].clone());
            let input = &schema.inputs()[at];
            let moved = other[0][at].clamp(input.least, input.most);
            low[at] = low[at].clamp(input.least, input.most).min(moved);
            high[at] = high[at].clamp(input.least, input.most).max(moved);
            let (below, above) = (expr.walk(&schema, &low).unwrap(), expr.walk(&schema, &high).unwrap());
            let is_so = match direction {
                Direction::Constant => below == above,
                Direction::Rising => below <= above,
                Direction::Falling => below >= above,
                Direction::Unknown => true,
            };
            prop_assert!(is_so, "{} is not {} in {}: {} and {}", expr, direction.name(), name, below, above);
        }
    }

    #[test]
    fn parts_can_be_taken_out_and_put_in(expr in numbers(), other in numbers(), position in any::<u64>()) {
        let position = position % expr.occurrences();
        let id = expr.occurrence(position).unwrap();
        let part = expr.subtree(id).unwrap();
        prop_assert_eq!(&expr.replace(id, &part).unwrap(), &expr);
        prop_assert_eq!(&expr.replace_occurrence(position, &part).unwrap(), &expr);
        let is_possible = part.is_condition() == other.is_condition();
        prop_assert_eq!(expr.replace(id, &other).is_ok(), is_possible);
        if let Ok(changed) = expr.replace_occurrence(position, &other) {
            prop_assert_eq!(changed.subtree(changed.occurrence(position).unwrap()).unwrap(), other.clone());
            prop_assert_eq!(&Expr::parse(&changed.to_string()).unwrap(), &changed);
            prop_assert!(!expr.diff(&changed).contains('\n'));
        }
    }

    #[test]
    fn serialised_is_the_text(expr in numbers()) {
        let json = serde_json::to_string(&expr).unwrap();
        prop_assert_eq!(serde_json::from_str::<Expr>(&json).unwrap(), expr);
    }

    #[test]
    fn quantities_read_back_in_every_unit(value in -1e9..1e9_f64, whole in any::<i32>(), at in 0..Suffix::ALL.len()) {
        for value in [value, f64::from(whole)] {
            let expr = Expr::quantity(value, Suffix::ALL[at]).unwrap();
            prop_assert_eq!(&Expr::parse(&expr.to_string()).unwrap(), &expr, "{}", expr);
        }
    }
}

#[test]
fn every_operation_is_among_the_made_up_expressions() {
    // A sample of a strategy that never makes a `floor` would prove nothing about it.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut missing: Vec<&str> =
        UnaryOp::ALL.map(UnaryOp::text).into_iter().chain(BinaryOp::ALL.map(BinaryOp::text)).collect();
    for _ in 0..400 {
        let expr = numbers().new_tree(&mut runner).unwrap().current();
        for node in expr.nodes() {
            let op = match node {
                Node::Unary(op, _) => op.text(),
                Node::Binary(op, ..) => op.text(),
                _ => continue,
            };
            missing.retain(|known| *known != op);
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
