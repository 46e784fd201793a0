//! Right-sizing as keys of the file.

use super::Branch;
use crate::unit::Unit;
use plimsoll_model::scaling::VerticalSpec;

pub fn write_vertical(at: &mut Branch, vertical: &VerticalSpec) {
    let VerticalSpec {
        mode,
        limits,
        min,
        cpu_max,
        memory_max,
        quantile,
        margin,
        half_life,
        memory_window,
        every,
        age_min,
        change_min,
    } = vertical;
    // The file's words are the model's serialised names.
    at.leaf("mode", serde_json::to_string(mode).unwrap_or_default());
    at.leaf("limits", serde_json::to_string(limits).unwrap_or_default());
    at.unit("cpu_min", Unit::Cpu, min.cpu.get());
    at.unit("memory_min", Unit::Bytes, min.memory.get());
    at.unit_if("cpu_max", Unit::Cpu, cpu_max.map(|cpu| cpu.get()));
    at.unit_if("memory_max", Unit::Bytes, memory_max.map(|memory| memory.get()));
    at.unit("quantile", Unit::Share, quantile.get());
    at.unit("margin", Unit::Share, margin.get());
    at.unit("half_life", Unit::Duration, half_life.get());
    at.unit("memory_window", Unit::Duration, memory_window.get());
    at.unit("every", Unit::Duration, every.get());
    at.unit("age_min", Unit::Duration, age_min.get());
    at.unit("change_min", Unit::Share, change_min.get());
}
