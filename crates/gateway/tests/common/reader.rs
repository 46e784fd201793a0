//! A second reading of HTTP/1.1, written apart from the codec: strict, slow, and only for what we are allowed to send.
//!
//! What the gateway forwards has to be canonical: one space between words, CRLF everywhere, one framing field, chunks
//! without extensions, trailers without what belongs to a head. Anything else is an error here, so that a test which uses this reader fails when the
//! gateway passes on what some other reader might take differently. Must not use the codec.
//!
//! # Source
//! RFC 9112 sections 3 to 7.
#![allow(dead_code, reason = "each test uses its own part")]

/// A whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Request line or status line, without its line end.
    pub start: String,
    /// Names and values in order, as sent.
    pub fields: Fields,
    /// Decoded.
    pub body: Vec<u8>,
    /// What stands behind the last chunk, in order, as sent.
    pub trailers: Fields,
    /// Bytes of the whole message.
    pub length: usize,
}

impl Message {
    /// The values of a field.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_slice()).collect()
    }

    /// The values of a trailer field.
    pub fn trailing(&self, name: &str) -> Vec<&[u8]> {
        let named = self.trailers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_slice()).collect()
    }

    /// A word of the start line.
    pub fn word(&self, index: usize) -> &str {
        self.start.splitn(3, ' ').nth(index).unwrap_or_default()
    }
}

/// A message, or that more bytes are needed, or why no more bytes can make it canonical.
pub type Reading = Result<Option<Message>, String>;

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn is_token(text: &[u8]) -> bool {
    const MARKS: &[u8] = b"!#$%&'*+-.^_`|~";
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || MARKS.contains(byte))
}

type Fields = Vec<(String, Vec<u8>)>;
type Head = (String, Fields, usize);

fn field(line: &[u8]) -> Result<(String, Vec<u8>), String> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or("a line without a colon")?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) {
        return Err(format!("a field name {:?}", String::from_utf8_lossy(name)));
    }
    let value = value.strip_prefix(b" ").unwrap_or(value);
    if value.trim_ascii() != value {
        return Err(format!("white space around the value of {}", String::from_utf8_lossy(name)));
    }
    Ok((String::from_utf8_lossy(name).into_owned(), value.to_vec()))
}

fn head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let mut lines = Vec::new();
    let mut rest = &bytes[..end + 2];
    while let Some(at) = find(rest, b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    let bad = |line: &[u8]| line.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127));
    if let Some(line) = lines.iter().find(|line| bad(line)) {
        return Err(format!("a control character in {:?}", String::from_utf8_lossy(line)));
    }
    let start = String::from_utf8(lines[0].to_vec()).map_err(|_| "a start line that is no text".to_owned())?;
    let fields = lines[1..].iter().map(|line| field(line)).collect::<Result<_, _>>()?;
    Ok(Some((start, fields, end + 4)))
}

/// How a body is delimited; none when nothing says so.
enum Delimited {
    Length(usize),
    Chunked,
}

fn delimited(message: &Message) -> Result<Option<Delimited>, String> {
    let lengths = message.values("content-length");
    let codings = message.values("transfer-encoding");
    match (&lengths[..], &codings[..]) {
        ([], []) => Ok(None),
        ([length], []) => {
            let is_plain =
                !length.is_empty() && length.iter().all(u8::is_ascii_digit) && (length[0] != b'0' || length.len() == 1);
            let text = String::from_utf8_lossy(length);
            let number = text.parse().ok().filter(|_| is_plain);
            Ok(Some(Delimited::Length(number.ok_or_else(|| format!("a length {text:?}"))?)))
        }
        ([], [b"chunked"]) => Ok(Some(Delimited::Chunked)),
        _ => Err(format!("framing by {lengths:?} and {codings:?}")),
    }
}

type Chunks = (Vec<u8>, Fields, usize);

