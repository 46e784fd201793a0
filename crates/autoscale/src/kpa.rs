//! The Knative autoscaler (KPA): a stable and a panic window, and nothing removed while in panic.
//!
//! [`propose`] decides from the averages of both windows and changes nothing; [`KpaState::record`] remembers. The averages
//! are the caller's, or come from [`KpaState::averages`], which keeps the samples of the stable window. A window without a
//! sample, or a count of ready replicas that is not known, gives no proposal: then the present number holds.
//!
//! Ratios are exact in integers. It must not bound the number by the service's minimum and maximum: the caller does.
//!
//! # Source
//! Knative Serving, autoscaler; research section 2.3. Samples are averaged alike, where Knative averages per second: a tick
//! is the finest that is observed here.

use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::scaling::kpa::{KpaReason, KpaSpec};
use serde::{Deserialize, Serialize};

/// Most samples and delayed numbers kept; the oldest go first.
const SLOTS_MAX: usize = 4_096;

/// What one decision looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KpaInputs {
    /// Now, trace time.
    pub at: Timestamp,
    /// Replicas that are ready; none where that could not be counted.
    pub ready: Option<u32>,
    /// Mean of the stable window over all replicas, thousandths; none without data.
    pub stable_milli: Option<u64>,
    /// Mean of the panic window over all replicas, thousandths; none without data.
    pub panic_milli: Option<u64>,
    /// Requests can reach it. What cannot be reached may go to zero at once.
    pub is_reachable: bool,
}

/// What the autoscaler wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KpaVote {
    /// Replicas.
    pub replicas: u32,
    /// Why.
    pub basis: KpaReason,
    after: Panic,
    undelayed: u32,
    wants_none: bool,
}

/// The memory of one autoscaler.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KpaState {
    /// Samples of the stable window, oldest first.
    samples: Vec<(Timestamp, u64)>,
    /// Panic; none before the first decision.
    panic: Option<Panic>,
    /// Numbers of the scale-down delay, falling.
    delayed: Vec<(Timestamp, u32)>,
    /// Since when no replica is wanted.
    idle_since: Option<Timestamp>,
}

/// Panic and the most replicas wanted during it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Panic {
    /// When the threshold was last reached; none out of panic.
    last_over: Option<Timestamp>,
    /// The most since it began.
    most: u32,
}

impl KpaState {
    /// The means of the stable and of the panic window with this sample as the newest.
    #[must_use]
    pub fn averages(&self, spec: &KpaSpec, at: Timestamp, sample: Option<u64>) -> (Option<u64>, Option<u64>) {
        let mean = |window: Millis| {
            let kept = self.samples.iter().filter(|(then, _)| at.since(*then) < window).map(|(_, value)| *value);
            let (count, sum) =
                kept.chain(sample).fold((0_u128, 0_u128), |(count, sum), value| (count + 1, sum + u128::from(value)));
            sum.checked_div(count).map(|mean| u64::try_from(mean).unwrap_or(u64::MAX))
        };
        (mean(spec.stable_window), mean(spec.panic_length()))
    }

    /// Remembers the sample and what was decided from this very state.
    pub fn record(&mut self, spec: &KpaSpec, at: Timestamp, sample: Option<u64>, vote: Option<&KpaVote>) {
        self.samples.retain(|(then, _)| at.since(*then) < spec.stable_window);
        self.samples.extend(sample.map(|value| (at, value)));
        trim(&mut self.samples);
        let Some(vote) = vote else { return };
        self.panic = Some(vote.after);
        self.delayed.retain(|(then, _)| at.since(*then) < spec.scale_down_delay);
        if spec.scale_down_delay > Millis::ZERO {
            while self.delayed.last().is_some_and(|(_, past)| *past <= vote.undelayed) {
                self.delayed.pop();
            }
            self.delayed.push((at, vote.undelayed));
            trim(&mut self.delayed);
        }
        self.idle_since = if vote.wants_none { self.idle_since.or(Some(at)) } else { None };
    }

    /// Panic as it is before a decision. The first decision about more than one replica begins in panic, because without
    /// history a pause between requests would look like the end of them.
    fn panic_before(&self, at: Timestamp, ready: u32) -> Panic {
        let first = Panic { last_over: (ready > 1).then_some(at), most: ready };
        self.panic.unwrap_or(first)
    }
}

