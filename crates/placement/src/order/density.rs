//! `density`: `P = R / T`, the highest density first.
//!
//! R is the dominant share: the largest share that the request has of any one resource of the cluster. T is the
//! estimate. A task that asks for much of the cluster for a short time goes first; a long and narrow one goes last. The
//! norm is the maximum and not the sum, so that asking for little of a second resource changes nothing.

use super::{Facts, Key};

pub(super) const fn key(facts: &Facts) -> Key {
    Key(-(((facts.size.0 as i128) << 32) / facts.time()))
}
