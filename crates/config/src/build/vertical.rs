//! Right-sizing.

use super::{bytes, millis, optional, permille, variant};
use crate::value::Table;
use plimsoll_model::quantity::{Bytes, Millicores};
use plimsoll_model::scaling::VerticalSpec;
use plimsoll_model::spec::Resources;

pub fn vertical(table: &Table) -> Option<VerticalSpec> {
    Some(VerticalSpec {
        mode: variant(table.text("mode")?)?,
        limits: variant(table.text("limits")?)?,
        min: Resources { cpu: Millicores(table.unsigned("cpu_min")), memory: bytes(table, "memory_min") },
        cpu_max: optional(table, "cpu_max").map(Millicores),
        memory_max: optional(table, "memory_max").map(Bytes),
        quantile: permille(table, "quantile"),
        margin: permille(table, "margin"),
        half_life: millis(table, "half_life"),
        memory_window: millis(table, "memory_window"),
        every: millis(table, "every"),
        age_min: millis(table, "age_min"),
        change_min: permille(table, "change_min"),
    })
}
