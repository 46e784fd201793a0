//! Names in place of names: the same one for the same name everywhere, and a way back for whoever holds the list.
//!
//! A pseudonym is `name-` and letters. Numbers in words of others are slots by the time names are looked for, so a text cannot
//! hold one by chance except by spelling it; one that does is taken for the name, which tells nobody anything.

/// Real names and their pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pseudonyms {
    /// Longest first, so that a name within another does not break it.
    pairs: Vec<(String, String)>,
}

impl Pseudonyms {
    /// Pseudonyms for these names, in their order; empty ones and repeats are left out.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for name in names {
            let name = super::text::name(name);
            if !name.is_empty() && pairs.iter().all(|(known, _)| *known != name) {
                let pseudonym = format!("name-{}", letters(pairs.len()));
                pairs.push((name, pseudonym));
            }
        }
        pairs.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then(a.0.cmp(&b.0)));
        Self { pairs }
    }

    /// The text with every name replaced, where it stands as a word.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let pairs: Vec<(&str, &str)> = self.pairs.iter().map(|(name, other)| (name.as_str(), other.as_str())).collect();
        replaced(text, &pairs)
    }

    /// The text with every pseudonym replaced by its name.
    #[must_use]
    pub fn restore(&self, text: &str) -> String {
        let mut pairs: Vec<(&str, &str)> =
            self.pairs.iter().map(|(name, other)| (other.as_str(), name.as_str())).collect();
        pairs.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        replaced(text, &pairs)
    }

    /// `(name, pseudonym)` of all.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, other)| (name.as_str(), other.as_str()))
    }
}

/// a, b, …, z, ba, bb, …
fn letters(mut number: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'a' + (number % 26) as u8);
        number /= 26;
        if number == 0 {
            break;
        }
    }
    letters.iter().rev().map(|letter| char::from(*letter)).collect()
}

/// Replaces whole words in one pass, so that nothing is replaced twice. Case is not told apart.
fn replaced(text: &str, pairs: &[(&str, &str)]) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut before = ' ';
    while let Some(c) = text[at..].chars().next() {
        let found = pairs.iter().find(|(from, _)| {
            let there = text.get(at..at + from.len()).is_some_and(|part| part.eq_ignore_ascii_case(from));
            there && !is_word(before) && !text[at + from.len()..].chars().next().is_some_and(is_word)
        });
        let taken = match found {
            Some((from, to)) => {
                out.push_str(to);
                from.len()
            }
            None => {
                out.push(c);
                c.len_utf8()
            }
        };
        before = text[..at + taken].chars().next_back().unwrap_or(' ');
        at += taken;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_hidden_as_a_word_and_comes_back() {
        let names = Pseudonyms::new(["web", "web-db", "shop", "web"]);
        let hidden = names.hide("Web calls web-db and shop/4, not webs");
        assert_eq!(hidden, "name-a calls name-b and name-c/4, not webs");
        assert_eq!(names.restore(&hidden), "web calls web-db and shop/4, not webs");
        assert_eq!(names.iter().count(), 3);
        assert_eq!((letters(0), letters(25), letters(26)), ("a".into(), "z".into(), "ba".into()));
    }

    proptest! {
        #[test]
        fn hiding_is_undone(names in prop::collection::vec("[a-z]{1,6}(-[a-z]{1,4})?", 1..6), words in prop::collection::vec(0_usize..12, 0..20)) {
            prop_assume!(names.iter().all(|name| !name.starts_with("name")));
            let of = |index: &usize| names.get(*index).map_or("other", String::as_str);
            let text = words.iter().map(of).collect::<Vec<_>>().join(" ");
            let pseudonyms = Pseudonyms::new(names.iter().map(String::as_str));
            let hidden = pseudonyms.hide(&text);
            prop_assert_eq!(pseudonyms.restore(&hidden), text);
            for name in &names {
                prop_assert!(hidden.split(' ').all(|word| word != name));
            }
        }

        #[test]
        fn any_text_is_taken(text in any::<String>(), name in any::<String>()) {
            let _ = Pseudonyms::new([name.as_str()]).hide(&text);
        }
    }
}
