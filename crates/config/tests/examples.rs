//! Every example of the repository is a valid spec without a doubt, and means what its comments say.

use plimsoll_config::{Loaded, load};
use plimsoll_model::spec::{Algorithm, Probe, Schedule};
use plimsoll_model::{JobName, Millicores, Millis, ServiceName};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

fn example(name: &str) -> Loaded {
    let loaded = load(&folder().join(name)).unwrap_or_else(|report| panic!("{report}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    loaded
}

#[test]
fn every_example_holds_without_a_warning() {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let specs: Vec<String> = files.filter(|name| name.ends_with(".toml")).collect();
    assert!(specs.len() >= 3, "{specs:?}");
    for name in specs {
        example(&name);
    }
}

#[test]
fn the_minimal_example_is_ten_lines_of_spec() {
    let text = std::fs::read_to_string(folder().join("minimal.toml")).unwrap();
    assert!(text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count() <= 10);
    assert_eq!(example("minimal.toml").spec.services.len(), 1);
}

#[test]
fn the_shop_replays_a_day_in_four_minutes_and_fits_its_peak() {
    let spec = example("shop.toml").spec;
    assert_eq!(86_400 / spec.clock.speed, 240);
    let shop = &spec.services[&ServiceName::try_new("shop").unwrap()];
    assert_eq!(shop.requests.cpu, Millicores(50));
    assert_eq!(shop.balance.algorithm, Algorithm::LeastConnections);
    assert_eq!(shop.health.probe, Probe::Http { path: "/healthz".into() });
    assert_eq!(shop.scaling.policies.len(), 2);
    let forecast = shop.scaling.forecast.as_ref().unwrap();
    assert!(Path::new(forecast.history.as_ref().unwrap()).is_file());
    let job = &spec.jobs[&JobName::try_new("nightly-report").unwrap()];
    assert_eq!(job.schedule, Schedule::Daily { at: Millis::from_minutes(210) });
    assert!(job.preemptible && job.priority < shop.priority);
}
