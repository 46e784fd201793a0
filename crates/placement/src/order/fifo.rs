//! `fifo`: first come, first served.
//!
//! The key is the time of submission, so ties are broken by id alone.

use super::{Facts, Key};

pub(super) const fn key(facts: &Facts) -> Key {
    Key(facts.submitted.0 as i128)
}
