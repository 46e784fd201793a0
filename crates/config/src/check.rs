//! What holds between fields.
use crate::read::Reader;
use crate::value::Table;
use std::path::Path;
/// All of it.
pub fn all(_: &mut Reader<'_>, _: &Table, _: &Path, _: bool) {}
