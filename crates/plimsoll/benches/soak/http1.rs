//! One request over HTTP/1.1 as a careful client makes it: reads while it writes, checks every byte, keeps what it may.

use crate::soak::bytes;
use crate::soak::certificates::NAME;
use crate::soak::ledger::How;
use crate::soak::request::{Asked, Kind};
use crate::soak::wire::Wire;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes that are sent or read at once.
const PIECE: usize = 16 * 1024;
/// Pieces of a head in drops, and the pause between them.
const HEAD_PIECE: usize = 20;
const HEAD_PAUSE: Duration = Duration::from_millis(30);

/// Asks, and reads the whole answer. Gives whether the connection may carry another request. `is_kept` says whether it has
/// carried one.
pub async fn ask(wire: &mut Wire, asked: &Asked, is_kept: bool) -> Result<bool, How> {
    let (mut reader, mut writer) = tokio::io::split(wire);
    let mut is_sent = false;
    let mut reading = std::pin::pin!(answer(&mut reader, asked, is_kept));
    let answered = tokio::select! {
        biased;
        answered = &mut reading => answered,
        sent = send(&mut writer, asked) => {
            is_sent = sent.is_ok();
            // A gateway that takes no more may have said why.
            reading.await
        }
    };
    answered.map(|keep| keep && is_sent)
}

async fn send(wire: &mut (impl AsyncWrite + Unpin), asked: &Asked) -> std::io::Result<()> {
    let framing = match (asked.body, asked.kind.is_chunked()) {
        (0, _) => String::new(),
        (_, true) => "Transfer-Encoding: chunked\r\n".to_owned(),
        (count, false) => format!("Content-Length: {count}\r\n"),
    };
    let head =
        format!("{} {} HTTP/1.1\r\nHost: {NAME}\r\nUser-Agent: soak\r\n{framing}\r\n", asked.kind.method(), asked.path);
    if asked.kind == Kind::SlowHead {
        for piece in head.as_bytes().chunks(HEAD_PIECE) {
            wire.write_all(piece).await?;
            wire.flush().await?;
            tokio::time::sleep(HEAD_PAUSE).await;
        }
    } else {
        wire.write_all(head.as_bytes()).await?;
    }
    let mut at = 0;
    while at < asked.body {
        let now = PIECE.min(asked.body - at);
        let data = bytes::slice(at, now);
        if asked.kind.is_chunked() {
            wire.write_all(&[format!("{now:x}\r\n").as_bytes(), &data, b"\r\n"].concat()).await?;
        } else {
            wire.write_all(&data).await?;
        }
        at += now;
        if !asked.kind.pause().is_zero() {
            wire.flush().await?;
            tokio::time::sleep(asked.kind.pause()).await;
        }
    }
    if asked.kind.is_chunked() {
        wire.write_all(b"0\r\n\r\n").await?;
    }
    wire.flush().await
}

/// What a head says.
struct Head {
    status: u16,
    replica: String,
    reason: String,
    length: Option<usize>,
    is_chunked: bool,
    keep: bool,
}

fn parse(text: &str) -> Option<Head> {
    let status = text.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.trim().parse().ok()?;
    let field = |name: &str| {
        let mut lines = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    Some(Head {
        status,
        replica: field("x-replica").unwrap_or_default(),
        reason: field("x-plimsoll-reason").unwrap_or_default(),
        length: field("content-length").map(|length| length.parse()).transpose().ok()?,
        is_chunked: field("transfer-encoding").is_some(),
        keep: field("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")),
    })
}

struct Reader<'w, R> {
    wire: &'w mut R,
    unread: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<'_, R> {
    async fn more(&mut self) -> bool {
        matches!(self.wire.read_buf(&mut self.unread).await, Ok(1..))
    }

    async fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                let text: Vec<u8> = self.unread.drain(..at + end.len()).collect();
                return String::from_utf8(text).ok();
            }
            if !self.more().await {
                return None;
            }
        }
    }
}

async fn answer(wire: &mut (impl AsyncRead + Unpin), asked: &Asked, is_kept: bool) -> Result<bool, How> {
    let mut reader = Reader { wire, unread: Vec::with_capacity(PIECE) };
    let Some(text) = reader.until(b"\r\n\r\n").await else {
        return Err(if reader.unread.is_empty() { How::Ended(is_kept) } else { How::Wrong("half a head".to_owned()) });
    };
    let head = parse(&text).ok_or_else(|| How::Wrong(text.clone()))?;
    if head.status != 200 {
        return Err(How::Refused(head.status, head.reason));
    }
    let is_whole = if asked.kind == Kind::Head {
        head.is_chunked || head.length == Some(asked.answer)
    } else if head.is_chunked {
        chunks(&mut reader, asked).await.map_err(|wrong| wrong.unwrap_or(How::Cut(head.replica)))?
    } else if head.length != Some(asked.answer) {
        false
    } else if asked.kind == Kind::Leave {
        let _ = body(&mut reader, 0, asked.answer / 3, Duration::ZERO).await;
        return Ok(false);
    } else {
        body(&mut reader, 0, asked.answer, asked.kind.pause()).await.ok_or(How::Cut(head.replica))?
    };
    if !is_whole || !reader.unread.is_empty() {
        return Err(How::Wrong(text));
    }
    Ok(head.keep)
}

/// Reads a part of a body; whether it is right, or none when it broke off.
async fn body<R: AsyncRead + Unpin>(
    reader: &mut Reader<'_, R>,
    start: usize,
    count: usize,
    pause: Duration,
) -> Option<bool> {
    let (mut at, mut are_right) = (start, true);
    while at < start + count {
        if reader.unread.is_empty() {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            if !reader.more().await {
                return None;
            }
        }
        let now = reader.unread.len().min(start + count - at);
        are_right &= bytes::are_right(at, &reader.unread[..now]);
        reader.unread.drain(..now);
        at += now;
    }
    Some(are_right)
}

/// Reads a body in chunks; whether it is right. The error is none when it broke off.
async fn chunks<R: AsyncRead + Unpin>(reader: &mut Reader<'_, R>, asked: &Asked) -> Result<bool, Option<How>> {
    let mut at = 0;
    loop {
        let line = reader.until(b"\r\n").await.ok_or(None)?;
        let count = usize::from_str_radix(line.trim_end(), 16).map_err(|_| Some(How::Wrong(line.clone())))?;
        if !body(reader, at, count, Duration::ZERO).await.ok_or(None)? {
            return Ok(false);
        }
        at += count;
        reader.until(b"\r\n").await.ok_or(None)?;
        if count == 0 {
            return Ok(at == asked.answer);
        }
    }
}
