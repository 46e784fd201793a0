//! What every holder holds now, and what it used in the past at half its weight per half-life.
//!
//! Use is dominant share × time: holding half of the cluster's scarcest-for-it resource for two hours counts as one hour
//! of the whole. The past fades: what was used a half-life ago counts half. Accounts are brought up to date when somebody
//! looks, by an exact formula over the time since, so nothing runs periodically and reading twice changes nothing.
//!
//! # Source
//! Kay and Lauder, "A fair share scheduler", CACM 31(1), 1988 (decay); Ghodsi et al., "Dominant resource fairness", NSDI
//! 2011 (what is held).

use super::Holder;
use crate::order::Share;
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_stats::fixed::{BITS, decay};
use std::collections::BTreeMap;

/// Resources that are counted, at most.
pub const RESOURCES: usize = 8;
/// Amounts, one per resource, in whatever unit the capacity has.
pub type Held = [u64; RESOURCES];

/// 1 / ln 2, 32 fraction bits.
const PER_LN_2: u128 = 6_196_328_018;

#[derive(Debug, Clone, Copy, Default)]
struct Account {
    weight: u32,
    held: Held,
    rate: Share,
    used: u128,
    as_of: Timestamp,
}

/// Accounts of all holders.
#[derive(Debug, Clone)]
pub struct Accounts {
    half_life: Millis,
    capacity: Held,
    numbers: BTreeMap<Box<str>, Holder>,
    names: Vec<Box<str>>,
    accounts: Vec<Account>,
}

impl Accounts {
    /// No holders yet. A half-life of 0 counts as one millisecond: the past does not matter.
    #[must_use]
    pub const fn new(half_life: Millis) -> Self {
        let half_life = if half_life.0 == 0 { Millis(1) } else { half_life };
        Self { half_life, capacity: [0; RESOURCES], numbers: BTreeMap::new(), names: Vec::new(), accounts: Vec::new() }
    }

    /// Says what there is in all; shares of what is held follow.
    pub fn set_capacity(&mut self, capacity: Held) {
        self.capacity = capacity;
        for account in &mut self.accounts {
            account.rate = dominant(&account.held, &capacity);
        }
    }

    /// The holder of that name, a new one of weight 1 if it was not met before.
    pub fn holder(&mut self, name: &str) -> Holder {
        if let Some(holder) = self.numbers.get(name) {
            return *holder;
        }
        let holder = Holder(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.numbers.insert(name.into(), holder);
        self.names.push(name.into());
        self.accounts.push(Account { weight: 1, ..Account::default() });
        holder
    }

    /// The holder of that name, where it was met.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Holder> {
        self.numbers.get(name).copied()
    }

    /// A holder's name.
    #[must_use]
    pub fn name(&self, holder: Holder) -> &str {
        self.names.get(holder.0 as usize).map_or("", AsRef::as_ref)
    }

    /// How many holders there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Sets a holder's weight; 0 counts as 1.
    pub fn set_weight(&mut self, holder: Holder, weight: u32) {
        self.accounts[holder.0 as usize].weight = weight.max(1);
    }

    /// A holder's weight.
    #[must_use]
    pub fn weight(&self, holder: Holder) -> u32 {
        self.accounts[holder.0 as usize].weight
    }

    /// What there is in all.
    #[must_use]
    pub const fn capacity(&self) -> &Held {
        &self.capacity
    }

    /// What a holder holds now.
    #[must_use]
    pub fn held(&self, holder: Holder) -> &Held {
        &self.accounts[holder.0 as usize].held
    }

    /// The largest share it holds of any resource.
    #[must_use]
    pub fn dominant_share(&self, holder: Holder) -> Share {
        self.accounts[holder.0 as usize].rate
    }

    /// The largest share that `amounts` are of any resource.
    #[must_use]
    pub fn share_of(&self, amounts: &Held) -> Share {
        dominant(amounts, &self.capacity)
    }

    /// Books `amounts` to a holder.
    pub fn charge(&mut self, holder: Holder, amounts: &Held, at: Timestamp) {
        self.book(holder, at, |held| add(held, amounts));
    }

