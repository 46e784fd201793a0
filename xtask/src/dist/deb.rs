//! A Debian package of a staged tree, by `dpkg-deb` alone: no debhelper, because there is one program and nothing to guess.

use super::{About, said};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packs the tree; gives the package's file name.
///
/// # Errors
/// When `dpkg-deb` is missing or refuses the tree.
pub fn pack(workspace: &Workspace, tree: &Path, out: &Path, about: &About, fast: bool) -> Result<String> {
    let architecture = said(Command::new("dpkg").arg("--print-architecture"))?.trim().to_owned();
    let control = tree.join("DEBIAN");
    fs::create_dir_all(&control)?;
    let files = files(tree)?;
    let program = fs::read(tree.join("usr/bin/plimsoll"))?;
    fs::write(control.join("control"), fields(&program, &architecture, about, size_kib(&files)?))?;
    fs::write(control.join("conffiles"), "/etc/plimsoll/plimsoll.toml.example\n")?;
    fs::write(control.join("md5sums"), sums(tree, &files)?)?;
    for script in ["postinst", "prerm", "postrm"] {
        let to = control.join(script);
        fs::copy(workspace.root.join("packaging/debian").join(script), &to)?;
        fs::set_permissions(&to, Permissions::from_mode(0o755))?;
    }
    let name = format!("plimsoll_{}_{architecture}.deb", about.version);
    said(
        Command::new("dpkg-deb")
            .env("SOURCE_DATE_EPOCH", about.epoch.to_string())
            .args(["--root-owner-group", if fast { "-Znone" } else { "-Zxz" }, "--build"])
            .arg(tree)
            .arg(out.join(&name)),
    )?;
    Ok(name)
}

fn fields(program: &[u8], architecture: &str, about: &About, size: u64) -> String {
    format!(
        "Package: plimsoll\nVersion: {}\nArchitecture: {architecture}\nMaintainer: Plimsoll <plimsoll@localhost>\n\
         Installed-Size: {size}\nDepends: {}\nRecommends: systemd\nSection: admin\nPriority: optional\n\
         Description: levels load: collects, forecasts, decides, balances, explains\n \
         Plimsoll decides how many replicas of a service run, runs them under limits,\n \
         balances requests over them and says why, from a forecast of the load.\n .\n \
         It can watch a service that it does not run before it is given one.\n",
        about.version,
        needs(program),
    )
}

/// The C library that the program needs: the highest version of a symbol that it names, and the unwinder where it is linked.
fn needs(program: &[u8]) -> String {
    let version = glibc(program).map_or_else(String::new, |(major, minor)| format!("libc6 (>= {major}.{minor})"));
    let unwinder = contains(program, b"libgcc_s.so.1").then(|| "libgcc-s1".to_owned());
    let all: Vec<String> = [version].into_iter().filter(|it| !it.is_empty()).chain(unwinder).collect();
    if all.is_empty() { "base-files".to_owned() } else { all.join(", ") }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The highest `GLIBC_x.y` among the program's bytes.
fn glibc(program: &[u8]) -> Option<(u32, u32)> {
    const MARK: &[u8] = b"GLIBC_";
    let starts = program.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    let versions = starts.filter_map(|(at, _)| {
        let rest = program.get(at + MARK.len()..at + MARK.len() + 12)?;
        let text: String =
            rest.iter().map(|byte| char::from(*byte)).take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
    });
    versions.max()
}

/// Every file of the tree, relative to it, sorted.
fn files(tree: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut todo = vec![tree.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            match path.is_dir() {
                true if path.ends_with("DEBIAN") => {}
                true => todo.push(path),
                false => found.push(path.strip_prefix(tree)?.to_owned()),
            }
        }
    }
    found.sort();
    // Sizes are asked relative to the working directory of the caller, so they are given whole.
    Ok(found.into_iter().map(|path| tree.join(path)).collect())
}

fn size_kib(files: &[PathBuf]) -> Result<u64> {
    let sizes = files.iter().map(|path| Ok(fs::metadata(path)?.len().div_ceil(1024))).collect::<Result<Vec<_>>>()?;
    Ok(sizes.iter().sum())
}

fn sums(tree: &Path, files: &[PathBuf]) -> Result<String> {
    let names =
        files.iter().map(|path| path.strip_prefix(tree).context("a file of the tree")).collect::<Result<Vec<_>>>()?;
    said(Command::new("md5sum").current_dir(tree).args(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_of_the_c_library_is_what_is_needed() {
        let program = b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0libgcc_s.so.1\0............";
        assert_eq!(needs(program), "libc6 (>= 2.34), libgcc-s1");
        assert_eq!(needs(b"static................."), "base-files");
    }
}
