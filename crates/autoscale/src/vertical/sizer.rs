//! One service's size, decided beside its number of replicas so that the two never fight.
//!
//! Two controllers on one figure fight when each reads what the other writes: a smaller request makes the same use a
//! higher utilization, more replicas start, each uses less, the request shrinks again. The rule here breaks that circle
//! once and for all:
//!
//! 1. **The count never reads the size.** Utilization is of the requests that the spec declares, whatever the size in
//!    force, so load → count → use per replica → size is a chain and no loop.
//! 2. **The count's room is left to it.** Where a CPU (memory) policy decides the count, the CPU (memory) limit is never
//!    below the declared one, or a capped replica would hide the load from that policy.
//! 3. **Capacity never drops below need.** In the same decision the size is raised to what replicas use, counted at the
//!    target just decided: `target · size ≥ use`. Raising waits for nothing.
//! 4. **Shrinking waits** until the count has settled (its stabilization has passed and every wanted replica is ready), and
//!    for one of the updater's causes; a new size is in force for at least `age_min` unless it is out of range.
//!
//! `closed_loop` proves it: counts with and without right-sizing are the same, and a constant load settles.

use super::recommend::UseHistory;
use super::updater::{cause, change};
use plimsoll_model::quantity::{Bytes, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::scaling::vertical::{
    LimitsRule, Recommendation, ResizeReason, Size, SizeBound, SizeKept, SizeVerdict, SizedResource, VerticalMode,
    VerticalReason, VerticalSpec,
};
use plimsoll_model::spec::{Limits, Resources};
use serde::{Deserialize, Serialize};

/// What one ready replica used, where that was measured and is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplicaUse {
    /// CPU over the last interval.
    pub cpu: Option<Millicores>,
    /// Memory now.
    pub memory: Option<Bytes>,
}

/// A replica that ran out of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// What it was reserved.
    pub requested: Bytes,
    /// How long it ran, trace time.
    pub ran: Millis,
}

/// What a size is decided on.
#[derive(Debug, Clone, Copy)]
pub struct SizerInputs<'a> {
    /// Now, trace time.
    pub at: Timestamp,
    /// What the user set.
    pub spec: &'a VerticalSpec,
    /// The size that the spec declares.
    pub declared: Size,
    /// Ready replicas.
    pub replicas: &'a [ReplicaUse],
    /// Replicas wanted from this decision on.
    pub target: u32,
    /// The most there may be.
    pub replicas_max: u32,
    /// Every wanted replica is ready and no other is there.
    pub is_complete: bool,
    /// When the number of replicas will have settled; a moment that has passed means it has.
    pub settles: Timestamp,
    /// A CPU policy decides the count.
    pub tracks_cpu: bool,
    /// A memory policy decides the count.
    pub tracks_memory: bool,
}

/// What right-sizing remembers of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sizer {
    history: UseHistory,
    /// The size in force where it is not the declared one.
    size: Option<Resources>,
    /// Since when the size in force is.
    since: Option<Timestamp>,
    /// When it was last looked at.
    looked: Option<Timestamp>,
    /// The shortest run that ended out of memory since then.
    quick: Option<Millis>,
}

impl Sizer {
    /// The size in force, the declared one where nothing else was decided.
    #[must_use]
    pub fn size(&self, spec: &VerticalSpec, declared: Size, tracks: (bool, bool)) -> Size {
        let requests = self.size.filter(|_| spec.mode != VerticalMode::Off).unwrap_or(declared.requests);
        Size { requests, limits: limits(spec, declared, requests, tracks) }
    }

    /// Goes back to the declared size, which was changed by its user; the history stays.
    pub const fn declared_anew(&mut self) {
        self.size = None;
        self.since = None;
    }

    /// Takes note of a replica that ran out of memory; the next decision acts on it.
    pub fn ran_out(&mut self, spec: &VerticalSpec, at: Timestamp, OutOfMemory { requested, ran }: OutOfMemory) {
        if self.history.out_of_memory(spec, at, requested) {
            self.quick = Some(self.quick.map_or(ran, |shortest| shortest.min(ran)));
        }
    }