    /// Takes `amounts` off what a holder holds; never below nothing.
    pub fn refund(&mut self, holder: Holder, amounts: &Held, at: Timestamp) {
        self.book(holder, at, |held| subtract(held, amounts));
    }

    fn book(&mut self, holder: Holder, at: Timestamp, change: impl FnOnce(&mut Held)) {
        let half_life = self.half_life;
        let account = &mut self.accounts[holder.0 as usize];
        account.used = used_at(account, half_life, at);
        account.as_of = account.as_of.max(at);
        change(&mut account.held);
        account.rate = dominant(&account.held, &self.capacity);
    }

    /// Decayed use per unit of weight, in [`Share`] × milliseconds.
    #[must_use]
    pub fn used_per_weight(&self, holder: Holder, at: Timestamp) -> u128 {
        let account = &self.accounts[holder.0 as usize];
        used_at(account, self.half_life, at) / u128::from(account.weight.max(1))
    }

    /// Use against entitlement: its part of all decayed use over its part of all weights, 32 fraction bits; 1 is just
    /// what it is entitled to, 0 is no use.
    #[must_use]
    pub fn over_use(&self, holder: Holder, at: Timestamp) -> u64 {
        let all = self.accounts.iter().map(|account| used_at(account, self.half_life, at));
        let all = all.fold(0_u128, u128::saturating_add);
        self.over_use_of(holder, at, all)
    }

    /// The same for every holder, by number: one pass for those who need all of them.
    #[must_use]
    pub fn over_uses(&self, at: Timestamp) -> Vec<u64> {
        let used: Vec<u128> = self.accounts.iter().map(|account| used_at(account, self.half_life, at)).collect();
        let all = used.iter().copied().fold(0_u128, u128::saturating_add);
        let weights = self.accounts.iter().map(|account| u128::from(account.weight)).sum();
        let each = self.accounts.iter().zip(used);
        each.map(|(account, used)| against_entitlement(used, all, account.weight, weights)).collect()
    }

    fn over_use_of(&self, holder: Holder, at: Timestamp, all: u128) -> u64 {
        let weights = self.accounts.iter().map(|account| u128::from(account.weight)).sum();
        let account = &self.accounts[holder.0 as usize];
        against_entitlement(used_at(account, self.half_life, at), all, account.weight, weights)
    }
}

/// Part of the use over part of the weights, 32 fraction bits.
fn against_entitlement(used: u128, all: u128, weight: u32, weights: u128) -> u64 {
    // Both are scaled down together until the product with 2^32 fits; the quotient keeps 40 bits or more.
    let shift = 40_u32.saturating_sub(all.leading_zeros().saturating_sub(40));
    let (used, all) = (used >> shift, (all >> shift).max(1));
    let part = ((used << BITS) / all).saturating_mul(weights);
    u64::try_from(part / u128::from(weight.max(1))).unwrap_or(u64::MAX)
}

/// Decayed use up to `at`: what there was, decayed, and what the present holding added since.
fn used_at(account: &Account, half_life: Millis, at: Timestamp) -> u128 {
    if at <= account.as_of {
        return account.used;
    }
    // Counted from the start of time, so that the rounding of many small steps adds up to that of one large step.
    let halvings = |at: Timestamp| (i128::from(at.0) << BITS).div_euclid(i128::from(half_life.0));
    let elapsed = u64::try_from(halvings(at) - halvings(account.as_of)).unwrap_or(u64::MAX);
    let kept = if account.used == 0 { 0 } else { decay(account.used, elapsed) };
    if account.rate.0 == 0 {
        return kept;
    }
    kept.saturating_add(u128::from(account.rate.0).saturating_mul(weighted_span(half_life, at.since(account.as_of))))
}

