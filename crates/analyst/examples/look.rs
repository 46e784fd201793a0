//! Prints features of scenarios of the seen half: what rules are written on. The other half is refused.
use plimsoll_analyst::{features::Features, scenario};
fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).map(|number| number.parse().expect("a number")).collect();
    let (from, to) = (numbers[0], numbers[1]);
    assert!(to <= scenario::HALF, "only the seen half is looked at");
    let next = std::sync::atomic::AtomicU32::new(from);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if number >= to {
                        return;
                    }
                    let started = std::time::Instant::now();
                    let (label, history) = scenario::run(number).expect("a scenario");
                    let ran = started.elapsed();
                    let started = std::time::Instant::now();
                    let features = Features::of(&history);
                    let json =
                        serde_json::to_string(&(number, &label.causes, &history.configured, features)).expect("json");
                    println!("{json}\t{:.0} {:.0}", ran.as_secs_f64() * 1e3, started.elapsed().as_secs_f64() * 1e3);
                }
            });
        }
    });
}
