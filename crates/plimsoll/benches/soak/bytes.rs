//! The bytes of every body: known at each place, so that whoever reads one can tell whether it is whole and in order.

/// A prime, so that no buffer's size divides it and a block that is lost or doubled shows.
const PERIOD: usize = 65_521;

/// The bytes from `start` on, at most one period of them.
pub fn slice(start: usize, length: usize) -> Vec<u8> {
    (start..start + length).map(at).collect()
}

/// Whether these are the bytes from `start` on.
pub fn are_right(start: usize, bytes: &[u8]) -> bool {
    bytes.iter().zip(start..).all(|(byte, place)| *byte == at(place))
}

fn at(place: usize) -> u8 {
    let place = place % PERIOD;
    (place ^ place >> 8) as u8
}
