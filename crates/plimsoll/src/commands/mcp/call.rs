//! Runs this program with other words: no shell, no input, a deadline, and a bound on what is read of it.

use anyhow::{Context, bail};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// Most bytes of an answer.
const OUTPUT_MAX: u64 = 1 << 20;
/// Most bytes of an error.
const ERROR_MAX: u64 = 16 << 10;

/// What it printed. Exit codes 0 and 3 (a "no" that was asked for) are answers; any other is an error with what it said.
pub async fn run(program: &Path, words: &[String], deadline: Duration) -> anyhow::Result<String> {
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("NO_COLOR", "1")
        .kill_on_drop(true)
        .spawn()
        .context("the tool could not be started")?;
    let (out, error) = (child.stdout.take(), child.stderr.take());
    let all = async {
        let (out, error) = tokio::join!(read(out, OUTPUT_MAX), read(error, ERROR_MAX));
        Ok::<_, std::io::Error>((out?, error?, child.wait().await?))
    };
    let Ok(ended) = tokio::time::timeout(deadline, all).await else {
        bail!("the tool took more than {} s and was ended", deadline.as_secs());
    };
    let (out, error, status) = ended.context("the tool's output")?;
    if matches!(status.code(), Some(0 | 3)) {
        // A "no" may be told on standard error alone.
        return Ok(if out.trim().is_empty() { error } else { out });
    }
    let told = if error.trim().is_empty() { out } else { error };
    bail!("{}", told.trim());
}

/// Up to so many bytes; what comes after them is read and thrown away, so that the child can end.
async fn read(from: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<String> {
    let Some(mut from) = from else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    (&mut from).take(most).read_to_end(&mut bytes).await?;
    let rest = tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if rest > 0 {
        text.push_str(&format!("\n(cut: {rest} bytes more)"));
    }
    Ok(text)
}
