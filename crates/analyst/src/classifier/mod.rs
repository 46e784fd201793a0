//! The ladder's second rung: boosted trees over the features, taught by the twin on incidents whose cause is known.
//!
//! One sum of small trees per cause, so that a service may have several. What a tree adds is a whole number, so that a sum is
//! the same on every machine. Each node keeps the mean of what lies below it: along a path, what a split adds is put down to
//! its number, and the facts of the numbers that speak most for a cause are its evidence.
//!
//! The weights (`weights/classifier.bin`, README there) were learnt on scenarios of the seen half's kinds with seeds of their own
//! ([`crate::scenario::draw`]) and on nothing else; `cargo xtask train analyst` makes the same bytes again on any machine.
//!
//! # Source
//! J. Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29(5), 2001 (logistic loss, 4.5); gains
//! and leaves with a ridge as in T. Chen, C. Guestrin, "XGBoost", KDD 2016, eq. 5 to 7. What a split adds: A. Palczewska et
//! al., "Interpreting Random Forest Models Using a Feature Contribution Method", IRI 2013.

mod columns;
mod training;
mod trees;

pub use columns::{Row, WIDTH, code, evidence, names};
pub use training::{Example, Settings, train};
pub use trees::{Trees, TreesError};

use crate::diagnosis::{Cause, Hypothesis};
use crate::features::Features;
use crate::ladder::{Opinion, Rung};
use std::sync::LazyLock;

/// From this probability on a cause is named.
pub const NAMED: f64 = 0.6;
/// With nothing named and a cause at least this likely, it abstains.
pub const UNSURE: f64 = 0.3;
/// Facts of a hypothesis.
const FACTS: usize = 3;
/// With fewer numbers than this there is too little to go by.
const NUMBERS_MIN: usize = 20;

static COMMITTED: &[u8] = include_bytes!("../../weights/classifier.bin");
static TREES: LazyLock<Option<(Trees, String)>> = LazyLock::new(|| {
    let trees = Trees::read(COMMITTED).ok()?;
    let hash = crate::prompt::sha256(COMMITTED);
    Some((trees, format!("trees {}", &hash[..12])))
});

/// What the committed trees say of a service.
#[must_use]
pub fn opinion(features: &Features) -> Opinion {
    match TREES.as_ref() {
        Some((trees, name)) => opinion_of(trees, name, features),
        None => Opinion::failed(Rung::Classifier, "trees", "the weights in the program cannot be read"),
    }
}

/// What these trees say.
#[must_use]
pub fn opinion_of(trees: &Trees, name: &str, features: &Features) -> Opinion {
    let row = Row::of(features);
    if features.load.is_none() || row.0.iter().filter(|value| value.is_finite()).count() < NUMBERS_MIN {
        return Opinion::abstained(Rung::Classifier, name, "too little was measured");
    }
    let mut said: Vec<(Cause, f64)> =
        Cause::ALL.into_iter().map(|cause| (cause, trees.probability(cause, &row))).collect();
    said.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let named = said.iter().filter(|(_, likely)| *likely >= NAMED);
    let hypotheses: Vec<Hypothesis> = named
        .map(|(cause, likely)| {
            let evidence = evidence(trees.speaks_for(*cause, &row), features, FACTS);
            Hypothesis { cause: *cause, confidence: crate::evidence::rounded(*likely), evidence }
        })
        .collect();
    match said.first() {
        Some((cause, likely)) if hypotheses.is_empty() && *likely >= UNSURE => {
            Opinion::abstained(Rung::Classifier, name, &format!("{cause} is neither likely nor unlikely"))
        }
        _ => Opinion::of(Rung::Classifier, name, hypotheses),
    }
}
