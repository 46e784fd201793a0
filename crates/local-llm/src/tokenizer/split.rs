//! Cuts a text into the pieces within which tokens may be merged, as the model was trained with.
//!
//! Every digit is a piece of its own; the rest is cut as GPT-2 does. An engine that was tried took the model's `smollm` for plain
//! GPT-2, left digits together and put a blank before the text: other tokens than the model knows, which also broke the grammar.
//!
//! Letters are those of `char::is_alphabetic`, which beside the letters has some marks and letter-like numbers. A text with such
//! is cut in other places; its tokens still spell the same text.
//!
//! # Source
//! `tokenizer.ggml.pre = smollm` in llama.cpp: the expressions `\p{N}` and then
//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`.

/// The pieces, in order; together they are the text.
pub fn pieces(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_numeric() {
            first.len_utf8()
        } else {
            let until_digit = rest.find(char::is_numeric).unwrap_or(rest.len());
            piece(&rest[..until_digit])
        };
        let (one, after) = rest.split_at(length);
        all.push(one);
        rest = after;
    }
    all
}

/// Bytes of the first piece of a text without digits.
fn piece(text: &str) -> usize {
    const ENDINGS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    if let Some(ending) = ENDINGS.iter().find(|ending| text.starts_with(**ending)) {
        return ending.len();
    }
    let blank = usize::from(text.starts_with(' '));
    let (after, length) = (&text[blank..], |of: &str, is: fn(char) -> bool| of.find(|c| !is(c)).unwrap_or(of.len()));
    let is_other: fn(char) -> bool = |c| !c.is_whitespace() && !c.is_alphabetic();
    for is in [char::is_alphabetic, is_other] {
        let found = length(after, is);
        if found > 0 {
            return blank + found;
        }
    }
    // Blanks: all of them at the end of the text; before a word all but the last, which belongs to the word.
    let blanks = length(text, char::is_whitespace);
    let last = text[..blanks].chars().next_back().map_or(0, char::len_utf8);
    if blanks == text.len() || blanks == last { blanks } else { blanks - last }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(pieces(text), expected, "{text:?}");
    }

    #[test]
    fn digits_stand_alone_and_no_blank_is_put_before_the_text() {
        check("p99 is 1024 ms", &["p", "9", "9", " is", " ", "1", "0", "2", "4", " ms"]);
        check("Hello", &["Hello"]);
        check("½x", &["½", "x"]);
    }

    #[test]
    fn words_keep_the_blank_before_them_and_endings_are_cut_off() {
        check("it's  we'll\n\n\tgo", &["it", "'s", " ", " we", "'ll", "\n\n", "\t", "go"]);
        check("a  ", &["a", "  "]);
        check("\n\n", &["\n\n"]);
        check("{\"a\": -1.5}", &["{\"", "a", "\":", " -", "1", ".", "5", "}"]);
        check("größe, übel", &["größe", ",", " übel"]);
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_text(text in "\\PC{0,60}|[ \\n\\ta-c'0-2.]{0,60}") {
            let pieces = pieces(&text);
            prop_assert_eq!(pieces.concat(), text.clone());
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        }
    }
}
