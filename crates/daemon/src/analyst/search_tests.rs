//! Searches on their thread, without a daemon: the budget holds and outlives whoever spent it, a search ends when it is told to, and
//! what was found is there again.

use super::search::{SPENT_FILE, SearchJob, Searcher, Spent};
use super::seek::{Seeker, pace};
use super::tests::{decision, seen, spec};
use super::worker::{Job, Proved};
use super::*;
use plimsoll_analyst::evolve::Outcome;
use plimsoll_analyst::history::{Configured, Sample};
use plimsoll_model::analyst::{EvolveSpec, SearchOn};
use std::path::Path;
use std::time::{Duration, Instant};

/// A service with a wasteful formula, and a wave of load.
fn job(samples: usize) -> Job {
    let text = "name = \"s\"\n[analyst.evolve]\ncpu = \"40s\"\n[services.web]\ncommand = [\"true\"]\nrequests = { cpu = \"1\", memory = \"64MiB\" }\n\
                replicas = { min = 1, max = 90 }\nstartup = \"1m\"\nhealth = { startup_max = \"5m\" }\n[services.web.scaling]\n\
                cpu = \"80%\"\nformula = \"2 * needed + 4replica\"\n";
    let spec = plimsoll_config::parse(text, Path::new("s.toml")).unwrap().spec;
    let sample = |step: usize| {
        let wave = (step as f64 / 120.0 * std::f64::consts::TAU).sin();
        let rate = 600.0 + 300.0 * wave + (step * step * 7 % 61) as f64;
        Sample { rate_per_s: Some(rate), cpu_cores: Some(rate / 100.0), ..Sample::default() }
    };
    let history = History {
        service: "web".to_owned(),
        start_ms: 1_000_000,
        step_ms: 15_000,
        configured: Configured::default(),
        samples: (0..samples).map(sample).collect(),
        events: Vec::new(),
        decisions: Vec::new(),
        forecasts: Vec::new(),
    };
    let occasion = Occasion::Schedule { since_ms: None, every_ms: 60_000 };
    let terms = Terms { now_ms: Some(16_000_000), ..Terms::default() };
    let service = ServiceName::try_new("web").unwrap();
    Job { spec, service, occasion, history, terms, known: Vec::new(), shadows: Vec::new() }
}

fn searched(searcher: &Searcher, proved: &mut mpsc::Receiver<Proved>, most_ms: u64) -> Proved {
    let job = SearchJob { job: job(1_000), most: Millis(most_ms), begin: Vec::new() };
    assert!(searcher.carry_out(job));
    proved.blocking_recv().unwrap()
}

#[test]
fn a_day_has_its_budget_and_one_search_a_quarter_of_it() {
    let most = Millis(8_000);
    let fresh = Spent::default().at(1_000_000_000_000);
    assert_eq!((fresh.cpu_ms, fresh.grant(most)), (0, Some(2_000)));
    let read = |text: &str| serde_json::from_str::<Spent>(text).unwrap();
    let spent = |ms: u64| read(&format!("{{\"began_ms\": 1000, \"cpu_ms\": {ms}}}"));
    assert_eq!(spent(7_500).grant(most), Some(500));
    assert_eq!(spent(8_000).grant(most), None);
    assert_eq!(spent(9_000).grant(most), None);
    // Till the day is over; a clock that was set back buys nothing.
    assert_eq!(spent(9_000).at(86_400_999).cpu_ms, 9_000);
    assert_eq!(spent(9_000).at(86_401_000).cpu_ms, 0);
    assert_eq!(spent(9_000).at(-5).cpu_ms, 9_000);
}

