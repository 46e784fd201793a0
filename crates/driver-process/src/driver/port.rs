//! Loopback ports for replicas.
//!
//! A port is chosen before the replica binds it, so somebody else could take it between. Ports are therefore drawn from
//! below the kernel's ephemeral range, where no outgoing connection (of which a gateway makes many) ever lands, and
//! round robin, so that a port that was just freed is the last to be given again.
//!
//! Source: Linux Documentation/networking/ip-sysctl.rst, `ip_local_port_range`.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

/// Lowest port given.
const LOWEST: u16 = 10_240;

/// The ports that may be given.
#[derive(Debug)]
pub struct Ports {
    /// First port of the range.
    low: u16,
    /// Number of ports in it.
    count: u16,
    /// Tried next, counted from `low`.
    next: u16,
}

impl Ports {
    /// The range below the ephemeral ports, starting at a place that depends on `seed`, so that several daemons seldom
    /// meet.
    pub fn new(seed: u32) -> Self {
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let ephemeral = text.split_ascii_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(32_768_u16);
        // Where the ephemeral range starts too low, the range overlaps with it: worse, but it works.
        let high = if ephemeral > LOWEST + 1_024 { ephemeral } else { 60_000 };
        let count = high - LOWEST;
        let start = seed.wrapping_mul(2_654_435_761) % u32::from(count);
        Self { low: LOWEST, count, next: u16::try_from(start).unwrap_or_default() }
    }

    /// A port that is free now and not in `taken`; none when there is none.
    pub fn draw(&mut self, taken: &BTreeSet<u16>) -> Option<u16> {
        for _ in 0..self.count {
            let port = self.low + self.next;
            self.next = (self.next + 1) % self.count;
            if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Some(port);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_or_already_given_is_passed_over() {
        let mut ports = Ports::new(std::process::id());
        let first = ports.draw(&BTreeSet::new()).unwrap();
        let _holder = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        ports.next = first - ports.low;
        let second = ports.draw(&BTreeSet::new()).unwrap();
        assert_ne!(first, second);
        ports.next = second - ports.low;
        assert_ne!(ports.draw(&BTreeSet::from([second])).unwrap(), second);
    }

    #[test]
    fn no_port_is_drawn_twice_in_a_row() {
        let mut ports = Ports::new(1);
        let drawn: BTreeSet<_> = (0..50).map(|_| ports.draw(&BTreeSet::new()).unwrap()).collect();
        assert_eq!(drawn.len(), 50);
    }
}
