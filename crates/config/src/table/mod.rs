//! The fields of the spec file, one entry each. Start at [`ROOT`].
//!
//! Defaults are chosen so that a spec with only the required fields behaves well on one machine; where the field's
//! established systems agree on a value, that value is taken and named in the reason.

mod access;
mod analyst;
mod balance;
mod cron;
mod gateway;
mod gateway_file;
mod gateway_route;
mod hpa;
mod job;
mod kpa;
mod metrics;
mod operations;
mod queue;
mod root;
mod scaling;
mod service;
mod vertical;
mod workload;

pub use gateway_file::GATEWAY_FILE;
pub use hpa::{OBJECT_V1, OBJECT_V2};
pub use operations::OCCASIONS;
pub use queue::{BACKFILLS, ORDERS};
pub use root::ROOT;

use crate::field::{Kind, Section};

/// Every section reachable from [`ROOT`], each once, parents first in the order of the fields.
#[must_use]
pub fn sections() -> Vec<&'static Section> {
    sections_of(&ROOT)
}

/// Every section reachable from `root`, each once, parents first in the order of the fields.
#[must_use]
pub fn sections_of(root: &'static Section) -> Vec<&'static Section> {
    fn visit(section: &'static Section, seen: &mut Vec<&'static Section>) {
        if seen.iter().any(|known| std::ptr::eq(*known, section)) {
            return;
        }
        seen.push(section);
        for field in section.fields {
            if let Kind::Table(inner) | Kind::Tables(inner) | Kind::Named(inner) = field.kind {
                visit(inner, seen);
            }
        }
    }
    let mut seen = Vec::new();
    visit(root, &mut seen);
    seen
}

/// Every place of the file where the section stands, as its header: `[services.NAME]`, `[[gateway.routes]]`.
#[must_use]
pub fn places(wanted: &'static Section) -> Vec<String> {
    places_in(&ROOT, wanted)
}

/// [`places`] of a file that starts at `root`.
#[must_use]
pub fn places_in(root: &'static Section, wanted: &'static Section) -> Vec<String> {
    fn visit(section: &'static Section, path: &str, wanted: &'static Section, found: &mut Vec<String>) {
        for field in section.fields {
            let path = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
            let (inner, path, shown) = match field.kind {
                Kind::Table(inner) => (inner, path.clone(), format!("[{path}]")),
                Kind::Tables(inner) => (inner, path.clone(), format!("[[{path}]]")),
                Kind::Named(inner) => (inner, format!("{path}.NAME"), format!("[{path}.NAME]")),
                _ => continue,
            };
            if std::ptr::eq(inner, wanted) {
                found.push(shown);
            }
            visit(inner, &path, wanted, found);
        }
    }
    let mut found = Vec::new();
    visit(root, "", wanted, &mut found);
    found
}

/// Where else a field of this name stands (`in [clock]`), a few places at most: for a field put into the wrong table.
#[must_use]
pub fn elsewhere(name: &str) -> Vec<String> {
    let with_field = sections().into_iter().filter(|section| section.field(name).is_some());
    let headers = with_field.flat_map(|section| match std::ptr::eq(section, &raw const ROOT) {
        true => vec!["at the top of the file".to_owned()],
        false => places(section).into_iter().map(|place| format!("in {place}")).collect(),
    });
    headers.take(4).collect()
}
