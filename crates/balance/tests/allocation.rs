//! No pick and no report of an outcome allocates, whatever the algorithm and whatever is out.

use plimsoll_balance::{Endpoint, Outcome, PickContext, Picker, Pool};
use plimsoll_model::spec::Algorithm;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    // Per thread, because the test harness has threads of its own that allocate when they like.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes unchanged to the system allocator; counting touches a constant-initialised thread local
// without a destructor, which does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get(), before + 1);
}

#[test]
fn no_algorithm_allocates_on_the_pick_path() {
    for algorithm in [
        Algorithm::RoundRobin,
        Algorithm::WeightedRoundRobin,
        Algorithm::Random,
        Algorithm::LeastConnections,
        Algorithm::SourceHash,
        Algorithm::RingHash,
        Algorithm::PowerOfTwo,
        Algorithm::PeakEwma,
        Algorithm::Prequal,
        Algorithm::WeightedByLoad,
    ] {
        let endpoints: Vec<_> = (1..=50).map(|id| Arc::new(Endpoint::new(id, 1 + id as u32 % 3, 0))).collect();
        let mut picker = Picker::new(Arc::new(Pool::with_slow_start(algorithm, 20_000, endpoints.clone())), 1);
        endpoints[..45].iter().for_each(|endpoint| endpoint.eject(10_000));
        let mut open: [_; 8] = std::array::from_fn(|_| None);
        let before = ALLOCATIONS.get();
        for now in 0..20_000_u64 {
            let context = PickContext {
                now,
                key: (now % 2 == 0).then_some(now),
                exclude: (now % 7 == 0).then_some(3),
                in_flight_max: (now % 3 == 0).then_some(2),
            };
            picker.probe_result(now as usize % 60, now as u32 % 5, now % 100, now);
            let slot = &mut open[now as usize % 8];
            let outcome = if now % 5 == 0 { Outcome::Failure } else { Outcome::Success };
            if let Some((started_at, started)) =
                slot.replace((now, endpoints[picker.pick(context).unwrap()].started(now)))
            {
                let started: plimsoll_balance::Started = started;
                started.finish(now, now - started_at, outcome);
            }
        }
        assert_eq!(ALLOCATIONS.get() - before, 0, "{algorithm:?}");
    }
}
