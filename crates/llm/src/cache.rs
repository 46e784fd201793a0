//! Answers that held, by the hash of their question: the same facts are not paid for twice.

use plimsoll_analyst::prompt::Reading;
use std::collections::{BTreeMap, VecDeque};

/// Answers that are kept.
const ENTRIES_MAX: usize = 256;

/// The newest answers.
#[derive(Debug, Default)]
pub struct Cache {
    readings: BTreeMap<String, Reading>,
    order: VecDeque<String>,
}

impl Cache {
    /// The answer to a question.
    #[must_use]
    pub fn get(&self, hash: &str) -> Option<&Reading> {
        self.readings.get(hash)
    }

    /// Keeps an answer; the oldest goes when there are too many.
    pub fn put(&mut self, hash: &str, reading: Reading) {
        if self.readings.insert(hash.to_owned(), reading).is_none() {
            self.order.push_back(hash.to_owned());
        }
        if self.order.len() > ENTRIES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.readings.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes() {
        let mut cache = Cache::default();
        let reading =
            Reading { abstains: true, hypotheses: Vec::new(), proposals: Vec::new(), rationale: String::new() };
        for number in 0..300 {
            cache.put(&number.to_string(), reading.clone());
            cache.put(&number.to_string(), reading.clone());
        }
        assert!(cache.get("43").is_none() && cache.get("44").is_some() && cache.get("299").is_some());
        assert_eq!((cache.readings.len(), cache.order.len()), (256, 256));
    }
}
