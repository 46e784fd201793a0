//! Rust text with comments and literals blanked out, and which lines of it are tests.
//!
//! The rules look for names and braces; a name in a sentence or a string is neither. A full parser would be exact and
//! slow to build; this scanner knows comments (nested), strings (plain, raw, byte, C), characters and lifetimes, which
//! is all that can hide a brace.

use std::ops::Range;

/// The same text, same length and lines, with the insides of comments and literals as spaces.
pub fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skip_at(bytes, at);
        if let Some(end) = end {
            let end = end.min(bytes.len());
            out[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
            at = end;
        } else {
            at += 1;
        }
    }
    // Only whole comments and literals were blanked, byte for byte, so what is left is still UTF-8.
    String::from_utf8_lossy(&out).into_owned()
}

/// The end of the comment or literal that starts here, if one does.
fn skip_at(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return Some(at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
    }
    if rest.starts_with(b"/*") {
        return Some(at + block_comment(rest));
    }
    let is_start = at == 0 || !is_word(bytes[at - 1]);
    if is_start && let Some(length) = raw_string(rest) {
        return Some(at + length);
    }
    match rest[0] {
        b'"' => Some(at + string(rest)),
        b'\'' => character(rest).map(|length| at + length),
        _ => None,
    }
}

/// Part of a name.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a raw string (`r"…"`, `br#"…"#`, `cr"…"`) that starts here.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| rest.starts_with(prefix.as_bytes()))?.len();
    let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let inner = &rest[open + 1..];
    let end = inner.windows(close.len()).position(|window| window == close);
    Some(end.map_or(rest.len(), |end| open + 1 + end + close.len()))
}

/// The length of a character literal that starts here; none for a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return rest.iter().skip(3).position(|byte| *byte == b'\'').map(|end| end + 4);
    }
    let first = std::str::from_utf8(&rest[1..rest.len().min(5)])
        .or_else(|error| std::str::from_utf8(&rest[1..=error.valid_up_to()]));
    let length = first.ok()?.chars().next()?.len_utf8();
    (rest.get(1 + length) == Some(&b'\'')).then_some(length + 2)
}

/// Lines (from 1) of items under `#[cfg(test)]`, in masked text.
pub fn test_lines(masked: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while let Some(found) = masked[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = item_end(masked, start + "#[cfg(test)]".len());
        ranges.push(line_of(masked, start)..line_of(masked, end) + 1);
        from = end.max(start + 1);
    }
    ranges
}

/// The last byte of the item that starts here: its closing brace, or its semicolon.
fn item_end(masked: &str, from: usize) -> usize {
    let end = masked[from..].find(['{', ';']).map(|offset| from + offset);
    match end {
        Some(open) if masked.as_bytes()[open] == b'{' => closing(masked, open).unwrap_or(masked.len()),
        Some(semicolon) => semicolon,
        None => masked.len(),
    }
}

/// The brace that closes the one at `open`, in masked text.
pub fn closing(masked: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in masked.as_bytes()[open..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(open + offset);
                }
            }
            _ => {}
        }
    }
    None
}

/// The line (from 1) of a byte.
pub fn line_of(text: &str, byte: usize) -> usize {
    text.as_bytes()[..byte.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_the_rest_is_not() {
        let text = "let a = \"{\\\"\"; // tokio {\nlet b = '{'; /* { /* { */ } */ let c = r#\"\"{\"#; fn f<'a>() {}";
        let masked = mask(text);
        assert_eq!(masked.len(), text.len());
        assert_eq!(masked.matches('{').count(), 1, "{masked}");
        assert!(!masked.contains("tokio"));
        assert!(masked.contains("fn f<'a>() {}"));
    }

    #[test]
    fn characters_of_any_length_are_told_from_lifetimes() {
        for literal in ["'a'", "'ü'", "'\\n'", "'\\''", "'\\u{7f}'", "'\"'", "'€'", "'😀'"] {
            assert_eq!(mask(&format!("x({literal});")).trim_end_matches([')', ';']).trim(), "x(", "{literal}");
        }
        assert_eq!(mask("&'static str"), "&'static str");
    }

    #[test]
    fn an_identifier_that_ends_in_r_opens_no_raw_string() {
        assert_eq!(mask("for\"{\""), "for   ");
        assert_eq!(mask("br\"{\" x"), "      x");
    }

    #[test]
    fn test_items_are_found_to_their_closing_brace() {
        let text =
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { }\n}\nfn c() {}\n#[cfg(test)]\nuse x::y;\nfn d() {}\n";
        assert_eq!(test_lines(&mask(text)), [2..6, 7..9]);
    }
}