/// Decides; changes nothing. None where something is not known, which holds the present number.
#[must_use]
pub fn propose(state: &KpaState, spec: &KpaSpec, inputs: &KpaInputs) -> Option<KpaVote> {
    let (known, stable_milli, panic_milli) = (inputs.ready?, inputs.stable_milli?, inputs.panic_milli?);
    let ready = u128::from(known.max(1));
    let target = (u128::from(spec.target_milli) * u128::from(spec.target_utilization.0) / 1_000).max(1);
    let wanted = |value: u64| u128::from(value).div_ceil(target);
    let (stable, panic) = (wanted(stable_milli), wanted(panic_milli));
    let before = state.panic_before(inputs.at, known);
    let within = |wanted: u128| within_rates(spec, inputs.is_reachable, ready, wanted);
    let (stable_pods, panic_pods) = (within(stable), within(panic));
    let is_over = panic * 1_000 >= u128::from(spec.panic_threshold.0) * ready;
    let mut after = after(before, spec, inputs.at, is_over);
    let mut undelayed = stable_pods;
    if after.last_over.is_some() {
        after.most = after.most.max(stable_pods).max(panic_pods);
        undelayed = after.most;
    }
    let past = state.delayed.iter().find(|(then, _)| inputs.at.since(*then) < spec.scale_down_delay);
    let delayed = past.filter(|_| inputs.is_reachable).map_or(0, |(_, most)| *most);
    let wanted = undelayed.max(delayed);
    let idle = state.idle_since.map_or(Millis::ZERO, |since| inputs.at.since(since));
    let grace = wanted == 0 && known > 0 && inputs.is_reachable && idle < spec.scale_to_zero_grace_period;
    let basis = KpaReason {
        measure: spec.measure,
        stable_milli,
        panic_milli,
        target_milli: u64::try_from(target).unwrap_or(u64::MAX),
        stable: stable_pods,
        panic: panic_pods,
        panicking: after.last_over.is_some(),
        delayed: delayed > undelayed,
        grace,
        excess_burst_capacity: excess_burst_capacity(spec, known, panic_milli),
    };
    Some(KpaVote { replicas: wanted.max(u32::from(grace)), basis, after, undelayed, wants_none: wanted == 0 })
}

/// At least the ready replicas over one rate, at most times the other, rounded so that one more or one fewer is always
/// possible; then the activation scale, once there is demand.
fn within_rates(spec: &KpaSpec, is_reachable: bool, ready: u128, wanted: u128) -> u32 {
    let most = (ready * u128::from(spec.max_scale_up_rate.0)).div_ceil(1_000);
    let least = if is_reachable { ready * 1_000 / u128::from(spec.max_scale_down_rate.0.max(1)) } else { 0 };
    let bounded = u32::try_from(wanted.max(least).min(most)).unwrap_or(u32::MAX);
    if spec.activation_scale > 1 && wanted > 0 { bounded.max(spec.activation_scale) } else { bounded }
}

/// Panic begins or goes on at the threshold, and ends when that is longer ago than the stable window.
fn after(before: Panic, spec: &KpaSpec, at: Timestamp, is_over: bool) -> Panic {
    match before.last_over {
        _ if is_over => Panic { last_over: Some(at), most: before.most },
        Some(last) if last.plus(spec.stable_window) < at => Panic::default(),
        _ => before,
    }
}

/// What the ready replicas can take beyond the panic window's mean and the burst that must fit, in whole requests.
fn excess_burst_capacity(spec: &KpaSpec, ready: u32, panic_milli: u64) -> i64 {
    match spec.target_burst_capacity {
        None => -1,
        Some(0) => 0,
        Some(burst) => {
            let capacity = i128::from(ready) * i128::from(spec.target_milli);
            let excess = (capacity - i128::from(burst) - i128::from(panic_milli)).div_euclid(1_000);
            i64::try_from(excess).unwrap_or(i64::MIN)
        }
    }
}

fn trim<T>(slots: &mut Vec<T>) {
    if slots.len() > SLOTS_MAX {
        slots.remove(0);
    }
}

mod join;

#[cfg(test)]
mod tests;
