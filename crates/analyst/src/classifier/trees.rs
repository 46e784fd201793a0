//! Trees as they are kept: whole numbers in the leaves, thresholds as they were learnt, a fixed layout of bytes.
//!
//! Layout, little-endian: `PLTC`, version u16, numbers of a row u16, causes u16; per cause: start i32, trees u16; per tree:
//! nodes u8; per node: column u8 (255 is a leaf), missing goes left u8, left u8, right u8, threshold f32, value i32. A node's
//! children stand after it. Bytes from anywhere give trees or an error.

use super::columns::{Row, WIDTH};
use crate::diagnosis::Cause;

const MAGIC: &[u8; 4] = b"PLTC";
const VERSION: u16 = 1;
const LEAF: u8 = 255;
/// One of a value, in log odds.
pub(super) const ONE: f64 = 65_536.0;

/// A node. A leaf has the column 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    pub column: u8,
    pub missing_left: bool,
    pub left: u8,
    pub right: u8,
    pub threshold: f32,
    /// What lies below it adds, on average over training; of a leaf, what it adds. In 1/65,536 of log odds.
    pub value: i32,
}

impl Node {
    pub(super) const fn leaf(value: i32) -> Self {
        Self { column: LEAF, missing_left: false, left: 0, right: 0, threshold: 0.0, value }
    }

    const fn is_leaf(self) -> bool {
        self.column == LEAF
    }

    /// Which child a row goes to.
    fn next(self, row: &Row) -> usize {
        let value = row.0[usize::from(self.column)];
        let is_left = if value.is_nan() { self.missing_left } else { value <= self.threshold };
        usize::from(if is_left { self.left } else { self.right })
    }
}

/// The sum of one cause.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sum {
    pub start: i32,
    pub trees: Vec<Vec<Node>>,
}

/// A sum of trees per cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Trees {
    pub(super) sums: Vec<Sum>,
}

/// Why bytes are no trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreesError {
    /// Not such a file, or of another version, or for other numbers or causes.
    #[error("not trees of this version for {WIDTH} numbers and {} causes", Cause::ALL.len())]
    Head,
    /// They end too early or too late.
    #[error("the file has {0} bytes, and its counts ask for another length")]
    Length(usize),
    /// A node that points to itself or outside.
    #[error("byte {0}: a node of no tree")]
    Node(usize),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], TreesError> {
        let end = self.at + N;
        let part = self.bytes.get(self.at..end).and_then(|part| part.try_into().ok());
        self.at = end;
        part.ok_or(TreesError::Length(self.bytes.len()))
    }

    fn tree(&mut self) -> Result<Vec<Node>, TreesError> {
        let [count] = self.take::<1>()?;
        let mut nodes = Vec::with_capacity(usize::from(count));
        for index in 0..count {
            let at = self.at;
            let [column, missing_left, left, right] = self.take::<4>()?;
            let (threshold, value) = (f32::from_le_bytes(self.take()?), i32::from_le_bytes(self.take()?));
            let node = Node { column, missing_left: missing_left == 1, left, right, threshold, value };
            let is_after = |child: u8| child > index && child < count;
            let holds = is_after(left) && is_after(right) && usize::from(column) < WIDTH && threshold.is_finite();
            if missing_left > 1 || !(node.is_leaf() || holds) {
                return Err(TreesError::Node(at));
            }
            nodes.push(node);
        }
        if nodes.is_empty() { Err(TreesError::Node(self.at)) } else { Ok(nodes) }
    }
}

impl Trees {
    /// Reads trees.
    ///
    /// # Errors
    /// [`TreesError`].
    pub fn read(bytes: &[u8]) -> Result<Self, TreesError> {
        let mut reader = Reader { bytes, at: 0 };
        let head = (reader.take::<4>()?, reader.take()?, reader.take()?, reader.take()?).into_head();
        if head != (*MAGIC, VERSION, WIDTH as u16, Cause::ALL.len() as u16) {
            return Err(TreesError::Head);
        }
        let mut sums = Vec::new();
        for _ in Cause::ALL {
            let start = i32::from_le_bytes(reader.take()?);
            let count = u16::from_le_bytes(reader.take()?);
            let trees = (0..count).map(|_| reader.tree()).collect::<Result<_, _>>()?;
            sums.push(Sum { start, trees });
        }
        if reader.at == bytes.len() { Ok(Self { sums }) } else { Err(TreesError::Length(bytes.len())) }
    }

