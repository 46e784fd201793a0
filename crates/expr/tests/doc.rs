//! Every example of `docs/expressions.md` says what the language does: results, errors, bounds, directions, suffixes, functions.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use plimsoll_expr::{Columns, Compiled, Dimension, Expr, Input, Measure, PolicyFile, Schema, Scratch, Suffix};

const PAGE: &str = include_str!("../../../docs/expressions.md");

/// The contents of the blocks of one kind.
fn blocks(kind: &str) -> Vec<String> {
    let (mut found, mut open): (Vec<String>, Option<bool>) = (Vec::new(), None);
    for line in PAGE.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(of), None) => {
                open = Some(of == kind);
                if of == kind {
                    found.push(String::new());
                }
            }
            (Some(_), Some(_)) => open = None,
            (None, Some(true)) => {
                let block = found.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            _ => {}
        }
    }
    found
}

/// The cells of the table whose first heading is this.
fn table(heading: &str) -> Vec<Vec<String>> {
    let start = PAGE.lines().skip_while(|line| !line.starts_with(&format!("| {heading} |"))).skip(2);
    let rows = start.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn schema() -> Schema {
    let rows = table("input");
    let input = |row: &Vec<String>| {
        let measure = match row[1].as_str() {
            "millicore" => Measure::MILLICORES,
            "mebibyte" => Measure::MEBIBYTES,
            "second" => Measure::SECONDS,
            "micromoney" => Measure::MICROMONEY,
            "plain" => Measure::PLAIN,
            other => panic!("the table names a step `{other}`"),
        };
        Input::column(quoted(&row[0])[0], measure, row[2].parse().unwrap(), row[3].parse().unwrap())
    };
    let schema = Schema::try_new(rows.iter().map(input).collect()).unwrap();
    let facts = rows.iter().filter(|row| row[4].ends_with("never exceeds it"));
    facts.fold(schema, |schema, row| schema.with_fact(quoted(&row[4])[0], quoted(&row[0])[0]).unwrap())
}

/// `a = 1, b = 2` as a row of the schema.
fn row(text: &str, schema: &Schema) -> Vec<i64> {
    let mut row = vec![0; schema.inputs().len()];
    for part in text.split(", ") {
        let (name, value) = part.split_once(" = ").unwrap();
        row[schema.id(name).unwrap_or_else(|| panic!("{name}")).index()] = value.parse().unwrap();
    }
    row
}

fn check_result(expr: &Expr, given: &str, expected: &str, schema: &Schema) {
    let row = row(given, schema);
    let expected: f64 = expected.parse().unwrap();
    let found = expr.walk(schema, &row).unwrap();
    assert!((found - expected).abs() < 1e-9, "{expr} with {given} is {found}, not {expected}");
    let compiled = Compiled::try_new(expr, schema).unwrap();
    let mut columns = Columns::try_new(schema, 1, schema.ids()).unwrap();
    schema.ids().for_each(|id| columns.set(id, 0, row[id.index()]).unwrap());
    let mut out = [0];
    compiled.eval_columns(&columns, &mut Scratch::default(), &mut out).unwrap();
    assert_eq!(out[0], (expected * 1e6).round() as i64, "{expr} with {given}");
}

#[test]
fn examples_give_what_the_page_says() {
    let schema = schema();
    let mut checked = 0;
    for block in blocks("expr") {
        let expr = Expr::parse(&block).unwrap_or_else(|error| panic!("{error} in\n{block}"));
        for claim in block.lines().filter_map(|line| line.strip_prefix("#> ")) {
            checked += 1;
            if let Some((given, expected)) = claim.split_once(" gives ") {
                check_result(&expr, given, expected, &schema);
            } else if let Some(said) = claim.strip_prefix("bounds ") {
                let bounds = expr.bounds(&schema).unwrap();
                let round = |bound: f64| (bound * 1e9).round() / 1e9;
                assert_eq!(format!("{} to {}", round(bounds.lo), round(bounds.hi)), said, "{expr}");
            } else if let Some(said) = claim.strip_prefix("moves ") {
                let moves = expr.monotonicity(&schema).unwrap();
                let moves: Vec<String> = moves.iter().map(|(name, how)| format!("{name} {}", how.name())).collect();
                assert_eq!(moves.join(", "), said, "{expr}");
            } else {
                panic!("`{claim}` is no claim");
            }
        }
    }
    assert!(checked >= 15, "{checked} claims");
}

#[test]
fn errors_are_those_of_the_page() {
    let schema = schema();
    let found = blocks("expr-error");
    assert!(found.len() >= 4);
    for block in found {
        let expected = block.lines().find_map(|line| line.strip_prefix("#! ")).unwrap();
        let said = match Expr::parse(&block) {
            Err(error) => error.to_string(),
            Ok(expr) => expr.bounds(&schema).unwrap_err().to_string(),
        };
        assert_eq!(said, expected);
    }
}

#[test]
fn policies_of_the_page_can_be_used() {
    let found = blocks("policy");
    assert!(!found.is_empty());
    for block in found {
        let policy = PolicyFile::parse(&block).unwrap();
        let schema = schema();
        let compiled = policy.compile(&schema).unwrap();
        let half = row("cpu_free = 2001, cpu_cap = 4000, mem_free = 1, mem_cap = 2", &schema);
        assert_eq!((policy.name.as_str(), compiled.eval_row(&half).unwrap()), ("most-allocated", 49));
    }
}

#[test]
fn the_tables_name_every_suffix_and_every_function() {
    let rows = table("dimension");
    assert_eq!(rows.len(), Dimension::ALL.len());
    for (row, dimension) in rows.iter().zip(Dimension::ALL) {
        assert!(row[0].starts_with(dimension.name()));
        let mut named = quoted(&row[1]);
        let mut known: Vec<&str> = Suffix::ALL.iter().filter(|s| s.dimension == dimension).map(|s| s.text).collect();
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known);
    }
    let functions = table("function").iter().map(|row| row[0].clone()).collect::<Vec<_>>().join(" ");
    let known = Expr::parse("nothing(1)").unwrap_err().to_string();
    for function in known.split("there is: ").nth(1).unwrap().split(", ") {
        assert!(functions.contains(&format!("`{function}(")), "{function} is not on the page");
    }
}
