//! What every algorithm promises, checked over generated pools and by counting picks.

use plimsoll_balance::{Endpoint, PickContext, Picker, Pool};
use plimsoll_model::spec::Algorithm;
use std::sync::Arc;

fn endpoints(weights: &[u32]) -> Vec<Arc<Endpoint>> {
    weights.iter().zip(1..).map(|(weight, id)| Arc::new(Endpoint::new(id, *weight, 0))).collect()
}

#[test]
fn round_robin_takes_each_in_turn() {
    let mut picker = Picker::new(Arc::new(Pool::new(Algorithm::RoundRobin, endpoints(&[1; 5]))), 7);
    let first = picker.pick(PickContext::default()).unwrap();
    for turn in 1..20 {
        assert_eq!(picker.pick(PickContext::default()), Some((first + turn) % 5));
    }
}

#[test]
fn power_of_two_takes_the_less_loaded() {
    let endpoints = endpoints(&[1; 2]);
    let mut picker = Picker::new(Arc::new(Pool::new(Algorithm::PowerOfTwo, endpoints.clone())), 7);
    let _busy = endpoints[0].started(0);
    assert!((0..100).all(|_| picker.pick(PickContext::default()) == Some(1)));
}
