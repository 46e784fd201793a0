//! Every queue order by name, with what it reads, what it costs and where it comes from.

use super::{Exponents, QueueOrder, Weights};
use plimsoll_model::quantity::Millis;

/// One order of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct OrderEntry {
    /// Its name.
    pub name: &'static str,
    /// The order with its usual parameters.
    pub order: QueueOrder,
    /// The formula, and which end goes first.
    pub formula: &'static str,
    /// What it reads.
    pub inputs: &'static [&'static str],
    /// Whether keys change after submission.
    pub dynamic: bool,
    /// What one event costs with n waiting.
    pub cost: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

const STATIC: &str = "O(log n)";
const RESORTED: &str = "O(n log n) per decision";
const HOLDERS: &str = "O(h log h) per start, h holders";

const fn entry(
    name: &'static str,
    order: QueueOrder,
    formula: &'static str,
    inputs: &'static [&'static str],
    cost: &'static str,
    source: &'static str,
) -> OrderEntry {
    let dynamic = !matches!(order.moves(), super::Moves::Never);
    OrderEntry { name, order, formula, inputs, dynamic, cost, source }
}

/// Weights of `multifactor` that need no configuration.
const WEIGHTS: Weights = Weights {
    age: 1_000,
    size: 1_000,
    fair_share: 1_000,
    priority: 1_000,
    age_max: Millis(7 * 86_400_000),
    priority_max: 100,
    small_first: false,
    refresh: Millis(300_000),
};

const ENTRIES: &[OrderEntry] = &[
    entry("fifo", QueueOrder::Fifo, "submitted, ascending", &["submitted"], STATIC, "folklore"),
    entry("sjf", QueueOrder::Shortest, "estimate, ascending", &["estimate"], STATIC, "Smith 1956"),
    entry(
        "saf",
        QueueOrder::SmallestArea,
        "dominant share × estimate, ascending",
        &["estimate", "requests"],
        STATIC,
        "Carastan-Santos et al., CCGrid 2019",
    ),
    entry("priority", QueueOrder::FixedPriority, "priority, descending", &["priority"], STATIC, "folklore"),
    entry(
        "ageing",
        QueueOrder::Ageing { span: Millis(600_000) },
        "priority + wait / 10 min, descending",
        &["priority", "submitted"],
        STATIC,
        "folklore",
    ),
    entry(
        "density",
        QueueOrder::Density,
        "dominant share / estimate, descending",
        &["estimate", "requests"],
        STATIC,
        "issue 4: P = R/T",
    ),
    entry(
        "priority-over-time",
        QueueOrder::PriorityOverTime,
        "priority / estimate, ascending",
        &["priority", "estimate"],
        STATIC,
        "issue 4",
    ),
    entry(
        "power",
        QueueOrder::Power(Exponents { estimate: 1_000, size: 1_000 }),
        "estimate^a × dominant share^b, ascending",
        &["estimate", "requests"],
        STATIC,
        "generalises sjf and saf",
    ),
    entry(
        "multifactor",
        QueueOrder::Multifactor(WEIGHTS),
        "Σ weight × factor of age, size, fair share, priority, descending",
        &["submitted", "requests", "priority", "use of the holder"],
        "O(n log n) every five minutes",
        "Slurm priority/multifactor",
    ),
    entry(
        "fair-share",
        QueueOrder::FairShare,
        "decayed use / weight of the holder, ascending",
        &["use of the holder"],
        HOLDERS,
        "Kay and Lauder, CACM 1988",
    ),
    entry(
        "drf",
        QueueOrder::Drf,
        "dominant share / weight of the holder, ascending",
        &["use of the holder"],
        HOLDERS,
        "Ghodsi et al., NSDI 2011",
    ),
    entry(
        "drf-tree",
        QueueOrder::DrfTree,
        "below guarantee first, then dominant share / weight, at every level",
        &["use of the queue and its ancestors", "guarantees"],
        HOLDERS,
        "Bhattacharya et al., SoCC 2013",
    ),
    entry(
        "wfp3",
        QueueOrder::Wfp3,
        "(wait / estimate)³ × processors, descending",
        &["submitted", "estimate", "requests"],
        RESORTED,
        "Tang et al., Cluster 2009",
    ),
    entry(
        "unicep",
        QueueOrder::Unicep,
        "wait / (log₂ processors × estimate), descending",
        &["submitted", "estimate", "requests"],
        RESORTED,
        "Tang et al., Cluster 2009",
    ),
    entry(
        "f1",
        QueueOrder::F1,
        "log₁₀ estimate × processors + 870 log₁₀ submitted, ascending",
        &["submitted", "estimate", "requests"],
        STATIC,
        "Carastan-Santos and de Camargo, SC 2017",
    ),
    entry(
        "wfp3-rls",
        QueueOrder::Wfp3Rls,
        "((1 + submitted) / estimate)³ × processors, ascending",
        &["submitted", "estimate", "requests"],
        STATIC,
        "RLScheduler's code, SC 2020",
    ),
    entry(
        "unicep-rls",
        QueueOrder::UnicepRls,
        "(1 + submitted) / (log₂ processors × estimate), ascending",
        &["submitted", "estimate", "requests"],
        STATIC,
        "RLScheduler's code, SC 2020",
    ),
];

/// Every order, in the order of the documentation.
#[must_use]
pub const fn catalogue() -> &'static [OrderEntry] {
    ENTRIES
}
