//! Kinds of reasons for which a task is refused or dropped, so that a million refusals are a few rows.

use plimsoll_placement::fleet::Refusal;
use plimsoll_placement::scheduler::SubmitError;
use std::collections::BTreeSet;

/// The kind of a refusal at submission.
#[must_use]
pub fn kind(error: &SubmitError) -> String {
    match error {
        SubmitError::NeverFits { refused, .. } if refused.is_empty() => "can never run: there is no node".to_owned(),
        SubmitError::NeverFits { refused, .. } => format!("can never run: every node is refused by {}", names(refused)),
        SubmitError::NeverFitTogether { .. } => "can never run: not all of its workers fit together".to_owned(),
        SubmitError::NeverInQuota { quota, .. } => format!("can never run: quota {quota} is too small"),
        SubmitError::Duplicate { .. } => "its name is taken".to_owned(),
        SubmitError::Fleet(_) => "its demand cannot be held".to_owned(),
        SubmitError::Elastic { .. } => "its elastic range makes no sense".to_owned(),
        SubmitError::GangSize { .. } | SubmitError::Gang { .. } => "its gang makes no sense".to_owned(),
        SubmitError::TooMany { .. } => "there are too many tasks".to_owned(),
    }
}

/// The kind of a misfit that is dropped.
#[must_use]
pub fn misfit(why: &[(Refusal, usize)]) -> String {
    if why.is_empty() { "did not fit".to_owned() } else { format!("did not fit: {}", names(why)) }
}

/// The filters' names, each once, in the order of the alphabet.
fn names(refused: &[(Refusal, usize)]) -> String {
    let names: BTreeSet<&str> = refused.iter().map(|(refusal, _)| refusal.filter()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
