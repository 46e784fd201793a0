//! Rule `pages`: a page that the binary serves is one file, small, and loads nothing from elsewhere.
//!
//! The dashboard has to work on a machine without a network, under a content security policy that allows only what came
//! with it. A script, style, font or picture from another host would fail there, and nobody would notice on a developer's
//! machine.

use super::Violation;
use crate::workspace::Workspace;
use anyhow::Result;

/// A phone on a bad line loads this in a second.
const PAGE_BYTES_MAX: usize = 100_000;

/// What loads something, or would run something that came from elsewhere.
const LOADERS: &[&str] = &[
    "src=\"",
    "src='",
    "@import",
    "url(http",
    "url(//",
    "<iframe",
    "innerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
];

/// The name of a vocabulary, not an address that anything is loaded from.
const VOCABULARY: &str = "http://www.w3.org/";

/// Pages that are too long, and lines that load something or turn text into markup.
pub fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut broken = Vec::new();
    for path in workspace.with_extension("html") {
        let Some(text) = workspace.text(path)? else { continue };
        let violation = |line: usize, wrong: String, mend: &str| Violation {
            path: path.to_owned(),
            line,
            rule: "pages",
            wrong,
            mend: mend.to_owned(),
        };
        if text.len() > PAGE_BYTES_MAX {
            let wrong = format!("{} bytes, and {PAGE_BYTES_MAX} are the most", text.len());
            broken.push(violation(0, wrong, "draw with less"));
        }
        for (index, line) in text.lines().enumerate() {
            if let Some(loader) = loads(line) {
                let wrong = format!("`{loader}` loads something or makes markup of text");
                broken.push(violation(
                    index + 1,
                    wrong,
                    "put it into the page itself, and text in through textContent",
                ));
            }
        }
    }
    Ok(broken)
}

fn loads(line: &str) -> Option<&'static str> {
    let line = line.replace(VOCABULARY, "");
    let found = LOADERS.iter().find(|loader| line.contains(**loader)).copied();
    found.or_else(|| (line.contains("http://") || line.contains("https://")).then_some("http"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::check;

    #[test]
    fn a_page_that_loads_something_or_is_too_long_is_named() {
        let long = "x\n".repeat(60_000);
        let files = [
            ("crates/a/assets/fine.html", "<svg xmlns='http://www.w3.org/2000/svg'></svg>\n<script>go()</script>\n"),
            ("crates/a/assets/font.html", "<style>\n@import 'x.css';\n</style>\n<script src=\"x.js\"></script>\n"),
            ("crates/a/assets/long.html", long.as_str()),
            ("crates/a/assets/markup.html", "<script>box.innerHTML = text</script>\n"),
        ];
        let expected = [
            "crates/a/assets/font.html:2",
            "crates/a/assets/font.html:4",
            "crates/a/assets/long.html:0",
            "crates/a/assets/markup.html:1",
        ];
        assert_eq!(found(check, &files), expected);
    }
}
