//! Counters that many workers write at once come out exact.

use plimsoll_balance::{Endpoint, Outcome, PickContext, Picker, Pool};
use plimsoll_model::spec::Algorithm;
use std::sync::Arc;

#[test]
fn no_count_is_lost_between_threads() {
    const PICKS: u64 = 20_000;
    let endpoints: Vec<_> = (1..=3).map(|id| Arc::new(Endpoint::new(id, 1, 0))).collect();
    let pool = Arc::new(Pool::new(Algorithm::PeakEwma, endpoints.clone()));
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (pool, endpoints) = (Arc::clone(&pool), &endpoints);
            scope.spawn(move || {
                let mut picker = Picker::new(pool, seed);
                for now in 0..PICKS {
                    let context = PickContext { now, ..PickContext::default() };
                    let index = picker.pick(context).expect("there are endpoints");
                    let outcome = if now % 4 == 0 { Outcome::Failure } else { Outcome::Success };
                    let mut started = endpoints[index].started(now);
                    started.await_answer(now);
                    started.finish(now, 100, outcome);
                }
            });
        }
    });
    let totals: Vec<_> = endpoints.iter().map(|endpoint| endpoint.totals()).collect();
    assert_eq!(totals.iter().map(|totals| totals.failures).sum::<u64>(), PICKS);
    assert_eq!(totals.iter().map(|totals| totals.successes).sum::<u64>(), PICKS * 3);
    assert_eq!(totals.iter().map(|totals| totals.latency_sum).sum::<u64>(), PICKS * 300);
    assert!(endpoints.iter().all(|endpoint| endpoint.in_flight() == 0));
    assert!(
        endpoints.iter().all(|endpoint| endpoint.latency_peak(PICKS).is_some_and(|us| (50.0..=100.0).contains(&us)))
    );
}