#[test]
fn what_a_search_takes_is_on_disk_and_the_next_daemon_goes_on_from_there() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let (done, mut proved) = mpsc::channel(4);
    let searcher = Searcher::start(state.clone(), done.clone()).unwrap();
    let first = searched(&searcher, &mut proved, 8_000);
    let told = first.told.as_ref().unwrap();
    let Outcome::Proposed { formula, .. } = &told.searched.outcome else { panic!("{told:?}") };
    assert_eq!(first.found.len(), 1, "one proposal, with its verdict: {formula}");
    assert!(first.found[0].1.proof.is_some() && first.found[0].0.changes[0].field() == "scaling.formula");
    // At most its quarter for searching; what chooses and proves is bounded by steps.
    assert!((1_000..8_000).contains(&told.cpu_ms), "{told:?}");
    let spent = Spent::read(&state).cpu_ms;
    assert_eq!(spent, told.cpu_ms);
    assert_eq!(searcher.spent(crate::clock::wall_ms()).cpu_ms, spent);
    drop(searcher);
    // The same day in another daemon, whose spec allows no more than was spent.
    let searcher = Searcher::start(state.clone(), done).unwrap();
    let second = searched(&searcher, &mut proved, spent);
    let told = second.told.unwrap();
    assert_eq!(told.searched.outcome, Outcome::Budget { spent_ms: spent, most_ms: spent });
    assert!(second.found.is_empty() && told.cpu_ms < 1_000, "{told:?}");
    assert!(dir.path().join(SPENT_FILE).is_file());
}

#[test]
fn a_search_ends_soon_after_whoever_wanted_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (done, mut proved) = mpsc::channel(4);
    let state = StateDir::open(dir.path()).unwrap();
    let searcher = Searcher::start(state.clone(), done).unwrap();
    let hour = SearchJob { job: job(1_000), most: Millis(4 * 3_600_000), begin: Vec::new() };
    assert!(searcher.carry_out(hour));
    let deadline = Instant::now() + Duration::from_secs(60);
    while Spent::read(&state).cpu_ms < 500 {
        assert!(Instant::now() < deadline, "it never began");
        std::thread::yield_now();
    }
    let since = Instant::now();
    drop(searcher);
    assert!(proved.blocking_recv().is_none(), "nothing is told, and the thread has ended");
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
}

#[test]
fn the_last_search_of_a_service_outlives_the_daemon_with_its_formulas_and_its_moment() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let (done, mut proved) = mpsc::channel(4);
    let job = job(1_000);
    let mut seeker = Seeker::open(state.clone(), Some(done.clone()));
    assert!(!seeker.is_free(), "not before the spec wants it");
    seeker.engage(&job.spec);
    assert!(seeker.is_free());
    let order = |job: &Job| SearchJob { job: job.clone(), most: Millis(8_000), begin: Vec::new() };
    assert!(seeker.carry_out(order(&job), 16_000_000) && !seeker.is_free(), "one at a time");
    let found = proved.blocking_recv().unwrap();
    let search = seeker.take(&found, found.told.as_ref().unwrap());
    assert!(seeker.is_free() && search.at_ms == 16_000_000 && search.said.starts_with("proposes "), "{search:?}");
    let figures = seeker.figures(&job.spec).unwrap();
    assert_eq!(figures.runs[&("web".to_owned(), "proposed")], 1);
    assert!(figures.most_ms == 40_000 && figures.spent_ms >= 1_000 && figures.gains["web"] > 0.1, "{figures:?}");
    drop(seeker);
    let mut again = Seeker::open(state, Some(done));
    assert_eq!(again.last(&job.service), Some(&search));
    assert_eq!(again.begin(&job.service), search.searched.formulas);
    let looked = again.looked(&job.service);
    assert_eq!((looked.last_ms, looked.turn_ms), (Some(16_000_000), Some(16_000_000)));
    // A search in which nothing was looked at forgets nothing.
    let mut short = job.clone();
    short.history.samples.truncate(100);
    again.engage(&job.spec);
    assert!(again.carry_out(order(&short), 17_000_000));
    let found = proved.blocking_recv().unwrap();
    let second = again.take(&found, found.told.as_ref().unwrap());
    assert_eq!(second.searched.outcome.word(), "too_little");
    assert_eq!(again.begin(&job.service), search.searched.formulas);
    // Without the table nothing is searched, and nothing is counted.
    let mut without = job.spec.clone();
    without.analyst.evolve = None;
    again.engage(&without);
    assert!(!again.is_free() && again.figures(&without).is_none());
}

