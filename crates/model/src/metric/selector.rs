//! Series by name and labels: `http_requests_total{job="shop",code!~"5.."}`.
//!
//! Only the reading of the text; what a regular expression matches is the collector's business.
//!
//! # Source
//! Prometheus, "Querying basics", instant vector selectors.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A name and what labels have to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// Name of the sample, its suffix included (`_total`).
    pub name: String,
    /// All of them have to hold.
    pub matchers: Vec<Matcher>,
}

/// One condition on a label. A series without the label has it empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matcher {
    /// Which label.
    pub label: String,
    /// How it is compared.
    pub op: MatchOp,
    /// With what.
    pub value: String,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchOp {
    /// `=`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `=~`: the expression matches all of it.
    Matches,
    /// `!~`.
    NotMatches,
}

/// Why a text selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at character {at} (from 1) of {text:?}")]
pub struct SelectorError {
    /// The text.
    pub text: String,
    /// Where, from 1.
    pub at: usize,
    /// What is wrong.
    pub problem: &'static str,
}

impl MatchOp {
    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        }
    }
}

/// What is left to read, and where it stands.
struct Rest<'t> {
    whole: &'t str,
    left: &'t str,
}

impl<'t> Rest<'t> {
    fn fail(&self, problem: &'static str) -> SelectorError {
        let before = self.whole.len() - self.left.len();
        let at = self.whole.get(..before).map_or(0, |text| text.chars().count()) + 1;
        SelectorError { text: self.whole.to_owned(), at, problem }
    }

    fn skip_spaces(&mut self) {
        self.left = self.left.trim_start();
    }

    fn take(&mut self, text: &str) -> bool {
        let taken = self.left.strip_prefix(text);
        self.left = taken.unwrap_or(self.left);
        taken.is_some()
    }

    /// A name: a letter or `_` first, then also digits; `:` where `colon` says so.
    fn name(&mut self, colon: bool, problem: &'static str) -> Result<String, SelectorError> {
        let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || (colon && byte == b':');
        let length = self.left.bytes().take_while(|byte| is_first(*byte) || byte.is_ascii_digit()).count();
        let (name, left) = self.left.split_at(length);
        if !name.bytes().next().is_some_and(is_first) {
            return Err(self.fail(problem));
        }
        self.left = left;
        Ok(name.to_owned())
    }

    /// A text in quotes, with `\\`, `\"` and `\n` for what they escape.
    fn quoted(&mut self) -> Result<String, SelectorError> {
        if !self.take("\"") {
            return Err(self.fail("a value in double quotes is missing"));
        }
        let mut value = String::new();
        let mut chars = self.left.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    self.left = self.left.get(at + 1..).unwrap_or_default();
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                    // Regular expressions are full of backslashes: an unknown one stands for itself.
                    Some((_, other)) => value.extend(['\\', other]),
                    None => break,
                },
                other => value.push(other),
            }
        }
        Err(self.fail("the value has no closing quote"))
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let mut rest = Rest { whole: text, left: text };
        rest.skip_spaces();
        let name = rest.name(true, "the name of a metric is missing")?;
        rest.skip_spaces();
        let mut matchers = Vec::new();
        if rest.take("{") {
            rest.skip_spaces();
            while !rest.take("}") {
                matchers.push(matcher(&mut rest)?);
                rest.skip_spaces();
                if !rest.take(",") && !rest.left.starts_with('}') {
                    return Err(rest.fail("`,` or `}` is missing"));
                }
                rest.skip_spaces();
            }
        }
        rest.skip_spaces();
        if rest.left.is_empty() { Ok(Self { name, matchers }) } else { Err(rest.fail("something stands behind it")) }
    }
}

fn matcher(rest: &mut Rest<'_>) -> Result<Matcher, SelectorError> {
    let label = rest.name(false, "the name of a label is missing")?;
    rest.skip_spaces();
    let all = [MatchOp::Matches, MatchOp::NotMatches, MatchOp::NotEqual, MatchOp::Equal];
    let Some(op) = all.into_iter().find(|op| rest.take(op.sign())) else {
        return Err(rest.fail("`=`, `!=`, `=~` or `!~` is missing"));
    };
    rest.skip_spaces();
    Ok(Matcher { label, op, value: rest.quoted()? })
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (index, Matcher { label, op, value }) in self.matchers.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{before}{label}{}\"{value}\"", op.sign())?;
        }
        if self.matchers.is_empty() { Ok(()) } else { f.write_str("}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_selector_is_read_as_prometheus_writes_it() {
        let read: Selector = r#" up{job = "shop", code!~"5..", a!="", b=~"x|\"y\"",} "#.parse().unwrap();
        assert_eq!(read.name, "up");
        assert_eq!(read.to_string(), r#"up{job="shop",code!~"5..",a!="",b=~"x|\"y\""}"#);
        assert_eq!("a:b".parse::<Selector>().unwrap().matchers, []);
        assert_eq!("a{}".parse::<Selector>().unwrap().to_string(), "a");
    }

    #[test]
    fn what_is_no_selector_is_refused_with_its_place() {
        for (text, problem) in [
            ("", "the name of a metric is missing at character 1"),
            ("1a", "the name of a metric is missing at character 1"),
            ("a{b}", "`=`, `!=`, `=~` or `!~` is missing at character 4"),
            ("a{b=c}", "a value in double quotes is missing at character 5"),
            ("a{b=\"c}", "the value has no closing quote"),
            ("a{b=\"c\" d=\"e\"}", "`,` or `}` is missing at character 9"),
            ("a b", "something stands behind it at character 3"),
            ("sum(a)", "something stands behind it at character 4"),
        ] {
            let error = text.parse::<Selector>().unwrap_err().to_string();
            assert!(error.starts_with(problem), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_and_no_text_panics(value in "\\PC{0,20}", any in "\\PC{0,40}") {
            let op = MatchOp::Matches;
            let selector = Selector { name: "a".into(), matchers: vec![Matcher { label: "b".into(), op, value }] };
            prop_assert_eq!(selector.to_string().parse(), Ok(selector));
            let _ = any.parse::<Selector>();
        }
    }
}
