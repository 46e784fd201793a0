//! Copies of small pieces of bodies that wait to be sent, many in one allocation.

use bytes::{Bytes, BytesMut};
use std::cell::RefCell;
use std::rc::Rc;

/// Bytes of one allocation.
const BLOCK: usize = 32 * 1024;
/// Longer pieces have an allocation of their own, so that one that waits for long keeps little else from being freed.
const PIECE_MAX: usize = 4 * 1024;

/// Where copies are made.
#[derive(Debug, Clone)]
pub struct Arena(Rc<RefCell<BytesMut>>);

impl Default for Arena {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(BytesMut::with_capacity(BLOCK))))
    }
}

impl Arena {
    /// A copy of `bytes`.
    #[must_use]
    pub fn copy(&self, bytes: &[u8]) -> Bytes {
        if bytes.len() > PIECE_MAX {
            return Bytes::copy_from_slice(bytes);
        }
        let mut block = self.0.borrow_mut();
        // Where there is no room any more this begins the block anew if all of it was sent, and else allocates one.
        if block.capacity() < bytes.len() {
            block.reserve(BLOCK);
        }
        block.extend_from_slice(bytes);
        block.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_stay_what_they_were_while_others_are_made() {
        let arena = Arena::default();
        let piece = |at: usize| vec![(at % 251) as u8; at * 37 % (2 * PIECE_MAX)];
        let mut kept = Vec::new();
        for at in 0..2_000 {
            let copy = arena.copy(&piece(at));
            if at % 7 == 0 {
                kept.push((at, copy));
            }
        }
        assert!(kept.iter().all(|(at, copy)| *copy == piece(*at)));
    }
}