/// Milliseconds of a span that ends now, each weighted by its age: `H / ln 2 × (1 − 2^(−span/H))`.
fn weighted_span(half_life: Millis, span: Millis) -> u128 {
    let (half_life, span) = (u128::from(half_life.0), u128::from(span.0));
    let mean_life = (half_life * PER_LN_2) >> BITS;
    if span < half_life / 64 {
        // Two terms of the series; the third is below 1/40,000 of the first.
        return span - span * span / (2 * mean_life).max(1);
    }
    let halvings = u64::try_from((span << BITS) / half_life).unwrap_or(u64::MAX);
    (mean_life * ((1 << BITS) - decay(1 << BITS, halvings))) >> BITS
}

/// The largest share of any resource.
fn dominant(amounts: &Held, capacity: &Held) -> Share {
    let shares = amounts.iter().zip(capacity).map(|(amount, capacity)| Share::of(*amount, *capacity));
    shares.max().unwrap_or_default()
}

pub(super) fn add(held: &mut Held, amounts: &Held) {
    held.iter_mut().zip(amounts).for_each(|(held, amount)| *held = held.saturating_add(*amount));
}

pub(super) fn subtract(held: &mut Held, amounts: &Held) {
    held.iter_mut().zip(amounts).for_each(|(held, amount)| *held = held.saturating_sub(*amount));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;

    fn held(cpu: u64) -> Held {
        let mut held = [0; RESOURCES];
        held[0] = cpu;
        held
    }

    fn accounts() -> (Accounts, Holder) {
        let mut accounts = Accounts::new(Millis(HOUR as u64));
        accounts.set_capacity(held(100));
        let holder = accounts.holder("a");
        (accounts, holder)
    }

    fn hours(accounts: &Accounts, holder: Holder, at: i64) -> f64 {
        let whole = Share::of(100, 100).0 as f64 * HOUR as f64;
        accounts.used_per_weight(holder, Timestamp(at)) as f64 / whole
    }

    #[test]
    fn use_that_stopped_halves_every_half_life_and_use_that_goes_on_has_a_bound() {
        let (mut accounts, holder) = accounts();
        accounts.charge(holder, &held(50), Timestamp(0));
        let bound = 0.5 / std::f64::consts::LN_2;
        assert!((hours(&accounts, holder, HOUR) - bound / 2.0).abs() < 1e-6);
        assert!((hours(&accounts, holder, 40 * HOUR) - bound).abs() < 1e-6);
        accounts.refund(holder, &held(50), Timestamp(40 * HOUR));
        assert!((hours(&accounts, holder, 42 * HOUR) - bound / 4.0).abs() < 1e-6);
        accounts.set_weight(holder, 2);
        assert!((hours(&accounts, holder, 42 * HOUR) - bound / 8.0).abs() < 1e-6);
    }

    #[test]
    fn use_is_compared_with_what_the_weights_entitle_to() {
        let (mut accounts, a) = accounts();
        let b = accounts.holder("b");
        accounts.set_weight(b, 3);
        for holder in [a, b] {
            accounts.charge(holder, &held(10), Timestamp(0));
        }
        let over = |holder| accounts.over_use(holder, Timestamp(HOUR)) as f64 / (1_u64 << BITS) as f64;
        assert!((over(a) - 2.0).abs() < 1e-6, "half of the use, a quarter of the weights: {}", over(a));
        assert!((over(b) - 2.0 / 3.0).abs() < 1e-6, "{}", over(b));
        assert_eq!(accounts.over_uses(Timestamp(HOUR)), [a, b].map(|h| accounts.over_use(h, Timestamp(HOUR))));
    }

    proptest! {
        #[test]
        fn looking_often_changes_nothing_that_matters(steps in prop::collection::vec(1_i64..600_000, 1..200)) {
            let (mut once, holder) = accounts();
            once.charge(holder, &held(30), Timestamp(0));
            let mut often = once.clone();
            let mut at = 0;
            for step in &steps {
                at += step;
                often.charge(holder, &held(0), Timestamp(at));
            }
            let (a, b) = (hours(&once, holder, at), hours(&often, holder, at));
            prop_assert!((a - b).abs() <= 2e-4 * a, "{a} {b}");
        }
    }
}
