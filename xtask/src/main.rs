//! Developer commands of the workspace: `cargo xtask tidy | test | bench | prove | train | docs | dist | ci`.
//!
//! A crate of its own and not a set of shell scripts, so that a newcomer needs nothing but cargo and the commands do
//! the same on every machine (the pattern is matklad's cargo-xtask). No crate of the product may depend on it.

mod bench;
mod ci;
mod dist;
mod docs;
mod fuzz;
mod newcomer;
mod prove;
mod step;
mod test;
mod tidy;
mod train;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use workspace::Workspace;

/// Commands of the Plimsoll workspace, for people and for CI.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the house rules: order of crates, purity, module docs, lengths, dead files, links, formatting.
    Tidy,
    /// Run every test and print the real total and what did not run.
    Test {
        /// Handed to `cargo test` instead of `--workspace`, such as `-p plimsoll-model`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the benchmark of one crate, or one benchmark by its file name; without a name, list them.
    Bench {
        /// A crate's folder (`gateway`) or a benchmark's file (`idle`).
        name: Option<String>,
        /// Handed to the benchmark.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run a long proof; without a name, list them.
    Prove {
        /// Which proof.
        name: Option<String>,
        /// Handed to a proof that is a benchmark, such as `--seconds 30`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Train committed weights again; without a name, list them.
    Train {
        /// Which weights.
        name: Option<String>,
        /// Handed to the training.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Rewrite every generated document.
    Docs,
    /// Build what is installed: stripped program, Debian package, bill of materials, checksums.
    Dist(dist::Dist),
    /// Everything a change has to pass: tidy, formatting, clippy, tests; prints a table of times.
    Ci,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let done = Workspace::open().and_then(|workspace| match flags.command {
        Command::Tidy => tidy::run(&workspace),
        Command::Test { args } => test::run(&workspace, &args),
        Command::Bench { name, args } => bench::run(&workspace, name.as_deref(), &args),
        Command::Prove { name, args } => prove::run(&workspace, name.as_deref(), &args),
        Command::Train { name, args } => train::run(&workspace, name.as_deref(), &args),
        Command::Docs => docs::run(&workspace),
        Command::Dist(dist) => dist::run(&workspace, &dist),
        Command::Ci => ci::run(&workspace),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
