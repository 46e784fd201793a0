//! Features of scenarios of the seen half, as JSON lines: what rules are written on. The unseen half is refused.
#![allow(clippy::unwrap_used, reason = "a tool for whoever writes rules")]

use plimsoll_analyst::diagnosis::diagnose;
use plimsoll_analyst::{features::Features, scenario};

fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).map(|number| number.parse().unwrap()).collect();
    let (from, to) = (numbers[0], numbers[1]);
    assert!(to <= scenario::HALF, "only the seen half is looked at");
    for number in from..to {
        let (label, history) = scenario::run(number).unwrap();
        let features = Features::of(&history);
        let diagnosis = diagnose(&features);
        let named: Vec<(&str, f64)> =
            diagnosis.hypotheses.iter().map(|one| (one.cause.name(), one.confidence)).collect();
        println!("{}", serde_json::to_string(&(number, &label.causes, &history.configured, features, named)).unwrap());
    }
}
