//! Calibration on recordings made by the exact tier, whose truth is known.

use super::*;
use crate::kernel::stream;
use crate::service::exact::{Nanos, Options, Poisson, Service};

/// A recording of `model` under loads that rise and fall; one row a minute.
fn recording(model: &ServiceModel, rows: usize, seed: u64) -> Vec<Sample> {
    let replicas = 4;
    let shape = |n: usize| 0.45 - 0.35 * libm::cos(std::f64::consts::TAU * n as f64 / 30.0);
    let rates: Vec<f64> = (0..rows).map(|n| shape(n) * model.capacity() * f64::from(replicas)).collect();
    let arrivals = Poisson::new(&rates, 60.0, stream(seed, 1));
    let mut service = Service::new(Options::new(model.clone(), seed), arrivals).unwrap();
    (0..replicas).for_each(|_| {
        service.start_ready();
    });
    let row = |n: usize, service: &mut Service<Poisson>| {
        service.run_until(Nanos::from_seconds(60.0 * (n + 1) as f64));
        let cpu = service.replicas().map(|status| status.cpu_millicores).sum();
        let window = service.take_window();
        Sample {
            row: n + 2,
            at_s: 60.0 * n as f64,
            rate: window.rate(),
            replicas,
            cpu_millicores: Some(cpu),
            p50_s: window.latencies.quantile_s(0.5),
            p95_s: window.latencies.quantile_s(0.95),
            p99_s: window.latencies.quantile_s(0.99),
            failed: Some(0.0),
            startup_s: None,
        }
    };
    (0..rows).map(|n| row(n, &mut service)).collect()
}

const SETTINGS: Settings = Settings { slots: 1_024, law: None, startup_s: Some(20.0) };

fn truth() -> ServiceModel {
    let mut model = ServiceModel::sharing(Distribution::log_normal(20.0, 0.8), 20_000.0);
    model.delay_ms = 15.0;
    model.cpu = CpuUse { fixed_millicores: 12.0, per_request_ms: 19.0 };
    model
}

#[test]
fn what_made_a_recording_is_found_again_and_the_error_is_small() {
    let found = calibrate(&recording(&truth(), 72, 3), &SETTINGS).unwrap();
    let near = |name: &str, seen: f64, wanted: f64, error: f64| {
        assert!((seen / wanted - 1.0).abs() < error, "{name}: {seen} for {wanted} in {found:?}");
    };
    near("CPU per request", found.model.cpu.per_request_ms, 19.0, 0.03);
    near("fixed CPU", found.model.cpu.fixed_millicores, 12.0, 0.4);
    near("capacity", found.model.capacity(), truth().capacity(), 0.25);
    near("start-up", found.model.startup.mean_ms, 20_000.0, 1e-9);
    let errors = found.errors;
    assert!(errors.p95.unwrap().median < 0.12 && errors.cpu.unwrap().median < 0.05, "{errors:?}");
    assert_eq!((found.fitted, found.held, errors.verdict()), (48, 24, Ok(())));
}

#[test]
fn rows_that_cannot_be_believed_are_named_and_bend_nothing() {
    let mut samples = recording(&truth(), 72, 3);
    let clean = calibrate(&samples, &SETTINGS).unwrap();
    samples[5].p95_s = Some(f64::NAN);
    samples[10].failed = Some(0.3);
    samples[20].replicas = 5;
    samples[40].rate = 0.0;
    let found = calibrate(&samples, &SETTINGS).unwrap();
    let reasons: Vec<(usize, Reason)> = found.clipped.iter().map(|row| (row.row, row.reason)).collect();
    let wanted = [
        (7, Reason::Missing),
        (12, Reason::Failing),
        (22, Reason::Changing),
        (23, Reason::Changing),
        (42, Reason::Idle),
    ];
    assert_eq!(reasons, wanted);
    assert!((found.model.capacity() / clean.model.capacity() - 1.0).abs() < 0.15);
    // One row in ten of nonsense that looks like figures.
    samples.iter_mut().step_by(10).for_each(|row| row.p95_s = row.p95_s.map(|seconds| seconds * 30.0));
    let bent = calibrate(&samples, &SETTINGS).unwrap();
    assert!((bent.model.capacity() / clean.model.capacity() - 1.0).abs() < 0.25, "{bent:?}");
}

#[test]
fn a_twin_that_is_off_may_not_judge() {
    let error = |median: f64| Errors {
        p95: Some(FigureError { median, p90: median, bias: 0.0, rows: 9 }),
        ..Errors::default()
    };
    assert_eq!((error(0.2).verdict(), error(0.21).verdict()), (Ok(()), Err(Untrusted::Error(0.21))));
    assert!(error(f64::NAN).verdict().is_err());
    assert_eq!(
        error(0.5).verdict().unwrap_err().to_string(),
        "the twin's p95 latency is off by 50 % on data it was not fitted to, and at most 20 % lets it judge"
    );
    assert_eq!(Errors::default().verdict(), Err(Untrusted::Unknown));
    // A recording that no model explains: latency at random.
    let mut samples = recording(&truth(), 72, 3);
    let mut random = plimsoll_stats::Random::new(1);
    samples.iter_mut().for_each(|row| row.p95_s = Some(libm::exp(4.0 * random.unit() - 3.0)));
    assert!(calibrate(&samples, &SETTINGS).unwrap().errors.verdict().is_err());
}

#[test]
fn too_little_or_out_of_order_is_refused_with_reasons() {
    let mut samples = recording(&truth(), 24, 3);
    samples[3].replicas = 0;
    let error = calibrate(&samples, &SETTINGS).unwrap_err().to_string();
    assert_eq!(
        error,
        "22 of 24 rows are usable, and 24 are needed; left out: 1 because no load or no replicas, 1 because replicas changed"
    );
    samples[9].at_s = 10.0;
    assert_eq!(calibrate(&samples, &SETTINGS).unwrap_err().to_string(), "row 11: time 10 s does not come after 480 s");
}

#[test]
fn the_law_is_found_again_from_points_with_one_bad_one() {
    let truth = ScalabilityLaw { slots: SLOTS, cores: 1e6, contention: 0.05, coherency: 0.001 };
    const SLOTS: u32 = 65_536;
    let mut points: Vec<(f64, f64)> =
        [1_u32, 2, 4, 8, 16, 24, 32, 48].map(|n| (f64::from(n), 120.0 * truth.speed_up(n))).to_vec();
    points[4].1 *= 0.5;
    let (gamma, law) = fit_law(&points).unwrap();
    assert!((gamma / 120.0 - 1.0).abs() < 0.02, "{gamma}");
    assert!((law.contention / 0.05 - 1.0).abs() < 0.1 && (law.coherency / 0.001 - 1.0).abs() < 0.1, "{law:?}");
    assert_eq!(fit_law(&points[..2]), None);
}
