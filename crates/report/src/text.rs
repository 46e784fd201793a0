//! Text measured in terminal columns: width, padding, truncation, wrapping, and taking out what could steer a terminal.
//!
//! Width follows Unicode Standard Annex 11 (East Asian Width), through the `unicode-width` crate: a letter may take no
//! column (a combining accent) or two.

use crate::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns the text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text without control characters, so that a name or a log line from outside cannot move the cursor, change
/// colours or break a line. Tabs and line ends become spaces, anything else `?`.
#[must_use]
pub fn clean(text: &str) -> String {
    let replace = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        // Controls of both sets, and the marks that reverse the direction of what follows.
        c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => '?',
        c => c,
    };
    text.chars().map(replace).collect()
}

/// The text with spaces behind it, up to `columns`.
#[must_use]
pub fn pad_right(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The text with spaces before it, up to `columns`.
#[must_use]
pub fn pad_left(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// As much of the text as fits into `columns`, with `…` (or `~`) where something is missing.
#[must_use]
pub fn truncate(text: &str, columns: usize, style: &Style) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let (head, _) = split_at_width(text, columns.saturating_sub(1));
    format!("{head}{}", if columns == 0 { "" } else { style.pick("…", "~") })
}

/// Lines of at most `columns`, broken at spaces where there are some. At least one line.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        while line.is_empty() && width(word) > columns {
            let (head, tail) = split_at_width(word, columns);
            // A letter wider than the column stands alone rather than nowhere.
            let (head, tail) = if head.is_empty() { split_first(word) } else { (head, tail) };
            lines.push(head.to_owned());
            word = tail;
        }
        if !line.is_empty() && !word.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

fn split_at_width(text: &str, columns: usize) -> (&str, &str) {
    let mut used = 0;
    let end = text.char_indices().find_map(|(at, c)| {
        used += c.width().unwrap_or(0);
        (used > columns).then_some(at)
    });
    text.split_at(end.unwrap_or(text.len()))
}

fn split_first(text: &str) -> (&str, &str) {
    text.split_at(text.chars().next().map_or(0, char::len_utf8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wide_letters_count_twice_and_accents_nothing() {
        assert_eq!(width("日本"), 4);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(pad_left("日", 4), "  日");
    }

    #[test]
    fn what_is_cut_shows_that_it_is() {
        assert_eq!(truncate("deployment", 6, &Style::unicode(80)), "deplo…");
        assert_eq!(truncate("deployment", 6, &Style::ascii(80)), "deplo~");
        assert_eq!(truncate("日本語", 4, &Style::unicode(80)), "日…");
        assert_eq!(truncate("fits", 4, &Style::unicode(80)), "fits");
        assert_eq!(truncate("gone", 0, &Style::unicode(80)), "");
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        assert_eq!(clean("a\x1b[31mb\nc\td\u{9b}e\u{202e}f"), "a?[31mb c d?e?f");
    }

    #[test]
    fn lines_break_at_spaces_and_long_words_where_they_must() {
        assert_eq!(wrap("the load rose above the target", 12), ["the load", "rose above", "the target"]);
        assert_eq!(wrap("a verylongword b", 5), ["a", "veryl", "ongwo", "rd b"]);
        assert_eq!(wrap("", 5), [""]);
    }

    proptest! {
        #[test]
        fn wrapping_keeps_every_letter_and_the_width(text in "[a-z日é ]{0,60}", columns in 2_usize..30) {
            let lines = wrap(&text, columns);
            prop_assert!(lines.iter().all(|line| width(line) <= columns));
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }

        #[test]
        fn truncation_never_exceeds_the_width(text in "\\PC{0,40}", columns in 0_usize..20) {
            prop_assert!(width(&truncate(&text, columns, &Style::unicode(80))) <= columns);
        }
    }
}
