//! The bytes of a segment: its header and its records. All integers are little-endian.
//!
//! ```text
//! segment header, 32 bytes                      record header, 36 bytes
//!  0  8  magic "PLIMJRNL"                         0  4  stored payload length
//!  8  2  format version                           4  4  CRC-32 over the offset and all that follows, length included
//! 10  2  its complement                           8  8  sequence number
//! 12  4  CRC-32 over all but these four bytes    16  8  trace time, ms since 1970
//! 16  8  first sequence number                   24  4  payload length before compression
//! 24  8  created, physical ms since 1970         28  4  how many records of the same commit came before
//!                                                32  1  kind
//!                                                33  1  flags: 1 = LZ4 block, 2 = content forgotten
//!                                                34  2  zero
//! ```
//!
//! The version carries its complement so that a flipped bit is called damage and not "a newer release". The checksum
//! of a record covers its offset in the segment: a record copied or written to the wrong place does not pass, and
//! neither does one that a payload happens to contain. The count of records before it in its commit is what lets
//! recovery tell a commit that never finished from damage to one that did.
//!
//! A record of which something was forgotten (see [`crate::rewrite()`]) keeps number, kind, time and place in its commit. Its
//! payload begins with the 32 bytes of the SHA-256 of the payload that was first written; what is left follows. Segments that
//! may hold such records have version 2, so that a release that does not know them refuses them by name.

use plimsoll_model::Timestamp;
use std::fmt;

/// Largest payload, before and after compression. Checked when writing and, before anything is allocated, on reading.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;

/// The format this release writes.
pub const FORMAT_VERSION: u16 = 1;

/// The format of segments that may hold records of which something was forgotten; the newest that this release reads.
pub const FORMAT_VERSION_FORGOTTEN: u16 = 2;

/// SHA-256 of a payload.
pub type Digest = [u8; 32];

/// Length of a segment's header.
pub const SEGMENT_HEADER_BYTES: usize = 32;

/// Length of a record's header.
pub const RECORD_HEADER_BYTES: usize = 36;

const MAGIC: [u8; 8] = *b"PLIMJRNL";
const FLAG_LZ4: u8 = 1;
const FLAG_FORGOTTEN: u8 = 2;

/// The number of a record: from 1, without gaps, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The first record of a journal.
    pub const FIRST: Self = Self(1);

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a record holds. A number and not a closed set: a reader shows a kind that a newer release added, and skips
/// it, without calling it damage. Zero is never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// What the controller was given.
    pub const INPUT: Self = Self(1);
    /// What the controller decided.
    pub const DECISION: Self = Self(2);
    /// The controller's whole state; starts a segment.
    pub const SNAPSHOT: Self = Self(3);
    /// What became of an action.
    pub const OUTCOME: Self = Self(4);
    /// A remark of the daemon: started, stopped, frozen.
    pub const NOTE: Self = Self(5);
    /// A proposal: proved, approved or rejected, by whom, with its evidence and verdict.
    pub const PROPOSAL: Self = Self(6);
    /// A request to change something: who, from where, what, and the answer.
    pub const AUDIT: Self = Self(8);
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::INPUT => f.pad("input"),
            Self::DECISION => f.pad("decision"),
            Self::SNAPSHOT => f.pad("snapshot"),
            Self::OUTCOME => f.pad("outcome"),
            Self::NOTE => f.pad("note"),
            Self::PROPOSAL => f.pad("proposal"),
            Self::AUDIT => f.pad("audit"),
            Self(other) => f.pad(&format!("kind {other}")),
        }
    }
}

/// One record as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub seq: Seq,
    /// What it holds.
    pub kind: Kind,
    /// Trace time the writer gave it. May jump in either direction between records.
    pub at: Timestamp,
    /// The bytes the writer gave, decompressed; of a record of which something was forgotten, what is left.
    pub payload: Vec<u8>,
    /// Something of it was forgotten: the SHA-256 of the payload that was first written.
    pub forgotten: Option<Digest>,
}

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The number its first record has or will have.
    pub first: Seq,
    /// When it was created, physical time in ms since 1970.
    pub created_ms: i64,
}

/// Why bytes are not a segment header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// Fewer bytes than a header has.
    #[error("{0} bytes, fewer than a segment header's {SEGMENT_HEADER_BYTES}")]
    Short(usize),
    /// The first bytes are not a journal's.
    #[error("the first 8 bytes are not a journal segment's")]
    Magic,
    /// A well-formed version above this release's.
    #[error("format version {0}, written by a newer release; this one reads up to {FORMAT_VERSION_FORGOTTEN}")]
    Newer(u16),
    /// A version that was never released, or a damaged one.
    #[error("format version field is damaged")]
    Version,
    /// The header is intact, but it is not the one of the file's name.
    #[error("the header says that its first record is {0}, the file's name says otherwise")]
    Name(Seq),
    /// The checksum does not match.
    #[error("segment header checksum is {found:08x}, its bytes give {computed:08x}")]
    Checksum {
        /// As stored.
        found: u32,
        /// As computed.
        computed: u32,
    },
}