    /// Takes what was measured and decides the size from now on.
    pub fn decide(&mut self, inputs: &SizerInputs<'_>) -> VerticalReason {
        self.learn(inputs);
        let tracks = (inputs.tracks_cpu, inputs.tracks_memory);
        let size = self.size(inputs.spec, inputs.declared, tracks).requests;
        let since = *self.since.get_or_insert(inputs.at);
        let recommended = self.history.recommend(inputs.spec);
        let (verdict, bounds) = match grown(inputs, size) {
            Some((to, reason)) => (Ok((to, reason)), Vec::new()),
            None => self.look(inputs, size, recommended.as_ref(), inputs.at.since(since)),
        };
        let verdict = match verdict {
            Ok((to, reason)) => {
                self.size = Some(to);
                self.since = Some(inputs.at);
                self.quick = None;
                SizeVerdict::Resized { reason, from: size }
            }
            Err(reason) => SizeVerdict::Kept { reason },
        };
        let size = self.size(inputs.spec, inputs.declared, tracks);
        VerticalReason { mode: inputs.spec.mode, size, recommended, verdict, bounds, pending: 0 }
    }

    fn learn(&mut self, inputs: &SizerInputs<'_>) {
        for replica in inputs.replicas {
            self.history.observe(inputs.spec, inputs.at, replica.cpu, replica.memory);
        }
    }

    /// The updater's look, once per interval.
    fn look(
        &mut self,
        inputs: &SizerInputs<'_>,
        size: Resources,
        recommended: Option<&Recommendation>,
        age: Millis,
    ) -> (Result<(Resources, ResizeReason), SizeKept>, Vec<SizeBound>) {
        if inputs.spec.mode == VerticalMode::Off {
            return (Err(recommended.map_or(SizeKept::NoSamples, |_| SizeKept::AdviceOnly)), Vec::new());
        }
        if let Some(next) = self.looked.map(|looked| looked.plus(inputs.spec.every)).filter(|next| inputs.at < *next) {
            return (Err(SizeKept::NotDue { next }), Vec::new());
        }
        let Some(recommended) = recommended else { return (Err(SizeKept::NoSamples), Vec::new()) };
        self.looked = Some(inputs.at);
        let Some(reason) = cause(inputs.spec, size, recommended, age, self.quick) else {
            self.quick = None;
            let change = change(size, recommended.target);
            return (Err(SizeKept::WithinRange { change, age }), Vec::new());
        };
        let (wanted, mut bounds) = raised_to_use(inputs, recommended.target);
        let mut to = wanted;
        if inputs.at < inputs.settles || !inputs.is_complete {
            to = Resources { cpu: wanted.cpu.max(size.cpu), memory: wanted.memory.max(size.memory) };
        }
        if to == size {
            bounds.clear();
            let until = Some(inputs.settles).filter(|until| inputs.at < *until);
            let kept = if wanted == size {
                SizeKept::WithinRange { change: Permille::ZERO, age }
            } else {
                SizeKept::HorizontalSettling { until }
            };
            return (Err(kept), bounds);
        }
        (Ok((to, reason)), bounds)
    }
}

/// CPU above the declared request is not the size's to follow: the count's own policy will bring it down.
const fn follows_count(inputs: &SizerInputs<'_>) -> bool {
    inputs.tracks_cpu && inputs.target < inputs.replicas_max
}

/// Used per replica, counted at the target just decided: CPU on average, and the largest memory.
fn in_use(inputs: &SizerInputs<'_>) -> (u64, u64) {
    let cpus = || inputs.replicas.iter().filter_map(|replica| replica.cpu);
    let (total, count) = (cpus().map(|cpu| u128::from(cpu.0)).sum::<u128>(), cpus().count() as u128);
    let mean = if count == 0 { 0 } else { total.div_ceil(count) };
    let ceiling = u128::from(inputs.declared.requests.cpu.0);
    let mean = if follows_count(inputs) { mean.min(ceiling) } else { mean };
    let at_target = if inputs.target == 0 { 0 } else { total.div_ceil(u128::from(inputs.target)) };
    let memory = inputs.replicas.iter().filter_map(|replica| replica.memory).map(|memory| memory.0).max().unwrap_or(0);
    (u64::try_from(mean.max(at_target)).unwrap_or(u64::MAX), memory)
}

