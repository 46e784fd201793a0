//! Every rule of framing as a case: what is forwarded and how, what is refused and with which status, what closes.
//!
//! The cases are our own transcription of RFC 9110 and RFC 9112 and of published ways to desynchronise proxies; each
//! names its source. They run against a whole gateway over sockets, with a replica that records bytes and reads them by
//! a second reading of the RFCs ([`reader`]), whole and in random pieces. What was forwarded is then given to every other
//! proxy that is installed, which must see the same messages in it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod corpus;
mod peers;
#[path = "../common/reader.rs"]
mod reader;
mod recorder;

use common::{Gateway, PATIENCE, snapshot};
use corpus::Case;
use plimsoll_gateway::codec::encode::{self, Origin};
use plimsoll_gateway::codec::{BodyReader, HeadScan, request};
use recorder::{EMPTY_OK, Record, Recorder, SENTINEL};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, TcpStream};

/// At least so many cases are promised.
const CASES_MIN: usize = 400;

/// The gateway and the replica that all cases share: what one case leaves behind, the next one finds.
struct Bench {
    gateway: Gateway,
    recorder: Recorder,
}

impl Bench {
    fn start() -> Self {
        let recorder = Recorder::start();
        let mut spec = snapshot(1, &[recorder.address]);
        spec.gateway.workers = Some(1);
        // Each case sees its own answer once.
        spec.gateway.listeners[0].routes[0].retry = false;
        spec.gateway.limits.body_bytes_max = Some(100_000);
        Self { gateway: Gateway::start(spec), recorder }
    }
}

fn sentinel() -> String {
    format!("GET {SENTINEL} HTTP/1.1\r\nHost: end\r\nConnection: close\r\n\r\n")
}

/// Sends `bytes` cut at `cuts` and reads to the end of the connection.
fn talk(address: SocketAddr, bytes: &[u8], cuts: &[usize], fin: bool) -> Result<Vec<u8>, String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE / 4)).unwrap();
    let mut at = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        // Who refuses early may have closed before the rest is sent.
        if stream.write_all(&bytes[at..end]).is_err() {
            break;
        }
        at = end;
        std::thread::yield_now();
    }
    if fin {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut received = Vec::new();
    if let Err(error) = stream.read_to_end(&mut received)
        && error.kind() != std::io::ErrorKind::ConnectionReset
    {
        return Err(format!("the connection stays open ({error}) after {}", text(&received)));
    }
    Ok(received)
}

/// What the client receives of a switch: it ends its side when the 101 is there.
fn talk_switched(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut client = common::Client::connect(address);
    client.send(bytes);
    while common::find(&client.unread, b"\r\n\r\n").is_none() && client.more() {}
    client.stream.shutdown(Shutdown::Write).unwrap();
    client.until_end()
}

/// A forwarded head without the fields that the gateway adds to every request.
fn without_ours(raw: &[u8]) -> Vec<u8> {
    let end = common::find(raw, b"\r\n\r\n").map_or(raw.len(), |at| at + 2);
    let head = String::from_utf8_lossy(&raw[..end]);
    let host = head.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or_default();
    let ours = [
        "X-Forwarded-For: 127.0.0.1".to_owned(),
        format!("X-Forwarded-Host: {host}"),
        "X-Forwarded-Proto: http".to_owned(),
        format!("Forwarded: for=127.0.0.1;host=\"{host}\";proto=http"),
    ];
    let is_id = |line: &[u8]| {
        let id = line.strip_prefix(b"X-Request-Id: ").unwrap_or_default();
        id.len() == 16 && id.iter().all(u8::is_ascii_hexdigit)
    };
    let mut out = Vec::new();
    let mut rest = &raw[..end];
    while let Some(at) = common::find(rest, b"\r\n") {
        let line = &rest[..at];
        if !is_id(line) && !ours.iter().any(|ours| ours.as_bytes() == line) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(&raw[end..]);
    out
}

/// The date of a replica in the cases; every other one is the gateway's.
const REPLICA_DATE: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";

/// What the client received, without the dates that the gateway adds.
fn without_dates(received: &[u8]) -> Vec<u8> {
    const DATE: &[u8] = b"\r\nDate: ";
    let mut out = Vec::new();
    let mut rest = received;
    while let Some(at) = common::find(rest, DATE) {
        let end = at + DATE.len() + REPLICA_DATE.len();
        let is_ours = rest.get(at + DATE.len()..end).is_some_and(|date| date != REPLICA_DATE);
        out.extend_from_slice(&rest[..if is_ours { at } else { end }]);
        rest = &rest[end.min(rest.len())..];
    }
    out.extend_from_slice(rest);
    out
}

/// The messages with their bodies decoded: where reads were split, chunks are too.
fn joined(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Ok(Some(message)) = reader::request(bytes) {
        let head = common::find(bytes, b"\r\n\r\n").unwrap() + 4;
        out.extend_from_slice(&bytes[..head]);
        out.extend_from_slice(&message.body);
        for (name, value) in &message.trailers {
            out.extend_from_slice(&[b"\r\n", name.as_bytes(), b": ", value].concat());
        }
        bytes = &bytes[message.length..];
    }
    out.extend_from_slice(bytes);
    out
}

/// What the client has to receive before a refusal or the sentinel's answer.
fn expected_answers(case: &Case, messages: usize) -> Vec<u8> {
    if let Some(client) = &case.client {
        return client.clone();
    }
    if case.refuse.is_some() && case.answer.is_some() {
        return Vec::new();
    }
    if let Some(answer) = &case.answer {
        return answer.clone();
    }
    let mut out = EMPTY_OK.repeat(messages);
    if case.closes {
        out.truncate(out.len() - 2);
        out.extend_from_slice(b"Connection: close\r\n\r\n");
    }
    out
}

fn text(bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|byte| std::ascii::escape_default(*byte).to_string()).collect();
    if text.len() > 600 { format!("{} ... {}", &text[..300], &text[text.len() - 200..]) } else { text }
}

