//! Read and write buffers, lent per worker, so that an idle connection holds none and a busy one finds a warm one.
//!
//! Last returned is first lent: under light load all connections share the same few cached pages.

use super::pipe::Pipes;
use std::cell::RefCell;

/// Size of a buffer for a client's bytes.
pub const SMALL: usize = 16 * 1024;
/// Size of a buffer for a replica's bytes; a body of 64 KiB moves in one read and one write.
pub const LARGE: usize = 64 * 1024;
/// Read buffers of each kind kept for later.
const KEPT_MAX: usize = 64;
/// Write buffers kept for later: each request in flight holds one.
const OUTGOING_KEPT_MAX: usize = 1_024;
/// A write buffer that grew beyond this is not kept.
const OUTGOING_SIZE_MAX: usize = 8 * 1_024;

/// Bytes that were read and not yet dealt with.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn new(size: usize) -> Self {
        Self { bytes: vec![0; size], start: 0, end: 0 }
    }

    /// The bytes not yet dealt with.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether all were dealt with.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Counts the first `count` unread bytes as dealt with.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Appends `bytes`, growing where there is no room.
    pub fn put(&mut self, bytes: &[u8]) {
        let end = self.end + bytes.len();
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
        }
        self.bytes[self.end..end].copy_from_slice(bytes);
        self.end = end;
    }

    /// Room for reading; moves what is unread to the front, and grows up to `size_max` when there is no room.
    pub fn room(&mut self, size_max: usize) -> &mut [u8] {
        if self.end == self.bytes.len() && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() && self.bytes.len() < size_max {
            let size = (self.bytes.len() * 2).min(size_max);
            self.bytes.resize(size, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// [`Buffer::room`], but no more than `most`: what is not read can still be moved without a copy.
    pub fn room_of(&mut self, size_max: usize, most: usize) -> &mut [u8] {
        let room = self.room(size_max);
        let length = room.len().min(most);
        &mut room[..length]
    }

    /// Counts `count` bytes of the room as read.
    pub fn filled(&mut self, count: usize) {
        self.end += count;
    }
}

/// The buffers of one worker that nobody uses right now.
#[derive(Debug, Default)]
pub struct Buffers {
    small: RefCell<Vec<Buffer>>,
    large: RefCell<Vec<Buffer>>,
    outgoing: RefCell<Vec<Vec<u8>>>,
    /// Pipes.
    pub pipes: Pipes,
}

impl Buffers {
    /// A buffer of [`SMALL`].
    pub fn small(&self) -> Buffer {
        self.small.borrow_mut().pop().unwrap_or_else(|| Buffer::new(SMALL))
    }

    /// A buffer of [`LARGE`].
    pub fn large(&self) -> Buffer {
        self.large.borrow_mut().pop().unwrap_or_else(|| Buffer::new(LARGE))
    }

    /// An empty vector to write a message into.
    pub fn outgoing(&self) -> Vec<u8> {
        self.outgoing.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(1_024))
    }

    /// Takes a read buffer back.
    pub fn give(&self, mut buffer: Buffer) {
        buffer.start = 0;
        buffer.end = 0;
        let kept = match buffer.bytes.len() {
            SMALL => &self.small,
            LARGE => &self.large,
            _ => return,
        };
        let mut kept = kept.borrow_mut();
        if kept.len() < KEPT_MAX {
            kept.push(buffer);
        }
    }

    /// Takes a write buffer back.
    pub fn give_outgoing(&self, mut bytes: Vec<u8>) {
        let mut kept = self.outgoing.borrow_mut();
        if kept.len() < OUTGOING_KEPT_MAX && bytes.capacity() <= OUTGOING_SIZE_MAX {
            bytes.clear();
            kept.push(bytes);
        }
    }
}
