//! The samples of one series in one minute, packed: the first time and value whole, then differences, all as
//! variable-length integers. A regular series takes 3 to 5 bytes a sample instead of 16.
//!
//! # Source
//! Delta coding of times and values as in T. Pelkonen et al., "Gorilla" (VLDB 2015), with LEB128 bytes and zigzag signs
//! instead of bits: values are integers here, and a chunk is rewritten with every sample.

/// One sample: milliseconds since the chunk's minute began, and the value.
pub(crate) type Sample = (u32, i64);

/// Packs samples in rising order of time.
pub(crate) fn pack(samples: &[Sample]) -> Vec<u8> {
    let mut out = Vec::with_capacity(samples.len() * 5);
    let (mut last_at, mut last_value) = (0, 0_i64);
    for (at, value) in samples {
        put(&mut out, u64::from(at - last_at));
        put(&mut out, zigzag(value.wrapping_sub(last_value)));
        (last_at, last_value) = (*at, *value);
    }
    out
}

/// Unpacks a chunk; none when it is not one.
pub(crate) fn unpack(mut bytes: &[u8]) -> Option<Vec<Sample>> {
    let mut samples = Vec::new();
    let (mut at, mut value) = (0_u32, 0_i64);
    while !bytes.is_empty() {
        at = at.checked_add(u32::try_from(take(&mut bytes)?).ok()?)?;
        value = value.wrapping_add(unzigzag(take(&mut bytes)?));
        samples.push((at, value));
    }
    Some(samples)
}

/// Puts a sample in its place; one of the same time is replaced.
pub(crate) fn place(samples: &mut Vec<Sample>, sample: Sample) {
    match samples.binary_search_by_key(&sample.0, |placed| placed.0) {
        Ok(index) => samples[index] = sample,
        Err(index) => samples.insert(index, sample),
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn samples_round_trip(map in proptest::collection::btree_map(0_u32..60_000, any::<i64>(), 0..80)) {
            let mut samples = Vec::new();
            for sample in map.iter().rev() {
                place(&mut samples, (*sample.0, *sample.1));
            }
            prop_assert_eq!(&unpack(&pack(&samples)).unwrap(), &samples);
            prop_assert_eq!(samples, map.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_unpack_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some(samples) = unpack(&bytes) {
                prop_assert!(samples.len() <= bytes.len() / 2);
            }
        }
    }

    #[test]
    fn a_regular_series_is_small() {
        let samples: Vec<Sample> = (0..60).map(|n| (n * 1_000, 50_000 + i64::from(n * 37 % 90))).collect();
        assert!(pack(&samples).len() <= 60 * 4 + 2, "{}", pack(&samples).len());
    }
}
