//! A stream's state in bytes and back, equality by those bytes, and one base64 string for journals.
//!
//! Guests' models and events are no part of it: they are results of effects, and whoever restores a state hands them in again.

use super::codec::{Fields, Io, RestoreError, checksum, from_base64, to_base64};
use super::settings::StreamSettings;
use super::stream::{GUESTS_MAX, Guest, NAME_MAX, Stream};
use plimsoll_model::quantity::{Millis, Permille};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// First byte of every state.
const VERSION: u8 = 1;

impl Stream {
    /// Its state, compact and exact.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let mut copy = self.clone();
        let mut io = Io::writing(&mut bytes);
        settings_fields(&mut copy.settings, &mut io);
        copy.fields(&mut io);
        bytes.extend_from_slice(&checksum(&bytes).to_le_bytes());
        bytes
    }

    /// A stream from the bytes of another.
    ///
    /// # Errors
    /// [`RestoreError`] for anything that [`Stream::to_bytes`] did not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RestoreError> {
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or(RestoreError::Shape)?;
        if checksum(body) != u64::from_le_bytes(*sum) {
            return Err(RestoreError::Checksum);
        }
        let (version, fields) = body.split_first().ok_or(RestoreError::Shape)?;
        if *version != VERSION {
            return Err(RestoreError::Shape);
        }
        let mut settings = StreamSettings {
            step: Millis(0),
            horizons: Vec::new(),
            wanted: Permille(0),
            seasons: Vec::new(),
            utc_offset_ms: 0,
        };
        let mut io = Io::reading(fields);
        settings_fields(&mut settings, &mut io);
        let mut stream = Self::try_new(settings).map_err(|_| RestoreError::Value)?;
        stream.fields(&mut io);
        io.finish()?;
        Ok(stream)
    }
}

fn settings_fields(settings: &mut StreamSettings, io: &mut Io<'_>) {
    io.u64(&mut settings.step.0);
    io.u64(&mut settings.wanted.0);
    io.i64(&mut settings.utc_offset_ms);
    for spans in [&mut settings.horizons, &mut settings.seasons] {
        let mut count = spans.len() as u8;
        io.u8(&mut count);
        io.check(count <= 4);
        if io.is_reading() {
            *spans = vec![Millis(0); usize::from(count)];
        }
        spans.iter_mut().for_each(|span| io.u64(&mut span.0));
    }
}

impl Fields for Stream {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.clock.fields(io);
        io.u32(&mut self.now);
        io.flag(&mut self.is_started);
        io.f64(&mut self.usual);
        io.check(self.usual >= 0.0);
        io.flag(&mut self.is_negative_seen);
        self.experts.fields(io);
        self.lanes.iter_mut().for_each(|lane| lane.fields(io));
        self.hours.fields(io);
        let mut count = self.guests.len() as u8;
        io.u8(&mut count);
        io.check(usize::from(count) <= GUESTS_MAX);
        if io.is_reading() {
            self.guests = vec![Guest { name: String::new(), model: None }; usize::from(count)];
        }
        self.guests.iter_mut().for_each(|guest| guest.fields(io));
    }
}

impl Fields for Guest {
    fn fields(&mut self, io: &mut Io<'_>) {
        let mut length = self.name.len() as u8;
        io.u8(&mut length);
        io.check(usize::from(length) <= NAME_MAX);
        let mut bytes = self.name.clone().into_bytes();
        if io.is_reading() {
            bytes = vec![0; usize::from(length)];
        }
        bytes.iter_mut().for_each(|byte| io.u8(byte));
        let name = String::from_utf8(bytes);
        io.check(name.is_ok());
        self.name = name.unwrap_or_default();
    }
}

impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl Eq for Stream {}

impl Serialize for Stream {
    /// One base64 string.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_base64(&self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = from_base64(&text).ok_or(RestoreError::Text).map_err(de::Error::custom)?;
        Self::from_bytes(&bytes).map_err(de::Error::custom)
    }
}
