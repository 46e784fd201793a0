//! How late a service's figures are: a forecast that is made from late figures has to look further ahead.
//!
//! A figure that is `k` steps old says what was `k` steps ago, so the demand at now + start-up is start-up + `k` steps behind
//! it. What counts is how late figures *always* are. The delay of a single one is chance, and a horizon that followed each of
//! them would make the forecast learn its margins anew all the time.

use plimsoll_model::quantity::Millis;
use serde::{Deserialize, Serialize};

/// Figures by whose least delay a delay is judged.
const FIGURES: u32 = 20;

/// What is remembered of the delays of one service's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lateness {
    /// Whole steps that count; none before the first figure.
    steps: Option<u64>,
    /// The least delay among the figures since it was last settled, and how many they were.
    least: u64,
    seen: u32,
}

impl Lateness {
    /// Whether nothing is known yet.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.steps.is_none()
    }

    /// Takes the age of a figure, trace time. The first one counts at once; later the least of twenty does.
    pub(crate) fn take(&mut self, age: Millis, step: Millis) {
        let late = age.0 / step.0.max(1);
        self.least = if self.seen == 0 { late } else { self.least.min(late) };
        self.seen += 1;
        if self.steps.is_none() {
            self.steps = Some(late);
        }
        if self.seen >= FIGURES {
            self.steps = Some(self.least);
            self.seen = 0;
        }
    }

    /// How much further a forecast has to look.
    pub(crate) fn by(&self, step: Millis) -> Millis {
        Millis(self.steps.unwrap_or(0).saturating_mul(step.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Millis = Millis(15_000);

    fn after(ages_s: &[u64]) -> u64 {
        let mut lateness = Lateness::default();
        ages_s.iter().for_each(|age| lateness.take(Millis::from_secs(*age), STEP));
        lateness.by(STEP).0 / 1_000
    }

    #[test]
    fn the_first_figure_counts_at_once_in_whole_steps() {
        assert_eq!(after(&[]), 0);
        assert_eq!(after(&[14]), 0);
        assert_eq!(after(&[44]), 30);
    }

    #[test]
    fn one_late_figure_among_many_changes_nothing() {
        let mut ages = vec![2; 50];
        ages[30] = 40;
        assert_eq!(after(&ages), 0);
    }

    #[test]
    fn figures_that_are_always_late_count_after_twenty_of_them_and_so_do_prompt_ones() {
        let late = [[1_u64; 20], [31; 20]].concat();
        assert_eq!(after(&late[..39]), 0);
        assert_eq!(after(&late), 30);
        assert_eq!(after(&[late, vec![1; 20]].concat()), 0);
    }
}
