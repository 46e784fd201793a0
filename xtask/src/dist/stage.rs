//! The tree that a package unpacks: every file with its place, its mode and the commit's time.

use super::{About, said};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Pages of the docs that a person looks for after an installation.
const DOCS: [&str; 4] = ["README.md", "docs/spec.md", "docs/install.md", "docs/operations.md"];
const DOC: &str = "usr/share/doc/plimsoll";

/// Lays the tree into `out` and gives its folder.
///
/// # Errors
/// When a file cannot be written, or the program does not say its man pages.
pub fn lay(workspace: &Workspace, out: &Path, program: &Path, sbom: &Path, about: &About) -> Result<PathBuf> {
    let tree = out.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree).context("what an earlier run left")?;
    }
    let laid = Tree { root: tree.clone() };
    let source = |name: &str| workspace.root.join(name);
    laid.copy(program, "usr/bin/plimsoll", 0o755)?;
    laid.copy(&source("packaging/plimsoll.service"), "usr/lib/systemd/system/plimsoll.service", 0o644)?;
    laid.copy(&source("packaging/plimsoll.sysusers"), "usr/lib/sysusers.d/plimsoll.conf", 0o644)?;
    laid.copy(&source("packaging/plimsoll.toml.example"), "etc/plimsoll/plimsoll.toml.example", 0o644)?;
    for (shell, place) in [
        ("bash", "usr/share/bash-completion/completions/plimsoll"),
        ("zsh", "usr/share/zsh/vendor-completions/_plimsoll"),
        ("fish", "usr/share/fish/vendor_completions.d/plimsoll.fish"),
    ] {
        laid.write(place, said(Command::new(program).args(["completions", shell]))?.as_bytes())?;
    }
    let man = laid.folder("usr/share/man/man1")?;
    said(Command::new(program).args(["man", "--out"]).arg(&man))?;
    laid.copy(&source("packaging/debian/copyright"), &format!("{DOC}/copyright"), 0o644)?;
    laid.copy(sbom, &format!("{DOC}/sbom.cdx.json"), 0o644)?;
    for page in DOCS.iter().filter(|page| source(page).exists()) {
        let name = page.rsplit('/').next().unwrap_or(page);
        laid.copy(&source(page), &format!("{DOC}/{name}"), 0o644)?;
    }
    laid.copy(&source("CHANGELOG.md"), &format!("{DOC}/changelog"), 0o644)?;
    laid.compress(&man)?;
    laid.compress(&tree.join(DOC).join("changelog"))?;
    laid.compress(&tree.join(DOC).join("spec.md"))?;
    laid.finish(&tree, SystemTime::UNIX_EPOCH + Duration::from_secs(about.epoch))?;
    Ok(tree)
}

struct Tree {
    root: PathBuf,
}

impl Tree {
    fn folder(&self, place: &str) -> Result<PathBuf> {
        let path = self.root.join(place);
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    fn place(&self, place: &str) -> Result<PathBuf> {
        let path = self.root.join(place);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        Ok(path)
    }

    fn write(&self, place: &str, bytes: &[u8]) -> Result<()> {
        fs::write(self.place(place)?, bytes).with_context(|| place.to_owned())
    }

    fn copy(&self, from: &Path, place: &str, mode: u32) -> Result<()> {
        let to = self.place(place)?;
        fs::copy(from, &to).with_context(|| format!("{} to {place}", from.display()))?;
        Ok(fs::set_permissions(&to, Permissions::from_mode(mode))?)
    }

    /// Compresses a file, or every file of a folder; without a name or time inside, so that it is always the same.
    fn compress(&self, path: &Path) -> Result<()> {
        let files = if path.is_dir() {
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?
        } else {
            vec![path.to_owned()]
        };
        said(Command::new("gzip").args(["-9", "-n", "-f"]).args(files))?;
        Ok(())
    }

    /// Modes and times of everything below `path`.
    fn finish(&self, path: &Path, time: SystemTime) -> Result<()> {
        let kind = fs::symlink_metadata(path)?;
        if kind.is_dir() {
            for entry in fs::read_dir(path)? {
                self.finish(&entry?.path(), time)?;
            }
        }
        let is_program = kind.is_dir() || path.ends_with("usr/bin/plimsoll");
        fs::set_permissions(path, Permissions::from_mode(if is_program { 0o755 } else { 0o644 }))?;
        File::open(path)?.set_modified(time).with_context(|| path.display().to_string())
    }
}
