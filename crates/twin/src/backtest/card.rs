//! The figures of a run.

use super::course::{Course, Supply};
use super::response::{Response, response};
use crate::elasticity::{Elasticity, elasticity};
use plimsoll_model::MilliRps;
use serde::{Deserialize, Serialize};

/// What a supply of replicas cost and how well it followed the need. Shares of time leave gaps of the record out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Card {
    /// Ticks scored.
    pub slots: usize,
    /// Of those, without recorded load.
    pub gap_slots: usize,
    /// Replica hours paid for, from the decision to start to the stop, and switching cost.
    pub replica_hours: f64,
    /// Replica hours of the clairvoyant optimum.
    pub optimum_replica_hours: f64,
    /// The first over the second: 1.15 is 15 % above the least possible. 0 where nothing was needed.
    pub over_optimum: f64,
    /// Share of the possible saving against the constant peak that was had, 1 at best; none where there was none.
    pub saving_had: Option<f64>,
    /// Share of the requests that found no usable room, in percent.
    pub under_requests_pct: f64,
    /// θ, τ, instability and jitter.
    pub elasticity: Elasticity,
    /// How much better than holding the mean need, as the geometric mean of the four ratios; none where a ratio has no
    /// meaning (a score of 0).
    pub elastic_speedup: Option<f64>,
    /// Starts and stops per hour.
    pub actions_per_hour: f64,
    /// Starts of replicas.
    pub starts: u64,
    /// Mean busy share of the ready replicas' CPU, in percent.
    pub utilisation_pct: f64,
    /// Mean ready replicas.
    pub ready_mean: f64,
    /// Mean load in replicas at 100 %.
    pub load_mean: f64,
    /// Mean load that was carried, in replicas at 100 %: what is used.
    pub busy_mean: f64,
    /// Mean replicas paid for: what is allocated.
    pub billed_mean: f64,
    /// Most replicas paid for at once: what there has to be room for.
    pub billed_most: u32,
    /// Share of the offered load that was served, in percent: by the service model where there is one, which lets requests
    /// wait, else what ready replicas could carry at 100 %.
    pub served_pct: f64,
    /// Response times, where there is a service model; of a service that scales on a queue, how long work waited.
    pub response: Option<Response>,
    /// Its work waits in a queue, so that `response` is the wait.
    pub is_queued: bool,
    /// Mean memory that ready replicas used together, MiB, where it was recorded or the model knows it.
    pub memory_mib: Option<f64>,
    /// Over the least that anybody can pay who is under need for no more than an allowed share; whoever compares fills it in.
    pub over_soft: Option<f64>,
}

const HOUR_MS: f64 = 3_600_000.0;

