//! Bytes of a terminal as keys.

/// A key that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Up.
    Up,
    /// Down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the start.
    Home,
    /// To the end.
    End,
    /// Return.
    Enter,
    /// Escape, or left.
    Back,
    /// Backspace.
    Erase,
    /// Control and C, or the end of the input.
    Interrupt,
}

/// The keys of what was read at once; what is not known is skipped. Terminals send a sequence in one piece, so a lone escape
/// at the end is the key itself.
pub fn keys(bytes: &[u8]) -> Vec<Key> {
    let mut found = Vec::new();
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.as_ref();
    while let Some(first) = rest.chars().next() {
        let (key, taken) = match first {
            '\x1b' => escape(rest),
            '\r' | '\n' => (Some(Key::Enter), 1),
            '\x03' | '\x04' => (Some(Key::Interrupt), 1),
            '\x08' | '\x7f' => (Some(Key::Erase), 1),
            other if other.is_control() => (None, 1),
            other => (Some(Key::Char(other)), other.len_utf8()),
        };
        found.extend(key);
        rest = rest.get(taken..).unwrap_or_default();
    }
    found
}

fn escape(text: &str) -> (Option<Key>, usize) {
    const SEQUENCES: [(&str, Key); 15] = [
        ("\x1b[A", Key::Up),
        ("\x1bOA", Key::Up),
        ("\x1b[B", Key::Down),
        ("\x1bOB", Key::Down),
        ("\x1b[C", Key::Enter),
        ("\x1bOC", Key::Enter),
        ("\x1b[D", Key::Back),
        ("\x1bOD", Key::Back),
        ("\x1b[5~", Key::PageUp),
        ("\x1b[6~", Key::PageDown),
        ("\x1b[H", Key::Home),
        ("\x1b[1~", Key::Home),
        ("\x1b[F", Key::End),
        ("\x1b[4~", Key::End),
        ("\x1bOF", Key::End),
    ];
    if let Some((sequence, key)) = SEQUENCES.iter().find(|(sequence, _)| text.starts_with(sequence)) {
        return (Some(*key), sequence.len());
    }
    let after = text.get(1..).unwrap_or_default();
    if !after.starts_with(['[', 'O']) {
        return (Some(Key::Back), 1);
    }
    // An unknown sequence ends with its first letter or tilde.
    let end = after.get(1..).and_then(|rest| rest.find(|c: char| c.is_ascii_alphabetic() || c == '~'));
    (None, end.map_or(text.len(), |end| end + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_keys_and_a_lone_escape_goes_back() {
        assert_eq!(keys(b"j\x1b[A\x1bOB\r"), [Key::Char('j'), Key::Up, Key::Down, Key::Enter]);
        assert_eq!(keys(b"\x1b"), [Key::Back]);
        assert_eq!(keys(b"\x1bq"), [Key::Back, Key::Char('q')]);
        assert_eq!(keys(b"\x1b[1;5Cx\x7f\x03"), [Key::Char('x'), Key::Erase, Key::Interrupt]);
        assert_eq!(keys("é\x00".as_bytes()), [Key::Char('é')]);
        assert_eq!(keys(b"\x1b["), []);
    }
}
