//! How often a diagnosis is right: on scenarios whose cause is known, by cause, by half, with intervals.
//!
//! A diagnosis is *right* only when it names every true cause and no other. Beside that, so that nobody has to guess what a
//! number hides: how often the surest cause is a true one, how often a true cause is found, and how often something is
//! named where it is not. A *false alarm* is a scenario without a fault of which any cause is named.
//!
//! # Source
//! Intervals: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.

pub mod recorded;
pub mod rungs;

use crate::diagnosis::Cause;
use crate::scenario::{Half, Label};
use serde::Serialize;

/// z of a 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub hits: u32,
    /// Of how many.
    pub of: u32,
    /// Their quotient; 0 of none.
    pub share: f64,
    /// The interval's lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Share {
    /// `hits` of `of`.
    #[must_use]
    pub fn new(hits: u32, of: u32) -> Self {
        if of == 0 {
            return Self { hits, of, share: 0.0, low: 0.0, high: 1.0 };
        }
        let (count, share) = (f64::from(of), f64::from(hits) / f64::from(of));
        let middle = share + Z * Z / (2.0 * count);
        let half = Z * libm::sqrt(share * (1.0 - share) / count + Z * Z / (4.0 * count * count));
        let whole = 1.0 + Z * Z / count;
        Self { hits, of, share, low: ((middle - half) / whole).max(0.0), high: ((middle + half) / whole).min(1.0) }
    }
}

/// One scenario's label and what was named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What is true.
    pub label: Label,
    /// What was named, the surest first.
    pub named: Vec<Cause>,
}

impl Answer {
    /// Every true cause and no other.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.named.len() == self.label.causes.len() && self.named.iter().all(|cause| self.label.causes.contains(cause))
    }

    /// The surest is true, or there is none of either.
    #[must_use]
    pub fn is_first_right(&self) -> bool {
        self.named.first().map_or(self.label.causes.is_empty(), |first| self.label.causes.contains(first))
    }
}

/// Figures over some scenarios.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Scenarios of which every true cause and no other was named.
    pub right: Share,
    /// Scenarios of which the surest cause is true.
    pub first_right: Share,
    /// True causes that were named.
    pub found: Share,
    /// Scenarios with a fault of which something untrue was named as well or instead.
    pub wrong: Share,
    /// Scenarios without a fault of which something was named.
    pub false_alarms: Share,
}

/// One cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CauseScore {
    /// Which; none is "no fault".
    pub cause: Option<Cause>,
    /// Of the scenarios with it, those in which it was named (of those without a fault: in which nothing was).
    pub found: Share,
    /// Of the scenarios in which it was named, those without it.
    pub untrue: Share,
}

/// Scores answers.
#[must_use]
pub fn score<'a>(answers: impl Iterator<Item = &'a Answer> + Clone) -> Score {
    let count = |holds: &dyn Fn(&Answer) -> bool| answers.clone().filter(|answer| holds(answer)).count() as u32;
    let all = count(&|_| true);
    let faulty = count(&|answer| !answer.label.causes.is_empty());
    let causes: usize = answers.clone().map(|answer| answer.label.causes.len()).sum();
    let found = |answer: &Answer| answer.label.causes.iter().filter(|cause| answer.named.contains(cause)).count();
    let is_untrue = |answer: &Answer| answer.named.iter().any(|cause| !answer.label.causes.contains(cause));
    Score {
        right: Share::new(count(&Answer::is_right), all),
        first_right: Share::new(count(&Answer::is_first_right), all),
        found: Share::new(answers.clone().map(found).sum::<usize>() as u32, causes as u32),
        wrong: Share::new(count(&|answer| !answer.label.causes.is_empty() && is_untrue(answer)), faulty),
        false_alarms: Share::new(count(&|answer| answer.label.causes.is_empty() && is_untrue(answer)), all - faulty),
    }
}

/// Scores answers by cause, "no fault" first.
#[must_use]
pub fn by_cause<'a>(answers: impl Iterator<Item = &'a Answer> + Clone) -> Vec<CauseScore> {
    let of = |cause: Option<Cause>| {
        let is_true = |answer: &&Answer| match cause {
            Some(cause) => answer.label.causes.contains(&cause),
            None => answer.label.causes.is_empty(),
        };
        let is_named = |answer: &&Answer| match cause {
            Some(cause) => answer.named.contains(&cause),
            None => answer.named.is_empty(),
        };
        let (mut truths, mut both, mut named) = (0, 0, 0);
        for answer in answers.clone() {
            truths += u32::from(is_true(&answer));
            named += u32::from(is_named(&answer));
            both += u32::from(is_true(&answer) && is_named(&answer));
        }
        CauseScore { cause, found: Share::new(both, truths), untrue: Share::new(named - both, named) }
    };
    std::iter::once(None).chain(Cause::ALL.into_iter().map(Some)).map(of).collect()
}

/// Which answers a row of a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A half.
    Half(Half),
    /// The unseen half's novel shapes of load.
    Novel,
    /// The unseen half's single causes.
    UnseenSingle,
    /// The unseen half's pairs.
    UnseenPairs,
}

impl Part {
    /// Whether an answer belongs to it.
    #[must_use]
    pub fn has(self, label: &Label) -> bool {
        match self {
            Self::Half(half) => label.half == half,
            Self::Novel => label.half == Half::Unseen && label.is_novel,
            Self::UnseenSingle => label.half == Half::Unseen && label.causes.len() == 1,
            Self::UnseenPairs => label.half == Half::Unseen && label.causes.len() > 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(causes: &[Cause], named: &[Cause]) -> Answer {
        let label = Label { number: 0, seed: 0, half: Half::Seen, causes: causes.to_vec(), is_novel: false };
        Answer { label, named: named.to_vec() }
    }

    #[test]
    fn an_interval_is_the_published_one() {
        // Wilson, 81 of 263: 0.2553 to 0.3662 (R. Newcombe, Statistics in Medicine 17, 1998, table I).
        let share = Share::new(81, 263);
        assert!((share.low - 0.2553).abs() < 5e-5 && (share.high - 0.3662).abs() < 5e-5, "{share:?}");
        let none = Share::new(0, 10);
        assert!(none.low == 0.0 && (none.high - 0.2775).abs() < 5e-5, "{none:?}");
    }

    #[test]
    fn right_is_every_true_cause_and_no_other() {
        let answers = [
            answer(&[Cause::Leak], &[Cause::Leak]),
            answer(&[Cause::Leak], &[Cause::Leak, Cause::Step]),
            answer(&[Cause::Leak, Cause::Step], &[Cause::Step]),
            answer(&[Cause::Leak], &[]),
            answer(&[], &[]),
            answer(&[], &[Cause::Trend]),
        ];
        let score = score(answers.iter());
        assert_eq!((score.right.hits, score.right.of), (2, 6));
        assert_eq!((score.first_right.hits, score.found.hits, score.found.of), (4, 3, 5));
        assert_eq!((score.wrong.hits, score.wrong.of), (1, 4));
        assert_eq!((score.false_alarms.hits, score.false_alarms.of), (1, 2));
        let rows = by_cause(answers.iter());
        assert_eq!((rows[0].found.hits, rows[0].found.of, rows[0].untrue.hits, rows[0].untrue.of), (1, 2, 1, 2));
        let leak = rows.iter().find(|row| row.cause == Some(Cause::Leak)).unwrap();
        assert_eq!((leak.found.hits, leak.found.of, leak.untrue.hits), (2, 4, 0));
    }
}
