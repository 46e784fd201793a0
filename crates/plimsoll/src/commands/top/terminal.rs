//! The terminal while it is drawn on: raw, on its second screen, without a cursor; and as it was afterwards, whatever happens.

use anyhow::Context as _;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

/// Second screen, no cursor, no wrapping at the edge.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// The same back.
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// The attributes to go back to, where a panic finds them too.
static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal that is drawn on until this value goes.
pub struct Terminal(());

impl Terminal {
    /// Takes the terminal over; a panic gives it back before it says what happened.
    ///
    /// # Errors
    /// Where input or output is no terminal.
    pub fn take() -> anyhow::Result<Self> {
        let (input, output) = (io::stdin(), io::stdout());
        if !input.is_terminal() || !output.is_terminal() {
            anyhow::bail!("this is no terminal; `--once` prints one picture");
        }
        let saved = tcgetattr(&input).context("the terminal's attributes")?;
        let mut raw = saved.clone();
        raw.make_raw();
        *SAVED.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved);
        tcsetattr(&input, OptionalActions::Now, &raw).context("the terminal's attributes")?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
        let terminal = Self(());
        write!(io::stdout(), "{ENTER}")?;
        io::stdout().flush()?;
        Ok(terminal)
    }

    /// Columns and rows.
    pub fn size() -> Option<(u16, u16)> {
        let size = tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
    }

    /// Draws lines from the top, each over what was there before.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&self, lines: &[String]) -> io::Result<()> {
        let mut out = String::from("\x1b[?2026h\x1b[H");
        for (index, line) in lines.iter().enumerate() {
            out.push_str(if index == 0 { "" } else { "\r\n" });
            out.push_str(line);
            out.push_str("\x1b[K");
        }
        out.push_str("\x1b[J\x1b[?2026l");
        let mut terminal = io::stdout().lock();
        terminal.write_all(out.as_bytes())?;
        terminal.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, once.
fn restore() {
    let Some(saved) = SAVED.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let _ = write!(io::stdout(), "{LEAVE}");
    let _ = io::stdout().flush();
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &saved);
}
