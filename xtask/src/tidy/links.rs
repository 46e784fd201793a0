//! Rule `links`: a relative link in a Markdown file leads to a file of the project, and its anchor to a heading.

use super::Violation;
use crate::workspace::Workspace;
use anyhow::Result;
use std::path::{Component, Path, PathBuf};

/// Links that lead nowhere.
pub fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut broken = Vec::new();
    for path in workspace.with_extension("md") {
        let Some(text) = workspace.text(path)? else { continue };
        for (line, target) in links(&text) {
            if let Some(wrong) = problem(workspace, path, &target)? {
                let mend = "mend the link, or add what it names".to_owned();
                broken.push(Violation { path: path.to_owned(), line, rule: "links", wrong, mend });
            }
        }
    }
    Ok(broken)
}

/// `(line, target)` of every inline link and image outside code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, content) in prose(text) {
        let content: String = content.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for rest in content.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            found.push((line, target.trim_matches(['<', '>']).to_owned()));
        }
    }
    found
}

/// Lines outside fenced code, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence).then_some((index + 1, line))
    })
}

fn problem(workspace: &Workspace, from: &Path, target: &str) -> Result<Option<String>> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(None);
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { from.to_owned() } else { resolve(from, file) };
    let is_folder = workspace.files.iter().any(|known| known.starts_with(&path));
    if !is_folder {
        return Ok(Some(format!("the link `{target}` leads to no file of the project")));
    }
    let Some(anchor) = anchor.filter(|_| path.extension().is_some_and(|extension| extension == "md")) else {
        return Ok(None);
    };
    let text = workspace.text(&path)?.unwrap_or_default();
    let is_heading = prose(&text).any(|(_, line)| line.starts_with('#') && slug(line) == anchor);
    Ok((!is_heading).then(|| format!("the link `{target}` leads to no heading of {}", path.display())))
}

fn resolve(from: &Path, file: &str) -> PathBuf {
    let base = if file.starts_with('/') { Path::new("") } else { from.parent().unwrap_or(Path::new("")) };
    let mut path = PathBuf::new();
    for part in base.join(file.trim_start_matches('/')).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

/// The anchor that renderers make of a heading.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn links_in_code_are_no_links() {
        let text = "[a](b.md) and `[c](d.md)`\n```\n[e](f.md)\n```\n![g](h.png \"title\")\n";
        assert_eq!(links(text), [(1, "b.md".to_owned()), (5, "h.png".to_owned())]);
    }

    #[test]
    fn an_anchor_is_the_heading_in_small_letters_with_dashes() {
        assert_eq!(slug("## CPU utilisation, against `request`"), "cpu-utilisation-against-request");
    }

    #[test]
    fn a_link_to_no_file_and_one_to_no_heading_are_named() {
        let readme = "# Top\n[ok](docs/a.md) [dir](docs) [here](#top) [far](https://example.org/x)\n[b](docs/b.md)\n\
            [c](docs/a.md#two-words)\n[d](docs/a.md#three)\n";
        let files =
            [("README.md", readme), ("docs/a.md", "## Two words\n[up](../README.md)\n[lost](../../README.txt)\n")];
        assert_eq!(found(check, &files), ["README.md:3", "README.md:5", "docs/a.md:3"]);
    }
}
