//! The gate: nothing that anybody proposes, a rule, a search or a language model, comes into force without a proof.
//!
//! A proposal is read, held against what may be proposed at all and against the operator's envelope, and then run in the
//! twin under the very controller that runs live: on the part of the history that the proposer has not seen, and on
//! stresses that are in no history. It is accepted where it is cheaper than the policy in force and no dearer than the standard
//! policies at their best, and no other figure is worse beyond its margin. The verdict holds every figure.
//!
//! Pure: the same proposal, history, spec and terms give the same verdict to the last byte; a proof takes a bounded number of
//! steps. Nothing here applies anything.
//!
//! - [`invariant`]: what can be refused without the twin.
//! - [`Court`]: a history laid out once, for many proposals.
//! - [`prove`]: one proposal.

mod court;
mod figures;
pub mod hash;
mod invariant;
mod judge;
mod record;
mod refusal;
mod standard;
mod stress;
mod terms;
mod verdict;

pub use court::Court;
pub use figures::Figures;
pub(crate) use invariant::alone;
pub use invariant::{BYTES_MAX, check, read};
pub use judge::prove;
pub use record::PART_MIN;
pub(crate) use record::Record;
pub use refusal::Refusal;
pub use terms::{Envelope, Margins, Terms};
pub use verdict::{Compared, Hashes, Interval, Part, Plot, Proof, Reason, Stressed, Three, Verdict};
