//! What a search came to, with its numbers: kept over restarts, told to people and counted.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A formula is proposed.
    Proposed {
        /// The formula.
        formula: String,
        /// Prices of learnt headroom that go with it: to start a replica, and to keep one.
        prices: [u32; 2],
        /// Its price over that of the policy in force, on the part of the history that was kept for the choice.
        price: f64,
    },
    /// Nothing that was found passes on the part that was kept for the choice.
    NotBetter {
        /// The best of it.
        formula: String,
        /// Its price over that of the policy in force; none where it could not be run.
        price: Option<f64>,
        /// The first reason against it.
        why: String,
    },
    /// The history is too short.
    TooLittle {
        /// Samples that may be seen.
        samples: usize,
        /// The fewest.
        least: usize,
    },
    /// The history or the policy cannot be judged.
    Unfit {
        /// Why.
        why: String,
    },
    /// There was no time to look at anything.
    NoTime,
    /// The CPU time of the day was spent before it began.
    Budget {
        /// What was spent, ms.
        spent_ms: u64,
        /// What may be, ms.
        most_ms: u64,
    },
}

impl Outcome {
    /// All the words, in the order in which metrics list them.
    pub const WORDS: [&'static str; 6] = ["proposed", "not_better", "too_little", "unfit", "no_time", "budget"];

    /// In a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "proposed",
            Self::NotBetter { .. } => "not_better",
            Self::TooLittle { .. } => "too_little",
            Self::Unfit { .. } => "unfit",
            Self::NoTime => "no_time",
            Self::Budget { .. } => "budget",
        }
    }

    /// What is saved of the price of the policy in force, as a share of it, where it was measured; below 0 where it is dearer.
    #[must_use]
    pub fn gain(&self) -> Option<f64> {
        match self {
            Self::Proposed { price, .. } | Self::NotBetter { price: Some(price), .. } => Some(1.0 - price),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proposed { formula, prices: [start, keep], price } => write!(
                f,
                "proposes {formula} at prices {start} and {keep}: {price:.3} of the price of the policy in force where it was chosen"
            ),
            Self::NotBetter { formula, price: Some(price), why } => {
                write!(
                    f,
                    "abstains: nothing better was found; the best, {formula}, comes to {price:.3} of the price: {why}"
                )
            }
            Self::NotBetter { formula, price: None, why } => {
                write!(f, "abstains: nothing better was found; the best, {formula}, does not pass: {why}")
            }
            Self::TooLittle { samples, least } => {
                write!(f, "abstains: {samples} samples may be seen, and {least} are needed to search and to choose")
            }
            Self::Unfit { why } => write!(f, "abstains: {why}"),
            Self::NoTime => f.write_str("abstains: no time was left to look at anything"),
            Self::Budget { spent_ms, most_ms } => {
                let seconds = |ms: u64| ms as f64 / 1_000.0;
                let (spent, most) = (seconds(*spent_ms), seconds(*most_ms));
                write!(f, "abstains: {spent:.1} of {most:.1} CPU seconds of this day are spent")
            }
        }
    }
}

/// A search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Searched {
    /// What it came to.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Episodes of the search.
    #[serde(default)]
    pub episodes: u64,
    /// Formulas that were rehearsed.
    #[serde(default)]
    pub candidates: u64,
    /// The best of them, the best first: the next search begins from them.
    #[serde(default)]
    pub formulas: Vec<String>,
}

impl Searched {
    /// One in which nothing was looked at.
    #[must_use]
    pub const fn of(outcome: Outcome) -> Self {
        Self { outcome, episodes: 0, candidates: 0, formulas: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_word_says_its_numbers_and_comes_back_from_a_file() {
        let all = [
            (Outcome::Proposed { formula: "needed".into(), prices: [80, 160], price: 0.5 }, "0.500 of the price"),
            (Outcome::NotBetter { formula: "needed".into(), price: Some(1.25), why: "dear".into() }, "1.250"),
            (Outcome::TooLittle { samples: 7, least: SEEN }, "7 samples"),
            (Outcome::Unfit { why: "no CPU".into() }, "no CPU"),
            (Outcome::NoTime, "no time"),
            (Outcome::Budget { spent_ms: 1_500, most_ms: 2_000 }, "1.5 of 2.0 CPU seconds"),
        ];
        for ((outcome, said), word) in all.iter().zip(Outcome::WORDS) {
            assert_eq!(outcome.word(), word);
            assert!(outcome.to_string().contains(said), "{outcome}");
            let kept = Searched { formulas: vec!["last".into()], ..Searched::of(outcome.clone()) };
            let text = serde_json::to_string(&kept).unwrap();
            assert!(text.contains(&format!("\"outcome\":\"{word}\"")), "{text}");
            assert_eq!(serde_json::from_str::<Searched>(&text).unwrap(), kept);
        }
        assert_eq!(all[0].0.gain(), Some(0.5));
        assert_eq!(all[1].0.gain(), Some(-0.25));
        assert_eq!(all[4].0.gain(), None);
    }

    const SEEN: usize = 360;
}
