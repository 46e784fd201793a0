//! What can be typed after `plimsoll decide` and `plimsoll import`.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `plimsoll decide`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll decide examples/decide/web.toml examples/decide/morning.json")]
pub struct Decide {
    /// The policy: a policy file (`replicas`, `requests`, `startup`, `[scaling]`), a spec, or a file of node pools.
    pub policy: PathBuf,
    /// What is observed, JSON, of one service, of several on one node, or of nodes: one observation, or a list that is
    /// decided one after the other (`plimsoll schema observation` prints the schema); `-` reads standard input.
    pub observation: PathBuf,
    /// Which service, where the policy is a spec of several.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// What the policy remembers: read before, if the file exists, and written behind.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// `plimsoll import`.
#[derive(Debug, Args)]
pub struct Import {
    /// What is read.
    #[command(subcommand)]
    pub what: ImportWhat,
}

/// Objects of others that become policies.
#[derive(Debug, Subcommand)]
pub enum ImportWhat {
    /// Kubernetes HorizontalPodAutoscalers (autoscaling/v2, v1), one or many in a file, as policies that decide the same.
    ///
    /// Exit code 3 when something that decides could not be carried over; it is said on standard error.
    Hpa(ImportHpa),
}

/// `plimsoll import hpa`.
#[derive(Debug, Args)]
#[command(after_help = "Example: kubectl get hpa web -o yaml > hpa.yaml && plimsoll import hpa hpa.yaml > web.toml")]
pub struct ImportHpa {
    /// The YAML (or JSON) file.
    pub file: PathBuf,
    /// Print part of a spec, `[services.NAME]`, under this name and not a policy file; for files of one object.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
