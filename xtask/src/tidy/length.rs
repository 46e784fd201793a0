//! Rules `fn-length` and `file-length`: a function fits one screen, a file is one thing.
//!
//! A function's length is its lines of code between its braces, without blank lines and comments, as clippy counts
//! them (its `too_many_lines` has the same bound; this one also sees code that no feature compiles). A file's length is
//! all its lines; integration tests are excepted, whose goldens are as long as what they show.

use super::Violation;
use super::source::{closing, is_word, line_of, mask};
use crate::workspace::Workspace;
use anyhow::Result;

/// Most lines of code in one function: one screen.
const FUNCTION_LINES_MAX: usize = 80;
/// Most lines in one file, unit tests and docs included.
const FILE_LINES_MAX: usize = 600;

/// Functions and files over the bounds.
pub fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut broken = Vec::new();
    for path in workspace.with_extension("rs") {
        let Some(text) = workspace.text(path)? else { continue };
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX && !path.iter().any(|part| part == "tests") {
            broken.push(Violation {
                path: path.to_owned(),
                line: 0,
                rule: "file-length",
                wrong: format!("{lines} lines, and {FILE_LINES_MAX} are the most"),
                mend: "split it along the things it is about; move a long table of tests beside it".into(),
            });
        }
        let long = functions(&text).into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
        broken.extend(long.map(|function| Violation {
            path: path.to_owned(),
            line: function.at,
            rule: "fn-length",
            wrong: format!("`{}` has {} lines, and {FUNCTION_LINES_MAX} are the most", function.name, function.lines),
            mend: "keep the branching here and move the arithmetic into functions of their own".into(),
        }));
    }
    Ok(broken)
}

/// Prints the longest files, so that one sees which will need a split next.
pub fn print_longest(workspace: &Workspace) -> Result<()> {
    let mut lengths = Vec::new();
    for path in workspace.with_extension("rs") {
        lengths.push((workspace.text(path)?.unwrap_or_default().lines().count(), path));
    }
    lengths.sort_by(|a, b| b.cmp(a));
    let longest: Vec<String> = lengths.iter().take(5).map(|(n, path)| format!("{} {n}", path.display())).collect();
    println!("tidy: longest files (at most {FILE_LINES_MAX} lines): {}", longest.join(", "));
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    at: usize,
    lines: usize,
}

/// Every function with a body, nested ones too.
fn functions(text: &str) -> Vec<Function> {
    let masked = mask(text);
    let bytes = masked.as_bytes();
    let starts = masked.match_indices("fn ").map(|(at, _)| at);
    let starts = starts.filter(|at| *at == 0 || !is_word(bytes[at - 1]));
    starts.filter_map(|at| function(&masked, at)).collect()
}

fn function(masked: &str, at: usize) -> Option<Function> {
    let rest = &masked[at + 3..];
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let open = at + masked[at..].find(['{', ';'])?;
    if name.is_empty() || masked.as_bytes()[open] == b';' {
        return None;
    }
    let close = closing(masked, open)?;
    let lines = masked[open + 1..close].lines().filter(|line| !line.trim().is_empty()).count();
    Some(Function { name, at: line_of(masked, at), lines })
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_function_is_counted_without_blank_lines_and_comments() {
        let text = "fn short() -> u8 { 1 }\n\nfn long() {\n    // why {\n    a();\n\n    b(\"}\");\n}\ntrait T { fn no_body(); }\n";
        let expected = [("short", 1, 1), ("long", 3, 2)];
        let expected = expected.map(|(name, at, lines)| Function { name: name.into(), at, lines });
        assert_eq!(functions(text), expected);
    }

    #[test]
    fn what_is_too_long_is_named_unless_it_says_why() {
        let body = |lines: usize| format!("//! Docs.\nfn f() {{\n{}}}\n", "    x();\n".repeat(lines));
        let allowed = format!("//! Docs.\n// tidy: allow(file-length): a table of the RFC\n{}", "x!();\n".repeat(700));
        let files = [
            ("crates/a/src/fits.rs", body(80)),
            ("crates/a/src/long.rs", body(81)),
            ("crates/a/src/huge.rs", body(700)),
            ("crates/a/tests/golden.rs", format!("//! Docs.\n{}", "x!();\n".repeat(700))),
            ("crates/a/src/table.rs", allowed),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let expected = ["crates/a/src/huge.rs:0", "crates/a/src/huge.rs:2", "crates/a/src/long.rs:2"];
        assert_eq!(found(check, &files), expected);
    }
}