/// What stands behind the last chunk, and its bytes.
fn trailers(bytes: &[u8]) -> Result<Option<(Fields, usize)>, String> {
    const OF_HEADS: [&str; 5] = ["content-length", "transfer-encoding", "host", "connection", "authorization"];
    let (mut all, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = find(&bytes[at..], b"\r\n") else { return Ok(None) };
        let line = &bytes[at..at + end];
        at += end + 2;
        if line.is_empty() {
            return Ok(Some((all, at)));
        }
        let trailer = field(line)?;
        if OF_HEADS.contains(&&*trailer.0.replace('_', "-").to_ascii_lowercase()) {
            return Err(format!("a trailer {}", trailer.0));
        }
        all.push(trailer);
    }
}

/// Decoded chunks, their trailers and their bytes.
fn chunks(bytes: &[u8]) -> Result<Option<Chunks>, String> {
    let mut data = Vec::new();
    let mut at = 0;
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else {
            return if bytes.len() - at > 18 { Err("a long size line".to_owned()) } else { Ok(None) };
        };
        let size = std::str::from_utf8(&bytes[at..at + line]).unwrap_or("?");
        let is_plain = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let count = usize::from_str_radix(size, 16).ok().filter(|_| is_plain);
        let count = count.ok_or_else(|| format!("a chunk size {size:?}"))?;
        at += line + 2;
        if count == 0 {
            let Some((trailers, length)) = trailers(&bytes[at..])? else { return Ok(None) };
            return Ok(Some((data, trailers, at + length)));
        }
        let Some(chunk) = bytes.get(at..at + count + 2) else { return Ok(None) };
        if !chunk.ends_with(b"\r\n") {
            return Err(format!("a chunk of {count} that ends in {:?}", &chunk[count..]));
        }
        data.extend_from_slice(&chunk[..count]);
        at += count + 2;
    }
}

fn finish(mut message: Message, bytes: &[u8], framing: Option<Delimited>, until_end: bool) -> Reading {
    let rest = &bytes[message.length..];
    match framing {
        None if until_end => {
            message.body = rest.to_vec();
            message.length = bytes.len();
        }
        None => {}
        Some(Delimited::Length(length)) => {
            let Some(body) = rest.get(..length) else { return Ok(None) };
            message.body = body.to_vec();
            message.length += length;
        }
        Some(Delimited::Chunked) => {
            let Some((body, trailers, length)) = chunks(rest)? else { return Ok(None) };
            message.body = body;
            message.trailers = trailers;
            message.length += length;
        }
    }
    Ok(Some(message))
}

/// The request at the start of `bytes`.
pub fn request(bytes: &[u8]) -> Reading {
    let Some((start, fields, length)) = head(bytes)? else { return Ok(None) };
    let words: Vec<&str> = start.split(' ').collect();
    let is_line = matches!(&words[..], [method, target, "HTTP/1.1"]
        if is_token(method.as_bytes()) && target.starts_with(['/', '*']) && target.bytes().all(|byte| byte.is_ascii_graphic()));
    if !is_line {
        return Err(format!("a request line {start:?}"));
    }
    let message = Message { start, fields, body: Vec::new(), trailers: Vec::new(), length };
    if message.values("host").len() != 1 {
        return Err(format!("{} Host fields", message.values("host").len()));
    }
    let framing = delimited(&message)?;
    finish(message, bytes, framing, false)
}

/// The response to `method` at the start of `bytes`. `is_end` says that the connection has ended behind them.
pub fn response(bytes: &[u8], method: &str, is_end: bool) -> Reading {
    let Some((start, fields, length)) = head(bytes)? else { return Ok(None) };
    let status: u16 = start.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or("no status")?;
    if !start.starts_with("HTTP/1.1 ") || !(100..600).contains(&status) {
        return Err(format!("a status line {start:?}"));
    }
    let message = Message { start, fields, body: Vec::new(), trailers: Vec::new(), length };
    let framing = delimited(&message)?;
    if status < 200 || status == 204 {
        return if framing.is_some() { Err(format!("{status} with a body")) } else { Ok(Some(message)) };
    }
    if method == "HEAD" || status == 304 {
        return Ok(Some(message));
    }
    if framing.is_none() && !is_end {
        return Ok(None);
    }
    finish(message, bytes, framing, true)
}
