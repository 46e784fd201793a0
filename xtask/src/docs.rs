//! `cargo xtask docs`: rewrites every generated document.
//!
//! A generated document is the golden of a test: an integration test compares what the code says with a file through
//! `expect_file!`, so a stale document fails `cargo test`; under `UPDATE_EXPECT=1` the same test writes the file. There
//! is thus one generator per document and no second program that could disagree with the test.

use crate::step::{cargo, run as run_command};
use crate::workspace::{Package, Workspace};
use anyhow::Result;

/// Runs every integration test that keeps a file fresh, in the mode that rewrites the file.
///
/// # Errors
/// When such a test cannot be built or fails.
pub fn run(workspace: &Workspace) -> Result<()> {
    let mut rewritten = Vec::new();
    for package in workspace.packages()? {
        for test in writers(workspace, &package)? {
            let args = ["test", "--quiet", "-p", &package.name, "--test", &test];
            run_command(cargo(&workspace.root, args).env("UPDATE_EXPECT", "1"))?;
            rewritten.push(format!("{}/{test}", package.folder));
        }
    }
    match rewritten.as_slice() {
        [] => println!("no integration test uses expect_file!, so nothing is generated"),
        names => println!("rewrote what these tests keep fresh: {}", names.join(", ")),
    }
    Ok(())
}

/// Names of the package's integration tests that compare with a file.
fn writers(workspace: &Workspace, package: &Package) -> Result<Vec<String>> {
    let folder = package.path.join("tests");
    let mut names = Vec::new();
    for path in workspace.with_extension("rs").filter(|path| path.parent() == Some(folder.as_path())) {
        if workspace.text(path)?.unwrap_or_default().contains("expect_file!") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    Ok(names)
}
