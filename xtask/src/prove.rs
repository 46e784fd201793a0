//! `cargo xtask prove NAME`: proofs that take longer than a test run may.
//!
//! A proof is the long form of a test that also runs in `cargo test`: the same code, told by `PLIMSOLL_PROVE=1` to go
//! on for longer and to draw more faults, or of a benchmark whose short form CI runs. It therefore cannot rot between two
//! long runs.

use crate::step::{cargo, run as run_command};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;

/// One proof, and what runs it.
struct Proof {
    name: &'static str,
    about: &'static str,
    package: &'static str,
    runs: Runs,
}

enum Runs {
    /// The long form of an integration test.
    Test(&'static str),
    /// The long form of a benchmark that prints figures against goals.
    Bench(&'static str),
    /// The fuzz targets.
    Fuzz,
    /// The path of somebody who installs the package.
    Newcomer,
    /// What a package costs to build, and what it depends on.
    Build(Bounds),
}

/// What a package may cost.
struct Bounds {
    direct_max: usize,
    transitive_max: usize,
    cpu_seconds_max: u64,
}

const FORECAST: &str = "plimsoll-forecast";

const PROOFS: &[Proof] = &[
    Proof {
        name: "chaos",
        about: "a recorded day with replicas killed, hung, failing and slow, the daemon and gateway killed, the disk full",
        package: "plimsoll",
        runs: Runs::Test("chaos"),
    },
    Proof {
        name: "replay",
        about: "a minute of varied load replays byte-equal in another process and in a build for the native CPU",
        package: "plimsoll",
        runs: Runs::Test("replay"),
    },
    Proof {
        name: "fuzz",
        about: "ten minutes of coverage-guided fuzzing for each target of the gateway's codec (--short: 30 s)",
        package: "plimsoll-gateway",
        runs: Runs::Fuzz,
    },
    Proof {
        name: "newcomer",
        about: "the package unpacked, then doctor, watch, plan, up, explain: seconds of each (--binary FILE: package that)",
        package: "plimsoll",
        runs: Runs::Newcomer,
    },
    Proof {
        name: "soak",
        about: "twenty minutes of the real gateway under reloads, kills, rotation, slow peers, takeovers (--short: one)",
        package: "plimsoll",
        runs: Runs::Bench("soak"),
    },
    Proof {
        name: "idle",
        about: "memory of an idle connection, user space and kernel: 18,000 in one gateway process, 50,000 in three",
        package: "plimsoll-gateway",
        runs: Runs::Bench("connections"),
    },
    Proof {
        name: "openb",
        about: "GPU allocation on openb at 130 % demand, every node policy beside its published value",
        package: "plimsoll-placement",
        runs: Runs::Bench("openb"),
    },
    Proof {
        name: "queue",
        about: "EASY job by job, RLScheduler's tables to the last digit, and our queue policy on logs it was not chosen on",
        package: "plimsoll-placement",
        runs: Runs::Bench("queue"),
    },
    Proof {
        name: "placement",
        about: "decisions per CPU second by index and by scan, with equal choices, up to 100,000 nodes",
        package: "plimsoll-placement",
        runs: Runs::Bench("placement"),
    },
    Proof {
        name: "roadef",
        about: "every instance of the machine reassignment challenge, 300 s on two threads each, beside its winner",
        package: "plimsoll",
        runs: Runs::Bench("roadef"),
    },
    Proof {
        name: "twin-theory",
        about: "requests one by one against M/M/c and M/G/1 processor sharing: mean and tail over a grid of loads",
        package: "plimsoll-twin",
        runs: Runs::Bench("theory"),
    },
    Proof {
        name: "twin-reality",
        about: "a recorded day through real processes and through the twin: latency and replicas side by side",
        package: "plimsoll",
        runs: Runs::Bench("reality"),
    },
    Proof {
        name: "forecast-m4",
        about: "every model and `auto` on the 414 hourly series of M4, beside published figures",
        package: FORECAST,
        runs: Runs::Bench("m4"),
    },
    Proof {
        name: "forecast-provision",
        about: "spare capacity at 1 % violations, minutes ahead, against fixed margins and plain conformal ones",
        package: FORECAST,
        runs: Runs::Bench("provision"),
    },
    Proof {
        name: "forecast-cloud",
        about: "CPU of 500 VMs against the last value; an hour ahead on every traffic and cluster series",
        package: FORECAST,
        runs: Runs::Bench("cloud"),
    },
    Proof {
        name: "forecast-cold-start",
        about: "1, 6 and 24 hours of history, with and without the pretrained network",
        package: FORECAST,
        runs: Runs::Bench("cold_start"),
    },
    Proof {
        name: "forecast-speed",
        about: "series per CPU second and the cost of an online update, beside statsforecast",
        package: FORECAST,
        runs: Runs::Bench("speed"),
    },
    Proof {
        name: "forecast-build",
        about: "dependencies of the forecasting crate, and CPU seconds of its release build from nothing",
        package: FORECAST,
        runs: Runs::Build(Bounds { direct_max: 4, transitive_max: 25, cpu_seconds_max: 40 }),
    },
];

/// Runs one proof, or lists them.
///
/// # Errors
/// When the name is not known or the proof fails.
pub fn run(workspace: &Workspace, name: Option<&str>, args: &[String]) -> Result<()> {
    let Some(name) = name else {
        PROOFS.iter().for_each(|proof| println!("{:<20} {}", proof.name, proof.about));
        return Ok(());
    };
    let Some(proof) = PROOFS.iter().find(|proof| proof.name == name) else {
        let known: Vec<&str> = PROOFS.iter().map(|proof| proof.name).collect();
        bail!("no proof is called {name:?}; there is: {}", known.join(", "));
    };
    if !args.is_empty() && !matches!(proof.runs, Runs::Bench(_) | Runs::Fuzz | Runs::Newcomer) {
        bail!("the proof {name:?} takes no flags: {}", args.join(" "));
    }
    let base = match &proof.runs {
        Runs::Test(test) => vec!["test", "--release", "-p", proof.package, "--test", test, "--", "--nocapture"],
        Runs::Bench(bench) => vec!["bench", "-p", proof.package, "--bench", bench, "--"],
        Runs::Fuzz => return crate::fuzz::run(workspace, args),
        Runs::Newcomer => return crate::newcomer::run(workspace, args),
        Runs::Build(bounds) => return build_cost(workspace, proof.package, bounds),
    };
    run_command(cargo(&workspace.root, base).args(args).env("PLIMSOLL_PROVE", "1"))
}

/// Counts what the package depends on beyond the workspace and builds it from an empty target directory.
fn build_cost(workspace: &Workspace, package: &str, bounds: &Bounds) -> Result<()> {
    let count = |depth: &str| -> Result<usize> {
        let args = ["tree", "-p", package, "-e", "normal", "--prefix", "none", "--depth", depth, "--no-dedupe"];
        let tree = cargo(&workspace.root, args).output().context("cargo tree")?;
        let text = String::from_utf8_lossy(&tree.stdout);
        let names: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        Ok(names.iter().filter(|name| !name.is_empty() && !name.starts_with("plimsoll-")).count())
    };
    let (direct, all) = (count("1")?, count("255")?);
    let target = workspace.root.join("target").join("build-cost");
    let empty = || if target.exists() { std::fs::remove_dir_all(&target) } else { Ok(()) };
    empty().context("an empty target directory")?;
    let before = children_cpu_seconds();
    let args = ["build", "--release", "--quiet", "-p", package];
    run_command(cargo(&workspace.root, args).env("CARGO_TARGET_DIR", &target))?;
    let spent = children_cpu_seconds() - before;
    empty().context("removing what was built")?;
    println!(
        "{package}: {direct} direct and {all} packages in all beyond the workspace; {spent:.1} CPU seconds to build"
    );
    let Bounds { direct_max, transitive_max, cpu_seconds_max } = *bounds;
    if direct > direct_max || all > transitive_max || spent > cpu_seconds_max as f64 {
        bail!("at most {direct_max} direct, {transitive_max} in all and {cpu_seconds_max} CPU seconds are allowed");
    }
    Ok(())
}

/// User and system time of the children that have ended, from the kernel's account of this process.
fn children_cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 16 and 17, counted after the name in parentheses, which is field 2 and may hold spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / TICKS_PER_SECOND
}

/// What Linux counts the time of processes in, as it shows it to them (`USER_HZ`), on every architecture of today.
const TICKS_PER_SECOND: f64 = 100.0;
