//! What to change: a typed patch of the policy, what it should improve, the facts it rests on, until when it holds and what
//! takes it back.
//!
//! A proposal is a value. Nothing here applies one to anything that runs: [`Proposal::applied`] gives the spec as it would
//! be, for the twin to judge and for a person to approve. Where no policy would help, there is a proposal without changes
//! that says so, because "do not scale" is worth saying, too.

mod advice;

pub use advice::propose;

use crate::diagnosis::Cause;
use plimsoll_model::spec::{ForecastSpec, ScalingPolicy, ServiceSpec};
use plimsoll_model::{Bytes, Millicores, Millis, Permille};
use serde::{Deserialize, Serialize};

/// One change of a policy. `from` is what was configured; none where it was not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "field")]
pub enum Change {
    /// Fewest replicas.
    ReplicasMin {
        /// Before.
        from: Option<u32>,
        /// After.
        to: u32,
    },
    /// Most replicas.
    ReplicasMax {
        /// Before.
        from: Option<u32>,
        /// After.
        to: u32,
    },
    /// CPU that a replica is reserved, millicores.
    RequestCpu {
        /// Before.
        from: Option<u64>,
        /// After.
        to: u64,
    },
    /// Most CPU of a replica, millicores.
    LimitCpu {
        /// Before.
        from: Option<u64>,
        /// After.
        to: u64,
    },
    /// Most memory of a replica, MiB.
    LimitMemory {
        /// Before.
        from: Option<u64>,
        /// After.
        to: u64,
    },
    /// Window over which the highest proposal holds a scale-in back, ms.
    StabilizationDown {
        /// Before.
        from: Option<u64>,
        /// After.
        to: u64,
    },
    /// Share of a target within which nothing changes, thousandths.
    Tolerance {
        /// Before.
        from: Option<u64>,
        /// After.
        to: u64,
    },
    /// Most replicas added per period.
    StepUp {
        /// Before.
        from: Option<u32>,
        /// After.
        to: u32,
    },
    /// Spare replicas for this quantile of how much the load grows within one start-up time, thousandths.
    ReserveBurst {
        /// After.
        to: u64,
    },
    /// A seasonal forecast.
    Forecast {
        /// Its season, ms.
        season: u64,
        /// The quantile that replicas cover, thousandths.
        quantile: u64,
    },
    /// Scale on memory as well: a share of the request, thousandths.
    ScaleOnMemory {
        /// The target.
        target: u64,
    },
    /// Scale on requests in flight per replica as well, thousandths.
    ScaleOnInFlight {
        /// The target.
        target: u64,
    },
}

/// What should become better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Which figure, by the id of its fact and its name.
    pub figure: String,
    /// Its value now, from that fact.
    pub now: f64,
    /// Its value to be expected at most.
    pub then: f64,
    /// What it may cost, or what may go wrong.
    pub risk: String,
}

/// What takes it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// Which figure.
    pub figure: String,
    /// Above this value
    pub above: f64,
    /// for so many seconds of trace time.
    pub for_s: f64,
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// For which service.
    pub service: String,
    /// Against what.
    pub cause: Cause,
    /// What to change; nothing where no policy helps.
    pub changes: Vec<Change>,
    /// What that should improve; none without changes.
    pub claim: Option<Claim>,
    /// Ids of the facts it rests on.
    pub evidence: Vec<String>,
    /// How sure the diagnosis is.
    pub confidence: f64,
    /// Trace time at which it is void, milliseconds since the epoch.
    pub expires_ms: i64,
    /// What takes it back; none without changes.
    pub rollback: Option<Rollback>,
    /// What a person should do or know.
    pub advice: String,
}

/// Why a proposal does not fit a spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// The spec has changed meanwhile.
    #[error("{field} is {found}, and the proposal was made for {expected}")]
    Stale {
        /// Which.
        field: &'static str,
        /// What the spec has.
        found: u64,
        /// What the proposal knew.
        expected: u64,
    },
    /// What it asks for cannot be.
    #[error("{field} would be {value}, and must be {range}")]
    Range {
        /// Which.
        field: &'static str,
        /// What it would be.
        value: u64,
        /// What may be.
        range: &'static str,
    },
}

