//! `cargo xtask prove NAME`: proofs that take longer than a test run may.
//!
//! A proof is the long form of a test that also runs in `cargo test`: the same code, told by `PLIMSOLL_PROVE=1` to go
//! on for longer and to draw more faults. It therefore cannot rot between two long runs.

use crate::step::{cargo, run as run_command};
use crate::workspace::Workspace;
use anyhow::{Result, bail};

/// One proof: the long form of an integration test.
struct Proof {
    name: &'static str,
    about: &'static str,
    package: &'static str,
    test: &'static str,
}

const PROOFS: &[Proof] = &[
    Proof {
        name: "chaos",
        about: "a recorded day with replicas killed, hung, failing and slow, the daemon and gateway killed, the disk full",
        package: "plimsoll",
        test: "chaos",
    },
    Proof {
        name: "replay",
        about: "a minute of varied load replays byte-equal in another process and in a build for the native CPU",
        package: "plimsoll",
        test: "replay",
    },
];

/// Runs one proof, or lists them.
///
/// # Errors
/// When the name is not known or the proof fails.
pub fn run(workspace: &Workspace, name: Option<&str>) -> Result<()> {
    let Some(name) = name else {
        PROOFS.iter().for_each(|proof| println!("{:<8} {}", proof.name, proof.about));
        return Ok(());
    };
    let Some(proof) = PROOFS.iter().find(|proof| proof.name == name) else {
        let known: Vec<&str> = PROOFS.iter().map(|proof| proof.name).collect();
        bail!("no proof is called {name:?}; there is: {}", known.join(", "));
    };
    let args = ["test", "--release", "-p", proof.package, "--test", proof.test, "--", "--nocapture"];
    run_command(cargo(&workspace.root, args).env("PLIMSOLL_PROVE", "1"))
}
