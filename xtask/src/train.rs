//! `cargo xtask train NAME`: weights that are committed, made again by the program that made them.
//!
//! A training is an example of the crate that uses its weights, built for this machine's CPU: it is several times as fast
//! and gives the same bits, because nothing in it depends on the width of a vector.

use crate::step::{cargo, run as run_command};
use crate::workspace::Workspace;
use anyhow::{Result, bail};

/// One training: an example of a crate.
struct Training {
    name: &'static str,
    about: &'static str,
    package: &'static str,
    example: &'static str,
}

const TRAININGS: &[Training] = &[
    Training {
        name: "forecast-net",
        about: "the pretrained network of crates/forecast, on made-up series; three minutes of one core",
        package: "plimsoll-forecast",
        example: "train_pretrained",
    },
    Training {
        name: "analyst",
        about: "the classifier of crates/analyst, on incidents of the twin; minutes of one core",
        package: "plimsoll-analyst",
        example: "train_classifier",
    },
];

/// Runs one training, or lists them.
///
/// # Errors
/// When the name is not known or the training fails.
pub fn run(workspace: &Workspace, name: Option<&str>, args: &[String]) -> Result<()> {
    let Some(name) = name else {
        TRAININGS.iter().for_each(|training| println!("{:<14} {}", training.name, training.about));
        return Ok(());
    };
    let Some(training) = TRAININGS.iter().find(|training| training.name == name) else {
        let known: Vec<&str> = TRAININGS.iter().map(|training| training.name).collect();
        bail!("no training is called {name:?}; there is: {}", known.join(", "));
    };
    let base = ["run", "--release", "-p", training.package, "--example", training.example, "--"];
    let mut command = cargo(&workspace.root, base);
    // A folder of its own, so that an ordinary build does not start over after it.
    command.env("RUSTFLAGS", "-C target-cpu=native").env("CARGO_TARGET_DIR", workspace.root.join("target/native"));
    run_command(command.args(args))
}