    /// Writes them, so that [`Self::read`] gives the same.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for number in [VERSION, WIDTH as u16, Cause::ALL.len() as u16] {
            out.extend(number.to_le_bytes());
        }
        for sum in &self.sums {
            out.extend(sum.start.to_le_bytes());
            out.extend((sum.trees.len() as u16).to_le_bytes());
            for tree in &sum.trees {
                out.push(tree.len() as u8);
                for node in tree {
                    out.extend([node.column, u8::from(node.missing_left), node.left, node.right]);
                    out.extend(node.threshold.to_le_bytes());
                    out.extend(node.value.to_le_bytes());
                }
            }
        }
        out
    }

    /// How likely a cause is, 0 to 1.
    #[must_use]
    pub fn probability(&self, cause: Cause, row: &Row) -> f64 {
        let sum = self.sum(cause);
        let score = sum.trees.iter().fold(i64::from(sum.start), |score, tree| score + i64::from(leaf(tree, row)));
        1.0 / (1.0 + libm::exp(-(score as f64) / ONE))
    }

    /// Places of the numbers that speak for a cause, the strongest first.
    #[must_use]
    pub fn speaks_for(&self, cause: Cause, row: &Row) -> Vec<usize> {
        let mut adds = [0_i64; WIDTH];
        for tree in &self.sum(cause).trees {
            let mut at = 0;
            while !tree[at].is_leaf() {
                let next = tree[at].next(row);
                adds[usize::from(tree[at].column)] += i64::from(tree[next].value) - i64::from(tree[at].value);
                at = next;
            }
        }
        let mut places: Vec<usize> = (0..WIDTH).filter(|place| adds[*place] > 0).collect();
        places.sort_by_key(|place| (std::cmp::Reverse(adds[*place]), *place));
        places
    }

    /// How many trees there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sums.iter().map(|sum| sum.trees.len()).sum()
    }

    fn sum(&self, cause: Cause) -> &Sum {
        let place = Cause::ALL.iter().position(|known| *known == cause).unwrap_or(0);
        &self.sums[place]
    }
}

/// The value of the leaf that a row falls into.
pub(super) fn leaf(tree: &[Node], row: &Row) -> i32 {
    let mut at = 0;
    while !tree[at].is_leaf() {
        at = tree[at].next(row);
    }
    tree[at].value
}

trait IntoHead {
    fn into_head(self) -> ([u8; 4], u16, u16, u16);
}

impl IntoHead for ([u8; 4], [u8; 2], [u8; 2], [u8; 2]) {
    fn into_head(self) -> ([u8; 4], u16, u16, u16) {
        (self.0, u16::from_le_bytes(self.1), u16::from_le_bytes(self.2), u16::from_le_bytes(self.3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small() -> Trees {
        let split = Node { column: 3, missing_left: true, left: 1, right: 2, threshold: 0.5, value: 10 };
        let tree = vec![split, Node::leaf(-65_536), Node::leaf(131_072)];
        let sums = (0..Cause::ALL.len()).map(|_| Sum { start: 0, trees: vec![tree.clone()] }).collect();
        Trees { sums }
    }

    #[test]
    fn trees_come_back_and_say_what_their_leaves_say() {
        let trees = small();
        assert_eq!(Trees::read(&trees.write()), Ok(trees.clone()));
        let mut row = Row([f32::NAN; WIDTH]);
        assert!((trees.probability(Cause::Leak, &row) - 0.268_941).abs() < 1e-6);
        assert!(trees.speaks_for(Cause::Leak, &row).is_empty());
        row.0[3] = 0.6;
        assert!((trees.probability(Cause::Leak, &row) - 0.880_797).abs() < 1e-6);
        assert_eq!(trees.speaks_for(Cause::Leak, &row), [3]);
    }

    proptest! {
        #[test]
        fn bytes_from_anywhere_give_trees_that_end_or_an_error(at in 0_usize..600, byte in any::<u8>(), length in 0_usize..600) {
            let mut bytes = small().write();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(length.max(at + 1));
            if let Ok(trees) = Trees::read(&bytes) {
                let row = Row([0.5; WIDTH]);
                for cause in Cause::ALL {
                    prop_assert!((0.0..=1.0).contains(&trees.probability(cause, &row)));
                    let _ = trees.speaks_for(cause, &row);
                }
            }
        }
    }
}
