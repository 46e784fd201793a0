//! Reads a finished text again: every number has to be a figure of a fact that its sentence cites.
//!
//! This is what stands between a model that rephrases and a person who reads. It shares no code with what writes sentences:
//! it sees text and facts. Words between quotes have to be those of a cited fact; a moment, its beginning or end; a name that
//! is given may have digits. Any other digit, and any id that no fact has, is a problem.

use super::time::moment;
use crate::evidence::Fact;
use serde::Serialize;

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum Problem {
    /// An id that no fact has.
    #[error("{id} is the id of no fact")]
    Id {
        /// The id.
        id: String,
    },
    /// A number that no cited fact has.
    #[error("{number} is no figure of what its sentence cites ({cited})")]
    Number {
        /// As written.
        number: String,
        /// Ids that the sentence cites.
        cited: String,
    },
    /// Quoted words that no cited fact has.
    #[error("{words:?} are words of no fact that its sentence cites")]
    Words {
        /// The words.
        words: String,
    },
}

/// Checks a text against the facts it may use. `names` are names that may have digits.
#[must_use]
pub fn check(text: &str, facts: &[Fact], names: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for sentence in sentences(text) {
        one(sentence, facts, names, &mut problems);
    }
    problems
}

/// A sentence ends behind `].`, or at the end of a line: a point alone may be that of a number.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split_inclusive("].")).filter(|sentence| !sentence.trim().is_empty())
}

fn one(sentence: &str, facts: &[Fact], names: &[&str], problems: &mut Vec<Problem>) {
    let (said, ids) = match sentence.rsplit_once('[') {
        Some((said, ids)) => (said, ids.split(']').next().unwrap_or_default()),
        None => (sentence, ""),
    };
    let mut cited: Vec<&Fact> = Vec::new();
    for id in ids.split_whitespace() {
        match facts.iter().find(|fact| fact.id == id) {
            Some(fact) => cited.push(fact),
            None => problems.push(Problem::Id { id: id.to_owned() }),
        }
    }
    let mut said = said.to_owned();
    // Longest first, so that a name within another leaves none of it behind.
    let mut known: Vec<String> = names.iter().map(|name| (*name).to_owned()).filter(|name| !name.is_empty()).collect();
    known.extend(cited.iter().flat_map(|fact| [moment(fact.from_ms), moment(fact.to_ms)]));
    // Figures whose names have digits: `p90`, `per 100 samples`.
    known.extend(cited.iter().flat_map(|fact| &fact.figures).map(|figure| figure.name.replace('_', " ")));
    known.sort_by_key(|known| std::cmp::Reverse(known.len()));
    said = quoted(&said, &cited, problems);
    for known in known {
        said = said.replace(&known, " ");
    }
    for number in numbers(&said) {
        let value: Option<f64> = number.parse().ok();
        let is_there =
            value.is_some_and(|value| cited.iter().flat_map(|fact| &fact.figures).any(|figure| figure.value == value));
        if !is_there {
            let cited = cited.iter().map(|fact| fact.id.as_str()).collect::<Vec<_>>().join(" ");
            problems.push(Problem::Number { number, cited });
        }
    }
}

/// Without what stands between quotes, which has to be the words of a cited fact.
fn quoted(said: &str, cited: &[&Fact], problems: &mut Vec<Problem>) -> String {
    let mut left = String::with_capacity(said.len());
    let mut rest = said;
    while let Some((before, behind)) = rest.split_once('"') {
        left.push_str(before);
        let Some((words, behind)) = behind.split_once('"') else {
            // A quote that never ends hides nothing.
            rest = behind;
            continue;
        };
        if !cited.iter().any(|fact| fact.words == words) {
            problems.push(Problem::Words { words: words.to_owned() });
        }
        left.push(' ');
        rest = behind;
    }
    left.push_str(rest);
    left
}

/// Every run of digits with its sign, point and exponent.
fn numbers(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && (bytes[at].is_ascii_digit() || is_within(bytes, at)) {
            at += 1;
        }
        // A minus belongs to the number unless it joins it to a word.
        let is_negative =
            start > 0 && bytes[start - 1] == b'-' && (start < 2 || bytes[start - 2].is_ascii_whitespace());
        found.push(text[start - usize::from(is_negative)..at].to_owned());
    }
    found
}

/// A point between two digits, or an exponent.
fn is_within(bytes: &[u8], at: usize) -> bool {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    match bytes[at] {
        b'.' | b',' => digit(at + 1),
        b'e' => digit(at + 1) || (matches!(bytes.get(at + 1), Some(b'-' | b'+')) && digit(at + 2)),
        b'-' | b'+' => bytes[at - 1] == b'e' && digit(at + 1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Figure, Source, Trust};

    fn fact(id: &str, figures: &[(&'static str, f64)], words: &str) -> Fact {
        let figures = figures.iter().map(|(name, value)| Figure { name, value: *value, unit: "" }).collect();
        Fact {
            id: id.to_owned(),
            name: "a fact",
            figures,
            words: words.to_owned(),
            from_ms: 0,
            to_ms: 60_000,
            source: Source::Controller,
            trust: Trust::Decided,
            rank: 1,
        }
    }

    fn facts() -> Vec<Fact> {
        vec![
            fact("D1", &[("from", 2.0), ("to", 14.0)], "load 300/s"),
            fact("L1", &[("median", 120.5), ("small", 0.00012), ("fall", -3.0)], ""),
        ]
    }

    #[test]
    fn numbers_that_the_cited_facts_have_pass() {
        for text in [
            "web9 went from 2 to 14 [D1].",
            "At 1970-01-01 00:00:00 it went to 14 because of \"load 300/s\" [D1]. The load was 120.5/s and fell by -3 [L1].",
            "Small: 0.00012, or 1.2e-4 [L1].",
            "No numbers, no citation.",
        ] {
            assert_eq!(check(text, &facts(), &["web9"]), [], "{text}");
        }
    }

    #[test]
    fn what_no_cited_fact_has_is_a_problem() {
        let wrong = [
            ("It went to 15 [D1].", "15 is no figure"),
            ("It went to 14.", "14 is no figure"),
            ("It went to 14 [L1].", "14 is no figure"),
            ("The load was 1205 [L1].", "1205 is no figure"),
            ("The load was 120,5 [L1].", "120,5 is no figure"),
            ("It went to 14 [D1 D9].", "D9 is the id of no fact"),
            ("Because of \"load 900/s\" [D1].", "words of no fact"),
            ("Because of \"load 900/s [D1].", "900 is no figure"),
            ("At 1970-01-01 00:02:00 [D1].", "is no figure"),
            ("web8 went to 14 [D1].", "8 is no figure"),
            ("It went to 14 [D1]. And 7 more", "7 is no figure"),
        ];
        for (text, expected) in wrong {
            let told = check(text, &facts(), &["web9"]).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            assert!(told.contains(expected), "{text}: {told}");
        }
    }
}
