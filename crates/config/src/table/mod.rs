//! The fields of the spec file, one entry each. Start at [`ROOT`].
//!
//! Defaults are chosen so that a spec with only the required fields behaves well on one machine; where the field's
//! established systems agree on a value, that value is taken and named in the reason.

mod balance;
mod gateway;
mod job;
mod root;
mod scaling;
mod service;
mod workload;

pub use root::ROOT;

use crate::field::Section;

/// Every section reachable from [`ROOT`], each once, parents first in the order of the fields.
#[must_use]
pub fn sections() -> Vec<&'static Section> {
    fn visit(section: &'static Section, seen: &mut Vec<&'static Section>) {
        if seen.iter().any(|known| std::ptr::eq(*known, section)) {
            return;
        }
        seen.push(section);
        for field in section.fields {
            use crate::field::Kind::{Named, Table, Tables};
            if let Table(inner) | Tables(inner) | Named(inner) = field.kind {
                visit(inner, seen);
            }
        }
    }
    let mut seen = Vec::new();
    visit(&ROOT, &mut seen);
    seen
}
