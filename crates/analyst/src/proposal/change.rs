//! One typed change of a policy: what it sets, whether it fits the spec that it was made for, and whether the twin can
//! judge it.
//!
//! Every kind is closed: there is no change of a command, an image, a sandbox, a name or a secret, so none can be proposed.

use super::ProposalError;
use plimsoll_autoscale::Formula;
use plimsoll_model::scaling::{EventSpec, FormulaSpec};
use plimsoll_model::spec::{Algorithm, ForecastSpec, ScalingPolicy, ScalingSpec, ServiceSpec};
use plimsoll_model::{Bytes, MilliRps, Millicores, Millis, Permille};
use serde::{Deserialize, Serialize};

/// One change of a policy. `from` is what was configured; none where it was not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "field", deny_unknown_fields)]
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
    /// Another wanted share of CPU, thousandths of the request.
    ScaleOnCpu {
        /// Before.
        #[serde(default)]
        from: Option<u64>,
        /// After.
        to: u64,
    },
    /// Requests per second that a replica should have, thousandths.
    ScaleOnRequestRate {
        /// The target.
        target: u64,
    },
    /// Window whose lowest proposal bounds a scale-out, ms; 0 is none.
    StabilizationUp {
        /// Before.
        #[serde(default)]
        from: Option<u64>,
        /// After.
        to: u64,
    },
    /// Most replicas removed per period.
    StepDown {
        /// Before.
        #[serde(default)]
        from: Option<u32>,
        /// After.
        to: u32,
    },
    /// The period of both steps, ms.
    StepPeriod {
        /// Before.
        #[serde(default)]
        from: Option<u64>,
        /// After.
        to: u64,
    },
    /// Spare replicas; 0 is none.
    Reserve {
        /// Before.
        #[serde(default)]
        from: Option<u32>,
        /// After.
        to: u32,
    },
    /// Spare replicas as a share of what is needed, thousandths; 0 is none.
    ReserveShare {
        /// After.
        to: u64,
    },
    /// Other policies in place of all there are: another kind of scaling.
    Policies {
        /// All of them, as the spec file's model has them.
        to: Vec<ScalingPolicy>,
    },
    /// No forecast any more.
    NoForecast,
    /// Models that are fitted for the forecast.
    ForecastModels {
        /// Their names, as `plimsoll forecast --help` lists them.
        to: Vec<String>,
    },
    /// A formula for replicas, in the place of learnt headroom or of another formula; beside the other policies where there is neither.
    Formula {
        /// Before: the policy in whose place it comes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<ScalingPolicy>,
        /// After.
        to: FormulaSpec,
    },
    /// Another way to spread requests over replicas.
    Balance {
        /// Before.
        #[serde(default)]
        from: Option<Algorithm>,
        /// After.
        to: Algorithm,
    },
    /// An event that is expected to change the load.
    Announce {
        /// Its name, span and load.
        event: EventSpec,
    },
}

/// Bytes in a MiB.
const MIB: u64 = 1_048_576;

/// Whether the twin can judge a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It can.
    Twin,
    /// It cannot, for this reason: a person has to.
    None(&'static str),
}

