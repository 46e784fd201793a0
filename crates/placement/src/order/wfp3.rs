//! `wfp3`: the largest `(wait / estimate)³ × processors` first.
//!
//! What is compared is its logarithm, `3 (log₂ wait − log₂ estimate) + log₂ processors`: the same order, in integers of
//! 32 fraction bits. Who has not waited at all comes last.
//!
//! `wfp3-rls` is the form that the baselines of RLScheduler were computed with: its waiting time is that of a task that
//! was never started, −1 − submitted, so the sign turns and the smallest `((1 + submitted) / estimate)³ × processors`
//! goes first, in seconds. It exists to reproduce published tables and for nothing else.
//!
//! # Source
//! Tang, Lan, Desai, Buettner, "Fault-aware, utility-based job scheduling on Blue Gene/P systems", Cluster 2009;
//! Zhang et al., "RLScheduler", SC 2020, and its `HPCSimPickJobs.py` (`wfp_score`).

use super::{Facts, Key};
use plimsoll_model::quantity::Timestamp;
use plimsoll_stats::fixed::log2;

pub(super) fn key(facts: &Facts, at: Timestamp) -> Key {
    let waited = facts.waited(at).0;
    if waited == 0 {
        return Key::LAST;
    }
    Key(-ratio(waited, facts.estimate.0, facts.processors))
}

pub(super) fn rls_key(facts: &Facts) -> Key {
    Key(ratio(facts.submitted_at().saturating_add(1_000), facts.estimate.0, facts.processors))
}

fn ratio(wait: u64, estimate: u64, processors: u32) -> i128 {
    i128::from(3 * (log2(wait) - log2(estimate)) + log2(u64::from(processors)))
}
