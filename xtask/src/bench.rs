//! `cargo xtask bench NAME`: the benchmarks of one crate, or one benchmark by its file's name.

use crate::step::{cargo, run as run_command};
use crate::workspace::{Package, Workspace};
use anyhow::{Result, bail};

/// One bench target.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bench {
    folder: String,
    package: String,
    target: String,
}

/// Runs what `name` stands for, or lists what there is.
///
/// # Errors
/// When the name is not known or a benchmark fails.
pub fn run(workspace: &Workspace, name: Option<&str>, args: &[String]) -> Result<()> {
    let benches = all(workspace)?;
    let Some(name) = name else {
        benches.iter().for_each(|bench| println!("{:<16} {}", bench.folder, bench.target));
        return Ok(());
    };
    let chosen = choose(&benches, name);
    if chosen.is_empty() {
        let mut known: Vec<&str> = benches.iter().flat_map(|b| [b.folder.as_str(), b.target.as_str()]).collect();
        known.sort_unstable();
        known.dedup();
        bail!("no benchmark is called {name:?}; there is: {}", known.join(", "));
    }
    for bench in chosen {
        let base = ["bench", "-p", &bench.package, "--bench", &bench.target, "--"];
        run_command(cargo(&workspace.root, base).args(args))?;
    }
    Ok(())
}

/// A crate's folder stands for all its benchmarks, any other name for the benchmarks of that name.
fn choose<'a>(benches: &'a [Bench], name: &str) -> Vec<&'a Bench> {
    let of_crate: Vec<&Bench> = benches.iter().filter(|bench| bench.folder == name).collect();
    if of_crate.is_empty() { benches.iter().filter(|bench| bench.target == name).collect() } else { of_crate }
}

fn all(workspace: &Workspace) -> Result<Vec<Bench>> {
    let packages = workspace.packages()?;
    Ok(packages.iter().flat_map(|package| of_package(workspace, package)).collect())
}

fn of_package(workspace: &Workspace, package: &Package) -> Vec<Bench> {
    let folder = package.path.join("benches");
    let in_folder = |path: &&std::path::Path| path.parent() == Some(folder.as_path());
    let targets = workspace.with_extension("rs").filter(in_folder).filter_map(|path| path.file_stem());
    let bench = |target: &std::ffi::OsStr| Bench {
        folder: package.folder.clone(),
        package: package.name.clone(),
        target: target.to_string_lossy().into_owned(),
    };
    targets.map(bench).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(folder: &str, target: &str) -> Bench {
        Bench { folder: folder.into(), package: format!("plimsoll-{folder}"), target: target.into() }
    }

    #[test]
    fn a_crate_stands_for_all_its_benchmarks_and_a_file_for_itself() {
        let benches = [bench("balance", "pick"), bench("balance", "tail"), bench("daemon", "idle")];
        assert_eq!(choose(&benches, "balance").len(), 2);
        assert_eq!(choose(&benches, "idle"), [&benches[2]]);
        assert!(choose(&benches, "nothing").is_empty());
    }
}
