//! The exact tier beside queueing theory: M/M/c in order and M/G/1 processor sharing, mean and tail over a grid of loads.
//!
//! `cargo bench -p plimsoll-twin --bench theory`. Every figure is printed with its error; the last line says the worst of all,
//! and the exit status is 1 where it is above 2 %. The run of each row is as long as its load needs: errors of a mean fall
//! with the root of the requests and rise with `1/(1−ρ)`. `--scale S` multiplies the requests.

use plimsoll_model::spec::Algorithm;
use plimsoll_twin::service::exact::{Balance, Options, Poisson, Service};
use plimsoll_twin::service::theory::{Sharing, mean_in_order, mean_sharing, quantile_in_order};
use plimsoll_twin::service::{Distribution, ServiceModel};

/// Furthest that a figure may lie from theory.
const ERROR_MAX: f64 = 0.02;

fn main() {
    let scale = argument("--scale").and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let mut worst: f64 = 0.0;
    println!("{:<34} {:>4} {:>9} {:>16} {:>16} {:>16}", "system", "load", "requests", "mean", "p95", "p99");
    for servers in [1, 4, 16] {
        for load in [0.3, 0.5, 0.7, 0.8, 0.9, 0.95] {
            let theory = [
                mean_in_order(servers, load),
                quantile_in_order(servers, load, 0.95),
                quantile_in_order(servers, load, 0.99),
            ];
            let name = format!("M/M/{servers} in order");
            worst = worst.max(row(&name, &in_order(servers, load, scale), load, &theory));
        }
    }
    let works = [
        ("exponential", Distribution::exponential(10.0), true),
        ("hyper-exponential cv 2", Distribution::hyper_exponential(10.0, 2.0), true),
        ("constant", Distribution::constant(10.0), false),
        ("log-normal cv 1.5", Distribution::log_normal(10.0, 1.5), false),
    ];
    for (shape, work, has_tail) in works {
        for load in [0.3, 0.5, 0.7, 0.8, 0.9] {
            let mut theory = vec![mean_sharing(load)];
            if has_tail {
                let sharing = Sharing::new(&work, load);
                theory.extend([0.95, 0.99].map(|p| sharing.quantile(p)));
            }
            worst = worst.max(row(&format!("M/G/1-PS {shape}"), &sharing(work, load, scale), load, &theory));
        }
    }
    println!("\nworst error {:.2} % (goal: at most {:.0} %)", worst * 100.0, ERROR_MAX * 100.0);
    if worst > ERROR_MAX {
        std::process::exit(1);
    }
}

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// Requests, and mean, p95, p99 in units of the mean work.
struct Run {
    requests: u64,
    figures: [f64; 3],
}

fn row(name: &str, run: &Run, load: f64, theory: &[f64]) -> f64 {
    print!("{name:<34} {load:>4} {:>9}", run.requests);
    let mut worst: f64 = 0.0;
    for (seen, said) in run.figures.iter().zip(theory) {
        let error = seen / said - 1.0;
        worst = worst.max(error.abs());
        print!(" {seen:>8.3} {:>+6.2} %", error * 100.0);
    }
    println!();
    worst
}

/// Long enough that the error of the mean is about a third of a percent: a mean over n requests of a queue whose memory is
/// `1/(1−ρ)²` requests long is as good as one over `n(1−ρ)²`.
fn requests(load: f64, variation: f64, scale: f64) -> f64 {
    let memory = (1.0 + variation) / ((1.0 - load) * (1.0 - load));
    (memory * 60_000.0).max(1_000_000.0) * scale
}

fn run(options: Options, replicas: u32, rate: f64, count: f64) -> Run {
    let seconds = count / rate;
    let arrivals = Poisson::steady(rate, seconds, plimsoll_twin::kernel::stream(options.seed, 1));
    let mean_s = options.model.work.mean_ms / 1_000.0;
    let Ok(mut service) = Service::new(options, arrivals) else { unreachable!("the options of this file hold") };
    (0..replicas).for_each(|_| {
        service.start_ready();
    });
    // The empty beginning is left out.
    service.run_until(plimsoll_twin::service::exact::Nanos::from_seconds(seconds * 0.05));
    service.take_window();
    service.run();
    let window = service.take_window();
    let figure = |p: f64| window.latencies.quantile_s(p).unwrap_or(f64::NAN) / mean_s;
    let mean = window.latencies.mean_s().unwrap_or(f64::NAN) / mean_s;
    Run { requests: window.latencies.count(), figures: [mean, figure(0.95), figure(0.99)] }
}

/// One line at the gateway, workers of one slot.
fn in_order(servers: u32, load: f64, scale: f64) -> Run {
    let model = ServiceModel::worker(Distribution::exponential(10.0), 0.0);
    let balance = Balance { in_flight_max: Some(1), ..Balance::by(Algorithm::RoundRobin) };
    let options = Options { balance, ..Options::new(model, 7) };
    run(options, servers, load * f64::from(servers) * 100.0, requests(load, 1.0, scale))
}

/// One replica that all requests share.
fn sharing(work: Distribution, load: f64, scale: f64) -> Run {
    let mut model = ServiceModel::sharing(work, 0.0);
    model.law.slots = 65_536;
    let count = requests(load, work.squared_variation(), scale);
    run(Options::new(model, 11), 1, load * 100.0, count)
}
