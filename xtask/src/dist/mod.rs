//! `cargo xtask dist`: what somebody who is no developer installs.
//!
//! One folder: the program, stripped; a Debian package made with `dpkg-deb` from a tree that is laid here; a bill of materials
//! (CycloneDX); and the checksums of all. The program says its own man pages and completions, so they are always those of
//! this very program. The same commit gives the same bytes where the program is the same: every time is the commit's.
//!
//! The program is linked with everything but glibc: its name service and the driver library of a GPU are loaded at run time,
//! which a fully static program cannot. `--target` takes another target, such as one of musl, where its standard library is
//! installed.

mod deb;
mod sbom;
mod stage;

use crate::step::{cargo, run as run_command};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `cargo xtask dist`.
#[derive(Debug, Args)]
pub struct Dist {
    /// Where everything is written.
    #[arg(long, value_name = "DIR", default_value = "target/dist")]
    pub out: PathBuf,
    /// Build for this target instead of the host's.
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<String>,
    /// Package this program instead of building one.
    #[arg(long, value_name = "FILE", conflicts_with = "target")]
    pub binary: Option<PathBuf>,
    /// Do not compress the package: for tests.
    #[arg(long)]
    pub fast: bool,
}

/// Builds everything.
///
/// # Errors
/// When a program that is needed is missing or fails.
pub fn run(workspace: &Workspace, dist: &Dist) -> Result<()> {
    let built = match &dist.binary {
        Some(binary) => binary.clone(),
        None => build(workspace, dist.target.as_deref())?,
    };
    let out = workspace.root.join(&dist.out);
    std::fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let about = About::of(workspace)?;
    let program = out.join("plimsoll");
    std::fs::copy(&built, &program).with_context(|| format!("{} to {}", built.display(), program.display()))?;
    strip(&program)?;
    let sbom = out.join("plimsoll.cdx.json");
    std::fs::write(&sbom, sbom::of(workspace, &about)?).with_context(|| sbom.display().to_string())?;
    let tree = stage::lay(workspace, &out, &program, &sbom, &about)?;
    let package = deb::pack(workspace, &tree, &out, &about, dist.fast)?;
    std::fs::remove_dir_all(&tree).context("the staged tree")?;
    let names = ["plimsoll".to_owned(), "plimsoll.cdx.json".to_owned(), package];
    let sums = said(Command::new("sha256sum").current_dir(&out).args(&names))?;
    std::fs::write(out.join("SHA256SUMS"), &sums)?;
    print!("{sums}");
    println!("in {}", out.display());
    Ok(())
}

/// What a package says of itself.
pub struct About {
    /// Version of the workspace.
    pub version: String,
    /// The commit's moment, seconds since the epoch: the time of every file.
    pub epoch: u64,
}

impl About {
    fn of(workspace: &Workspace) -> Result<Self> {
        let manifest = std::fs::read_to_string(workspace.root.join("Cargo.toml"))?;
        let manifest: toml::Table = manifest.parse().context("Cargo.toml")?;
        let version = manifest["workspace"]["package"]["version"].as_str().context("workspace.package.version")?;
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(epoch) => epoch,
            Err(_) => said(Command::new("git").current_dir(&workspace.root).args(["log", "-1", "--format=%ct"]))?,
        };
        let epoch = epoch.trim().parse().with_context(|| format!("{:?} is no moment", epoch.trim()))?;
        Ok(Self { version: version.to_owned(), epoch })
    }
}

fn build(workspace: &Workspace, target: Option<&str>) -> Result<PathBuf> {
    let mut args = vec!["build", "--release", "--locked", "-p", "plimsoll"];
    args.extend(target.into_iter().flat_map(|target| ["--target", target]));
    run_command(&mut cargo(&workspace.root, args))?;
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.root.join("target"), PathBuf::from);
    Ok(target.map_or(folder.clone(), |target| folder.join(target)).join("release/plimsoll"))
}

/// Takes symbols away; where there is no `strip` the program is larger and the same.
fn strip(program: &Path) -> Result<()> {
    match Command::new("strip").arg("--strip-all").arg(program).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("strip ended with {status}"),
        Err(_) => {
            eprintln!("strip is missing: the program keeps its symbols");
            Ok(())
        }
    }
}

/// Standard output of a command that must succeed.
fn said(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
