//! Target tracking of one figure: how many replicas bring a total to its target share.

/// A total and what one replica should have of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tracking {
    /// Numerator of the demand in replicas.
    pub value: u128,
    /// Denominator of the demand in replicas; not zero.
    pub per_replica: u128,
    /// Replicas that serve demand now.
    pub base: u32,
    /// Wanted replicas without a sample of this figure.
    pub missing: u32,
    /// Half-width of the band in which nothing changes, per mille.
    pub tolerance: u64,
}

/// What tracking says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go to this number.
    Move(u32),
    /// Close enough to the target: stay.
    Tolerated,
    /// The measured replicas alone would allow fewer, but the ones not measured may be as busy as the target: stay.
    Waiting,
}

impl Tracking {
    /// Demand u = value / per_replica, in replicas.
    ///
    /// Out when u > base × (1 + tolerance), to ⌈u⌉: a replica without a sample counts as idle. In when u + missing <
    /// base × (1 − tolerance), to ⌈u⌉ + missing: a replica without a sample counts as busy as the target. Monotone in
    /// `value`, because the first is above `base` and the second below it.
    pub fn verdict(&self) -> Verdict {
        let base = u128::from(self.base);
        let tolerance = u128::from(self.tolerance.min(1_000));
        let thousand = self.value.saturating_mul(1_000);
        let unit = self.per_replica;
        if thousand > base.saturating_mul(unit).saturating_mul(1_000 + tolerance) {
            return Verdict::Move(self.ceil());
        }
        let low = base.saturating_mul(unit).saturating_mul(1_000 - tolerance);
        let unmeasured = u128::from(self.missing).saturating_mul(unit).saturating_mul(1_000);
        if thousand.saturating_add(unmeasured) < low {
            return Verdict::Move(self.ceil().saturating_add(self.missing).min(self.base));
        }
        if thousand < low { Verdict::Waiting } else { Verdict::Tolerated }
    }

    /// Replicas proposed.
    pub fn replicas(&self) -> u32 {
        match self.verdict() {
            Verdict::Move(replicas) => replicas,
            Verdict::Tolerated | Verdict::Waiting => self.base,
        }
    }

    /// Values of which one is nearly always the least that proposes `wanted` replicas: the lower ends of a ceiling, without
    /// and with the replicas that have no sample, of the way out, and of the band in which nothing changes.
    pub fn firsts(&self, wanted: u128) -> [u128; 3] {
        let (base, tolerance) =
            (u128::from(self.base).saturating_mul(self.per_replica), u128::from(self.tolerance.min(1_000)));
        let above = |replicas: u128| replicas.saturating_mul(self.per_replica).saturating_add(1);
        let out = base.saturating_mul(1_000 + tolerance) / 1_000 + 1;
        let unmeasured = u128::from(self.missing).saturating_mul(self.per_replica).saturating_mul(1_000);
        let band = base.saturating_mul(1_000 - tolerance).saturating_sub(unmeasured).div_ceil(1_000);
        let before = wanted.saturating_sub(1);
        if wanted > u128::from(self.base) {
            return [out.max(above(before)), above(before), out];
        }
        let counted = before.checked_sub(u128::from(self.missing)).map_or(0, above);
        [counted.min(band), band, counted]
    }

    /// Demand over base, per mille; with no base, of one replica.
    pub fn ratio(&self) -> u64 {
        let base = u128::from(self.base.max(1)).saturating_mul(self.per_replica);
        u64::try_from(self.value.saturating_mul(1_000) / base).unwrap_or(u64::MAX)
    }

    fn ceil(&self) -> u32 {
        u32::try_from(self.value.div_ceil(self.per_replica)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Move, Tolerated, Waiting};

    fn at(value: u128, base: u32, missing: u32) -> Verdict {
        Tracking { value, per_replica: 100, base, missing, tolerance: 100 }.verdict()
    }

    #[test]
    fn the_band_around_the_target_changes_nothing() {
        for (value, verdict) in [
            (0, Move(0)),
            (100, Move(1)),
            (359, Move(4)),
            (360, Tolerated),
            (400, Tolerated),
            (440, Tolerated),
            (441, Move(5)),
            (2_000, Move(20)),
        ] {
            assert_eq!(at(value, 4, 0), verdict, "{value}");
        }
    }

    #[test]
    fn replicas_without_a_sample_count_as_idle_on_the_way_out_and_as_busy_on_the_way_in() {
        assert_eq!(at(150, 4, 1), Move(3), "1.5 replicas busy, one more assumed");
        assert_eq!(at(150, 4, 3), Waiting, "the three starting ones may need all there is");
        assert_eq!(at(430, 4, 3), Tolerated, "one busy at 430 %, but three more are coming");
        assert_eq!(at(500, 4, 3), Move(5));
    }

    #[test]
    fn absurd_numbers_saturate() {
        assert_eq!(
            Tracking { value: u128::MAX, per_replica: 1, base: u32::MAX, missing: 0, tolerance: 0 }.replicas(),
            u32::MAX
        );
        assert_eq!(at(1, 0, 0), Move(1));
        assert_eq!(at(0, 0, 0), Tolerated);
    }
}
