//! Rows that became no task: how many, why, and where the first few stand.
//!
//! A log that was cleaned in silence cannot be compared with anybody's; a list of every row would be as long as the log.

use std::fmt;

/// Places kept of each reason.
const PLACES_MAX: usize = 5;

/// What was left out, by reason, in the order in which the reasons first came up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// One entry per reason.
    pub reasons: Vec<SkippedFor>,
}

/// Rows left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFor {
    /// The reason.
    pub reason: &'static str,
    /// How many rows.
    pub count: u64,
    /// The first of them.
    pub first: Vec<Place>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
}

impl Skipped {
    /// Counts one row.
    pub(crate) fn add(&mut self, reason: &'static str, file: &str, line: u64) {
        let place = || Place { file: file.to_owned(), line };
        match self.reasons.iter_mut().find(|entry| entry.reason == reason) {
            Some(entry) => {
                entry.count += 1;
                if entry.first.len() < PLACES_MAX {
                    entry.first.push(place());
                }
            }
            None => self.reasons.push(SkippedFor { reason, count: 1, first: vec![place()] }),
        }
    }

    /// Adds what another file left out.
    pub(crate) fn append(&mut self, other: Self) {
        for entry in other.reasons {
            match self.reasons.iter_mut().find(|own| own.reason == entry.reason) {
                Some(own) => {
                    own.count += entry.count;
                    let room = PLACES_MAX - own.first.len();
                    own.first.extend(entry.first.into_iter().take(room));
                }
                None => self.reasons.push(entry),
            }
        }
    }

    /// Rows left out in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.reasons.iter().map(|entry| entry.count).sum()
    }
}

impl fmt::Display for Skipped {
    /// One line per reason: `10770 rows left out: run time is not above 0 (first in x.swf, lines 3, 8, 11)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.reasons.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let places: Vec<String> =
                entry.first.iter().map(|place| format!("{}:{}", place.file, place.line)).collect();
            write!(f, "{} rows left out: {} (first: {})", entry.count, entry.reason, places.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_counted_and_the_first_few_are_named() {
        let mut skipped = Skipped::default();
        (3..10).for_each(|line| skipped.add("run time is not above 0", "a.swf", line));
        let mut other = Skipped::default();
        other.add("run time is not above 0", "b.swf", 1);
        other.add("asks no processor", "b.swf", 2);
        skipped.append(other);
        assert_eq!(skipped.count(), 9);
        assert_eq!(
            skipped.to_string(),
            "8 rows left out: run time is not above 0 (first: a.swf:3, a.swf:4, a.swf:5, a.swf:6, a.swf:7)\n\
             1 rows left out: asks no processor (first: b.swf:2)"
        );
    }
}
