//! `cargo xtask prove fuzz`: coverage-guided fuzzing of every target in `fuzz/`, on the stable toolchain.
//!
//! libFuzzer comes with the crate `libfuzzer-sys`; the counters that guide it are a pass of LLVM that stable rustc can
//! run (`-Cpasses`). No sanitizer is used: the codec has no unsafe code, and the oracles are properties. What a run finds
//! interesting is kept below `target/fuzz/corpus` and used by the next run; committed are only small seeds.
//!
//! # Source
//! LLVM, "SanitizerCoverage" (inline 8-bit counters, trace-cmp); LLVM, "libFuzzer".

use crate::step::{cargo, run as run_command};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// What the issue promises of each target.
const SECONDS: u64 = 600;
/// What CI affords.
const SECONDS_SHORT: u64 = 30;
/// Longest input: the limits of the codec are a few times below.
const INPUT_BYTES_MAX: u64 = 4096;

const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Builds the targets and runs each; flags: `--short`, `--seconds N`, `--target NAME`.
///
/// # Errors
/// When a flag is not known, nothing can be built, or a target finds an input that breaks a property.
pub fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let (mut seconds, mut only) = (SECONDS, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--short" => seconds = SECONDS_SHORT,
            "--seconds" => {
                let value = args.next().context("--seconds needs a number")?;
                seconds = value.parse().with_context(|| format!("--seconds {value:?} is no number"))?;
            }
            "--target" => only = Some(args.next().context("--target needs a name")?.clone()),
            other => bail!("the proof \"fuzz\" knows --short, --seconds N and --target NAME, not {other:?}"),
        }
    }
    let folder = workspace.root.join("fuzz");
    let built = workspace.root.join("target").join("fuzz");
    let host = host()?;
    // With a target named, build scripts and macros are built without the counters.
    run_command(
        cargo(&folder, ["build", "--release", "--quiet", "--target", &host])
            .env("CARGO_TARGET_DIR", &built)
            .env("RUSTFLAGS", COVERAGE.join(" ")),
    )?;
    let names = targets(&folder)?;
    if let Some(only) = &only
        && !names.contains(only)
    {
        bail!("no fuzz target is called {only:?}; there is: {}", names.join(", "));
    }
    for name in names.iter().filter(|name| only.as_ref().is_none_or(|only| only == *name)) {
        let corpus = built.join("corpus").join(name);
        std::fs::create_dir_all(&corpus).with_context(|| format!("the folder {}", corpus.display()))?;
        println!("fuzz target {name}, {seconds} s");
        run_command(
            Command::new(built.join(&host).join("release").join(name))
                .arg(format!("-max_total_time={seconds}"))
                .arg(format!("-max_len={INPUT_BYTES_MAX}"))
                .arg(format!("-artifact_prefix={}/{name}-", built.display()))
                .args(["-print_final_stats=1", "-verbosity=0", "-timeout=10"])
                .arg(&corpus)
                .arg(folder.join("seeds").join(name)),
        )?;
    }
    Ok(())
}

/// The targets: each a file of `fuzz/src/bin`.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let bins = folder.join("src").join("bin");
    let entries = std::fs::read_dir(&bins).with_context(|| format!("the folder {}", bins.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.context("a file of the fuzz targets")?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("rustc -vV")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(host.to_owned())
}