impl Proposal {
    /// The spec with its changes.
    ///
    /// # Errors
    /// [`ProposalError`] where the spec is not the one it was made for, or would make no sense.
    pub fn applied(&self, spec: &ServiceSpec) -> Result<ServiceSpec, ProposalError> {
        let mut spec = spec.clone();
        for change in &self.changes {
            change.apply(&mut spec)?;
        }
        if spec.replicas_min > spec.replicas_max {
            let (value, range) = (u64::from(spec.replicas_min), "at most replicas.max");
            return Err(ProposalError::Range { field: "replicas.min", value, range });
        }
        if let Some(limit) = spec.limits.cpu.filter(|limit| *limit < spec.requests.cpu) {
            return Err(ProposalError::Range { field: "limits.cpu", value: limit.0, range: "at least requests.cpu" });
        }
        Ok(spec)
    }
}

/// Bytes in a MiB.
const MIB: u64 = 1_048_576;

impl Change {
    fn apply(&self, spec: &mut ServiceSpec) -> Result<(), ProposalError> {
        let scaling = &mut spec.scaling;
        match *self {
            Self::ReplicasMin { from, to } => replace("replicas.min", &mut spec.replicas_min, from, to),
            Self::ReplicasMax { from, to } => replace("replicas.max", &mut spec.replicas_max, from, to),
            Self::StepUp { from, to } => replace("scaling.step.up", &mut scaling.step_up_max, from, to),
            Self::RequestCpu { from, to } => replace("requests.cpu", &mut spec.requests.cpu.0, from, to),
            Self::StabilizationDown { from, to } => {
                replace("scaling.stabilization.down", &mut scaling.stabilization_down.0, from, to)
            }
            Self::Tolerance { from, to } => replace("scaling.tolerance", &mut scaling.tolerance.0, from, to),
            Self::LimitCpu { from, to } => {
                let mut now = spec.limits.cpu.map_or(0, |cpu| cpu.0);
                replace("limits.cpu", &mut now, from, to)?;
                spec.limits.cpu = Some(Millicores(now));
                Ok(())
            }
            Self::LimitMemory { from, to } => {
                // In whole MiB, rounded up as the proposal knew it.
                let mut now = spec.limits.memory.map_or(0, |memory| memory.0.div_ceil(MIB));
                replace("limits.memory", &mut now, from, to)?;
                spec.limits.memory = Some(Bytes(now.saturating_mul(MIB)));
                Ok(())
            }
            Self::ReserveBurst { to } => share("scaling.reserve_burst", to).map(|to| scaling.reserve_burst = Some(to)),
            Self::Forecast { season, quantile } => {
                let quantile = share("scaling.forecast.quantile", quantile)?;
                let (season, refit) = (Millis(season.max(1)), Millis(86_400_000));
                let (missing_price, history, models) = (None, None, Vec::new());
                let season_long = None;
                scaling.forecast =
                    Some(ForecastSpec { season, season_long, quantile, missing_price, history, models, refit });
                Ok(())
            }
            Self::ScaleOnMemory { target } => {
                let target = share("scaling.memory", target)?;
                scaling.policies.retain(|policy| !matches!(policy, ScalingPolicy::Memory { .. }));
                scaling.policies.push(ScalingPolicy::Memory { target });
                Ok(())
            }
            Self::ScaleOnInFlight { target } => {
                let target_milli = target.max(1);
                scaling.policies.retain(|policy| !matches!(policy, ScalingPolicy::InFlight { .. }));
                scaling.policies.push(ScalingPolicy::InFlight { target_milli });
                Ok(())
            }
        }
    }
}

/// Sets a field to a value above 0, if it is what the proposal was made for.
fn replace<T>(field: &'static str, place: &mut T, from: Option<T>, to: T) -> Result<(), ProposalError>
where
    T: Copy + PartialEq + Into<u64>,
{
    if let Some(expected) = from.filter(|from| from != place) {
        return Err(ProposalError::Stale { field, found: (*place).into(), expected: expected.into() });
    }
    if to.into() == 0 {
        return Err(ProposalError::Range { field, value: 0, range: "at least 1" });
    }
    *place = to;
    Ok(())
}

/// A share from 1 to 999 thousandths.
fn share(field: &'static str, thousandths: u64) -> Result<Permille, ProposalError> {
    if (1..1_000).contains(&thousandths) {
        Ok(Permille(thousandths))
    } else {
        Err(ProposalError::Range { field, value: thousandths, range: "1 to 999 thousandths" })
    }
}
