//! How many tokens a text is, at most about: models differ, and a pack must fit them all.
//!
//! Every digit and every sign counts as one, as tokenizers that split numbers into digits have it, and a word as one for
//! every four letters begun. Blanks go with the word after them. It says more than common vocabularies need.

/// Tokens of a text.
#[must_use]
pub fn estimate(text: &str) -> u32 {
    let (mut tokens, mut letters) = (0_u32, 0_u32);
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            tokens += u32::from(letters % 4 == 0);
            letters += 1;
            continue;
        }
        letters = 0;
        // A character outside ASCII may be a token per byte.
        tokens += if c == ' ' { 0 } else { c.len_utf8() as u32 };
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_signs_count_one_by_one_and_words_by_fours() {
        assert_eq!(estimate("load 12.5/s"), 1 + 4 + 1 + 1);
        assert_eq!((estimate("seasonality"), estimate(""), estimate("\u{2013}")), (3, 0, 3));
    }
}
