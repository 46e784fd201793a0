//! What clients ask for: small and large, quick and slow, whole and in drops, repeatable and not.

use plimsoll_stats::Random;
use std::time::Duration;

/// What a replica does with a request, and what the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A small answer at once.
    Quick,
    /// The head of one.
    Head,
    /// An answer of several hundred KiB.
    Large,
    /// An answer in chunks.
    Chunked,
    /// A body in drops, for half a second or longer: killed in the middle more than others.
    Drip,
    /// An answer that takes its time before it begins.
    Slow,
    /// A small POST: sent once only.
    Post,
    /// A PUT too large to be kept, so sent once only.
    Upload,
    /// The same, slowly and in chunks.
    SlowUpload,
    /// An answer that the client reads slowly.
    SlowReader,
    /// A request whose head comes in drops.
    SlowHead,
    /// The client leaves in the middle of the answer.
    Leave,
}

/// Each kind with its share of the requests.
const SHARES: [(Kind, u64); 12] = [
    (Kind::Quick, 40),
    (Kind::Head, 4),
    (Kind::Large, 5),
    (Kind::Chunked, 6),
    (Kind::Drip, 4),
    (Kind::Slow, 6),
    (Kind::Post, 20),
    (Kind::Upload, 4),
    (Kind::SlowUpload, 2),
    (Kind::SlowReader, 3),
    (Kind::SlowHead, 2),
    (Kind::Leave, 2),
];

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What it is.
    pub kind: Kind,
    /// Its path, which no other request has.
    pub path: String,
    /// Bytes of the answer's body.
    pub answer: usize,
    /// Bytes of its own body.
    pub body: usize,
}

impl Kind {
    /// By its name, for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Head => "head",
            Self::Large => "large",
            Self::Chunked => "chunked",
            Self::Drip => "drip",
            Self::Slow => "slow",
            Self::Post => "post",
            Self::Upload => "upload",
            Self::SlowUpload => "slow upload",
            Self::SlowReader => "slow reader",
            Self::SlowHead => "slow head",
            Self::Leave => "leave",
        }
    }

    /// Its method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Upload | Self::SlowUpload => "PUT",
            _ => "GET",
        }
    }

    /// Whether a gateway may send it again after it was at a replica: idempotent, and small enough to be kept.
    pub fn is_repeatable(self) -> bool {
        !matches!(self, Self::Post | Self::Upload | Self::SlowUpload)
    }

    /// Whether its body is sent in chunks.
    pub fn is_chunked(self) -> bool {
        self == Self::SlowUpload
    }

    /// Pause after each piece of the body that the client sends or reads.
    pub fn pause(self) -> Duration {
        match self {
            Self::SlowUpload | Self::SlowReader => Duration::from_millis(20),
            _ => Duration::ZERO,
        }
    }
}

/// A request by chance.
pub fn draw(random: &mut Random, id: &str) -> Asked {
    let whole: u64 = SHARES.iter().map(|(_, share)| share).sum();
    let mut at = random.below(whole);
    let mut kind = Kind::Quick;
    for (each, share) in SHARES {
        if at < share {
            kind = each;
            break;
        }
        at -= share;
    }
    let between = |random: &mut Random, low: u64, high: u64| low + random.below(high - low);
    let (word, answer, wait_ms) = match kind {
        Kind::Quick | Kind::Head | Kind::SlowHead => ("whole", between(random, 1, 8_000), 0),
        Kind::Large | Kind::SlowReader | Kind::Leave => ("whole", between(random, 100_000, 600_000), 0),
        Kind::Chunked => ("chunked", between(random, 1, 100_000), 0),
        Kind::Drip => ("drip", between(random, 20_000, 200_000), between(random, 20, 120)),
        Kind::Slow => ("whole", between(random, 1, 4_000), between(random, 50, 900)),
        Kind::Post | Kind::Upload | Kind::SlowUpload => ("whole", between(random, 1, 2_000), 0),
    };
    let body = match kind {
        Kind::Post => between(random, 1, 4_000),
        Kind::Upload => between(random, 100_000, 500_000),
        Kind::SlowUpload => between(random, 20_000, 60_000),
        _ => 0,
    };
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(0);
    Asked { kind, path: format!("/{word}/{answer}/{wait_ms}/{body}/{id}"), answer: size(answer), body: size(body) }
}