/// Why bytes are not the expected record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// The file ends inside the record.
    #[error("the file ends after {have} of the record's {need} bytes")]
    Short {
        /// Bytes the record needs.
        need: u64,
        /// Bytes there are.
        have: u64,
    },
    /// A length above [`PAYLOAD_BYTES_MAX`].
    #[error("a length of {0} bytes, above the limit of {PAYLOAD_BYTES_MAX}")]
    Length(u32),
    /// The checksum does not match.
    #[error("record checksum is {found:08x}, its bytes give {computed:08x}")]
    Checksum {
        /// As stored.
        found: u32,
        /// As computed.
        computed: u32,
    },
    /// An intact record, but not the next one.
    #[error("record {found} where {expected} is due")]
    Sequence {
        /// The number due.
        expected: Seq,
        /// The number found.
        found: Seq,
    },
    /// An intact record with flags, kind or padding that this format does not have.
    #[error("an intact record with unknown flags or kind")]
    Flags,
    /// An intact record whose LZ4 block does not unpack to the length it states.
    #[error("the compressed payload does not unpack to its stated {0} bytes")]
    Unpack(u32),
}

/// The fixed part of a record, decoded but not yet trusted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordHeader {
    pub stored_bytes: u32,
    pub crc: u32,
    pub seq: Seq,
    pub at: Timestamp,
    pub payload_bytes: u32,
    pub before_in_commit: u32,
    pub kind: Kind,
    pub flags: u8,
    pub padding: u16,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

fn header_crc(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..12]);
    crc.update(&bytes[16..]);
    crc.finalize()
}

impl SegmentHeader {
    /// The header's bytes in this release's format.
    #[must_use]
    pub fn encode(self) -> [u8; SEGMENT_HEADER_BYTES] {
        self.encode_version(FORMAT_VERSION)
    }

    /// The header's bytes of a segment that may hold records of which something was forgotten.
    #[must_use]
    pub fn encode_forgotten(self) -> [u8; SEGMENT_HEADER_BYTES] {
        self.encode_version(FORMAT_VERSION_FORGOTTEN)
    }

    fn encode_version(self, version: u16) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&version.to_le_bytes());
        bytes[10..12].copy_from_slice(&(!version).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.created_ms.to_le_bytes());
        let crc = header_crc(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header in `bytes`, which may be longer.
    ///
    /// Magic and version keep their place in every format ever, and are looked at before anything else: a release
    /// that changes the rest adds its own branch on the version here.
    ///
    /// # Errors
    /// [`HeaderFault`]: too short, not a segment, of a newer release, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER_BYTES>() else {
            return Err(HeaderFault::Short(bytes.len()));
        };
        if bytes[..8] != MAGIC {
            return Err(HeaderFault::Magic);
        }
        let version = u16::from_le_bytes(array(bytes, 8));
        if u16::from_le_bytes(array(bytes, 10)) != !version {
            return Err(HeaderFault::Version);
        }
        match version {
            FORMAT_VERSION | FORMAT_VERSION_FORGOTTEN => {}
            0 => return Err(HeaderFault::Version),
            newer => return Err(HeaderFault::Newer(newer)),
        }
        let (found, computed) = (u32_at(bytes, 12), header_crc(bytes));
        if found != computed {
            return Err(HeaderFault::Checksum { found, computed });
        }
        Ok(Self { first: Seq(u64_at(bytes, 16)), created_ms: i64::from_le_bytes(array(bytes, 24)) })
    }
}

impl RecordHeader {
    /// The fields of the first 36 bytes of `bytes`; none when there are fewer.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
        Some(Self {
            stored_bytes: u32_at(bytes, 0),
            crc: u32_at(bytes, 4),
            seq: Seq(u64_at(bytes, 8)),
            at: Timestamp(i64::from_le_bytes(array(bytes, 16))),
            payload_bytes: u32_at(bytes, 24),
            before_in_commit: u32_at(bytes, 28),
            kind: Kind(bytes[32]),
            flags: bytes[33],
            padding: u16::from_le_bytes(array(bytes, 34)),
        })
    }

    /// Whether the lengths are within the limit; names the one that is not.
    pub(crate) fn check_lengths(&self) -> Result<(), RecordFault> {
        for length in [self.stored_bytes, self.payload_bytes] {
            if length as usize > PAYLOAD_BYTES_MAX {
                return Err(RecordFault::Length(length));
            }
        }
        Ok(())
    }

    /// Length of the whole record in the file.
    pub(crate) fn total_bytes(&self) -> usize {
        RECORD_HEADER_BYTES + self.stored_bytes as usize
    }

    /// The first record of the commit this one belongs to.
    pub(crate) fn commit_first(&self) -> Seq {
        Seq(self.seq.0.saturating_sub(u64::from(self.before_in_commit)))
    }

    /// Flags, kind and padding are ones that this format has.
    pub(crate) fn is_known(&self) -> bool {
        let lengths_agree = self.flags & FLAG_LZ4 != 0 || self.stored_bytes == self.payload_bytes;
        let has_digest = self.flags & FLAG_FORGOTTEN == 0 || self.payload_bytes as usize >= size_of::<Digest>();
        self.flags & !(FLAG_LZ4 | FLAG_FORGOTTEN) == 0
            && has_digest
            && self.padding == 0
            && self.kind.0 != 0
            && lengths_agree
    }
}