fn check_eq(what: &str, is: &[u8], wanted: &[u8]) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{what}\n     is {}\n wanted {}", text(is), text(wanted))) }
}

/// The client's answers, then the refusal or the sentinel's answer and nothing more.
fn check_client(case: &Case, received: &[u8], messages: usize, asked_end: bool) -> Result<(), String> {
    if case.silent {
        return check_eq("the client receives", received, b"");
    }
    let mut wanted = expected_answers(case, messages);
    let received = without_dates(received);
    let Some((status, word)) = &case.refuse else {
        if asked_end {
            wanted.extend_from_slice(&EMPTY_OK[..EMPTY_OK.len() - 2]);
            wanted.extend_from_slice(b"Connection: close\r\n\r\n");
        }
        return check_eq("the client receives", &received, &wanted);
    };
    let rest =
        received.strip_prefix(&wanted[..]).ok_or_else(|| format!("answers before the refusal: {}", text(&received)))?;
    let method = if case.send.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
    let refusal = reader::response(rest, method, true)?.ok_or_else(|| format!("no refusal but {}", text(rest)))?;
    let is = (refusal.word(1).to_owned(), refusal.values("x-plimsoll-reason"));
    if is != (status.to_string(), vec![word.as_bytes()]) {
        let word_is = is.1.first().map(|word| text(word));
        return Err(format!("refused with {} {word_is:?}, wanted {status} {word}", is.0));
    }
    // A response that broke a rule is the replica's fault: the client may go on.
    if case.answer.is_none() || case.closes {
        check_eq(
            "Connection of the refusal",
            refusal.values("connection").first().copied().unwrap_or_default(),
            b"close",
        )?;
        check_eq("behind the refusal", &rest[refusal.length..], b"")?;
    }
    Ok(())
}

/// Runs one case; what was forwarded, or what is wrong.
fn run(bench: &Bench, case: &Case, cuts: &[usize]) -> Result<Record, String> {
    bench.recorder.reset(case.answer.clone(), case.ends);
    let refused_request = case.refuse.is_some() && case.answer.is_none();
    let ends = case.closes || refused_request || case.silent || case.fin || case.tunnel.is_some();
    let mut bytes = case.send.clone();
    if !ends {
        bytes.extend_from_slice(sentinel().as_bytes());
    }
    let address = bench.gateway.address;
    let received =
        if case.tunnel.is_some() { talk_switched(address, &bytes) } else { talk(address, &bytes, cuts, case.fin)? };
    if ends {
        talk(address, sentinel().as_bytes(), &[], false)?;
    }
    let record = bench.recorder.record();
    let count = record.messages.len();
    let forwarded: Vec<u8> = record.messages.iter().flat_map(|each| without_ours(&each.raw)).collect();
    let wanted = case.replica.clone().unwrap_or_default();
    if cuts.is_empty() {
        check_eq("the replica receives", &forwarded, &wanted)?;
    } else {
        check_eq("the replica receives, chunks joined", &joined(&forwarded), &joined(&wanted))?;
    }
    if let [why, ..] = &record.broken[..] {
        return Err(format!("the replica receives what is not canonical: {why}"));
    }
    // Larger bodies are on their way before their end is seen, and are cut off.
    if cuts.is_empty() && !case.fin && case.send.len() < 8_000 {
        check_eq("bytes of no whole message at the replica", &record.partial, b"")?;
    }
    check_client(case, &received, count, !ends)?;
    check_eq("behind the switch", &record.tunnelled, case.tunnel.as_deref().unwrap_or_default())?;
    let last = record.messages.last().map(|last| last.connection);
    let reused = last.is_none_or(|last| record.sentinel == Some(last));
    if reused == (case.drops || case.ends || case.tunnel.is_some()) && last.is_some() {
        return Err(format!("the replica's connection is {}used again", if reused { "" } else { "not " }));
    }
    Ok(record)
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }
}

