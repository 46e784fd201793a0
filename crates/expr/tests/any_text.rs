//! Any text at all gives an expression or an error with its place, never a panic.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use plimsoll_expr::{Expr, PolicyFile};
use proptest::prelude::*;

/// Pieces from which almost-programs are made.
const TOKENS: &[&str] = &[
    "let",
    "if",
    "and",
    "or",
    "not",
    "true",
    "false",
    "min",
    "max",
    "abs",
    "clamp",
    "sqrt",
    "log2",
    "exp",
    "floor",
    "pow",
    "(",
    ")",
    ",",
    ";",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "a",
    "b.c",
    "x",
    "1",
    "0",
    "2.5",
    "1e3",
    "1e999",
    "3cpu",
    "4GiB",
    "5min",
    "6parsec",
    "# c\n",
    "\n",
    "# name: n\n",
    "# kind: node\n",
    ".",
    "é",
    "_",
    "a.",
];

/// What every text must pass.
fn check(text: &str) -> Result<(), TestCaseError> {
    match Expr::parse(text) {
        Ok(expr) => {
            prop_assert_eq!(&Expr::parse(&expr.to_string()).unwrap(), &expr);
            prop_assert!(expr.simplify().len() <= expr.len());
        }
        Err(error) => {
            let place = error.place;
            let lines = text.split('\n').count();
            prop_assert!(place.line >= 1 && place.column >= 1 && place.line as usize <= lines, "{}", error);
            let line = text.split('\n').nth(place.line as usize - 1).unwrap();
            prop_assert!(place.column as usize <= line.chars().count() + 1, "{} in {:?}", error, line);
        }
    }
    if let Ok(policy) = PolicyFile::parse(text) {
        prop_assert_eq!(PolicyFile::parse(&policy.to_string()).unwrap(), policy);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn any_characters(text in "\\PC{0,60}") {
        check(&text)?;
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        check(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn any_tokens(tokens in prop::collection::vec(prop::sample::select(TOKENS.to_vec()), 0..40), spaced in any::<bool>()) {
        check(&tokens.join(if spaced { " " } else { "" }))?;
    }

    #[test]
    fn a_policy_with_some_characters_changed(at in 0..200_usize, with in "\\PC{0,3}", cut in 0..5_usize) {
        let file = "# name: fgd\n# kind: node\n# ties: lowest-name\n# round: 100\n# source: a paper\n# about: what\n#   it is\n\n\
            let share = 0.6 * cpu_free / cpu_cap; # free\nif(share > 0.5 and not (mem < 2GiB), 100 * share, min(1, 2, 3))\n";
        let characters: Vec<char> = file.chars().collect();
        let at = at.min(characters.len());
        let end = (at + cut).min(characters.len());
        let text: String = characters[..at].iter().copied().chain(with.chars()).chain(characters[end..].iter().copied()).collect();
        check(&text)?;
    }
}
