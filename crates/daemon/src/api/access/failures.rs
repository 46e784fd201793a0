//! How often an address has shown a wrong token lately, so that one that goes on is not even looked at.
//!
//! A secret cannot be guessed (256 bits); what is bounded is the work and the noise. Addresses of loopback are not bounded,
//! because all users of this machine share them, and one could lock another out. What is remembered is bounded too: when the
//! table is full the oldest entry goes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Wrong tokens that an address may show within [`WINDOW`].
pub const FAILURES_MAX: u32 = 10;
/// From the first of them on.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Most addresses that are remembered.
const ADDRESSES_MAX: usize = 1_024;

/// Wrong tokens by address.
#[derive(Debug, Default)]
pub struct Failures(BTreeMap<IpAddr, (Instant, u32)>);

/// Whom an address counts as: in IPv6 its network, because one host has all of it.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

impl Failures {
    /// How long `address` has to wait until it is listened to again; none when it does not have to.
    #[must_use]
    pub fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let (first, count) = self.0.get(&counted(address))?;
        let left = WINDOW.checked_sub(now.saturating_duration_since(*first)).filter(|left| !left.is_zero())?;
        (*count >= FAILURES_MAX).then_some(left)
    }

    /// Notes a wrong token.
    pub fn note(&mut self, address: IpAddr, now: Instant) {
        if address.to_canonical().is_loopback() {
            return;
        }
        let address = counted(address);
        let is_over = |first: Instant| now.saturating_duration_since(first) >= WINDOW;
        if self.0.len() >= ADDRESSES_MAX && !self.0.contains_key(&address) {
            self.0.retain(|_, (first, _)| !is_over(*first));
            let oldest = self.0.iter().min_by_key(|(_, (first, _))| *first).map(|(address, _)| *address);
            if let Some(oldest) = oldest.filter(|_| self.0.len() >= ADDRESSES_MAX) {
                self.0.remove(&oldest);
            }
        }
        let entry = self.0.entry(address).or_insert((now, 0));
        if is_over(entry.0) {
            *entry = (now, 0);
        }
        entry.1 = entry.1.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_goes_on_has_to_wait_and_others_do_not() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..FAILURES_MAX {
            assert_eq!(failures.wait(one, start), None);
            failures.note(one, start);
        }
        assert_eq!(failures.wait(one, start), Some(WINDOW));
        assert_eq!(failures.wait("192.0.2.2".parse().unwrap(), start), None);
        assert_eq!(failures.wait(one, start + WINDOW), None);
        failures.note(one, start + WINDOW);
        assert_eq!(failures.wait(one, start + WINDOW), None, "a new window has begun");
    }

    #[test]
    fn a_network_of_ipv6_is_one_and_loopback_is_free() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for host in 0..u128::from(FAILURES_MAX) {
            failures.note(IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) + host)), now);
            failures.note("127.0.0.1".parse().unwrap(), now);
            failures.note("::ffff:127.0.0.1".parse().unwrap(), now);
        }
        assert!(failures.wait("2001:db8::ffff".parse().unwrap(), now).is_some());
        assert_eq!(failures.wait("127.0.0.1".parse().unwrap(), now), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for host in 0..5_000_u32 {
            failures.note(IpAddr::from(host.to_be_bytes()), now + Duration::from_millis(u64::from(host)));
        }
        assert!(failures.0.len() <= ADDRESSES_MAX);
        assert!(failures.0.contains_key(&IpAddr::from(4_999_u32.to_be_bytes())));
    }
}
