//! Sums by service, job or user, times a price list.
//!
//! CPU and memory are billed as requested, because what is reserved is nobody else's; bytes as moved. Whatever the grouping,
//! the totals are those of the whole: what a grouping does not tell apart stands in a row of its own. A cost is computed from
//! sums and never added up from rounded ones.

use super::meter::{Metered, Owner};
use super::sums::Sums;
use plimsoll_model::Permille;
use plimsoll_model::operations::PriceSpec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What rows are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// A row per service; jobs together.
    Service,
    /// A row per user.
    User,
    /// A row per job; services together.
    Job,
}

impl Grouping {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Service, Self::User, Self::Job];

    /// As people type it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::User => "user",
            Self::Job => "job",
        }
    }

    fn row(self, owner: &Owner) -> String {
        match (self, owner.is_job) {
            (Self::User, _) => owner.user.clone().unwrap_or_else(|| "(nobody)".to_owned()),
            (Self::Service, true) => "(jobs)".to_owned(),
            (Self::Job, false) => "(services)".to_owned(),
            _ => owner.name.clone(),
        }
    }
}

impl FromStr for Grouping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|grouping| grouping.word() == text);
        found.ok_or_else(|| format!("{text:?} is no grouping; there are service, user and job"))
    }
}

/// A cost, in millionths of the currency's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Cost(pub u128);

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000))
    }
}

/// Milliseconds of a month of 730 hours.
const MONTH_MS: u128 = 730 * 3_600_000;
const GIB: u128 = 1 << 30;

/// Price in thousandths, times amount, over the amount that the price is for: in millionths.
fn cost(price: Permille, amount: u128, per: u128) -> u128 {
    amount.saturating_mul(u128::from(price.get()) * 1_000) / per
}

/// What it costs.
#[must_use]
pub fn total(sums: &Sums, prices: &PriceSpec) -> Cost {
    Cost(
        cost(prices.cpu_month, sums.cpu.requested, 1_000 * MONTH_MS)
            .saturating_add(cost(prices.memory_gib_month, sums.memory.requested, GIB * MONTH_MS))
            .saturating_add(cost(prices.network_gib, sums.network_bytes, GIB))
            .saturating_add(cost(prices.disk_gib, sums.disk_bytes, GIB)),
    )
}

/// What of it was paid for nothing.
#[must_use]
pub fn idle(sums: &Sums, prices: &PriceSpec) -> Cost {
    Cost(cost(prices.cpu_month, sums.cpu.idle, 1_000 * MONTH_MS).saturating_add(cost(
        prices.memory_gib_month,
        sums.memory.idle,
        GIB * MONTH_MS,
    )))
}

/// One row of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Of whom.
    pub name: String,
    /// What.
    pub sums: Sums,
    /// What it costs.
    pub cost_micro: Cost,
    /// What of it was paid for nothing.
    pub idle_cost_micro: Cost,
}

impl Row {
    pub(super) fn of(name: String, sums: Sums, prices: &PriceSpec) -> Self {
        Self { name, cost_micro: total(&sums, prices), idle_cost_micro: idle(&sums, prices), sums }
    }
}

/// A bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// What its rows are of.
    pub by: Grouping,
    /// The price list.
    pub prices: PriceSpec,
    /// By name.
    pub rows: Vec<Row>,
    /// All of it.
    pub total: Row,
    /// Full observations counted.
    pub samples: u64,
    /// Time that they cover, physical.
    pub observed_ms: u64,
    /// Time between them that nobody watched, physical.
    pub unobserved_ms: u64,
    /// Trace time of the first and the last of them.
    pub span: Option<(i64, i64)>,
}

impl Bill {
    /// Of what was metered; at `prices`, or at those of the spec.
    #[must_use]
    pub fn of(metered: &Metered, by: Grouping, prices: Option<&PriceSpec>) -> Self {
        let prices = prices.unwrap_or(&metered.prices);
        let mut rows: BTreeMap<String, Sums> = BTreeMap::new();
        let mut all = Sums::default();
        for (owner, sums) in &metered.owners {
            *rows.entry(by.row(owner)).or_default() += *sums;
            all += *sums;
        }
        Self {
            by,
            rows: rows.into_iter().map(|(name, sums)| Row::of(name, sums, prices)).collect(),
            total: Row::of("total".to_owned(), all, prices),
            prices: prices.clone(),
            samples: metered.samples,
            observed_ms: metered.observed_ms,
            unobserved_ms: metered.unobserved_ms,
            span: metered.span.map(|(first, last)| (first.get(), last.get())),
        }
    }
}
