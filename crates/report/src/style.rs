//! What a terminal can show: its width, its characters, its colours; and the few tones that text may have.
//!
//! Colour never carries meaning alone: whoever sets a tone also writes the word. `NO_COLOR` is honoured as
//! no-color.org states it (set and not empty turns colour off), `CLICOLOR_FORCE` as bixense.com/clicolors does.

use std::io::IsTerminal;

/// Width assumed when nothing says otherwise.
const WIDTH_DEFAULT: usize = 100;
/// Narrower than this nothing lines up any more.
const WIDTH_MIN: usize = 20;

/// Which characters may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Box drawing, blocks and `…`.
    Unicode,
    /// Bytes under 128 only.
    Ascii,
}

/// How text may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Characters.
    pub charset: Charset,
    /// Whether ANSI colours are used.
    pub colour: bool,
}

/// What is known of the place where the text goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminal {
    /// Whether it is one.
    pub is_terminal: bool,
    /// Its columns, if it says so.
    pub columns: Option<usize>,
}

impl Style {
    /// Plain ASCII of this width, for files and tests.
    #[must_use]
    pub const fn ascii(width: usize) -> Self {
        Self { width, charset: Charset::Ascii, colour: false }
    }

    /// Unicode without colour.
    #[must_use]
    pub const fn unicode(width: usize) -> Self {
        Self { width, charset: Charset::Unicode, colour: false }
    }

    /// The style of this process's standard output.
    #[must_use]
    pub fn of_stdout() -> Self {
        let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let terminal = Terminal { is_terminal: std::io::stdout().is_terminal(), columns };
        Self::from_environment(terminal, |name| std::env::var(name).ok())
    }

    /// The style for a terminal and an environment: `COLUMNS`, `LC_ALL`, `LC_CTYPE`, `LANG`, `TERM`, `NO_COLOR`,
    /// `CLICOLOR_FORCE`.
    pub fn from_environment(terminal: Terminal, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_dumb = set("TERM").is_some_and(|term| term == "dumb");
        let columns = set("COLUMNS").and_then(|text| text.parse().ok()).or(terminal.columns);
        // The first of the three that is set decides, as setlocale(3) does.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name)).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let is_utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        Self {
            width: columns.unwrap_or(WIDTH_DEFAULT).max(WIDTH_MIN),
            charset: if is_utf8 && !is_dumb { Charset::Unicode } else { Charset::Ascii },
            colour: set("NO_COLOR").is_none() && (forced || (terminal.is_terminal && !is_dumb)),
        }
    }

    /// The text in this tone, if there are colours.
    #[must_use]
    pub fn paint(&self, text: &str, tone: Tone) -> String {
        match tone.code() {
            Some(code) if self.colour && !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }

    /// The first of the two where Unicode may be used, else the second.
    #[must_use]
    pub const fn pick<T: Copy>(&self, unicode: T, ascii: T) -> T {
        match self.charset {
            Charset::Unicode => unicode,
            Charset::Ascii => ascii,
        }
    }
}

/// What a piece of text is to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// As any other.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Of second rank.
    Dim,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
    /// The n-th series of a chart, from 0.
    Series(usize),
}

impl Tone {
    /// The ANSI attribute; colours of the basic set only, which every theme makes readable.
    fn code(self) -> Option<&'static str> {
        const SERIES: [&str; 6] = ["34", "33", "36", "35", "32", "31"];
        Some(match self {
            Self::Plain => return None,
            Self::Strong => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "31",
            Self::Series(index) => SERIES[index % SERIES.len()],
        })
    }

    /// The class that HTML gives it, if any.
    pub(crate) const fn class(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Series(_) => None,
            Self::Strong => Some("strong"),
            Self::Dim => Some("dim"),
            Self::Good => Some("good"),
            Self::Warn => Some("warn"),
            Self::Bad => Some("bad"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(is_terminal: bool, variables: &[(&str, &str)]) -> Style {
        let terminal = Terminal { is_terminal, columns: Some(132) };
        Style::from_environment(terminal, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_utf8_terminal_has_everything() {
        let found = style(true, &[("LANG", "en_GB.UTF-8"), ("TERM", "xterm")]);
        assert_eq!(found, Style { width: 132, charset: Charset::Unicode, colour: true });
    }

    #[test]
    fn no_color_wins_unless_it_is_empty() {
        assert!(!style(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]).colour);
        assert!(style(true, &[("NO_COLOR", "")]).colour);
    }

    #[test]
    fn a_pipe_has_no_colour_unless_forced() {
        assert!(!style(false, &[]).colour);
        assert!(style(false, &[("CLICOLOR_FORCE", "1")]).colour);
    }

    #[test]
    fn the_locale_decides_the_characters_and_columns_the_width() {
        assert_eq!(style(true, &[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]).charset, Charset::Ascii);
        assert_eq!(style(true, &[("LC_CTYPE", "C.utf8")]).charset, Charset::Unicode);
        assert_eq!(style(true, &[("LANG", "C.UTF-8"), ("TERM", "dumb")]).charset, Charset::Ascii);
        assert_eq!(style(true, &[("COLUMNS", "80")]).width, 80);
        assert_eq!(style(true, &[("COLUMNS", "3")]).width, WIDTH_MIN);
        assert_eq!(style(true, &[("COLUMNS", "wide")]).width, 132);
    }

    #[test]
    fn painting_without_colour_changes_nothing() {
        assert_eq!(Style::unicode(80).paint("ok", Tone::Good), "ok");
        let colour = Style { colour: true, ..Style::unicode(80) };
        assert_eq!(colour.paint("ok", Tone::Good), "\u{1b}[32mok\u{1b}[0m");
    }
}
