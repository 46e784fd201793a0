//! Which workloads an observation reports, asked of once for each that is known.
//!
//! A driver reports in the order of the ids, and the state holds them in that order, so the next answer is nearly always the
//! next report. Where a report is out of order, a set is made of it: the answers are the same.

use plimsoll_model::ReplicaStatus;
use plimsoll_model::id::WorkloadId;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// The workloads of one observation.
pub(crate) enum Seen<'a> {
    /// Ids rise, so none stands twice; and where the last answer was found.
    Rising {
        /// The report.
        workloads: &'a [ReplicaStatus],
        /// Index after the last answer.
        next: usize,
    },
    /// In any order: those noted so far, and all of them in order.
    Any {
        /// Noted.
        noted: BTreeSet<&'a WorkloadId>,
        /// All.
        sorted: Vec<&'a WorkloadId>,
    },
}

impl<'a> Seen<'a> {
    /// Nothing yet; `workloads` is what will be reported.
    pub fn new(workloads: &'a [ReplicaStatus]) -> Self {
        if workloads.windows(2).all(|pair| pair[0].id < pair[1].id) {
            Self::Rising { workloads, next: 0 }
        } else {
            let mut sorted: Vec<&WorkloadId> = workloads.iter().map(|status| &status.id).collect();
            sorted.sort_unstable();
            Self::Any { noted: BTreeSet::new(), sorted }
        }
    }

    /// Notes one; false when it was reported before.
    pub fn insert(&mut self, id: &'a WorkloadId) -> bool {
        match self {
            Self::Rising { .. } => true,
            Self::Any { noted, .. } => noted.insert(id),
        }
    }

    /// Whether the workload is reported of which `order` says how another id stands to it.
    pub fn contains(&mut self, order: impl Fn(&WorkloadId) -> Ordering) -> bool {
        match self {
            Self::Rising { workloads, next } => {
                let is_next = workloads.get(*next).is_some_and(|status| order(&status.id).is_eq());
                let found = if is_next { Ok(*next) } else { workloads.binary_search_by(|status| order(&status.id)) };
                if let Ok(index) = found {
                    *next = index + 1;
                }
                found.is_ok()
            }
            Self::Any { sorted, .. } => sorted.binary_search_by(|id| order(id)).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::spec::Resources;
    use plimsoll_model::{Generation, Phase, Timestamp};

    fn status(id: &str) -> ReplicaStatus {
        ReplicaStatus {
            id: id.parse().unwrap(),
            generation: Generation(1),
            phase: Phase::Ready,
            started_at: Timestamp(0),
            ready_at: None,
            exited: None,
            requests: Resources::default(),
        }
    }

    #[test]
    fn a_report_in_order_and_one_in_none_answer_alike() {
        let rising: Vec<ReplicaStatus> =
            ["service:a/2", "service:a/10", "service:b/1", "job:a/1"].into_iter().map(status).collect();
        let mut mixed = rising.clone();
        mixed.swap(0, 2);
        for workloads in [&rising, &mixed] {
            let mut seen = Seen::new(workloads);
            assert_eq!(matches!(seen, Seen::Rising { .. }), std::ptr::eq(workloads, &raw const rising));
            for status in workloads {
                assert!(seen.insert(&status.id));
            }
            for (id, is_there) in
                [("service:a/2", true), ("service:a/3", false), ("job:a/1", true), ("service:a/10", true)]
            {
                let id: WorkloadId = id.parse().unwrap();
                assert_eq!(seen.contains(|other| other.cmp(&id)), is_there, "{id}");
            }
        }
    }

    #[test]
    fn one_that_stands_twice_is_noticed() {
        let twice = [status("service:a/1"), status("service:a/1")];
        let mut seen = Seen::new(&twice);
        assert!(seen.insert(&twice[0].id) && !seen.insert(&twice[1].id));
    }
}
