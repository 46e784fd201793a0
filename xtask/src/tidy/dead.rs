//! Rule `dead-file`: every Rust file of a crate is reached from a root of it through `mod`.
//!
//! Cargo compiles what the roots name and is silent about the rest, so a file left behind by a rename lives on and
//! misleads whoever searches for its words.

use super::Violation;
use super::source::mask;
use crate::workspace::{Package, Workspace};
use anyhow::Result;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Files no root reaches.
pub fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut broken = Vec::new();
    for package in workspace.packages()? {
        let own: BTreeSet<&Path> = workspace.with_extension("rs").filter(|f| f.starts_with(&package.path)).collect();
        let mut open: Vec<PathBuf> =
            own.iter().filter(|file| is_root(&package, file)).map(|file| file.to_path_buf()).collect();
        let mut reached: BTreeSet<PathBuf> = open.iter().cloned().collect();
        while let Some(file) = open.pop() {
            let text = workspace.text(&file)?.unwrap_or_default();
            for next in named(&text, &file, is_root(&package, &file)) {
                if own.contains(next.as_path()) && reached.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        broken.extend(own.into_iter().filter(|file| !reached.contains(*file)).map(|file| Violation {
            path: file.to_owned(),
            line: 0,
            rule: "dead-file",
            wrong: "no `mod` reaches this file, so it is never compiled".into(),
            mend: "declare it in its parent, or remove it".into(),
        }));
    }
    Ok(broken)
}

/// Files that cargo finds by itself, or that the manifest names.
fn is_root(package: &Package, file: &Path) -> bool {
    let Ok(inner) = file.strip_prefix(&package.path) else { return false };
    if package.targets.iter().any(|target| target == file) {
        return true;
    }
    let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    matches!(
        parts.as_slice(),
        ["build.rs"]
            | ["src", "lib.rs" | "main.rs"]
            | ["src", "bin", _]
            | ["src", "bin", _, "main.rs"]
            | ["tests" | "benches" | "examples", _]
            | ["tests" | "benches" | "examples", _, "main.rs"]
    )
}

/// Files that `mod name;`, `#[path]` and `include!` of this file may mean.
fn named(text: &str, file: &Path, is_root: bool) -> Vec<PathBuf> {
    let dir = file.parent().unwrap_or(Path::new(""));
    let stem = file.file_stem().unwrap_or_default();
    let base = if is_root || stem == "mod" { dir.to_owned() } else { dir.join(stem) };
    let mut files: Vec<PathBuf> = Vec::new();
    for place in modules(&mask(text)) {
        files.push(base.join(format!("{place}.rs")));
        files.push(base.join(place).join("mod.rs"));
    }
    for opening in ["#[path = \"", "include!(\""] {
        let quoted = text.split(opening).skip(1).filter_map(|rest| rest.split('"').next());
        files.extend(quoted.map(|path| normal(&dir.join(path))));
    }
    files
}

/// `a/b` for each `mod b;` within `mod a { … }`, in masked text.
fn modules(masked: &str) -> Vec<String> {
    let (mut depth, mut inside, mut found) = (0_usize, Vec::<(usize, String)>::new(), Vec::new());
    let spaced = masked.replace('{', " { ").replace('}', " } ").replace(';', " ; ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        match *word {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inside.retain(|(opened, _)| *opened < depth + 1);
            }
            "mod" => match (words.get(at + 1), words.get(at + 2)) {
                (Some(name), Some(&"{")) => inside.push((depth + 1, (*name).to_owned())),
                (Some(name), Some(&";")) => {
                    let path = inside.iter().map(|(_, outer)| outer.as_str()).chain([*name]);
                    found.push(path.collect::<Vec<_>>().join("/"));
                }
                _ => {}
            },
            _ => {}
        }
    }
    found
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut done, part| {
        match part {
            Component::ParentDir => {
                done.pop();
            }
            Component::CurDir => {}
            other => done.push(other),
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn nested_modules_keep_their_path() {
        assert_eq!(
            modules("mod a; pub(crate) mod b { mod c; mod d { mod e; } mod f; } mod g;"),
            ["a", "b/c", "b/d/e", "b/f", "g"]
        );
    }

    #[test]
    fn a_file_that_no_module_names_is_dead() {
        let manifest = "[package]\nname = \"plimsoll-a\"\n[[test]]\nname = \"own\"\npath = \"fixtures/own.rs\"\n";
        let files = [
            ("crates/a/Cargo.toml", manifest),
            ("crates/a/src/lib.rs", "mod one;\nmod two;\n// mod three;\n#[path = \"odd/name.rs\"]\nmod five;\n"),
            ("crates/a/src/one.rs", "mod inner;\n"),
            ("crates/a/src/one/inner.rs", ""),
            ("crates/a/src/two/mod.rs", "mod leaf;\n"),
            ("crates/a/src/two/leaf.rs", ""),
            ("crates/a/src/three.rs", ""),
            ("crates/a/src/odd/name.rs", ""),
            ("crates/a/src/bin/tool.rs", ""),
            ("crates/a/fixtures/own.rs", ""),
            ("crates/a/fixtures/stray.rs", ""),
            ("crates/a/tests/all.rs", "mod common;\n"),
            ("crates/a/tests/common/mod.rs", ""),
            ("crates/a/tests/left/mod.rs", ""),
        ];
        assert_eq!(
            found(check, &files),
            ["crates/a/fixtures/stray.rs:0", "crates/a/src/three.rs:0", "crates/a/tests/left/mod.rs:0"]
        );
    }
}
