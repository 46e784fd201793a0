//! Proposals written by hand: bad ones of every kind that we thought of, and good ones.

use super::Incumbent;
use plimsoll_analyst::Proposal;
use plimsoll_analyst::proposal::Change;
use plimsoll_model::scaling::HeadroomSpec;
use plimsoll_model::spec::ScalingPolicy;
use plimsoll_model::{MilliRps, Millis, Permille};

/// What is wrong with a bad one.
pub type Planted = (&'static str, Incumbent, Proposal);

fn bad(kind: &'static str, incumbent: Incumbent, changes: Vec<Change>) -> Planted {
    (kind, incumbent, super::proposal(changes))
}

/// Bad proposals by hand.
pub fn bad_ones() -> Vec<Planted> {
    let mut all = Vec::new();
    // Cheaper, and nothing is left for a burst.
    for to in [860, 900, 940, 980, 999] {
        all.push(bad("no room for a burst", Incumbent::Plain, vec![Change::ScaleOnCpu { from: Some(600), to }]));
    }
    for to in [900, 950, 990] {
        all.push(bad("no room for a burst", Incumbent::Timid, vec![Change::ScaleOnCpu { from: Some(250), to }]));
    }
    // As many as the seen part needed at most, and not one more.
    for to in [8, 10, 12, 14, 16] {
        all.push(bad(
            "bounds fitted to what was seen",
            Incumbent::Plain,
            vec![Change::ReplicasMax { from: Some(60), to }],
        ));
    }
    for (min, max) in [(2, 10), (2, 13), (5, 15)] {
        let changes =
            vec![Change::ReplicasMin { from: Some(24), to: min }, Change::ReplicasMax { from: Some(60), to: max }];
        all.push(bad("bounds fitted to what was seen", Incumbent::MinTooHigh, changes));
    }
    // Rises too slowly for anything that is not in the history.
    for to in [600_000, 1_200_000, 1_800_000] {
        let changes = vec![Change::StabilizationUp { from: None, to }, Change::ScaleOnCpu { from: Some(600), to: 700 }];
        all.push(bad("rises too late", Incumbent::Plain, changes));
    }
    for (up, period) in [(1, 300_000), (1, 600_000), (2, 900_000)] {
        let changes = vec![
            Change::StepUp { from: Some(100), to: up },
            Change::StepPeriod { from: None, to: period },
            Change::ScaleOnCpu { from: Some(600), to: 680 },
        ];
        all.push(bad("rises too slowly", Incumbent::Plain, changes));
    }
    // Nothing but what was one wave ago: right for the trace that was seen.
    for share in [900, 1_000, 1_100] {
        let season = Millis(3_600_000);
        let to = vec![ScalingPolicy::Seasonal { season, share: Permille(share) }];
        all.push(bad("the training trace by heart", Incumbent::Plain, vec![Change::Policies { to }]));
    }
    // A target that happens to be right at the level that was seen.
    for target in [95_000, 110_000, 130_000] {
        let to = vec![ScalingPolicy::RequestRate { target: MilliRps(target) }];
        all.push(bad("no room for a burst", Incumbent::Plain, vec![Change::Policies { to }]));
    }
    // Follows every wiggle.
    for (cpu, tolerance) in [(800, 1), (840, 5), (870, 1), (900, 1)] {
        let changes = vec![
            Change::ScaleOnCpu { from: Some(600), to: cpu },
            Change::StabilizationDown { from: None, to: 1 },
            Change::Tolerance { from: None, to: tolerance },
        ];
        all.push(bad("oscillates", Incumbent::Plain, changes));
    }
    // Blind to small changes, so that it rests on luck.
    for tolerance in [400, 600, 900] {
        let changes =
            vec![Change::Tolerance { from: None, to: tolerance }, Change::ScaleOnCpu { from: Some(600), to: 750 }];
        all.push(bad("does not look", Incumbent::Plain, changes));
    }
    // Other kinds with numbers that starve.
    for price in [1, 2, 4] {
        let headroom = ScalingPolicy::Headroom(HeadroomSpec { price, price_keep: price });
        let to = vec![ScalingPolicy::Cpu { target: Permille(990) }, headroom];
        all.push(bad("headroom at no price", Incumbent::Plain, vec![Change::Policies { to }]));
    }
    // Large replicas, few of them.
    for (cpu, max) in [(100, 60), (250, 60)] {
        let changes =
            vec![Change::RequestCpu { from: Some(1_000), to: cpu }, Change::ReplicasMax { from: Some(60), to: max }];
        all.push(bad("too small for the bound", Incumbent::Plain, changes));
    }
    all.push(bad("a bound below the need", Incumbent::MaxTooLow, vec![Change::ReplicasMax { from: Some(7), to: 5 }]));
    all.push(bad("a bound below the need", Incumbent::MaxTooLow, vec![Change::ReplicasMax { from: Some(7), to: 3 }]));
    all
}

/// Good ones.
pub fn good_ones() -> Vec<Planted> {
    let mut all = Vec::new();
    let good = |incumbent, changes| ("good", incumbent, super::proposal(changes));
    for to in [2, 3, 4, 5, 6, 7, 8] {
        all.push(good(Incumbent::MinTooHigh, vec![Change::ReplicasMin { from: Some(24), to }]));
    }
    for to in [40, 50, 60, 70, 80, 100, 150] {
        all.push(good(Incumbent::MaxTooLow, vec![Change::ReplicasMax { from: Some(7), to }]));
    }
    let default = || {
        vec![
            ScalingPolicy::Cpu { target: Permille(800) },
            ScalingPolicy::Headroom(HeadroomSpec { price: 80, price_keep: 160 }),
        ]
    };
    let open = |incumbent, mut changes: Vec<Change>| {
        changes.push(Change::StabilizationDown { from: None, to: 1 });
        changes.push(Change::Tolerance { from: None, to: 1 });
        good(incumbent, changes)
    };
    all.push(open(
        Incumbent::MinTooHigh,
        vec![Change::Policies { to: default() }, Change::ReplicasMin { from: Some(24), to: 2 }],
    ));
    all.push(open(Incumbent::Timid, vec![Change::Policies { to: default() }]));
    for (price, keep) in [(60, 120), (50, 100), (40, 80), (100, 160)] {
        let headroom = ScalingPolicy::Headroom(HeadroomSpec { price, price_keep: keep });
        let to = vec![ScalingPolicy::Cpu { target: Permille(800) }, headroom];
        all.push(open(Incumbent::Timid, vec![Change::Policies { to }]));
    }
    all
}
