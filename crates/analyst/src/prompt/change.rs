//! Which fields of a policy a model may propose to change, each with its unit and bounds.
//!
//! The bounds keep out what could never be meant; whether a change is good is for the proof in the twin to say. What a field
//! was is taken from the history, never from the answer, so that a proposal made for another policy is stale and not applied.

use crate::history::Configured;
use crate::proposal::Change;
use serde::{Deserialize, Serialize};

/// A field that a model may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Fewest replicas.
    ReplicasMin,
    /// Most replicas.
    ReplicasMax,
    /// CPU that a replica is reserved, millicores.
    RequestCpuMillicores,
    /// Most CPU of a replica, millicores.
    LimitCpuMillicores,
    /// Most memory of a replica, MiB.
    LimitMemoryMib,
    /// How long the highest proposal holds a scale-in back, seconds.
    StabilizationDownS,
    /// Share of a target within which nothing changes, thousandths.
    TolerancePermille,
    /// Most replicas added per period.
    StepUp,
    /// Spare replicas for this quantile of growth within one start-up time, thousandths.
    ReserveBurstPermille,
    /// A forecast with a season of so many seconds, at the 0.95 quantile.
    ForecastSeasonS,
    /// Scale on memory as well: a share of the request, thousandths.
    ScaleOnMemoryPermille,
    /// Scale on requests in flight per replica as well, thousandths.
    ScaleOnInFlightMilli,
}

use Field::*;

impl Field {
    /// All.
    pub const ALL: [Self; 12] = [
        ReplicasMin,
        ReplicasMax,
        RequestCpuMillicores,
        LimitCpuMillicores,
        LimitMemoryMib,
        StabilizationDownS,
        TolerancePermille,
        StepUp,
        ReserveBurstPermille,
        ForecastSeasonS,
        ScaleOnMemoryPermille,
        ScaleOnInFlightMilli,
    ];

    /// Its name in the answer.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ReplicasMin => "replicas_min",
            ReplicasMax => "replicas_max",
            RequestCpuMillicores => "request_cpu_millicores",
            LimitCpuMillicores => "limit_cpu_millicores",
            LimitMemoryMib => "limit_memory_mib",
            StabilizationDownS => "stabilization_down_s",
            TolerancePermille => "tolerance_permille",
            StepUp => "step_up",
            ReserveBurstPermille => "reserve_burst_permille",
            ForecastSeasonS => "forecast_season_s",
            ScaleOnMemoryPermille => "scale_on_memory_permille",
            ScaleOnInFlightMilli => "scale_on_in_flight_milli",
        }
    }

    /// Least and most that it may become.
    #[must_use]
    pub const fn bounds(self) -> (u64, u64) {
        match self {
            ReplicasMin | StepUp => (1, 1_000),
            ReplicasMax => (1, 10_000),
            RequestCpuMillicores | LimitCpuMillicores => (10, 256_000),
            LimitMemoryMib => (16, 4_194_304),
            StabilizationDownS => (1, 86_400),
            TolerancePermille => (1, 500),
            ReserveBurstPermille | ScaleOnMemoryPermille => (1, 999),
            ForecastSeasonS => (60, 2_678_400),
            ScaleOnInFlightMilli => (1, 10_000_000),
        }
    }

    /// The change to `value`, which is within the bounds, of what is configured.
    pub(super) fn to(self, value: u64, set: &Configured) -> Change {
        let milli = |value: Option<f64>| value.map(|value| libm::round(value * 1_000.0) as u64);
        let count = u32::try_from(value).unwrap_or(u32::MAX);
        match self {
            ReplicasMin => Change::ReplicasMin { from: set.replicas_min, to: count },
            ReplicasMax => Change::ReplicasMax { from: set.replicas_max, to: count },
            StepUp => Change::StepUp { from: set.step_up, to: count },
            RequestCpuMillicores => Change::RequestCpu { from: milli(set.request_cpu_cores), to: value },
            LimitCpuMillicores => Change::LimitCpu { from: milli(set.limit_cpu_cores), to: value },
            LimitMemoryMib => {
                let from = set.limit_memory_mib.map(|limit| libm::ceil(limit) as u64);
                Change::LimitMemory { from, to: value }
            }
            StabilizationDownS => {
                Change::StabilizationDown { from: milli(set.stabilization_down_s), to: value.saturating_mul(1_000) }
            }
            TolerancePermille => Change::Tolerance { from: milli(set.tolerance), to: value },
            ReserveBurstPermille => Change::ReserveBurst { to: value },
            ForecastSeasonS => Change::Forecast { season: value.saturating_mul(1_000), quantile: 950 },
            ScaleOnMemoryPermille => Change::ScaleOnMemory { target: value },
            ScaleOnInFlightMilli => Change::ScaleOnInFlight { target: value },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_serde_writes_and_every_bound_makes_a_change() {
        for field in Field::ALL {
            assert_eq!(serde_json::to_value(field).unwrap(), field.name());
            let (least, most) = field.bounds();
            assert!(least >= 1 && least < most);
            for value in [least, most] {
                let _ = field.to(value, &Configured::default());
            }
        }
        let set = Configured { limit_memory_mib: Some(99.5), tolerance: Some(0.1), ..Configured::default() };
        assert_eq!(LimitMemoryMib.to(200, &set), Change::LimitMemory { from: Some(100), to: 200 });
        assert_eq!(TolerancePermille.to(50, &set), Change::Tolerance { from: Some(100), to: 50 });
        assert_eq!(StabilizationDownS.to(2, &set), Change::StabilizationDown { from: None, to: 2_000 });
    }
}
