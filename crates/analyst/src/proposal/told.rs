//! A change as numbers with names, for whoever puts it into words.

use super::Change;

/// What a change moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The value before, where it was known.
    pub from: Option<u64>,
    /// The values after, by name; none where the change is no number.
    pub to: Vec<(&'static str, u64)>,
    /// Their unit; empty for counts.
    pub unit: &'static str,
}

impl Change {
    /// Its numbers.
    #[must_use]
    pub fn told(&self) -> Told {
        let (from, to, unit) = match *self {
            Self::ReplicasMin { from, to }
            | Self::ReplicasMax { from, to }
            | Self::StepUp { from, to }
            | Self::StepDown { from, to }
            | Self::Reserve { from, to } => (from.map(u64::from), u64::from(to), ""),
            Self::RequestCpu { from, to } | Self::LimitCpu { from, to } => (from, to, "m"),
            Self::LimitMemory { from, to } => (from, to, "MiB"),
            Self::StabilizationDown { from, to }
            | Self::StabilizationUp { from, to }
            | Self::StepPeriod { from, to } => (from, to, "ms"),
            Self::Tolerance { from, to } | Self::ScaleOnCpu { from, to } => (from, to, "thousandths"),
            Self::ReserveBurst { to } | Self::ReserveShare { to } => (None, to, "thousandths"),
            Self::ScaleOnMemory { target } | Self::ScaleOnInFlight { target } | Self::ScaleOnRequestRate { target } => {
                (None, target, "thousandths")
            }
            Self::Forecast { season, quantile } => {
                return Told {
                    from: None,
                    to: vec![("season_ms", season), ("quantile_thousandths", quantile)],
                    unit: "",
                };
            }
            Self::Policies { .. }
            | Self::Formula { .. }
            | Self::NoForecast
            | Self::ForecastModels { .. }
            | Self::Balance { .. }
            | Self::Announce { .. } => return Told { from: None, to: Vec::new(), unit: "" },
        };
        Told { from, to: vec![("to", to)], unit }
    }
}
