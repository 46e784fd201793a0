//! A bill as the API and `plimsoll usage --output json` show it, and back: integers as they were added up, so that whoever adds
//! them gets the same sums. The journal holds no figure of a GPU per workload, and none is made up.

use super::bill::{Bill, Row};
use super::sums::{Held, Sums};
use plimsoll_model::operations::PriceSpec;
use serde_json::{Value, json};

/// A number, or a text of its digits where many readers of JSON would round it.
fn number(amount: u128) -> Value {
    u64::try_from(amount).map_or_else(|_| json!(amount.to_string()), |amount| json!(amount))
}

fn amount(value: &Value) -> Option<u128> {
    value.as_u64().map(u128::from).or_else(|| value.as_str()?.parse().ok())
}

impl Row {
    fn shown(&self) -> Value {
        let sums = &self.sums;
        json!({
            "name": self.name,
            "cpu_requested_millicore_ms": number(sums.cpu.requested),
            "cpu_used_millicore_ms": number(sums.cpu.used),
            "cpu_idle_millicore_ms": number(sums.cpu.idle),
            "memory_requested_byte_ms": number(sums.memory.requested),
            "memory_used_byte_ms": number(sums.memory.used),
            "memory_idle_byte_ms": number(sums.memory.idle),
            "gpu_ms": Value::Null,
            "network_bytes": number(sums.network_bytes),
            "disk_bytes": number(sums.disk_bytes),
            "held_ms": number(sums.held_ms),
            "unmeasured_ms": number(sums.unmeasured_ms),
            "cost": self.cost_micro.to_string(),
            "idle_cost": self.idle_cost_micro.to_string(),
        })
    }

    fn read(value: &Value, prices: &PriceSpec) -> Option<Self> {
        let of = |resource: &str, unit: &str| {
            let field = |what: &str| amount(&value[format!("{resource}_{what}_{unit}")]);
            Some(Held { requested: field("requested")?, used: field("used")?, idle: field("idle")? })
        };
        let sums = Sums {
            cpu: of("cpu", "millicore_ms")?,
            memory: of("memory", "byte_ms")?,
            network_bytes: amount(&value["network_bytes"])?,
            disk_bytes: amount(&value["disk_bytes"])?,
            held_ms: amount(&value["held_ms"])?,
            unmeasured_ms: amount(&value["unmeasured_ms"])?,
        };
        Some(Self::of(value["name"].as_str()?.to_owned(), sums, prices))
    }
}

impl Bill {
    /// As JSON.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({
            "by": self.by,
            "currency": self.prices.currency,
            "prices": self.prices,
            "samples": self.samples,
            "observed_ms": self.observed_ms,
            "unobserved_ms": self.unobserved_ms,
            "from_ms": self.span.map(|span| span.0),
            "to_ms": self.span.map(|span| span.1),
            "rows": self.rows.iter().map(Row::shown).collect::<Vec<_>>(),
            "total": self.total.shown(),
        })
    }

    /// From JSON as [`Self::shown`] makes it, at `prices` or at those that it names; none where it is no bill.
    #[must_use]
    pub fn read(shown: &Value, prices: Option<&PriceSpec>) -> Option<Self> {
        let own = serde_json::from_value(shown["prices"].clone()).ok()?;
        let prices = prices.unwrap_or(&own);
        let rows = shown["rows"].as_array()?.iter().map(|row| Row::read(row, prices));
        Some(Self {
            by: serde_json::from_value(shown["by"].clone()).ok()?,
            rows: rows.collect::<Option<_>>()?,
            total: Row::read(&shown["total"], prices)?,
            prices: prices.clone(),
            samples: shown["samples"].as_u64()?,
            observed_ms: shown["observed_ms"].as_u64()?,
            unobserved_ms: shown["unobserved_ms"].as_u64()?,
            span: shown["from_ms"].as_i64().zip(shown["to_ms"].as_i64()),
        })
    }
}
