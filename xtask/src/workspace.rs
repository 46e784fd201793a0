//! Where things are: the root, the files that belong to the project, the crates and what they depend on.
//!
//! Files come from git (tracked, and new ones that are not ignored), so a rule is checked before the file is
//! committed and build output is never read. Manifests are read as TOML rather than through `cargo metadata`, so that
//! the checks need neither a network nor a resolved lock file.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's checkout.
#[derive(Debug)]
pub struct Workspace {
    /// Its top folder.
    pub root: PathBuf,
    /// Files of the project, relative to `root`, sorted.
    pub files: Vec<PathBuf>,
}

/// One crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its folder's name: `model`; `xtask` for this crate.
    pub folder: String,
    /// Its package name: `plimsoll-model`.
    pub name: String,
    /// Its folder relative to the root: `crates/model`.
    pub path: PathBuf,
    /// Names of packages it needs to build (not those of its tests).
    pub dependencies: Vec<String>,
    /// Files that the manifest names as targets, relative to the root.
    pub targets: Vec<PathBuf>,
}

impl Workspace {
    /// The workspace this program belongs to.
    ///
    /// # Errors
    /// When git cannot list the files.
    pub fn open() -> Result<Self> {
        // What cargo says at run time goes before what it said at build time: a target folder may be shared.
        let said = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let manifest = said.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = manifest.parent().context("xtask lies in the root of the workspace")?;
        Self::at(root)
    }

    /// The workspace in `root`.
    ///
    /// # Errors
    /// When git cannot list the files.
    pub fn at(root: &Path) -> Result<Self> {
        let listed = Command::new("git")
            .current_dir(root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("cannot run git")?;
        if !listed.status.success() {
            bail!("git ls-files failed in {}: {}", root.display(), String::from_utf8_lossy(&listed.stderr).trim());
        }
        let mut files: Vec<PathBuf> = String::from_utf8_lossy(&listed.stdout)
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .filter(|path| root.join(path).is_file())
            .collect();
        files.sort();
        files.dedup();
        Ok(Self { root: root.to_owned(), files })
    }

    /// The text of a file, or none when it is not UTF-8.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&self, path: &Path) -> Result<Option<String>> {
        let bytes = std::fs::read(self.root.join(path)).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// Files with this extension.
    pub fn with_extension<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = &'a Path> {
        self.files.iter().map(PathBuf::as_path).filter(move |path| path.extension().is_some_and(|e| e == extension))
    }

    /// Every crate, by path.
    ///
    /// # Errors
    /// When a manifest cannot be read or has no package name.
    pub fn packages(&self) -> Result<Vec<Package>> {
        let manifests = self.files.iter().filter(|path| {
            path.file_name().is_some_and(|name| name == "Cargo.toml")
                && path.parent().is_some_and(|dir| dir.starts_with("crates") || dir.starts_with("xtask"))
        });
        manifests.map(|manifest| self.package(manifest)).collect()
    }

    fn package(&self, manifest: &Path) -> Result<Package> {
        let text = self.text(manifest)?.with_context(|| format!("{} is not UTF-8", manifest.display()))?;
        let table: toml::Table = text.parse().with_context(|| format!("cannot read {}", manifest.display()))?;
        let name = table.get("package").and_then(|p| p.get("name")).and_then(toml::Value::as_str);
        let name = name.with_context(|| format!("{} names no package", manifest.display()))?.to_owned();
        let path = manifest.parent().unwrap_or(Path::new("")).to_owned();
        let folder = path.file_name().map(|f| f.to_string_lossy().into_owned()).unwrap_or_default();
        let targets = targets(&table).into_iter().map(|target| path.join(target)).collect();
        Ok(Package { folder, name, path, dependencies: dependencies(&table), targets })
    }
}

/// Names under `[dependencies]` and `[build-dependencies]`, also per target; `package = "…"` renames are resolved.
fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let mut names = Vec::new();
    let mut take = |table: &toml::Table| {
        for kind in ["dependencies", "build-dependencies"] {
            for (name, spec) in table.get(kind).and_then(toml::Value::as_table).into_iter().flatten() {
                let renamed = spec.get("package").and_then(toml::Value::as_str);
                names.push(renamed.unwrap_or(name).to_owned());
            }
        }
    };
    take(manifest);
    for target in manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values) {
        if let Some(table) = target.as_table() {
            take(table);
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The `path` of every target that states one, relative to the manifest.
fn targets(manifest: &toml::Table) -> Vec<String> {
    let lists = ["bin", "test", "bench", "example"].iter().filter_map(|kind| manifest.get(*kind)?.as_array()).flatten();
    let targets = lists.chain(manifest.get("lib"));
    targets.filter_map(|target| target.get("path")?.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_of_every_table_but_the_tests_count() {
        let manifest = r#"
            [dependencies]
            plimsoll-model = { workspace = true }
            other = { package = "plimsoll-stats", path = "../stats" }
            [dev-dependencies]
            proptest = "1"
            [build-dependencies]
            cc = "1"
            [target.'cfg(unix)'.dependencies]
            libc = "0.2"
        "#;
        let names = dependencies(&manifest.parse().unwrap());
        assert_eq!(names, ["cc", "libc", "plimsoll-model", "plimsoll-stats"]);
    }
}
