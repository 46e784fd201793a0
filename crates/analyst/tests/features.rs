//! Features of made-up histories whose figures are known: CPU, disk, host, latency, slowness and what explains it, errors.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_analyst::history::{Configured, Sample};
use plimsoll_analyst::{Features, History};

/// Two hundred minutes of two replicas of one core, at most four, under 10 requests a second; `change` makes of it what it will.
fn features(change: impl Fn(usize, &mut Sample)) -> Features {
    let sample = |at| {
        let mut sample = Sample {
            rate_per_s: Some(10.0),
            ready: Some(2.0),
            wanted: Some(2.0),
            measured: Some(2.0),
            cpu_cores: Some(1.0),
            latency_p50_ms: Some(100.0),
            latency_p99_ms: Some(300.0),
            in_flight: Some(1.0),
            failed_per_s: Some(0.0),
            shed_per_s: Some(0.0),
            throttled: Some(0.0),
            out_of_memory: Some(0.0),
            pressure_io: Some(0.2),
            host_cpu_cores: Some(3.0),
            ..Sample::default()
        };
        change(at, &mut sample);
        sample
    };
    Features::of(&History {
        service: "web".into(),
        start_ms: 0,
        step_ms: 60_000,
        configured: Configured {
            replicas_min: Some(1),
            replicas_max: Some(4),
            request_cpu_cores: Some(1.0),
            limit_cpu_cores: Some(2.0),
            host_cpu_cores: Some(10.0),
            ..Configured::default()
        },
        samples: (0..200).map(sample).collect(),
        events: Vec::new(),
        decisions: Vec::new(),
        forecasts: Vec::new(),
    })
}

#[test]
fn cpu_is_a_share_of_request_and_limit_and_a_cost_per_request() {
    let cpu = features(|at, sample| sample.cpu_cores = Some(if at < 100 { 1.0 } else { 1.6 })).cpu.unwrap();
    assert!((cpu.of_request_p90 - 0.8).abs() < 1e-9 && (cpu.of_limit.unwrap() - 0.325).abs() < 1e-9, "{cpu:?}");
    assert!((cpu.per_request_change.unwrap() - 1.6).abs() < 1e-9);
    assert_eq!((cpu.saturated, cpu.throttled), (0.0, 0.0));
}

#[test]
fn saturation_is_time_at_the_most_replicas_with_cpu_used_up() {
    let at_max = |at: usize, sample: &mut Sample| {
        sample.cpu_cores = Some(3.9);
        sample.measured = Some(4.0);
        sample.wanted = Some(if at < 50 { 4.0 } else { 3.0 });
    };
    assert_eq!(features(at_max).cpu.unwrap().saturated, 0.25);
    let quota = |at: usize, sample: &mut Sample| {
        at_max(at, sample);
        sample.throttled = Some(0.6);
    };
    let cpu = features(quota).cpu.unwrap();
    assert_eq!((cpu.throttled, cpu.throttled_below_max), (1.0, 0.75));
}

#[test]
fn slowness_is_put_down_to_what_was_there_at_the_time() {
    let slow = features(|at, sample| {
        if at >= 160 {
            sample.latency_p50_ms = Some(500.0);
        }
        match at {
            160..170 => sample.throttled = Some(0.9),
            170..180 => sample.pressure_io = Some(0.95),
            180..186 => sample.wanted = Some(3.0),
            _ => {}
        }
    })
    .slow
    .unwrap();
    assert_eq!((slow.share, slow.quota, slow.disk), (0.2, 0.05, 0.05));
    // Six samples with a replica missing, and the two after it.
    assert!((slow.replicas - 0.04).abs() < 1e-9, "{slow:?}");
    assert_eq!((slow.unexplained_run, slow.unexplained_times), (12, 5.0));
    assert!((slow.unexplained - 0.06).abs() < 1e-9);
}

#[test]
fn a_crowded_host_is_what_others_use_and_latency_then_is_compared_with_latency_else() {
    let host = features(|at, sample| {
        if at < 20 {
            (sample.host_cpu_cores, sample.latency_p50_ms) = (Some(9.0), Some(250.0));
        }
    })
    .host
    .unwrap();
    assert_eq!((host.crowded, host.others_most, host.others), (0.1, 0.8, 0.2));
    assert_eq!((host.slow_when_crowded, host.slow_when_not), (Some(1.0), Some(0.0)));
    assert_eq!(host.latency_when_crowded, Some(2.5));
}

#[test]
fn being_down_while_requests_come_is_slow_and_its_neighbours_are_still_seen() {
    let features = features(|at, sample| {
        if at < 20 {
            *sample = Sample {
                rate_per_s: Some(10.0),
                ready: Some(0.0),
                wanted: Some(2.0),
                host_cpu_cores: Some(8.0),
                ..Sample::default()
            };
        }
    });
    assert_eq!((features.slow.unwrap().share, features.slow.unwrap().replicas), (0.1, 0.1));
    assert_eq!(features.host.unwrap().crowded, 0.1);
}

#[test]
fn disk_errors_queue_and_latency_are_what_was_measured() {
    let features = features(|at, sample| {
        sample.pressure_io = Some(if at % 4 == 0 { 0.9 } else { 0.5 });
        sample.disk_mib_per_s = Some(3.0);
        (sample.failed_per_s, sample.shed_per_s) = (Some(1.0), Some(0.5));
        sample.queue = Some(at as f64);
        sample.restarts = Some(f64::from(u8::from(at == 7)));
    });
    let disk = features.disk.unwrap();
    assert_eq!((disk.pressure, disk.busy, disk.mib_per_s), (0.5, 0.25, Some(3.0)));
    let errors = features.errors;
    assert_eq!((errors.failed, errors.shed, errors.restarts), (Some(0.1), Some(0.05), 1.0));
    assert!((errors.queue_growth.unwrap() - 1.0).abs() < 1e-9);
    let latency = features.latency.unwrap();
    assert_eq!((latency.usual_p50_ms, latency.p50_ms, latency.p99_ms), (100.0, 100.0, Some(300.0)));
}

#[test]
fn gaps_are_counted_and_left_out() {
    let features = features(|at, sample| {
        if at % 5 == 0 {
            *sample = Sample::default();
        }
    });
    assert_eq!((features.samples, features.gaps, features.load.unwrap().level), (200, 0.2, 10.0));
    assert_eq!(features.cpu.unwrap().of_request, 0.5);
}
