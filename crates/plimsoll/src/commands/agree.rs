//! Asks somebody at a terminal before something is done that they may not have meant.

use anyhow::bail;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Asks `question` on the terminal; without one nobody can agree, and the error is `alone`.
pub fn agreed(question: &str, alone: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("{alone}");
    }
    eprint!("{question}");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
