//! Remembered scores of node states, for scores that cost much: fragmentation.
//!
//! Nodes that have the same CPU left, the same model of GPU and the same thousandths left on their GPUs, in any order,
//! are in one *state*. States are numbered, each knows its fragmentation, and the term of a shape on a state is computed
//! once. A cluster that fills up and drains meets the same states again and again.
//!
//! What is remembered is dropped when it grows beyond [`STATES_MAX`] or expectations change; it never changes a result.

use crate::fleet::{Fleet, GPUS_MAX, Shape, ShapeId};
use crate::score::{GpuState, Scoring, gpu_state};

/// Most states, and remembered terms, before all are forgotten.
const STATES_MAX: usize = 1 << 20;
/// A slot of a table that holds nothing.
const FREE: u32 = u32::MAX;

/// Numbers for keys, in order of first asking. Open addressing over a power of two; the order of slots reaches nobody.
#[derive(Debug, Clone)]
struct Numbers<const N: usize> {
    slots: Vec<u32>,
    keys: Vec<[u64; N]>,
}

impl<const N: usize> Numbers<N> {
    fn new() -> Self {
        Self { slots: vec![FREE; 1_024], keys: Vec::new() }
    }

    /// The number of a key, and whether it is a new one.
    #[inline]
    fn number(&mut self, key: [u64; N]) -> (usize, bool) {
        let mask = self.slots.len() - 1;
        let mut slot = hash(&key) as usize & mask;
        loop {
            match self.slots[slot] {
                FREE => break,
                number if self.keys[number as usize] == key => return (number as usize, false),
                _ => slot = (slot + 1) & mask,
            }
        }
        let number = self.keys.len();
        self.slots[slot] = number as u32;
        self.keys.push(key);
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
        (number, true)
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 2 - 1;
        self.slots = vec![FREE; mask + 1];
        for (number, key) in self.keys.iter().enumerate() {
            let mut slot = hash(key) as usize & mask;
            while self.slots[slot] != FREE {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = number as u32;
        }
    }
}

/// Mixes a key; any function would do, a poor one only costs time.
#[inline]
fn hash<const N: usize>(key: &[u64; N]) -> u64 {
    let mut hash = 0x9e37_79b9_7f4a_7c15;
    for word in key {
        hash = (hash ^ word).wrapping_mul(0xd1b5_4a32_d192_ed03);
        hash ^= hash >> 29;
    }
    hash.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
}

/// See the top of this file.
#[derive(Debug, Clone)]
pub struct States {
    states: Numbers<4>,
    amounts: Vec<i64>,
    pairs: Numbers<1>,
    terms: Vec<i64>,
    of_node: Vec<u32>,
    seen: u64,
}

impl States {
    /// Nothing remembered.
    #[must_use]
    pub fn new() -> Self {
        Self {
            states: Numbers::new(),
            amounts: Vec::new(),
            pairs: Numbers::new(),
            terms: Vec::new(),
            of_node: Vec::new(),
            seen: 0,
        }
    }

    /// Bytes it takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.amounts.len() * (8 + 32 + 8) + self.terms.len() * (8 + 8 + 8) + self.of_node.len() * 4
    }

    /// Numbers the states of the nodes that changed.
    pub fn follow(&mut self, fleet: &Fleet, scoring: &Scoring) {
        if self.amounts.len() > STATES_MAX || self.terms.len() > STATES_MAX * 16 {
            *self = Self::new();
        }
        let log = fleet.changes().since(self.seen).filter(|_| self.of_node.len() == fleet.len());
        match log {
            Some(log) => log.for_each(|node| {
                let state = self.state(gpu_state(fleet, node as usize), scoring);
                self.of_node[node as usize] = state;
            }),
            None => {
                let states = (0..fleet.len()).map(|node| self.state(gpu_state(fleet, node), scoring));
                self.of_node = states.collect();
            }
        }
        self.seen = fleet.version();
    }

    fn state(&mut self, state: GpuState<'_>, scoring: &Scoring) -> u32 {
        let (number, is_new) = self.states.number(key(state));
        if is_new {
            self.amounts.push(scoring.fragmentation().amount(state));
        }
        number as u32
    }

    /// The term of a shape on a node whose state is numbered.
    #[inline]
    pub fn term(&mut self, fleet: &Fleet, scoring: &Scoring, id: ShapeId, shape: &Shape, node: usize) -> i64 {
        let state = self.of_node[node];
        let (number, is_new) = self.pairs.number([u64::from(id.0) << 32 | u64::from(state)]);
        if is_new {
            let before = gpu_state(fleet, node);
            let levels = scoring.levels();
            let (term, _) = scoring.fragmentation().score(before, shape, levels, |state| {
                let number = self.state(state, scoring);
                self.amounts[number as usize]
            });
            self.terms.push(term);
        }
        self.terms[number]
    }
}

/// A state as a key: GPUs in order of what is free, ten bits each.
#[inline]
fn key(state: GpuState<'_>) -> [u64; 4] {
    let mut free = [0_u16; GPUS_MAX];
    let count = state.free.len();
    free[..count].copy_from_slice(state.free);
    free[..count].sort_unstable();
    let pack = |gpus: &[u16]| gpus.iter().fold(0_u64, |packed, free| packed << 10 | u64::from(*free));
    let head = u64::from(state.cpu.unsigned_abs()) << 32 | u64::from(state.model) << 8 | count as u64;
    [head, pack(&free[..6]), pack(&free[6..12]), pack(&free[12..])]
}

const _: () = assert!(GPUS_MAX == 16, "the key packs sixteen GPUs");
