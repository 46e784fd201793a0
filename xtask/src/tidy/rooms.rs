//! Rule `rooms`: a crate depends only on crates above it in the table of ARCHITECTURE.md.
//!
//! The table is read, not repeated here, so that the document and the check cannot differ. What a crate's own tests
//! need (`[dev-dependencies]`) is free: a test may drive a crate with one that lies below it.

use super::Violation;
use crate::workspace::{Package, Workspace};
use anyhow::{Context, Result};
use std::path::Path;

const DOCUMENT: &str = "ARCHITECTURE.md";
const HEADING: &str = "## Rooms";

/// Crates that are not in the table, and dependencies that point down it.
pub fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let text = workspace.text(Path::new(DOCUMENT))?.with_context(|| format!("{DOCUMENT} is not UTF-8"))?;
    let order = rooms(&text);
    let packages = workspace.packages()?;
    Ok(packages.iter().flat_map(|package| check_package(&order, &packages, package)).collect())
}

/// Folder names in the first column of the table below the heading, from above to below.
fn rooms(text: &str) -> Vec<String> {
    let section = text.lines().skip_while(|line| line.trim() != HEADING).skip(1);
    let section = section.take_while(|line| !line.starts_with("## "));
    let cells = section.filter_map(|line| line.strip_prefix('|')?.split('|').next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn check_package(order: &[String], packages: &[Package], package: &Package) -> Vec<Violation> {
    let broken = |wrong: String, mend: String| Violation {
        path: package.path.join("Cargo.toml"),
        line: 0,
        rule: "rooms",
        wrong,
        mend,
    };
    let place = |folder: &str| order.iter().position(|room| room == folder);
    let Some(own) = place(&package.folder) else {
        let wrong = format!("`{}` is not in the table of {DOCUMENT}", package.folder);
        return vec![broken(wrong, format!("add it under `{HEADING}`, below everything it depends on"))];
    };
    let above = |name: &String| {
        let other = packages.iter().find(|other| other.name == *name)?;
        let is_below = place(&other.folder).is_none_or(|place| place >= own);
        let wrong = format!("`{}` depends on `{}`, which is not above it", package.folder, other.folder);
        is_below.then(|| broken(wrong, "move what both need to a crate above both, or hand it in as a value".into()))
    };
    package.dependencies.iter().filter_map(above).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    const TABLE: &str = "# A\n\n## Rooms\n\n| crate | one sentence |\n| --- | --- |\n| `model` | The `nouns`. |\n\
        | `stats`, `expr` | Two. |\n| `gateway` | Third. |\n\n## Next\n\n| `not-a-room` | |\n";

    fn manifest(name: &str, dependency: &str) -> String {
        format!(
            "[package]\nname = \"plimsoll-{name}\"\n[dependencies]\n{dependency}\n[dev-dependencies]\nplimsoll-gateway = \"1\"\n"
        )
    }

    #[test]
    fn the_first_column_gives_the_order() {
        assert_eq!(rooms(TABLE), ["model", "stats", "expr", "gateway"]);
    }

    #[test]
    fn a_dependency_that_points_down_and_a_crate_without_a_room_are_named() {
        let (model, stats) = (manifest("model", ""), manifest("stats", "plimsoll-gateway.workspace = true"));
        let (gateway, attic) = (manifest("gateway", "plimsoll-model = \"1\""), manifest("attic", ""));
        let files = [
            ("ARCHITECTURE.md", TABLE),
            ("crates/attic/Cargo.toml", &attic),
            ("crates/gateway/Cargo.toml", &gateway),
            ("crates/model/Cargo.toml", &model),
            ("crates/stats/Cargo.toml", &stats),
        ];
        assert_eq!(found(check, &files), ["crates/attic/Cargo.toml:0", "crates/stats/Cargo.toml:0"]);
    }
}
