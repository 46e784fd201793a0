//! Words of others made harmless: one line of plain characters, numbers, hosts and paths as slots, capped.
//!
//! What an attacker can say with such a text is little: it has no quotes, brackets or line breaks to end the field that it
//! stands in, no addresses or commands with their arguments, and no numbers to put in place of measured ones.
//!
//! # Source
//! Templating of untrusted fields against instructions in telemetry: the defence called AIOpsShield in the literature.

/// Longest text, characters.
pub const LENGTH_MAX: usize = 120;

/// A text as it may be shown, without secrets (which are cut before, by [`super::secrets::cut`]).
#[must_use]
pub fn plain(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(slot).filter(|word| !word.is_empty()).collect();
    let mut short: String = words.join(" ").chars().take(LENGTH_MAX).collect();
    if words.join(" ").chars().count() > LENGTH_MAX {
        short.truncate(short.rfind(' ').unwrap_or(short.len()));
        short.push_str(" ...");
    }
    short
}

/// A name: letters, digits and the few signs that names have; anything else becomes `_`.
#[must_use]
pub fn name(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    text.chars().take(48).map(|c| if allowed(c) { c } else { '_' }).collect()
}

/// A word as itself or as the slot of its kind.
fn slot(word: &str) -> String {
    if word.contains(super::secrets::CUT) {
        return super::secrets::CUT.to_owned();
    }
    if word.contains("://") {
        return "<url>".into();
    }
    if word.contains('@') && word.contains('.') {
        return "<address>".into();
    }
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '/');
    if bare.starts_with('/') && bare.len() > 1 || bare.matches('/').count() > 1 {
        return "<path>".into();
    }
    let parts: Vec<&str> = bare.split('.').collect();
    if parts.len() >= 3 && parts.iter().all(|part| !part.is_empty()) {
        return "<host>".into();
    }
    let mut out = String::new();
    let mut in_number = false;
    for c in word.chars() {
        let is_digit = c.is_ascii_digit() || (in_number && c == '.');
        if is_digit && !in_number {
            out.push_str("<n>");
        }
        in_number = is_digit;
        if !is_digit && (c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '/' | ',' | '.' | ':' | ';' | '%')) {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_hosts_paths_and_addresses_become_slots() {
        assert_eq!(plain("took 12.5ms on 10.0.0.17"), "took <n>ms on <host>");
        assert_eq!(plain("GET /admin/x?y=1 to http://a.b/c by me@x.org"), "GET <path> to <url> by <address>");
        assert_eq!(plain("web/17 died"), "web/<n> died");
        assert_eq!(plain("a \"quote\" `rm` {json} [x] <b>"), "a quote rm json x b");
        assert_eq!(name("we b\n\"\u{202e}/7"), "we_b___/7");
    }

    proptest! {
        #[test]
        fn whatever_goes_in_a_short_line_of_plain_characters_comes_out(text in any::<String>()) {
            let plain = plain(&text);
            prop_assert!(plain.chars().count() <= LENGTH_MAX + 4);
            prop_assert!(plain.chars().all(|c| c.is_ascii_alphabetic() || " -_/,.:;%<>".contains(c)), "{plain}");
            prop_assert!(name(&text).chars().count() <= 48);
        }
    }
}
