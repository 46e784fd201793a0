//! Sentences whose numbers come from facts and from nowhere else.

use super::time::moment;
use crate::evidence::Fact;
use serde::Serialize;

/// One sentence of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Sentence {
    /// As it is read, with the ids of its facts in brackets at its end.
    pub text: String,
    /// Ids of the facts it rests on, in the order of their first use.
    pub cites: Vec<String>,
}

/// A sentence in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    text: String,
    cites: Vec<String>,
}

impl Draft {
    /// Words without a number in them.
    pub(super) fn words(mut self, words: &str) -> Self {
        debug_assert!(!words.bytes().any(|byte| byte.is_ascii_digit()), "{words}");
        self.text.push_str(words);
        self
    }

    /// A name, which may have digits: the checker knows it.
    pub(super) fn name(mut self, name: &str) -> Self {
        self.text.push_str(name);
        self
    }

    /// A figure of a fact with its unit; none where the fact lacks it.
    pub(super) fn figure(mut self, fact: &Fact, name: &str) -> Option<Self> {
        let figure = fact.figures.iter().find(|figure| figure.name == name)?;
        self.cite(fact);
        let gap = if figure.unit.is_empty() || figure.unit.starts_with('/') { "" } else { " " };
        self.text.push_str(&format!("{}{gap}{}", figure.value, figure.unit));
        Some(self)
    }

    /// When a fact began.
    pub(super) fn moment(mut self, fact: &Fact) -> Self {
        self.cite(fact);
        self.text.push_str(&moment(fact.from_ms));
        self
    }

    /// The words of a fact, between quotes: they are somebody's, and may have numbers of their own.
    pub(super) fn quote(mut self, fact: &Fact) -> Self {
        self.cite(fact);
        self.text.push_str(&format!("\"{}\"", fact.words));
        self
    }

    /// Every figure of a fact by its name.
    pub(super) fn all(mut self, fact: &Fact) -> Self {
        self.cite(fact);
        for (place, figure) in fact.figures.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let gap = if figure.unit.is_empty() || figure.unit.starts_with('/') { "" } else { " " };
            self.text.push_str(&format!(
                "{comma}{} {}{gap}{}",
                figure.name.replace('_', " "),
                figure.value,
                figure.unit
            ));
        }
        self
    }

    /// Rests on a fact without a figure of it.
    pub(super) fn cite(&mut self, fact: &Fact) {
        if !self.cites.contains(&fact.id) {
            self.cites.push(fact.id.clone());
        }
    }

    /// The sentence.
    pub(super) fn finish(self) -> Sentence {
        let mut text = self.text;
        if !self.cites.is_empty() {
            text.push_str(&format!(" [{}]", self.cites.join(" ")));
        }
        text.push('.');
        Sentence { text, cites: self.cites }
    }
}
