//! Changes of a head that the codec has written: lines taken out, lines put in before the empty one.
//!
//! It works on finished bytes, so that heads without rules pay nothing and framing stays the codec's alone: names that
//! frame a message were refused when the rules were read, and values hold no line end.

use plimsoll_model::gateway::HeaderRules;

/// Changes ready to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeadChanges {
    /// Names that go: removed ones and those that are set.
    gone: Vec<Box<str>>,
    /// Lines that come, each with its end.
    lines: Vec<u8>,
}

impl HeadChanges {
    /// The changes that rules say; none where they say nothing.
    #[must_use]
    pub fn new(rules: &HeaderRules) -> Option<Self> {
        if rules.is_empty() {
            return None;
        }
        let mut lines = Vec::new();
        for (name, value) in rules.set.iter().chain(&rules.add) {
            line(&mut lines, name, value);
        }
        let gone = rules.remove.iter().chain(rules.set.keys());
        Some(Self { gone: gone.map(|name| name.to_ascii_lowercase().into_boxed_str()).collect(), lines })
    }

    /// Changes the head that starts at `start` and ends with `out`.
    pub fn apply(&self, out: &mut Vec<u8>, start: usize) {
        if !self.gone.is_empty() {
            self.remove(out, start);
        }
        insert(out, &self.lines);
    }

    /// Whether a field of this name would be taken out, as one that goes or one that is set.
    pub fn takes_out(&self, name: &str) -> bool {
        self.gone.iter().any(|gone| name.eq_ignore_ascii_case(gone))
    }

    fn remove(&self, out: &mut Vec<u8>, start: usize) {
        let first = memchr::memchr(b'\n', &out[start..]).map_or(out.len(), |at| start + at + 1);
        let (mut read, mut write) = (first, first);
        while let Some(length) = memchr::memchr(b'\n', &out[read..]) {
            let end = read + length + 1;
            let name = out[read..end].split(|byte| *byte == b':').next().unwrap_or_default();
            let goes = self.gone.iter().any(|gone| name.eq_ignore_ascii_case(gone.as_bytes()));
            if !goes {
                out.copy_within(read..end, write);
                write += end - read;
            }
            read = end;
        }
        out.truncate(write);
    }
}

/// Appends a line of a head.
pub fn line(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Puts whole lines in before the empty line that ends the head.
pub fn insert(out: &mut Vec<u8>, lines: &[u8]) {
    if !lines.is_empty() && out.ends_with(b"\r\n") {
        out.truncate(out.len() - 2);
        out.extend_from_slice(lines);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_go_are_set_and_are_added() {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let rules = HeaderRules {
            remove: vec!["server".to_owned()],
            set: pairs(&[("X-Zone", "b")]),
            add: pairs(&[("Vary", "Accept")]),
        };
        let changes = HeadChanges::new(&rules).unwrap();
        let mut out =
            b"beforeHTTP/1.1 200 OK\r\nServer: x\r\nx-zone: a\r\nVary: Host\r\nX-ZONE: c\r\nServers: y\r\n\r\n"
                .to_vec();
        changes.apply(&mut out, 6);
        let wanted = "beforeHTTP/1.1 200 OK\r\nVary: Host\r\nServers: y\r\nX-Zone: b\r\nVary: Accept\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
        assert_eq!(HeadChanges::new(&HeaderRules::default()), None);
    }
}