impl Change {
    /// The field that it sets, as in the spec file. Two changes of one field are no proposal.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::ReplicasMin { .. } => "replicas.min",
            Self::ReplicasMax { .. } => "replicas.max",
            Self::RequestCpu { .. } => "requests.cpu",
            Self::LimitCpu { .. } => "limits.cpu",
            Self::LimitMemory { .. } => "limits.memory",
            Self::StabilizationDown { .. } => "scaling.stabilization.down",
            Self::StabilizationUp { .. } => "scaling.stabilization.up",
            Self::Tolerance { .. } => "scaling.tolerance",
            Self::StepUp { .. } => "scaling.step.up",
            Self::StepDown { .. } => "scaling.step.down",
            Self::StepPeriod { .. } => "scaling.step.period",
            Self::Reserve { .. } => "scaling.reserve",
            Self::ReserveShare { .. } => "scaling.reserve_share",
            Self::ReserveBurst { .. } => "scaling.reserve_burst",
            Self::Forecast { .. } | Self::NoForecast => "scaling.forecast",
            Self::ForecastModels { .. } => "scaling.forecast.models",
            Self::ScaleOnCpu { .. } => "scaling.cpu",
            Self::ScaleOnMemory { .. } => "scaling.memory",
            Self::ScaleOnInFlight { .. } => "scaling.in_flight",
            Self::ScaleOnRequestRate { .. } => "scaling.request_rate",
            Self::Policies { .. } => "scaling",
            Self::Formula { .. } => "scaling.formula",
            Self::Balance { .. } => "balance.algorithm",
            Self::Announce { .. } => "scaling.events",
        }
    }

    /// Whether the twin of a recorded load can judge it.
    #[must_use]
    pub fn proof(&self) -> Proof {
        match self {
            Self::LimitCpu { .. } => Proof::None("the twin of a load has no throttling"),
            Self::LimitMemory { .. } => Proof::None("the twin of a load kills nothing for want of memory"),
            Self::ScaleOnMemory { .. } => Proof::None("how memory follows load is not in a recorded load"),
            Self::Balance { .. } => Proof::None("the twin of a load has no single requests to spread"),
            Self::ForecastModels { .. } => Proof::None("models are fitted outside the twin"),
            Self::Announce { .. } => {
                Proof::None("no history says whether it will come; announce it with `plimsoll event`")
            }
            Self::Policies { to } => to.iter().find_map(unprovable).map_or(Proof::Twin, Proof::None),
            _ => Proof::Twin,
        }
    }

    pub(super) fn apply(&self, spec: &mut ServiceSpec) -> Result<(), ProposalError> {
        let scaling = &mut spec.scaling;
        match self.clone() {
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
            Self::StabilizationUp { from, to } => {
                any("scaling.stabilization.up", &mut scaling.stabilization_up.0, from, to)
            }
            Self::StepDown { from, to } => replace("scaling.step.down", &mut scaling.step_down_max, from, to),
            Self::StepPeriod { from, to } => replace("scaling.step.period", &mut scaling.period.0, from, to),
            Self::Reserve { from, to } => any("scaling.reserve", &mut scaling.reserve, from, to),
            Self::ReserveShare { to } => any("scaling.reserve_share", &mut scaling.reserve_share.0, None, to),
            Self::ScaleOnCpu { from, to } => scale_on_cpu(scaling, from, to),
            Self::ScaleOnRequestRate { target } => {
                let target = MilliRps(target.max(1));
                scaling.policies.retain(|policy| !matches!(policy, ScalingPolicy::RequestRate { .. }));
                scaling.policies.push(ScalingPolicy::RequestRate { target });
                Ok(())
            }
            Self::Policies { to } => policies(scaling, to),
            Self::Formula { from, to } => formula(scaling, from.as_ref(), to),
            Self::NoForecast => {
                scaling.forecast = None;
                Ok(())
            }
            Self::ForecastModels { to } => match &mut scaling.forecast {
                Some(forecast) => {
                    forecast.models = to;
                    Ok(())
                }
                None => Err(ProposalError::Range { field: "scaling.forecast", value: 0, range: "there for models" }),
            },
            Self::Balance { to, .. } => {
                spec.balance.algorithm = to;
                Ok(())
            }
            Self::Announce { event } => {
                scaling.policies.push(ScalingPolicy::Event(event));
                Ok(())
            }
            Self::ReserveBurst { to } => share("scaling.reserve_burst", to).map(|to| scaling.reserve_burst = Some(to)),
            Self::Forecast { season, quantile } => forecast(scaling, season, quantile),
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

/// A seasonal forecast in place of any other.
fn forecast(scaling: &mut ScalingSpec, season: u64, quantile: u64) -> Result<(), ProposalError> {
    let quantile = share("scaling.forecast.quantile", quantile)?;
    let (season, refit) = (Millis(season.max(1)), Millis(86_400_000));
    let (missing_price, history, models) = (None, None, Vec::new());
    let season_long = None;
    scaling.forecast = Some(ForecastSpec { season, season_long, quantile, missing_price, history, models, refit });
    Ok(())
}

/// Whether a formula is proved to be bounded, never to fall with the load, and to give replicas back.
fn proved(formula: &FormulaSpec) -> Result<(), ProposalError> {
    let proved = Formula::try_new(&formula.text).and_then(|formula| formula.comes_down());
    proved.map_err(|error| ProposalError::Formula { why: error.to_string() })
}

/// Puts these in the place of all that stand, if formulas among them that do not stand there already are [`proved`]: what stands is its
/// operator's.
fn policies(scaling: &mut ScalingSpec, to: Vec<ScalingPolicy>) -> Result<(), ProposalError> {
    for policy in to.iter().filter(|policy| !scaling.policies.contains(policy)) {
        if let ScalingPolicy::Formula(formula) = policy {
            proved(formula)?;
        }
    }
    scaling.policies = to;
    Ok(())
}

/// Puts a formula where learnt headroom or another formula stands, if that is what the proposal was made for and it is [`proved`].
fn formula(scaling: &mut ScalingSpec, from: Option<&ScalingPolicy>, to: FormulaSpec) -> Result<(), ProposalError> {
    proved(&to)?;
    let is_its = |policy: &&mut ScalingPolicy| matches!(policy, ScalingPolicy::Headroom(_) | ScalingPolicy::Formula(_));
    let place = scaling.policies.iter_mut().find(is_its);
    if let Some(expected) = from.filter(|from| place.as_deref() != Some(*from)) {
        let word = |policy: &ScalingPolicy| match policy {
            ScalingPolicy::Formula(formula) => format!("the formula {}", formula.text),
            ScalingPolicy::Headroom(prices) => {
                format!("headroom at prices {} and {}", prices.price, prices.price_keep)
            }
            other => other.name().to_owned(),
        };
        let found = place.as_deref().map_or_else(|| "absent".to_owned(), word);
        return Err(ProposalError::Replaced { field: "scaling.formula", found, expected: word(expected) });
    }
    let formula = ScalingPolicy::Formula(to);
    match place {
        Some(place) => *place = formula,
        None => scaling.policies.push(formula),
    }
    Ok(())
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

/// Sets a field to any value, if it is what the proposal was made for.
fn any<T>(field: &'static str, place: &mut T, from: Option<T>, to: T) -> Result<(), ProposalError>
where
    T: Copy + PartialEq + Into<u64>,
{
    if let Some(expected) = from.filter(|from| from != place) {
        return Err(ProposalError::Stale { field, found: (*place).into(), expected: expected.into() });
    }
    *place = to;
    Ok(())
}

/// Sets the wanted share of CPU, wherever it stands.
fn scale_on_cpu(scaling: &mut ScalingSpec, from: Option<u64>, to: u64) -> Result<(), ProposalError> {
    let to = share("scaling.cpu", to)?;
    let place = scaling.policies.iter_mut().find_map(|policy| match policy {
        ScalingPolicy::Cpu { target } => Some(target),
        _ => None,
    });
    match (place, from) {
        (Some(place), from) => replace("scaling.cpu", &mut place.0, from, to.0),
        (None, Some(expected)) => Err(ProposalError::Stale { field: "scaling.cpu", found: 0, expected }),
        (None, None) => {
            scaling.policies.push(ScalingPolicy::Cpu { target: to });
            Ok(())
        }
    }
}

/// A share from 1 to 999 thousandths.
fn share(field: &'static str, thousandths: u64) -> Result<Permille, ProposalError> {
    if (1..1_000).contains(&thousandths) {
        Ok(Permille(thousandths))
    } else {
        Err(ProposalError::Range { field, value: thousandths, range: "1 to 999 thousandths" })
    }
}

/// What the twin of a load cannot judge about a policy.
fn unprovable(policy: &ScalingPolicy) -> Option<&'static str> {
    match policy {
        ScalingPolicy::Memory { .. } => Some("how memory follows load is not in a recorded load"),
        ScalingPolicy::Event(_) => Some("no history says whether an event will come"),
        ScalingPolicy::Cron(_) => {
            Some("a calendar says what somebody knows, and a history of days does not hold weeks")
        }
        ScalingPolicy::Backlog(_) => Some("a queue's work is not in a recorded load"),
        _ => None,
    }
}