/// The figures of `supply` over `course`.
pub(super) fn card(course: &Course, supply: &Supply) -> Card {
    let protocol = course.protocol();
    let need = course.need();
    let slots = need.len();
    let ready = |index: usize| supply.ready.get(index).copied().unwrap_or(0);
    let billed = |index: usize| supply.billed.get(index).copied().unwrap_or(0);
    let slot_hours = protocol.tick.0 as f64 / HOUR_MS;
    let starts: u64 = (1..slots).map(|index| u64::from(billed(index).saturating_sub(billed(index - 1)))).sum();
    let replica_slots: u64 = (0..slots).map(|index| u64::from(billed(index))).sum();
    let switching_hours = starts as f64 * protocol.switching.0 as f64 / HOUR_MS;
    let replica_hours = replica_slots as f64 * slot_hours + switching_hours;
    let optimum_replica_hours = course.optimum().cost_ms as f64 / HOUR_MS;
    let recorded: Vec<usize> = (0..slots).filter(|index| course.load()[*index].is_some()).collect();
    let demand: Vec<u32> = recorded.iter().map(|index| need[*index]).collect();
    let had: Vec<u32> = recorded.iter().map(|index| ready(*index)).collect();
    let scores = elasticity(&demand, &had, protocol.tick);
    let peak = u64::from(need.iter().copied().max().unwrap_or(0)) * slots as u64;
    let peak_hours = peak as f64 * slot_hours;
    let flows = flows(course, supply, &recorded, &had);
    let (response, modelled) = response(course, supply).unzip();
    let carried = 100.0 * ratio(flows.busy, flows.offered);
    Card {
        slots,
        gap_slots: slots - recorded.len(),
        replica_hours,
        optimum_replica_hours,
        over_optimum: ratio(replica_hours, optimum_replica_hours),
        saving_had: (peak_hours > optimum_replica_hours)
            .then(|| (peak_hours - replica_hours) / (peak_hours - optimum_replica_hours)),
        under_requests_pct: 100.0 * ratio(flows.unmet, flows.offered),
        elasticity: scores,
        elastic_speedup: speedup(&demand, &scores, protocol.tick),
        actions_per_hour: ratio(supply.actions as f64, slots as f64 * slot_hours),
        starts,
        utilisation_pct: 100.0 * ratio(flows.busy, flows.ready),
        ready_mean: ratio(flows.ready, recorded.len() as f64),
        load_mean: ratio(flows.offered, recorded.len() as f64),
        busy_mean: ratio(flows.busy, recorded.len() as f64),
        billed_mean: ratio(replica_slots as f64, slots as f64),
        billed_most: (0..slots).map(billed).max().unwrap_or(0),
        served_pct: response.map_or(carried, |response: Response| 100.0 - response.lost_pct),
        response,
        is_queued: false,
        memory_mib: flows.memory.map(|bytes| bytes / f64::from(1 << 20)).or(modelled.flatten()),
        over_soft: None,
    }
}

/// Sums over the recorded ticks, in replicas at 100 %.
#[derive(Default)]
struct Flows {
    offered: f64,
    /// Carried, with a replica working up to 100 %.
    busy: f64,
    /// Above what ready replicas may carry within the objective.
    unmet: f64,
    ready: f64,
    /// Mean bytes over the ticks in which they were recorded.
    memory: Option<f64>,
}

fn flows(course: &Course, supply: &Supply, recorded: &[usize], had: &[u32]) -> Flows {
    let capacity = course.protocol().capacity.0 as f64;
    let usable = course.protocol().usable.0 as f64 / 1_000.0;
    let mut flows = Flows::default();
    for (index, ready) in recorded.iter().zip(had) {
        let load = course.load()[*index].map_or(0, |MilliRps(rate)| rate) as f64 / capacity;
        let ready = f64::from(*ready);
        flows.offered += load;
        flows.busy += load.min(ready);
        flows.unmet += (load - ready * usable).max(0.0);
        flows.ready += ready;
    }
    let memory = course.memory().iter().zip(&supply.ready);
    let memory: Vec<f64> =
        memory.filter_map(|(each, ready)| Some(each.as_ref()?.0 as f64 * f64::from(*ready))).collect();
    flows.memory = (!memory.is_empty()).then(|| memory.iter().sum::<f64>() / memory.len() as f64);
    flows
}

fn ratio(part: f64, of: f64) -> f64 {
    if of > 0.0 { part / of } else { 0.0 }
}

/// `ε = (θ_U,n/θ_U · θ_O,n/θ_O · τ_U,n/τ_U · τ_O,n/τ_O)^¼`, `n` holding the mean need (to the nearest replica).
fn speedup(demand: &[u32], scores: &Elasticity, tick: plimsoll_model::Millis) -> Option<f64> {
    let total: u64 = demand.iter().map(|need| u64::from(*need)).sum();
    let count = demand.len().max(1) as u64;
    let mean = u32::try_from((total + count / 2) / count).unwrap_or(u32::MAX);
    let none = elasticity(demand, &vec![mean; demand.len()], tick);
    let four = |it: &Elasticity| [it.under_accuracy_pct, it.over_accuracy_pct, it.under_time_pct, it.over_time_pct];
    let mut product = 1.0;
    for (none, ours) in four(&none).into_iter().zip(four(scores)) {
        if ours <= 0.0 || none <= 0.0 {
            return None;
        }
        product *= none / ours;
    }
    Some(libm::sqrt(libm::sqrt(product)))
}
