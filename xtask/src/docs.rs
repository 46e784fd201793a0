//! `cargo xtask docs`: rewrites every generated document.
//!
//! A generated document is the golden of a test: `crates/NAME/tests/docs.rs` compares what the code says with the file
//! in `docs/`, so a stale document fails `cargo test`; under `UPDATE_EXPECT=1` the same test writes the file. There is
//! thus one generator per document and no second program that could disagree with the test.

use crate::step::{cargo, run as run_command};
use crate::workspace::{Package, Workspace};
use anyhow::Result;

/// Rewrites the documents of every crate that has `tests/docs.rs`.
///
/// # Errors
/// When a crate's test cannot be built or fails.
pub fn run(workspace: &Workspace) -> Result<()> {
    let writers: Vec<Package> = workspace.packages()?.into_iter().filter(|p| is_writer(workspace, p)).collect();
    for package in &writers {
        let args = ["test", "--quiet", "-p", &package.name, "--test", "docs"];
        run_command(cargo(&workspace.root, args).env("UPDATE_EXPECT", "1"))?;
    }
    let names: Vec<&str> = writers.iter().map(|package| package.folder.as_str()).collect();
    match names.as_slice() {
        [] => println!("no crate has tests/docs.rs, so nothing is generated"),
        names => println!("rewrote the documents of {}", names.join(", ")),
    }
    Ok(())
}

fn is_writer(workspace: &Workspace, package: &Package) -> bool {
    workspace.files.contains(&package.path.join("tests/docs.rs"))
}