#[test]
fn a_spec_that_lets_go_of_searches_and_wants_them_again_never_has_two() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let (done, _proved) = mpsc::channel(4);
    let job = job(1_000);
    let mut seeker = Seeker::open(state.clone(), Some(done));
    seeker.engage(&job.spec);
    assert!(seeker.carry_out(SearchJob { job: job.clone(), most: Millis(3_600_000), begin: Vec::new() }, 16_000_000));
    let deadline = Instant::now() + Duration::from_secs(30);
    while Spent::read(&state).cpu_ms == 0 {
        assert!(Instant::now() < deadline, "it never began");
        std::thread::yield_now();
    }
    let mut without = job.spec.clone();
    without.analyst.evolve = None;
    seeker.engage(&without);
    // Wanted again at once: the search is given up by the time that another may begin, and what it spent is on disk for that one.
    let mut waited = 0_u64;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        seeker.engage(&job.spec);
        if seeker.is_free() {
            break;
        }
        waited += 1;
        assert!(Instant::now() < deadline, "the search was not given up");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(waited > 0, "it was under way");
    let spent = Spent::read(&state).cpu_ms;
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(Spent::read(&state).cpu_ms, spent, "nobody spends beside the new one");
    assert_eq!(seeker.figures(&job.spec).unwrap().spent_ms, spent);
}

#[test]
fn a_spec_says_what_starts_a_search() {
    let spec = EvolveSpec { every: Millis(7), cpu: Millis(9), on: vec![SearchOn::Burn] };
    let pace = pace(&spec, 3, 4);
    assert_eq!((pace.every_ms, pace.rest_ms, pace.extra_max), (7, 3, 4));
    assert_eq!(pace.kinds, Kinds { schedule: false, drift: false, burn: true });
}

/// When a desk searches, one search after the other, if requests begin to fail after 150 s.
fn sought(mode: &str, on: &[SearchOn]) -> Vec<(i64, &'static str)> {
    let dir = tempfile::tempdir().unwrap();
    let (done, mut proved) = mpsc::channel(4);
    let mut spec = spec(mode);
    spec.analyst.evolve = Some(EvolveSpec { every: Millis(100_000), cpu: Millis(60_000), on: on.to_vec() });
    let mut desk = Desk::open(StateDir::open(dir.path()).unwrap(), Some(done));
    desk.engage(&spec);
    let mut sought = Vec::new();
    for second in 0..300 {
        let at = second * 1_000;
        desk.note(&spec, &seen(if second >= 150 { 20 } else { 0 }), &decision(at));
        if let Some((_, occasion)) = desk.seek(&spec, Timestamp(at)) {
            sought.push((at, occasion.word()));
            assert!(desk.seek(&spec, Timestamp(at)).is_none(), "never two at a time");
            let found = proved.blocking_recv().unwrap();
            assert_eq!(found.look.occasion, occasion);
            desk.seeker.take(&found, found.told.as_ref().unwrap());
        }
    }
    sought
}

#[test]
fn a_desk_searches_for_what_the_spec_says_and_nothing_else() {
    let all = sought("advise", &SearchOn::ALL);
    assert_eq!(all[0], (89_000, "schedule"), "{all:?}");
    assert!(all.iter().any(|(at, why)| *why == "burn" && *at < 189_000), "{all:?}");
    let turns = sought("advise", &[SearchOn::Schedule]);
    assert_eq!(turns, [(89_000, "schedule"), (189_000, "schedule"), (289_000, "schedule")]);
    let burns = sought("advise", &[SearchOn::Burn]);
    assert!(!burns.is_empty() && burns.iter().all(|(at, why)| *why == "burn" && *at >= 150_000), "{burns:?}");
    assert!(burns.windows(2).all(|two| two[1].0 - two[0].0 >= 36_000), "{burns:?}");
    assert_eq!(sought("advise", &[SearchOn::Drift]), []);
    assert_eq!(sought("off", &SearchOn::ALL), [], "a service that is not looked at is not searched for");
}
