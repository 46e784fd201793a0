//! What is typed becomes an instance: its two files, and the cost it is measured against.

use crate::args::Rebalance;
use anyhow::{Context, bail};
use plimsoll_placement::rebalance::Problem;
use plimsoll_traces::{dataset, roadef};
use std::path::{Path, PathBuf};

/// The data set in which short names are looked for.
const SET: &str = "roadef2012-machine-reassignment";
const PUBLISHED: &str = "published_results.csv";
/// Its column with the cost of the challenge's winner.
const PUBLISHED_COLUMN: &str = "team_S41_300s_i7";

/// An instance.
pub struct Instance {
    /// What it is called.
    pub name: String,
    /// What is to be rebalanced.
    pub problem: Problem,
    /// An assignment to go on from.
    pub start: Option<Vec<u32>>,
    /// A cost to measure against, and where it comes from.
    pub reference: Option<(i64, String)>,
}

/// Finds and reads everything.
pub fn read(typed: &Rebalance) -> anyhow::Result<Instance> {
    let model = model(&typed.model)?;
    let file = model.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = file.split('.').next().unwrap_or_default();
    let name = stem.strip_prefix("model_").unwrap_or(stem).to_owned();
    let assignment = match &typed.assignment {
        Some(path) => path.clone(),
        None if file.starts_with("model_") => model.with_file_name(file.replacen("model_", "assignment_", 1)),
        None => bail!("ASSIGNMENT is needed: {} is not called model_…", model.display()),
    };
    let problem = roadef::read(&model, &assignment)?;
    let start = match &typed.best {
        Some(path) => Some(roadef::read_assignment_of(&problem, path)?),
        None => None,
    };
    let published = || published(&model.with_file_name(PUBLISHED), &name);
    let reference = typed.reference.map(|cost| (cost, "--reference".to_owned())).or_else(published);
    Ok(Instance { name, problem, start, reference })
}

fn model(typed: &str) -> anyhow::Result<PathBuf> {
    if Path::new(typed).exists() || typed.contains('/') || typed.contains('.') {
        return Ok(typed.into());
    }
    dataset::find(&format!("{SET}/model_{typed}.txt.xz"))
        .with_context(|| format!("{typed} is neither a file nor an instance of the data set"))
}

/// The winner's cost of the challenge, where the set's table lies beside the model and knows the instance.
fn published(table: &Path, name: &str) -> Option<(i64, String)> {
    let text = std::fs::read_to_string(table).ok()?;
    let mut lines = text.lines();
    let column = lines.next()?.split(',').position(|title| title.trim() == PUBLISHED_COLUMN)?;
    let row = lines.find(|line| line.split(',').next() == Some(name))?;
    let cost = row.split(',').nth(column)?.trim().parse().ok()?;
    Some((cost, format!("{PUBLISHED_COLUMN} in {PUBLISHED}")))
}