/// A larger size where more is used than is reserved: rule 3.
fn grown(inputs: &SizerInputs<'_>, size: Resources) -> Option<(Resources, ResizeReason)> {
    if inputs.spec.mode == VerticalMode::Off {
        return None;
    }
    let (cpu, memory) = in_use(inputs);
    let with_margin = |used: u64| {
        let scaled = u128::from(used) * (1_000 + u128::from(inputs.spec.margin.0)) / 1_000;
        u64::try_from(scaled).unwrap_or(u64::MAX)
    };
    let mut cpu_max = inputs.spec.cpu_max.unwrap_or(Millicores(u64::MAX));
    if follows_count(inputs) {
        cpu_max = cpu_max.min(inputs.declared.requests.cpu.max(Millicores(cpu)));
    }
    let memory_max = inputs.spec.memory_max.unwrap_or(Bytes(u64::MAX));
    let to_cpu = if cpu > size.cpu.0 { Millicores(with_margin(cpu)).min(cpu_max).max(size.cpu) } else { size.cpu };
    let to_memory =
        if memory > size.memory.0 { Bytes(with_margin(memory)).min(memory_max).max(size.memory) } else { size.memory };
    let to = Resources { cpu: to_cpu, memory: to_memory };
    let (resource, used) = match (to.cpu > size.cpu, to.memory > size.memory) {
        (_, true) => (SizedResource::Memory, memory),
        (true, false) => (SizedResource::Cpu, cpu),
        (false, false) => return None,
    };
    Some((to, ResizeReason::InUse { resource, used }))
}

/// A recommended size, never below what is used now.
fn raised_to_use(inputs: &SizerInputs<'_>, target: Resources) -> (Resources, Vec<SizeBound>) {
    let (cpu, memory) = in_use(inputs);
    let mut bounds = Vec::new();
    if cpu > target.cpu.0 {
        bounds.push(SizeBound::InUse { resource: SizedResource::Cpu, wanted: target.cpu.0 });
    }
    if memory > target.memory.0 {
        bounds.push(SizeBound::InUse { resource: SizedResource::Memory, wanted: target.memory.0 });
    }
    (Resources { cpu: target.cpu.max(Millicores(cpu)), memory: target.memory.max(Bytes(memory)) }, bounds)
}

