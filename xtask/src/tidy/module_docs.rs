//! Rule `module-docs`: every Rust file opens with `//!` and says what it is.

use super::Violation;
use crate::workspace::Workspace;
use anyhow::Result;

/// Files whose first line (below a shebang or inner attributes) is no module doc.
pub fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut broken = Vec::new();
    for path in workspace.with_extension("rs") {
        let Some(text) = workspace.text(path)? else { continue };
        if !opens_with_docs(&text) {
            broken.push(Violation {
                path: path.to_owned(),
                line: 1,
                rule: "module-docs",
                wrong: "the file does not open with `//!`".into(),
                mend: "say in the first lines what the file is, why it is so, and what it must not do".into(),
            });
        }
    }
    Ok(broken)
}

fn opens_with_docs(text: &str) -> bool {
    text.lines().next().and_then(|line| line.strip_prefix("//!")).is_some_and(|doc| doc.trim().len() > 3)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::check;

    #[test]
    fn a_file_without_docs_is_named() {
        let files = [
            ("crates/a/src/lib.rs", "//! The nouns.\n"),
            ("crates/a/src/b.rs", "use std::fmt;\n//! Too late.\n"),
            ("crates/a/src/c.rs", "//!\n"),
        ];
        assert_eq!(found(check, &files), ["crates/a/src/b.rs:1", "crates/a/src/c.rs:1"]);
    }
}
