//! From causes to proposals: one function per cause, numbers from the features alone.

use super::{Change, Claim, Proposal, Rollback};
use crate::diagnosis::{Cause, Diagnosis, Hypothesis};
use crate::features::Features;
use crate::history::{Configured, History};

/// How busy a replica should be where nothing was configured.
const BUSY: f64 = 0.6;
/// A proposal is void after so many windows like the one it was made from.
const WINDOWS: f64 = 2.0;

/// Changes, what they should improve, and what a person should know.
struct Draft {
    changes: Vec<Change>,
    claim: Option<(&'static str, f64, f64)>,
    risk: &'static str,
    advice: &'static str,
}

/// Proposals for what was diagnosed, in its order.
#[must_use]
pub fn propose(history: &History, features: &Features, diagnosis: &Diagnosis) -> Vec<Proposal> {
    diagnosis.hypotheses.iter().map(|hypothesis| of(history, features, hypothesis)).collect()
}

fn of(history: &History, features: &Features, hypothesis: &Hypothesis) -> Proposal {
    let draft = draft(&history.configured, features, hypothesis.cause);
    let end = history.start_ms.saturating_add((history.span_s() * (1.0 + WINDOWS) * 1_000.0) as i64);
    let changes = draft.changes;
    let claim = draft.claim.filter(|_| !changes.is_empty()).map(|(figure, now, then)| Claim {
        figure: figure.to_owned(),
        now: crate::evidence::rounded(now),
        then: crate::evidence::rounded(then),
        risk: draft.risk.to_owned(),
    });
    // Whatever was promised, more failures or slower answers than there were take it back.
    let slow = features.latency.and_then(|latency| latency.worst_p99_ms);
    let rollback = slow.filter(|_| !changes.is_empty()).map(|worst| Rollback {
        figure: "T1 p99 ms".to_owned(),
        above: crate::evidence::rounded(worst * 1.1),
        for_s: 10.0 * features.step_s,
    });
    Proposal {
        service: history.service.clone(),
        cause: hypothesis.cause,
        changes,
        claim,
        evidence: hypothesis.evidence.clone(),
        confidence: hypothesis.confidence,
        expires_ms: end,
        rollback,
        advice: draft.advice.to_owned(),
    }
}

fn draft(set: &Configured, features: &Features, cause: Cause) -> Draft {
    match cause {
        Cause::Seasonal => seasonal(set, features),
        Cause::Bursty => bursty(features),
        Cause::Trend | Cause::Step => grown(set, features),
        Cause::FlashCrowd => crowd(set, features),
        Cause::CpuBound => cpu_bound(set, features),
        Cause::MemoryBound => memory_bound(set, features),
        Cause::IoBound => io_bound(features),
        Cause::OverProvisioned => over(set, features),
        Cause::FlappingPolicy => flapping(set, features),
        Cause::BadLimits => limits(set, features),
        Cause::Leak => leak(set, features),
        Cause::DependencyBound => nothing(
            "What this service calls has become slow. More replicas would send it more; look at its latency and its own load.",
        ),
        Cause::NoisyNeighbour => nothing(
            "Others on the host take CPU that is needed here. Place them elsewhere, or give this service CPU that is kept for it.",
        ),
    }
}

const fn nothing(advice: &'static str) -> Draft {
    Draft { changes: Vec::new(), claim: None, risk: "", advice }
}

fn count(value: f64) -> u32 {
    libm::ceil(value).clamp(1.0, 10_000.0) as u32
}

fn milli(value: Option<f64>) -> Option<u64> {
    value.map(|value| libm::round(value * 1_000.0) as u64)
}

fn seasonal(set: &Configured, features: &Features) -> Draft {
    let Some(season) = features.load.and_then(|load| load.season) else { return nothing("") };
    let period_s = season.period as f64 * features.step_s;
    let has = set.forecast_season_s.is_some_and(|known| (known / period_s - 1.0).abs() < 0.1);
    let season = libm::round(period_s * 1_000.0) as u64;
    let lagging = features.scaling.map_or(0.0, |scaling| scaling.lagging);
    Draft {
        changes: if has { Vec::new() } else { vec![Change::Forecast { season, quantile: 950 }] },
        claim: Some(("S1 time with replicas missing", lagging, lagging / 2.0)),
        risk: "A forecast only adds replicas: it costs some where the load does not come.",
        advice: "The load repeats; replicas can be started before it rises.",
    }
}

fn bursty(features: &Features) -> Draft {
    let missing = features.slow.map_or(0.0, |slow| slow.replicas);
    Draft {
        changes: vec![Change::ReserveBurst { to: 950 }],
        claim: Some(("T2 replicas_missing", missing, missing / 2.0)),
        risk: "Spare replicas run all the time.",
        advice: "Bursts come and go faster than replicas start; keep spare ones for them.",
    }
}

/// The load is at another level, or on its way there.
fn grown(set: &Configured, features: &Features) -> Draft {
    let (Some(scaling), Some(load)) = (features.scaling, features.load) else { return nothing("") };
    let onward = load.shape.growth.clamp(1.0, 3.0);
    let need = scaling.most * if load.shape.curve >= load.shape.stairs { onward } else { 1.0 };
    let max = set.replicas_max.map_or(f64::INFINITY, f64::from);
    let changes = if need > 0.8 * max {
        vec![Change::ReplicasMax { from: set.replicas_max, to: count(need * 1.5) }]
    } else {
        Vec::new()
    };
    Draft {
        changes,
        claim: Some(("S3 time_share", scaling.at_max, 0.0)),
        risk: "More may be reserved, and paid for, than today.",
        advice: "The load is at another level, or on its way there; check that bounds and announced capacity still fit.",
    }
}

fn crowd(set: &Configured, features: &Features) -> Draft {
    let (Some(scaling), Some(load)) = (features.scaling, features.load) else { return nothing("") };
    let need = (scaling.typical * load.highest).max(scaling.most);
    let max = set.replicas_max.map_or(f64::INFINITY, f64::from);
    let mut changes = Vec::new();
    if need > 0.9 * max {
        changes.push(Change::ReplicasMax { from: set.replicas_max, to: count(need * 1.2) });
    }
    if let Some(step) = set.step_up.filter(|step| f64::from(*step) < need / 3.0) {
        changes.push(Change::StepUp { from: Some(step), to: count(need / 3.0) });
    }
    Draft {
        changes,
        claim: Some(("T2 replicas_missing", features.slow.map_or(0.0, |slow| slow.replicas), 0.0)),
        risk: "A mistaken figure may start many replicas at once.",
        advice: "Far more came once than ever else. If such a crowd can be known beforehand, announce it as an event.",
    }
}

fn cpu_bound(set: &Configured, features: &Features) -> Draft {
    let (Some(cpu), Some(max)) = (features.cpu, set.replicas_max) else { return nothing("") };
    let target = set.target("cpu").unwrap_or(BUSY).clamp(0.1, 0.9);
    // What is shed would come as well.
    let shed = features.errors.shed.unwrap_or(0.0).clamp(0.0, 0.9);
    let need = f64::from(max) * cpu.of_request / target / (1.0 - shed);
    Draft {
        changes: vec![Change::ReplicasMax { from: Some(max), to: count(need.max(f64::from(max) + 1.0)) }],
        claim: Some(("C2 time_share", cpu.saturated, 0.0)),
        risk: "More is reserved; the node must have room for it.",
        advice: "As many replicas as may run use all their CPU.",
    }
}

fn memory_bound(set: &Configured, features: &Features) -> Draft {
    let Some(memory) = features.memory else { return nothing("") };
    let peak = memory.peak_of_limit.unwrap_or(1.0);
    let request_of_limit = set.request_memory_mib.zip(set.limit_memory_mib).map_or(1.0, |(r, l)| r / l);
    let target = (0.7 / request_of_limit).clamp(0.3, 0.95);
    Draft {
        changes: vec![Change::ScaleOnMemory { target: libm::round(target * 1_000.0) as u64 }],
        claim: Some(("M2 p95", peak, 0.8)),
        risk: "More replicas than CPU alone would need.",
        advice: "Requests in flight fill the memory before the CPU is used; scale on memory, or give replicas more of it.",
    }
}

fn io_bound(features: &Features) -> Draft {
    let Some(disk) = features.disk else { return nothing("") };
    Draft {
        changes: vec![Change::ScaleOnInFlight { target: 2_000 }],
        claim: Some(("I1 median", disk.pressure, 0.7)),
        risk: "Helps only where each replica has a disk of its own; with a shared one it does not.",
        advice: "The disk is busy while CPU is left, so scaling on CPU does not see it; scale on requests in flight.",
    }
}

fn over(set: &Configured, features: &Features) -> Draft {
    let (Some(cpu), Some(scaling)) = (features.cpu, features.scaling) else { return nothing("") };
    // Room for the 0.9 quantile at a usual share of use.
    let keep = (cpu.of_request_p90 / BUSY).clamp(0.05, 1.0);
    let min = set.replicas_min.filter(|min| *min > 2 && scaling.at_min >= 0.5);
    let changes = match (min, milli(set.request_cpu_cores)) {
        (Some(min), _) => {
            vec![Change::ReplicasMin { from: Some(min), to: count(f64::from(min) * keep).max(2).min(min) }]
        }
        (None, Some(request)) => {
            vec![Change::RequestCpu { from: Some(request), to: ((request as f64 * keep) as u64).max(1) }]
        }
        (None, None) => Vec::new(),
    };
    Draft {
        changes,
        claim: Some(("C1 median", cpu.of_request, cpu.of_request / keep)),
        risk: "Less room for load that was not seen in this window.",
        advice: "Far more is reserved than is used.",
    }
}

fn flapping(set: &Configured, features: &Features) -> Draft {
    let Some(scaling) = features.scaling else { return nothing("") };
    let window = (features.step_s * 10.0).max(60.0);
    let to = milli(Some(window)).unwrap_or(300_000);
    let mut changes = vec![Change::StabilizationDown { from: milli(set.stabilization_down_s), to }];
    if set.tolerance.is_some_and(|tolerance| tolerance < 0.05) {
        changes.push(Change::Tolerance { from: milli(set.tolerance), to: 100 });
    }
    Draft {
        changes,
        claim: Some(("S2 per_100_samples", scaling.turns, scaling.turns / 4.0)),
        risk: "Replicas stay a little longer after the load has gone.",
        advice: "The policy follows noise; let it wait before it removes replicas.",
    }
}

fn limits(set: &Configured, features: &Features) -> Draft {
    let throttled = features.cpu.map_or(0.0, |cpu| cpu.throttled_below_max);
    if let Some(limit) = milli(set.limit_cpu_cores).filter(|_| throttled > 0.15) {
        return Draft {
            changes: vec![Change::LimitCpu { from: Some(limit), to: limit * 2 }],
            claim: Some(("C3 time_below_max", throttled, 0.05)),
            risk: "A replica may take CPU that others on the host use now.",
            advice: "The CPU limit holds replicas back before the policy adds any.",
        };
    }
    let Some(limit) = set.limit_memory_mib else {
        return nothing("Replicas are killed at any load; look at their limits.");
    };
    let idle = features.memory.and_then(|memory| memory.idle_of_limit).unwrap_or(1.0);
    let from = libm::ceil(limit) as u64;
    Draft {
        changes: vec![Change::LimitMemory { from: Some(from), to: libm::ceil(limit * idle.max(0.7) / 0.6) as u64 }],
        claim: Some(("M4 share", idle, 0.6)),
        risk: "More memory of the node is used.",
        advice: "The memory limit leaves no room above what a replica needs without any request.",
    }
}

fn leak(set: &Configured, features: &Features) -> Draft {
    let peak = features.memory.and_then(|memory| memory.peak_of_limit).unwrap_or(0.0);
    let changes = match set.limit_memory_mib {
        Some(limit) if peak > 0.9 => {
            vec![Change::LimitMemory { from: Some(libm::ceil(limit) as u64), to: libm::ceil(limit * 1.5) as u64 }]
        }
        _ => Vec::new(),
    };
    Draft {
        changes,
        claim: Some(("M2 p95", peak, 0.95)),
        risk: "It buys time; the program still has to be mended.",
        advice: "Memory grows with age and is not given back: a leak, which no policy mends. More room makes kills rarer.",
    }
}