/// Limits for a size: in the declared proportion, never below the size, and never below the declared limit of a resource
/// that decides the count (rule 2).
fn limits(spec: &VerticalSpec, declared: Size, requests: Resources, (cpu, memory): (bool, bool)) -> Limits {
    let scaled = |limit: u64, from: u64, to: u64, is_tracked: bool| {
        let kept = spec.limits == LimitsRule::Keep || from == 0;
        let scaled =
            if kept { u128::from(limit) } else { u128::from(limit) * u128::from(to) / u128::from(from.max(1)) };
        let scaled = u64::try_from(scaled).unwrap_or(u64::MAX);
        let least = if is_tracked { limit.max(to) } else { to };
        scaled.max(least)
    };
    let Size { requests: from, limits } = declared;
    Limits {
        cpu: limits.cpu.map(|limit| Millicores(scaled(limit.0, from.cpu.0, requests.cpu.0, cpu))),
        memory: limits.memory.map(|limit| Bytes(scaled(limit.0, from.memory.0, requests.memory.0, memory))),
        pids: limits.pids,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn resources(cpu: u64, mib: u64) -> Resources {
        Resources { cpu: Millicores(cpu), memory: Bytes(mib * MIB) }
    }

    fn declared() -> Size {
        let limits = Limits { cpu: Some(Millicores(2_000)), memory: Some(Bytes(2_048 * MIB)), pids: None };
        Size { requests: resources(1_000, 1_024), limits }
    }

    fn spec() -> VerticalSpec {
        VerticalSpec { mode: VerticalMode::InPlace, ..VerticalSpec::default() }
    }

    fn inputs<'a>(at: i64, spec: &'a VerticalSpec, replicas: &'a [ReplicaUse]) -> SizerInputs<'a> {
        SizerInputs {
            at: Timestamp(at * 60_000),
            spec,
            declared: declared(),
            replicas,
            target: replicas.len() as u32,
            replicas_max: 100,
            is_complete: true,
            settles: Timestamp(0),
            tracks_cpu: false,
            tracks_memory: false,
        }
    }

    fn uses(cpu: u64, mib: u64) -> [ReplicaUse; 2] {
        [ReplicaUse { cpu: Some(Millicores(cpu)), memory: Some(Bytes(mib * MIB)) }; 2]
    }

    /// A sizer that saw two replicas use so much for so many minutes.
    fn after(minutes: i64, spec: &VerticalSpec, cpu: u64, mib: u64) -> (Sizer, VerticalReason) {
        let mut sizer = Sizer::default();
        let replicas = uses(cpu, mib);
        let mut last = sizer.decide(&inputs(0, spec, &replicas));
        for at in 1..minutes {
            last = sizer.decide(&inputs(at, spec, &replicas));
        }
        (sizer, last)
    }

    #[test]
    fn an_idle_service_shrinks_to_what_it_uses_and_a_margin() {
        let (_, last) = after(2_000, &spec(), 200, 300);
        assert!((230..=260).contains(&last.size.requests.cpu.0), "{last}");
        assert!((345..=380).contains(&(last.size.requests.memory.0 / MIB)), "{last}");
    }

    #[test]
    fn limits_keep_their_proportion_unless_they_are_to_stay() {
        let (_, last) = after(2_000, &spec(), 200, 300);
        assert_eq!(last.size.limits.cpu.unwrap().0, last.size.requests.cpu.0 * 2);
        let keep = VerticalSpec { limits: LimitsRule::Keep, ..spec() };
        let (_, last) = after(2_000, &keep, 200, 300);
        assert_eq!(last.size.limits, declared().limits);
    }

    #[test]
    fn a_limit_that_a_policy_of_the_count_looks_through_is_never_lowered() {
        let spec = spec();
        let (sizer, _) = after(2_000, &spec, 200, 300);
        let size = sizer.size(&spec, declared(), (true, true));
        assert!(size.requests.cpu.0 < 300);
        assert_eq!(size.limits, declared().limits);
    }

    #[test]
    fn the_mode_off_tells_and_changes_nothing() {
        let off = VerticalSpec::default();
        let (_, last) = after(2_000, &off, 200, 300);
        assert_eq!(last.size, declared());
        assert_eq!(last.verdict, SizeVerdict::Kept { reason: SizeKept::AdviceOnly });
        assert!(last.recommended.unwrap().target.cpu.0 < 300);
    }

    #[test]
    fn more_in_use_than_reserved_raises_the_size_at_once() {
        let spec = spec();
        let (mut sizer, _) = after(2_000, &spec, 200, 300);
        let replicas = uses(600, 900);
        let now = sizer.decide(&SizerInputs { is_complete: false, ..inputs(2_000, &spec, &replicas) });
        assert_eq!(now.size.requests, resources(690, 1_035), "{now}");
        assert!(matches!(now.verdict, SizeVerdict::Resized { reason: ResizeReason::InUse { .. }, .. }));
    }

    #[test]
    fn fewer_replicas_are_as_large_as_what_all_of_them_use_now() {
        let spec = spec();
        let (mut sizer, _) = after(2_000, &spec, 200, 300);
        let replicas = uses(200, 300);
        let now = sizer.decide(&SizerInputs { target: 1, ..inputs(2_000, &spec, &replicas) });
        assert_eq!(now.size.requests.cpu.0, 460, "both replicas' use and the margin: {now}");
    }

    #[test]
    fn a_count_that_is_settling_holds_a_shrink_back_and_no_growth() {
        let spec = spec();
        let mut sizer = Sizer::default();
        let replicas = uses(200, 300);
        let settles = Timestamp(3_000 * 60_000);
        let mut last = None;
        for at in 0..2_000 {
            last = Some(sizer.decide(&SizerInputs { settles, ..inputs(at, &spec, &replicas) }));
        }
        let last = last.unwrap();
        assert_eq!(last.size, declared());
        let reason = SizeKept::HorizontalSettling { until: Some(settles) };
        assert_eq!(last.verdict, SizeVerdict::Kept { reason });
    }

    #[test]
    fn running_out_of_memory_soon_after_the_start_raises_memory_at_once() {
        let spec = spec();
        let (mut sizer, before) = after(2_000, &spec, 200, 300);
        let ran_out = OutOfMemory { requested: before.size.requests.memory, ran: Millis(5_000) };
        sizer.ran_out(&spec, Timestamp(2_000 * 60_000), ran_out);
        let replicas = uses(200, 300);
        let now = sizer.decide(&inputs(2_001, &spec, &replicas));
        let bumped = before.size.requests.memory.0 + 100 * MIB;
        assert!(now.size.requests.memory.0 >= bumped, "{now}");
    }

    #[test]
    fn a_size_declared_anew_is_in_force_again() {
        let spec = spec();
        let (mut sizer, last) = after(2_000, &spec, 200, 300);
        assert_ne!(last.size, declared());
        sizer.declared_anew();
        assert_eq!(sizer.size(&spec, declared(), (false, false)), declared());
    }

    #[test]
    fn its_state_stays_small() {
        let (sizer, _) = after(3_000, &spec(), 200, 300);
        let text = serde_json::to_string(&sizer).unwrap();
        assert!(text.len() < 700, "{} {text}", text.len());
        assert_eq!(serde_json::from_str::<Sizer>(&text).unwrap(), sizer);
    }
}
