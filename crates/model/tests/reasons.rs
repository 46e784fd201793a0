//! Every reason reads back as it was written: terms are flattened into one object, so a field of a reason must not be
//! called like one of the term.

#![allow(clippy::unwrap_used, reason = "what does not read back fails the test")]

use plimsoll_model::forecast::{ExpertWeight, Forecast};
use plimsoll_model::quantity::{MilliRps, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::rationale::{Basis, Bound, Term, Victim, VictimBy};
use plimsoll_model::scaling::{BacklogReason, Fallback, LazyReason};
use std::sync::Arc;

#[test]
fn every_reason_of_a_vote_reads_back_and_has_a_text() {
    let bases = [
        Basis::Event {
            name: "sale".to_owned(),
            by: "ci".to_owned(),
            factor: Some(Permille(2_500)),
            usual: Some(MilliRps(100_000)),
            demand: MilliRps(250_000),
            per_replica: MilliRps(10_000),
            start: Timestamp(0),
            end: Timestamp(60_000),
        },
        Basis::Seasonal { needed_milli: 4_250, share: Permille(750), from: Timestamp(0), to: Timestamp(60_000) },
        Basis::NotDue { policy: "event sale".to_owned(), from: Some(Timestamp(5)) },
        Basis::NotDue { policy: "seasonal".to_owned(), from: None },
        Basis::Fallback {
            metric: "cpu".to_owned(),
            missing: Millis(180_000),
            behaviour: Fallback::CurrentIfHigher { replicas: 3 },
        },
        Basis::Backlog(Box::new(BacklogReason {
            waiting: 100,
            work: Millis(6_000_000),
            concurrency: 2,
            due: Timestamp(600_000),
            ready: 4,
            startup: Millis(60_000),
            late: true,
        })),
        Basis::Lazy(Box::new(LazyReason { needed: 2, lower: 2, upper: 5, start_price: Millis(120_000) })),
    ];
    for basis in bases {
        let term = Term { replicas: 7, basis };
        let text = serde_json::to_string(&term).unwrap();
        assert_eq!(serde_json::from_str::<Term>(&text).unwrap(), term, "{text}");
        assert!(term.to_string().starts_with("7 replicas: "), "{term}");
    }
}

#[test]
fn a_sentence_names_three_experts_and_the_data_has_all() {
    let weight =
        |(expert, weight): (&'static str, u64)| ExpertWeight { expert: expert.into(), weight: Permille(weight) };
    let said = |count: usize| {
        let experts = [("season-level", 400), ("regression", 300), ("ramp", 200), ("yesterday", 100)];
        let weights: Vec<ExpertWeight> = experts.into_iter().take(count).map(weight).collect();
        let forecast =
            Forecast { at: Timestamp(0), model: "streaming".into(), quantiles: Vec::new(), seasons: 2, weights };
        let basis = Basis::Forecast {
            forecast: Arc::new(forecast),
            quantile: Permille(950),
            demand: MilliRps(120_000),
            per_replica: MilliRps(40_000),
            missing_price: None,
        };
        let data = serde_json::to_string(&basis).unwrap();
        assert_eq!(data.matches("\"expert\"").count(), count);
        basis.to_string()
    };
    assert!(said(4).contains("season-level 40% + regression 30% + ramp 20% + others, 2 seasons"), "{}", said(4));
    assert!(said(3).contains("season-level 40% + regression 30% + ramp 20%, 2 seasons"), "{}", said(3));
    assert!(said(0).contains("streaming, 2 seasons"), "{}", said(0));
}

#[test]
fn bounds_and_victims_read_back() {
    for bound in [
        Bound::Burst { added: 2, quantile: Permille(990), growth: MilliRps(20_000), samples: 400 },
        Bound::ReserveShare { added: 2, share: Permille(100) },
        Bound::Paused { wanted: 3, both: true },
        Bound::FlapBudget { changes: 2, changes_max: 2, period: Millis(3_600_000), wanted: 1 },
        Bound::ChangeBudget { changes_max: 4, wanted: 1 },
    ] {
        let text = serde_json::to_string(&bound).unwrap();
        assert_eq!(serde_json::from_str::<Bound>(&text).unwrap(), bound, "{text}");
        assert!(!bound.to_string().is_empty());
    }
    let by = [VictimBy::NotReady, VictimBy::Youngest, VictimBy::Cpu { cpu: Millicores(5) }];
    for by in by.into_iter().chain([VictimBy::InFlight { in_flight_milli: 1_500 }]) {
        let victim = Victim { ordinal: 3, ready: true, by, of: 5 };
        let text = serde_json::to_string(&victim).unwrap();
        assert_eq!(serde_json::from_str::<Victim>(&text).unwrap(), victim, "{text}");
    }
}