/// The checksum of a whole record (header and stored payload) that begins at `offset` of its segment.
pub(crate) fn record_crc(offset: u64, record: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&offset.to_le_bytes());
    crc.update(&record[..4]);
    crc.update(&record[8..]);
    crc.finalize()
}

/// What [`encode_record`] is given beside the payload.
pub(crate) struct Envelope {
    pub offset: u64,
    pub seq: Seq,
    pub kind: Kind,
    pub at: Timestamp,
    pub before_in_commit: u32,
    pub forgotten: Option<Digest>,
}

/// Appends one record to `out`. `payload`, with the digest before it where there is one, is at most [`PAYLOAD_BYTES_MAX`] long. It is compressed when it is longer
/// than `compress_over_bytes` and gets shorter by it.
pub(crate) fn encode_record(out: &mut Vec<u8>, envelope: &Envelope, payload: &[u8], compress_over_bytes: usize) {
    let whole = envelope.forgotten.map(|digest| [digest.as_slice(), payload].concat());
    let payload = whole.as_deref().unwrap_or(payload);
    let packed = (payload.len() > compress_over_bytes)
        .then(|| lz4_flex::block::compress(payload))
        .filter(|packed| packed.len() < payload.len());
    let (stored, lz4) = packed.as_deref().map_or((payload, 0), |packed| (packed, FLAG_LZ4));
    let flags = lz4 | if envelope.forgotten.is_some() { FLAG_FORGOTTEN } else { 0 };
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("invariant: a payload is within its limit");
    let start = out.len();
    out.extend_from_slice(&length(stored).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&envelope.seq.0.to_le_bytes());
    out.extend_from_slice(&envelope.at.0.to_le_bytes());
    out.extend_from_slice(&length(payload).to_le_bytes());
    out.extend_from_slice(&envelope.before_in_commit.to_le_bytes());
    out.extend_from_slice(&[envelope.kind.0, flags, 0, 0]);
    out.extend_from_slice(stored);
    let crc = record_crc(envelope.offset, &out[start..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// The record in `bytes`, which are exactly its own and begin at `offset` of the segment.
///
/// # Errors
/// Any [`RecordFault`] but `Sequence`.
pub(crate) fn decode_record(offset: u64, header: &RecordHeader, bytes: &[u8]) -> Result<Record, RecordFault> {
    header.check_lengths()?;
    let computed = record_crc(offset, bytes);
    if computed != header.crc {
        return Err(RecordFault::Checksum { found: header.crc, computed });
    }
    if !header.is_known() {
        return Err(RecordFault::Flags);
    }
    let stored = &bytes[RECORD_HEADER_BYTES..];
    let payload = if header.flags & FLAG_LZ4 == 0 {
        stored.to_vec()
    } else {
        let unpacked = lz4_flex::block::decompress(stored, header.payload_bytes as usize).ok();
        unpacked
            .filter(|payload| payload.len() == header.payload_bytes as usize)
            .ok_or(RecordFault::Unpack(header.payload_bytes))?
    };
    let (forgotten, payload) = match payload.split_first_chunk() {
        Some((digest, left)) if header.flags & FLAG_FORGOTTEN != 0 => (Some(*digest), left.to_vec()),
        _ => (None, payload),
    };
    Ok(Record { seq: header.seq, kind: header.kind, at: header.at, payload, forgotten })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_header_round_trips_and_every_flipped_bit_is_noticed() {
        let header = SegmentHeader { first: Seq(77), created_ms: -5 };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            let fault = SegmentHeader::decode(&bad).expect_err("a flipped bit passes");
            assert!(!matches!(fault, HeaderFault::Newer(_)), "bit {bit} is called a newer release");
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let mut bytes = SegmentHeader { first: Seq::FIRST, created_ms: 0 }.encode();
        bytes[8..10].copy_from_slice(&3_u16.to_le_bytes());
        bytes[10..12].copy_from_slice(&(!3_u16).to_le_bytes());
        let fault = SegmentHeader::decode(&bytes).expect_err("a newer format passes");
        assert_eq!(fault, HeaderFault::Newer(3));
        assert!(fault.to_string().contains("written by a newer release"), "{fault}");
    }

    #[test]
    fn a_record_is_valid_only_at_its_own_offset() {
        let envelope = Envelope {
            offset: 32,
            seq: Seq(9),
            kind: Kind::NOTE,
            at: Timestamp(5),
            before_in_commit: 0,
            forgotten: None,
        };
        let mut bytes = Vec::new();
        encode_record(&mut bytes, &envelope, b"hello", 100);
        let header = RecordHeader::decode(&bytes).expect("36 bytes");
        assert_eq!(decode_record(32, &header, &bytes).expect("its own offset").payload, b"hello");
        assert!(matches!(decode_record(33, &header, &bytes), Err(RecordFault::Checksum { .. })));
    }
}
