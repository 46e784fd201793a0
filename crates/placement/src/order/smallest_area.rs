//! `saf`: the smallest area first, where area is dominant share × estimate.
//!
//! On a cluster of processors alone that is processors × estimate, exactly.
//!
//! # Source
//! Carastan-Santos, de Camargo, Trystram, Zrigui, "One can only gain by replacing EASY Backfilling", CCGrid 2019.

use super::{Facts, Key};

pub(super) const fn key(facts: &Facts) -> Key {
    Key(facts.size.0 as i128 * facts.time())
}
