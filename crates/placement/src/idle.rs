//! Which replicas of a service go when there are too many: those that serve nobody, then the idlest, then the youngest.
//!
//! How idle a replica is, is told by its requests in flight where that is known of every ready candidate, else by its CPU
//! where that is. CPU is noisy, so it counts in eighths of the request only: a difference below that is none. Between
//! equals the youngest goes, because its caches are coldest and the longest proven stay.

use plimsoll_model::quantity::Millicores;
use plimsoll_model::rationale::{Victim, VictimBy};

/// CPU differences below this part of the request are none.
const CPU_STEPS: u64 = 8;

/// A replica that could go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// Its number; a higher one is younger.
    pub ordinal: u64,
    /// Its health check passes.
    pub ready: bool,
    /// Its requests in flight, in thousandths, where they are known.
    pub in_flight_milli: Option<u64>,
    /// The CPU it uses, where that is known.
    pub cpu: Option<Millicores>,
}

/// The `many` replicas that go, in this order, each with what it was chosen by. `request` is the CPU that one reserves.
#[must_use]
pub fn idlest(mut candidates: Vec<Idle>, request: Millicores, many: usize) -> Vec<Victim> {
    let of = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
    let ready = || candidates.iter().filter(|it| it.ready);
    let by_flight = ready().all(|it| it.in_flight_milli.is_some());
    let by_cpu = !by_flight && ready().all(|it| it.cpu.is_some());
    let step = (request.0 / CPU_STEPS).max(1);
    let busy = |it: &Idle| match (by_flight, by_cpu) {
        (true, _) => it.in_flight_milli.unwrap_or(0),
        (_, true) => it.cpu.map_or(0, |cpu| cpu.0 / step),
        _ => 0,
    };
    candidates.sort_by_key(|it| (it.ready, if it.ready { busy(it) } else { 0 }, std::cmp::Reverse(it.ordinal)));
    let chosen = candidates.into_iter().take(many).map(|it| {
        let by = match (it.ready, it.in_flight_milli, it.cpu) {
            (false, _, _) => VictimBy::NotReady,
            (true, Some(in_flight_milli), _) if by_flight => VictimBy::InFlight { in_flight_milli },
            (true, _, Some(cpu)) if by_cpu => VictimBy::Cpu { cpu },
            _ => VictimBy::Youngest,
        };
        Victim { ordinal: it.ordinal, ready: it.ready, by, of }
    });
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(ordinal: u64, in_flight: Option<u64>, cpu: Option<u64>) -> Idle {
        Idle { ordinal, ready: true, in_flight_milli: in_flight, cpu: cpu.map(Millicores) }
    }

    fn order(candidates: Vec<Idle>) -> Vec<u64> {
        let many = candidates.len();
        idlest(candidates, Millicores(800), many).into_iter().map(|victim| victim.ordinal).collect()
    }

    #[test]
    fn who_serves_nobody_goes_first_then_the_idlest_then_the_youngest() {
        let starting = Idle { ready: false, ..one(2, None, None) };
        assert_eq!(order(vec![one(1, Some(0), None), starting, one(3, Some(2_000), None)]), [2, 1, 3]);
        assert_eq!(order(vec![one(1, Some(1_000), None), one(2, Some(1_000), None)]), [2, 1]);
        assert_eq!(order(vec![one(1, None, Some(50)), one(2, None, Some(60)), one(3, None, Some(700))]), [2, 1, 3]);
        assert_eq!(order(vec![one(1, Some(0), Some(5)), one(2, None, None)]), [2, 1], "one unknown: youngest");
    }

    #[test]
    fn each_victim_says_what_it_was_chosen_by() {
        let victims = idlest(vec![one(1, Some(500), Some(9)), one(2, Some(100), Some(90))], Millicores(800), 1);
        let by = VictimBy::InFlight { in_flight_milli: 100 };
        assert_eq!(victims, [Victim { ordinal: 2, ready: true, by, of: 2 }]);
    }

    proptest! {
        #[test]
        fn nobody_busier_goes_before_somebody_idler(flights in prop::collection::vec(0_u64..4_000, 1..9), many in 0_usize..9) {
            let all: Vec<Idle> = flights.iter().enumerate().map(|(at, it)| one(at as u64, Some(*it), None)).collect();
            let gone: Vec<u64> = idlest(all, Millicores(1), many).iter().map(|victim| victim.ordinal).collect();
            let stays = (0..flights.len() as u64).filter(|ordinal| !gone.contains(ordinal));
            let idlest_staying = stays.map(|ordinal| flights[ordinal as usize]).min().unwrap_or(u64::MAX);
            prop_assert!(gone.iter().all(|ordinal| flights[*ordinal as usize] <= idlest_staying));
            prop_assert_eq!(gone.len(), many.min(flights.len()));
        }
    }
}