/// A few places to cut, one of them near the end, where line ends are.
fn random_cuts(rng: &mut Rng, length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..=rng.below(4)).map(|_| rng.below(length + 1)).collect();
    cuts.push(length.saturating_sub(1 + rng.below(6)));
    cuts.sort_unstable();
    cuts
}

#[test]
fn every_case_has_its_verdict_over_sockets() {
    let bench = Bench::start();
    let cases = corpus::load();
    let seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_719_u64);
    println!("seed {seed}");
    let mut rng = Rng(seed);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = String::new();
    // First all whole, then all in pieces: what a case in pieces leaves at the replica may be read when the next has begun.
    let whole = cases.iter().map(|case| (case, Vec::new()));
    let pieces: Vec<_> = cases.iter().map(|case| (case, random_cuts(&mut rng, case.send.len()))).collect();
    for (case, cuts) in whole.chain(pieces) {
        if let Err(why) = run(&bench, case, &cuts) {
            let _ = writeln!(wrong, "{}: {} ({}), cut at {cuts:?}\n  {why}", case.file, case.name, case.source);
        }
    }
    for case in &cases {
        *kinds.entry(case.kind()).or_default() += 1;
    }
    for (kind, count) in &kinds {
        println!("{count:>5}  {kind}");
    }
    println!("{:>5}  cases, each whole and in pieces", cases.len());
    let count = wrong.lines().filter(|line| line.contains(", cut at ")).count();
    assert!(wrong.is_empty(), "{count} are wrong:\n{wrong}");
    assert!(cases.len() >= CASES_MIN, "{} cases are too few", cases.len());
    let names: std::collections::BTreeSet<_> = cases.iter().map(|case| (&case.file, &case.name)).collect();
    assert_eq!(names.len(), cases.len(), "a name is used twice");
}

/// Everything that the codec makes of a connection's bytes when they arrive up to each of `ends`.
fn transcript(bytes: &[u8], ends: &[usize]) -> Vec<String> {
    let origin = Origin {
        address: "1.1.1.1",
        node: "1.1.1.1",
        trusted: false,
        scheme: "http",
        host_fallback: "s",
        request_id: b"i",
    };
    let mut log = Vec::new();
    let mut at = 0;
    let mut scan = HeadScan::default();
    let mut body: Option<(BodyReader, Vec<u8>)> = None;
    for end in ends.iter().copied() {
        loop {
            if let Some((reader, data)) = &mut body {
                if !reader.is_done() {
                    if at == end {
                        break;
                    }
                    match reader.step(&bytes[at..end]) {
                        Ok(step) => {
                            data.extend_from_slice(&bytes[at..end][step.data]);
                            at += step.consumed;
                            continue;
                        }
                        Err(error) => {
                            log.push(error.to_string());
                            return log;
                        }
                    }
                }
                log.push(text(data));
                log.push(text(reader.trailers()));
                body = None;
                scan = HeadScan::default();
            }
            at += scan.leading(&bytes[at..end]);
            let length = match scan.advance(&bytes[at..end]) {
                Ok(Some(length)) => length,
                Ok(None) => break,
                Err(_) => {
                    log.push("bare line end".to_owned());
                    return log;
                }
            };
            let mut storage = [MaybeUninit::uninit(); 64];
            match request::parse(&bytes[at..at + length], &mut storage) {
                Ok(head) => {
                    let mut out = Vec::new();
                    encode::request(&mut out, &head, &origin);
                    log.push(format!("{} {}", text(&out), head.keep_alive));
                    body = Some((BodyReader::new(head.framing), Vec::new()));
                }
                Err(error) => {
                    log.push(error.to_string());
                    return log;
                }
            }
            at += length;
        }
    }
    log.push(format!("{} left, in a body {}", bytes.len() - at, body.is_some()));
    log
}

#[test]
fn a_split_at_any_byte_changes_nothing() {
    for case in corpus::load() {
        // The long ones are long by repetition.
        let bytes = &case.send;
        let step = 1 + bytes.len() / 600;
        let whole = transcript(bytes, &[bytes.len()]);
        for split in (0..bytes.len()).step_by(step) {
            assert_eq!(transcript(bytes, &[split, bytes.len()]), whole, "{}: {} at {split}", case.file, case.name);
        }
        if bytes.len() < 2_000 {
            let every: Vec<usize> = (0..=bytes.len()).collect();
            assert_eq!(transcript(bytes, &every), whole, "{}: {} byte by byte", case.file, case.name);
        }
    }
}
