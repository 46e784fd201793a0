//! Reads the cases: small text files in which every byte of a message can be seen.
//!
//! Lines of a file, in order; empty lines and lines that start with `#` say nothing:
//! - `source TEXT`: where the following cases come from.
//! - `wrap BYTES`, `into BYTES`, `back BYTES`, `out BYTES`: what stands around `send`, `replica`, `answer` and `client`
//!   of the following cases (and of this one, right behind its `case` line), with `{}` for theirs.
//! - `case NAME`: a case begins.
//! - `each NAME=BYTES …`: the case is one per value, with `{each}` for it in its other lines, which follow.
//! - `send BYTES`: what the client sends, all such lines together. `fin`: then it ends its side.
//! - `answer BYTES`: what the replica answers to each request of the case; without it, an empty 200. `ends`: and then
//!   ends its side.
//! - `forward`: the replica receives what was sent. `replica BYTES`: it receives this. Neither: it receives nothing.
//! - `refuse STATUS WORD`: the client is refused so and the connection ended.
//! - `client BYTES`: what the client receives, instead of the replica's answer as it is.
//! - `closes`: the client's connection ends behind the answer. `drops`: the replica's connection is not used again.
//! - `silent`: the client receives nothing and its connection ends.
//! - `tunnel BYTES`: what the replica receives behind its 101, unread.
//!
//! In BYTES, `\r`, `\n`, `\t`, `\\`, `\xHH` and `\s` (a space, where a line would hide it) are one byte, and
//! `\{COUNT:BYTES}` repeats.

use std::path::Path;

/// What has to come of a case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub source: String,
    pub file: String,
    pub send: Vec<u8>,
    pub fin: bool,
    pub answer: Option<Vec<u8>>,
    pub ends: bool,
    /// What the replica receives, without the fields that the gateway adds.
    pub replica: Option<Vec<u8>>,
    pub refuse: Option<(u16, String)>,
    pub client: Option<Vec<u8>>,
    pub closes: bool,
    pub drops: bool,
    pub silent: bool,
    pub tunnel: Option<Vec<u8>>,
}

impl Case {
    /// One word for the table.
    pub fn kind(&self) -> &'static str {
        match self {
            Self { tunnel: Some(_), .. } => "switched",
            Self { silent: true, .. } => "closed without an answer",
            Self { refuse: Some(_), answer: None, .. } => "request refused",
            Self { refuse: Some(_), .. } => "response refused",
            Self { answer: Some(_), closes: true, .. } => "response forwarded, closed",
            Self { answer: Some(_), .. } => "response forwarded",
            Self { closes: true, .. } => "request forwarded, closed",
            _ => "request forwarded",
        }
    }
}

/// The bytes that an escaped text stands for.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let (mark, after) = rest.split_first().expect("a letter behind a backslash");
        rest = after;
        match mark {
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b's' => out.push(b' '),
            b'\\' => out.push(b'\\'),
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).unwrap();
                out.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
                rest = &rest[2..];
            }
            b'{' => {
                let end = rest.iter().position(|byte| *byte == b'}').expect("a closing brace");
                let inside = std::str::from_utf8(&rest[..end]).unwrap();
                let (count, what) = inside.split_once(':').expect("COUNT:BYTES");
                let what = unescape(what);
                (0..count.parse::<usize>().unwrap()).for_each(|_| out.extend_from_slice(&what));
                rest = &rest[end + 1..];
            }
            other => panic!("an escape \\{}", char::from(*other)),
        }
    }
    out
}

#[derive(Debug, Clone)]
struct Around {
    send: String,
    replica: String,
    answer: String,
    client: String,
}

#[derive(Debug, Clone)]
struct Draft<'a> {
    name: &'a str,
    source: &'a str,
    around: Around,
    each: Vec<(&'a str, &'a str)>,
    lines: Vec<(&'a str, &'a str)>,
}

impl Draft<'_> {
    fn cases(&self, file: &str, all: &mut Vec<Case>) {
        if self.each.is_empty() {
            all.push(self.case(file, self.name.to_owned(), ""));
        }
        for (name, value) in &self.each {
            all.push(self.case(file, format!("{}: {name}", self.name), value));
        }
    }

    fn case(&self, file: &str, name: String, each: &str) -> Case {
        let mut case = Case { name, source: self.source.to_owned(), file: file.to_owned(), ..Case::default() };
        let mut sent = String::new();
        let bytes = |text: &str, around: &str| unescape(&around.replace("{}", text).replace("{each}", each));
        let append = |to: &mut Option<Vec<u8>>, more: Vec<u8>| to.get_or_insert_default().extend(more);
        for (word, rest) in &self.lines {
            match *word {
                "send" => sent += rest,
                "fin" => case.fin = true,
                "answer" => append(&mut case.answer, bytes(rest, &self.around.answer)),
                "ends" => case.ends = true,
                "forward" => append(&mut case.replica, bytes(&sent, &self.around.replica)),
                "replica" => append(&mut case.replica, bytes(rest, &self.around.replica)),
                "refuse" => {
                    let (status, word) = rest.split_once(' ').expect("STATUS WORD");
                    case.refuse = Some((status.parse().unwrap(), word.to_owned()));
                }
                "client" => append(&mut case.client, bytes(rest, &self.around.client)),
                "closes" => case.closes = true,
                "drops" => case.drops = true,
                "silent" => case.silent = true,
                "tunnel" => case.tunnel = Some(bytes(rest, "{}")),
                other => panic!("{file}: case {}: unknown line {other:?}", self.name),
            }
        }
        case.send = bytes(&sent, &self.around.send);
        let says = case.replica.is_some() || case.refuse.is_some() || case.silent;
        assert!(says, "{file}: case {} says nothing of what has to come of it", case.name);
        case
    }
}

fn read(file: &str, text: &str, all: &mut Vec<Case>) {
    let whole = || "{}".to_owned();
    let mut around = Around { send: whole(), replica: whole(), answer: whole(), client: whole() };
    let mut source = "";
    let mut draft: Option<Draft<'_>> = None;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let is_frame = matches!(word, "wrap" | "into" | "back" | "out");
        let begins = draft.as_ref().is_some_and(|draft| draft.lines.is_empty() && draft.each.is_empty());
        if (matches!(word, "source" | "case") || (is_frame && !begins))
            && let Some(draft) = draft.take()
        {
            draft.cases(file, all);
        }
        match word {
            "source" => source = rest,
            "wrap" => around.send = rest.to_owned(),
            "into" => around.replica = rest.to_owned(),
            "back" => around.answer = rest.to_owned(),
            "out" => around.client = rest.to_owned(),
            "case" => {
                assert!(!source.is_empty(), "{file}: case {rest} has no source");
                draft = Some(Draft { name: rest, source, around: around.clone(), each: Vec::new(), lines: Vec::new() });
            }
            "each" => {
                let draft = draft.as_mut().expect("`each` within a case");
                draft.each.extend(rest.split(' ').map(|pair| pair.split_once('=').expect("NAME=BYTES")));
            }
            _ => draft.as_mut().unwrap_or_else(|| panic!("{file}: {line:?} is in no case")).lines.push((word, rest)),
        }
        if let Some(draft) = draft.as_mut().filter(|_| is_frame) {
            draft.around = around.clone();
        }
    }
    if let Some(draft) = draft {
        draft.cases(file, all);
    }
}

/// All cases of the folder, in order of file and line.
pub fn load() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/cases");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        read(&name, &std::fs::read_to_string(&file).unwrap(), &mut all);
    }
    all
}
