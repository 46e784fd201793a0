//! `unicep`: the largest `wait / (log₂ processors × estimate)` first.
//!
//! What is compared is the logarithm of it. A task of one processor has log₂ 1 = 0 below the line: it goes before all
//! others once it has waited, as the formula's limit says. Who has not waited at all comes last.
//!
//! `unicep-rls` is the form that the baselines of RLScheduler were computed with (see `wfp3`): the smallest
//! `(1 + submitted) / (log₂ processors × estimate)` goes first. Its code adds 10⁻¹⁵ to the processors, so one processor
//! divides by 1.6 × 10⁻¹⁵ instead of 0 and comes last.
//!
//! # Source
//! Tang et al., Cluster 2009; Zhang et al., SC 2020, and its `HPCSimPickJobs.py` (`uni_score`).

use super::{Facts, Key};
use plimsoll_model::quantity::Timestamp;
use plimsoll_stats::fixed::{BITS, ONE, log2};

/// `log₂ log₂ (1 + 10⁻¹⁵)` in doubles, rounded to a whole number: far below that of two processors, which is 0.
const ONE_PROCESSOR: i64 = -49 * ONE;

pub(super) fn key(facts: &Facts, at: Timestamp) -> Key {
    let waited = facts.waited(at).0;
    if waited == 0 {
        return Key::LAST;
    }
    Key(-ratio(waited, facts))
}

pub(super) fn rls_key(facts: &Facts) -> Key {
    Key(ratio(facts.submitted_at().saturating_add(1_000), facts))
}

fn ratio(wait: u64, facts: &Facts) -> i128 {
    let width = if facts.processors <= 1 {
        ONE_PROCESSOR
    } else {
        // log₂ processors carries `BITS` fraction bits of its own, which its logarithm has to lose again.
        log2(log2(u64::from(facts.processors)).unsigned_abs()) - (i64::from(BITS) << BITS)
    };
    i128::from(log2(wait) - log2(facts.estimate.0) - width)
}
