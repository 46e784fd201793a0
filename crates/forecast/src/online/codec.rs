//! State to bytes and back: one list of fields serves both directions, so that they can not drift apart.
//!
//! Little-endian, every number as wide as it is kept, so that nothing is rounded on the way. Lengths are not written:
//! the settings come first and say every shape, so that bytes from anywhere can ask for no memory and reach no index.
//! A checksum at the end finds damage; numbers that no state can hold (NaN, infinities) are refused besides, because a
//! checksum is no defence against intent.

/// Why bytes are no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Not base64.
    #[error("the state is not base64")]
    Text,
    /// Too short, too long, or of another version.
    #[error("the state is of another version or shape")]
    Shape,
    /// The checksum differs.
    #[error("the state is damaged: its checksum differs")]
    Checksum,
    /// A number that no state can hold.
    #[error("the state holds a number that can not be")]
    Value,
}

/// A cursor that either writes fields or reads them.
pub(super) struct Io<'a> {
    direction: Direction<'a>,
    failed: Option<RestoreError>,
}

enum Direction<'a> {
    Write(&'a mut Vec<u8>),
    Read(&'a [u8]),
}

/// What can be written and read back, field by field in the same order.
pub(super) trait Fields {
    /// Passes every field to `io`, which reads it or replaces it.
    fn fields(&mut self, io: &mut Io<'_>);
}

macro_rules! integers {
    ($($name:ident($type:ty)),*) => {
        $(pub fn $name(&mut self, value: &mut $type) {
            match &mut self.direction {
                Direction::Write(bytes) => bytes.extend_from_slice(&value.to_le_bytes()),
                Direction::Read(bytes) => match bytes.split_first_chunk() {
                    Some((first, rest)) => {
                        *value = <$type>::from_le_bytes(*first);
                        *bytes = rest;
                    }
                    None => self.fail(RestoreError::Shape),
                },
            }
        })*
    };
}

impl<'a> Io<'a> {
    pub fn writing(bytes: &'a mut Vec<u8>) -> Self {
        Self { direction: Direction::Write(bytes), failed: None }
    }

    pub fn reading(bytes: &'a [u8]) -> Self {
        Self { direction: Direction::Read(bytes), failed: None }
    }

    integers!(u8(u8), u16(u16), u32(u32), u64(u64), i64(i64));

    /// A finite number.
    pub fn f64(&mut self, value: &mut f64) {
        let mut bits = value.to_bits();
        self.u64(&mut bits);
        *value = f64::from_bits(bits);
        self.check(value.is_finite());
    }

    /// A finite number.
    pub fn f32(&mut self, value: &mut f32) {
        self.f32_or_gap(value);
        self.check(value.is_finite());
    }

    /// A finite number or NaN.
    pub fn f32_or_gap(&mut self, value: &mut f32) {
        let mut bits = value.to_bits();
        self.u32(&mut bits);
        *value = f32::from_bits(bits);
        self.check(!value.is_infinite());
    }

    /// A yes or no.
    pub fn flag(&mut self, value: &mut bool) {
        let mut byte = u8::from(*value);
        self.u8(&mut byte);
        *value = byte == 1;
        self.check(byte <= 1);
    }

    /// Refuses what was read when `holds` does not.
    pub fn check(&mut self, holds: bool) {
        if !holds {
            self.fail(RestoreError::Value);
        }
    }

    /// Whether this is a reading that went well so far.
    pub fn is_reading(&self) -> bool {
        matches!(self.direction, Direction::Read(_)) && self.failed.is_none()
    }

    fn fail(&mut self, error: RestoreError) {
        self.failed.get_or_insert(error);
    }

    /// What went wrong, bytes left over included.
    pub fn finish(self) -> Result<(), RestoreError> {
        match (self.failed, self.direction) {
            (Some(error), _) => Err(error),
            (None, Direction::Read(rest)) if !rest.is_empty() => Err(RestoreError::Shape),
            _ => Ok(()),
        }
    }
}

/// FNV-1a, 64 bits.
///
/// # Source
/// G. Fowler, L. C. Noll, K.-P. Vo, offset basis 14695981039346656037 and prime 1099511628211.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648, section 4).
pub(super) fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() { char::from(ALPHABET[digit as usize]) } else { '=' });
        }
    }
    text
}

/// The bytes of base64 with padding; none for anything that [`to_base64`] does not write.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut word, mut bits) = (0u32, 0u32);
    for digit in digits.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == digit)?;
        word = word << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(word >> bits & 255).ok()?);
        }
    }
    (to_base64(&bytes) == text).then_some(bytes)
}

/// A number in the upper half of an `f32`: 8 bits of precision and all of its range, for what waits in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Half(pub u16);

impl Half {
    /// The nearest; beyond the range the largest.
    pub fn of(value: f64) -> Self {
        let value = if value.is_finite() { value.clamp(-3.0e38, 3.0e38) } else { 0.0 };
        let bits = (value as f32).to_bits();
        Self(u16::try_from((bits + 0x7fff + (bits >> 16 & 1)) >> 16).unwrap_or(0))
    }

    pub fn get(self) -> f64 {
        f64::from(f32::from_bits(u32::from(self.0) << 16))
    }
}

impl Fields for Half {
    fn fields(&mut self, io: &mut Io<'_>) {
        io.u16(&mut self.0);
        io.check(self.get().is_finite());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc_and_comes_back() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(to_base64(bytes.as_bytes()), text);
            assert_eq!(from_base64(text).as_deref(), Some(bytes.as_bytes()));
        }
        for text in ["Z", "Zg", "Zg=", "Zh==", "Z===", "====", "Zm9v!", "Zm=v"] {
            assert_eq!(from_base64(text), None, "{text}");
        }
    }

    #[test]
    fn a_half_keeps_eight_bits() {
        for value in [0.0, 1.0, -3.5, 1e15, 1e-15, 3e38, -3e38] {
            assert!((Half::of(value).get() - value).abs() <= value.abs() / 250.0, "{value}");
        }
        assert_eq!(Half::of(f64::NAN).get(), 0.0);
        assert_eq!(Half::of(f64::INFINITY).get(), 0.0);
    }

    #[test]
    fn what_is_not_finite_is_refused_and_so_is_a_wrong_length() {
        let mut value = 0.0;
        let mut io = Io::reading(&[0, 0, 192, 127]);
        io.f32(&mut value);
        assert_eq!(io.finish(), Err(RestoreError::Value));
        let mut io = Io::reading(&[0, 0, 0]);
        io.f32(&mut value);
        assert_eq!(io.finish(), Err(RestoreError::Shape));
        assert_eq!(Io::reading(&[1]).finish(), Err(RestoreError::Shape));
    }
}
