//! CPU utilisation = CPU time used ÷ CPU time available in the interval. What "available" means is the whole question,
//! so there are three figures and never one called just "utilisation":
//! - against the **request**: what the workload was promised. Scaling policies use it. May exceed 1,000‰.
//! - against the **limit**: what its quota allows. At 1,000‰ it is throttled. None without a limit.
//! - against the **host**: what the machine has. Sums over workloads to the host's own figure.
//!
//! All are integers in thousandths, rounded down, so that a decision that cites one replays to the same bytes.

use plimsoll_model::{Millicores, Permille};

/// CPU used as a share of the CPU requested; none when nothing was requested.
#[must_use]
pub fn against_request(used: Millicores, request: Millicores) -> Option<Permille> {
    share(used, request)
}

/// CPU used as a share of the quota; none without one.
#[must_use]
pub fn against_limit(used: Millicores, limit: Option<Millicores>) -> Option<Permille> {
    share(used, limit?)
}

/// CPU used as a share of all cores of the host; none for a host without cores.
#[must_use]
pub fn against_host(used: Millicores, host: Millicores) -> Option<Permille> {
    share(used, host)
}

fn share(used: Millicores, available: Millicores) -> Option<Permille> {
    let permille = (u128::from(used.0) * 1_000).checked_div(u128::from(available.0))?;
    Some(Permille(u64::try_from(permille).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_use_is_three_utilisations() {
        let used = Millicores(600);
        assert_eq!(against_request(used, Millicores(500)), Some(Permille(1_200)));
        assert_eq!(against_limit(used, Some(Millicores(1_000))), Some(Permille(600)));
        assert_eq!(against_host(used, Millicores(8_000)), Some(Permille(75)));
        assert_eq!(against_limit(used, None), None);
        assert_eq!(against_request(used, Millicores(0)), None);
        assert_eq!(against_request(Millicores(u64::MAX), Millicores(1)), Some(Permille(u64::MAX)));
    }
}
