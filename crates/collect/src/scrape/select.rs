//! Series by name and labels, with the matchers of a [`Selector`].

use super::{ScrapeError, Series};
use plimsoll_model::metric::{MatchOp, Matcher, Selector};
use regex_lite::Regex;

/// Most bytes of a compiled expression: a label's value is short, and so is what it is compared with.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A selector whose expressions are compiled.
#[derive(Debug)]
pub struct Select {
    selector: Selector,
    /// One per matcher; none where it compares texts.
    expressions: Vec<Option<Regex>>,
}

impl Select {
    /// Reads `text`.
    ///
    /// # Errors
    /// [`ScrapeError::Select`] for a text that is no selector, or an expression that is none.
    pub fn read(text: &str) -> Result<Self, ScrapeError> {
        let selector: Selector = text.parse().map_err(|error| ScrapeError::Select(format!("{error}")))?;
        let compile = |matcher: &Matcher| match matcher.op {
            MatchOp::Equal | MatchOp::NotEqual => Ok(None),
            // Anchored on both sides, as Prometheus does.
            MatchOp::Matches | MatchOp::NotMatches => {
                let whole = format!("^(?:{})$", matcher.value);
                regex_lite::RegexBuilder::new(&whole).size_limit(REGEX_BYTES_MAX).build().map(Some)
            }
        };
        let expressions = selector.matchers.iter().map(compile).collect::<Result<_, _>>();
        let expressions = expressions.map_err(|error| ScrapeError::Select(format!("{selector}: {error}")))?;
        Ok(Self { selector, expressions })
    }

    /// Whether a series is meant.
    #[must_use]
    pub fn matches(&self, series: &Series) -> bool {
        let label =
            |name: &str| series.labels.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
        let holds = |(matcher, expression): (&Matcher, &Option<Regex>)| {
            let found = label(&matcher.label);
            let fits = expression.as_ref().map_or(found == matcher.value, |expression| expression.is_match(found));
            fits == matches!(matcher.op, MatchOp::Equal | MatchOp::Matches)
        };
        series.name == self.selector.name && self.selector.matchers.iter().zip(&self.expressions).all(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(labels: &[(&str, &str)]) -> Series {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Series { name: "a".to_owned(), labels, value: 0.0, at: None, is_counter: false }
    }

    #[test]
    fn matchers_hold_as_prometheus_has_them() {
        let shop = series(&[("job", "shop"), ("code", "503")]);
        for (text, holds) in [
            ("a", true),
            ("b", false),
            ("a{job=\"shop\"}", true),
            ("a{job!=\"shop\"}", false),
            ("a{code=~\"5..\"}", true),
            ("a{code=~\"5.\"}", false),
            ("a{code!~\"2..|3..\"}", true),
            ("a{none=\"\"}", true),
            ("a{none!=\"\"}", false),
            ("a{job=\"shop\",code=\"200\"}", false),
        ] {
            assert_eq!(Select::read(text).unwrap().matches(&shop), holds, "{text}");
        }
        assert!(Select::read("a{b=~\"(\"}").is_err());
    }
}
