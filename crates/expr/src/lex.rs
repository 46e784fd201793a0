//! Text into tokens, each with its line and column.

use crate::parse::{ParseError, ParseProblem};
use std::fmt;

/// A position in a text; both count from 1, and columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TokenKind<'a> {
    /// Digits as written, and the suffix that follows them.
    Number(&'a str, &'a str),
    /// A name or a word of the language.
    Word(&'a str),
    /// An operator, parenthesis, comma or semicolon.
    Sign(&'static str),
    /// The end of the text.
    End,
}

/// A token and where it starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind<'a>,
    pub(crate) place: Place,
}

impl fmt::Display for TokenKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(digits, suffix) => write!(f, "`{digits}{suffix}`"),
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::End => f.write_str("the end of the text"),
        }
    }
}

/// Longer signs stand before those they begin with.
const SIGNS: [&str; 15] = ["<=", ">=", "==", "!=", "<", ">", "=", "+", "-", "*", "/", "(", ")", ",", ";"];

/// All tokens, the end last.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let mut reader = Reader { rest: text, place: Place { line: 1, column: 1 } };
    let mut found = Vec::new();
    loop {
        reader.skip_blank();
        let place = reader.place;
        let kind = reader.next()?;
        found.push(Token { kind, place });
        if kind == TokenKind::End {
            return Ok(found);
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    place: Place,
}

impl<'a> Reader<'a> {
    /// Takes `bytes` off the text; they hold no line break unless `skip_blank` asks.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        for character in taken.chars() {
            if character == '\n' {
                self.place.line = self.place.line.saturating_add(1);
                self.place.column = 1;
            } else {
                self.place.column = self.place.column.saturating_add(1);
            }
        }
        taken
    }

    /// White space and comments, which run from `#` to the end of the line.
    fn skip_blank(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            let comment = if self.rest[blank..].starts_with('#') {
                self.rest[blank..].find('\n').unwrap_or(self.rest.len() - blank)
            } else {
                0
            };
            if blank + comment == 0 {
                return;
            }
            self.take(blank + comment);
        }
    }

    fn next(&mut self) -> Result<TokenKind<'a>, ParseError> {
        let Some(first) = self.rest.chars().next() else { return Ok(TokenKind::End) };
        let second_is_digit = self.rest[first.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        if first.is_ascii_digit() || (first == '.' && second_is_digit) {
            let digits = self.take(number_length(self.rest.as_bytes()));
            let suffix = self.take(word_length(self.rest, false));
            return Ok(TokenKind::Number(digits, suffix));
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(TokenKind::Word(self.take(word_length(self.rest, true))));
        }
        match SIGNS.into_iter().find(|sign| self.rest.starts_with(sign)) {
            Some(sign) => {
                self.take(sign.len());
                Ok(TokenKind::Sign(sign))
            }
            None => Err(ParseError { place: self.place, problem: ParseProblem::Character { found: first } }),
        }
    }
}

/// Bytes of a name, or of a suffix, which has no dots.
fn word_length(text: &str, dots: bool) -> usize {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (dots && c == '.');
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// Bytes of a number: digits with `_` between them, a fraction, an exponent.
fn number_length(bytes: &[u8]) -> usize {
    let digits = |from: usize| {
        from + bytes[from.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count()
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind<'_>> {
        tokens(text).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn numbers_take_their_suffix_and_names_their_dots() {
        use TokenKind::{End, Number, Sign, Word};
        assert_eq!(
            kinds("1_000.5e-3 .5GiB 2e3s"),
            [Number("1_000.5e-3", ""), Number(".5", "GiB"), Number("2e3", "s"), End]
        );
        assert_eq!(
            kinds("task.cpu<=3 # a\n-x"),
            [Word("task.cpu"), Sign("<="), Number("3", ""), Sign("-"), Word("x"), End]
        );
    }

    #[test]
    fn places_count_lines_and_characters() {
        let places: Vec<String> = tokens("a # é\n  +\tb").unwrap().iter().map(|t| t.place.to_string()).collect();
        assert_eq!(places, ["line 1, column 1", "line 2, column 3", "line 2, column 5", "line 2, column 6"]);
        assert_eq!(tokens("a\n § b").unwrap_err().to_string(), "line 2, column 2: `§` is no sign of the language");
    }
}
