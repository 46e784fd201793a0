//! Spec files: TOML in, checked [`Spec`](plimsoll_model::Spec) values or precise errors out.
//!
//! One declarative table of fields ([`table::ROOT`]) drives reading, defaults, range errors, suggestions for mistyped
//! names, the JSON Schema and the reference page, so that they cannot drift apart. A file goes through four stages:
//! `load` (bytes to TOML), `read` (TOML to checked values with their places, against the table), `check` (what holds
//! between fields) and `build` (checked values to the model). All problems of a file are reported in one go.
//!
//! This crate must never supply a default for a threshold that only the user can choose: scaling targets and
//! reservations have none.

mod build;
mod check;
mod diff;
pub mod field;
pub mod form;
mod gateway_file;
pub mod hpa_file;
mod load;
pub mod moment;
mod nearest;
mod policy;
mod problem;
mod read;
mod reference;
mod report;
mod scalar;
mod schema;
mod secret;
mod snippet;
pub mod table;
pub mod unit;
mod value;
mod write;

pub use diff::{Change, FieldChange, SpecDiff, diff};
pub use field::Reload;
pub use gateway_file::{LoadedGateway, gateway_control, load_gateway, parse_gateway};
pub use load::{FILE_SIZE_MAX, Loaded, load, parse};
pub use nearest::nearest;
pub use policy::{load_policy, parse_policy};
pub use problem::{Problem, Severity};
pub use reference::{gateway_reference, reference, scaling_reference};
pub use report::{Diagnostic, Report};
pub use schema::schema;
pub use write::render;
