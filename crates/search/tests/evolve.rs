//! The search for formulas, judged by a made-up target instead of a simulation.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_expr::{Compiled, Expr, Input, Measure, Schema};
use plimsoll_search::evolve::{
    Elite, Evolution, EvolveError, Grammar, GrammarError, Judge, Judged, Options, Saved, Writer,
};
use plimsoll_stats::Random;

const INPUTS: [&str; 5] = ["cpu_left", "cpu_cap", "gpu_left", "gpu_cap", "kind"];

fn schema() -> Schema {
    let column = |name: &str, measure, most| Input::column(name, measure, 0, most);
    Schema::try_new(vec![
        column("cpu_left", Measure::MILLICORES, 64_000),
        column("cpu_cap", Measure::MILLICORES, 64_000),
        column("gpu_left", Measure::MILLIGPUS, 8_000),
        column("gpu_cap", Measure::MILLIGPUS, 8_000),
        column("kind", Measure::PLAIN, 3),
    ])
    .unwrap()
}

fn grammar(nodes: u64) -> Grammar {
    Grammar::try_new(schema(), &INPUTS, nodes).unwrap()
}

/// How near a formula is to a target on drawn rows; more is better, 0 is equal.
struct Near {
    target: Compiled,
    rows: Vec<[i64; 5]>,
    looks_left: u32,
    looks: u32,
}

impl Near {
    fn to(target: &str) -> Self {
        let mut random = Random::new(9);
        let row = |random: &mut Random| {
            let mut up_to = |bound: u64| random.below(bound) as i64;
            [up_to(32_001), 32_000, up_to(4_001), 4_000, up_to(4)]
        };
        let rows = (0..40).map(|_| row(&mut random)).collect();
        Self { target: compiled(&Expr::parse(target).unwrap()), rows, looks_left: u32::MAX, looks: 0 }
    }

    fn values(&mut self, candidates: &[Expr]) -> Judged {
        self.looks += candidates.len() as u32;
        if self.looks_left == 0 {
            return Judged::Stop;
        }
        self.looks_left -= 1;
        let value = |expr: &Expr| {
            let candidate = compiled(expr);
            let error = |row: &[i64; 5]| {
                let apart = candidate.eval_row(row).unwrap() - self.target.eval_row(row).unwrap();
                (apart as f64 / 1e6).abs().min(10.0)
            };
            -self.rows.iter().map(error).sum::<f64>() / self.rows.len() as f64
        };
        Judged::Values(candidates.iter().map(|expr| Some(value(expr))).collect())
    }
}

/// Its results are whole millionths.
fn compiled(expr: &Expr) -> Compiled {
    Compiled::try_new(expr, &schema()).unwrap()
}

impl Judge for Near {
    fn quick(&mut self, candidates: &[Expr]) -> Judged {
        self.values(candidates)
    }

    fn full(&mut self, candidates: &[Expr]) -> Judged {
        self.values(candidates)
    }

    fn full_cost(&self) -> f64 {
        4.0
    }
}

fn start(seed: u64, judge: &mut Near) -> Evolution {
    let from = [Expr::parse("cpu_left / cpu_cap").unwrap()];
    Evolution::start("test", grammar(25), &from, Options { seed, islands: 2 }, judge).unwrap()
}

fn run(search: &mut Evolution, judge: &mut Near, episodes: u64) {
    for _ in 0..episodes {
        search.episode(judge, None).expect("the judge never stops");
    }
}

#[test]
fn a_target_of_several_terms_is_approached_and_every_elite_is_a_candidate() {
    let mut judge = Near::to("2 * cpu_left / cpu_cap - gpu_left / gpu_cap + 0.3 * kind");
    let mut search = start(1, &mut judge);
    let before = search.best().unwrap().value;
    run(&mut search, &mut judge, 400);
    let best = search.best().unwrap();
    assert!(best.value > before / 4.0, "{before} became {} with {}", best.value, best.text);
    let grammar = grammar(25);
    for elite in search.elites() {
        assert!(grammar.allows(&Expr::parse(&elite.text).unwrap()), "{}", elite.text);
        assert!(elite.nodes <= 25 && elite.value <= best.value);
    }
    assert!(search.curve().windows(2).all(|two| two[0].best <= two[1].best && two[0].work <= two[1].work));
    assert!(search.arms().iter().all(|arm| arm.episodes > 0));
}

#[test]
fn the_same_seed_gives_the_same_search_and_one_that_was_saved_goes_on_as_if_it_never_stopped() {
    let target = "2 * cpu_left / cpu_cap - gpu_left / gpu_cap";
    let (mut judge, mut again) = (Near::to(target), Near::to(target));
    let (mut whole, mut halves) = (start(4, &mut judge), start(4, &mut again));
    run(&mut whole, &mut judge, 60);
    run(&mut halves, &mut again, 25);
    let text = serde_json::to_string(halves.saved()).unwrap();
    let saved: Saved = serde_json::from_str(&text).unwrap();
    let mut resumed = Evolution::resume("test", grammar(25), saved.clone()).unwrap();
    run(&mut resumed, &mut again, 35);
    assert_eq!(resumed.saved(), whole.saved());
    let mut other = start(5, &mut judge);
    run(&mut other, &mut judge, 60);
    assert_ne!(other.saved(), whole.saved());
    let refused = Evolution::resume("queue", grammar(25), saved.clone()).unwrap_err();
    assert_eq!(refused.to_string(), "the saved search is one for task test, and this is queue");
    assert!(matches!(Evolution::resume("test", grammar(20), saved), Err(EvolveError::Saved { field: "nodes", .. })));
}

#[test]
fn when_time_is_over_the_episode_is_given_up_and_all_before_it_is_kept() {
    let mut judge = Near::to("2 * cpu_left / cpu_cap - gpu_left / gpu_cap");
    let mut search = start(2, &mut judge);
    run(&mut search, &mut judge, 20);
    for looks in 0..2 {
        judge.looks_left = looks;
        let before = search.saved().clone();
        let ended = std::iter::repeat_with(|| search.episode(&mut judge, None)).take(50).any(|report| report.is_none());
        assert!(ended);
        if looks == 0 {
            assert_eq!(search.saved(), &before);
        }
    }
    let from = [Expr::parse("cpu_left / cpu_cap").unwrap()];
    judge.looks_left = 0;
    let none = Evolution::start("test", grammar(25), &from, Options { seed: 1, islands: 1 }, &mut judge);
    assert_eq!(none.unwrap_err(), EvolveError::NoStart);
}

/// Writes what a bad model would, and once what is right.
struct Author {
    told: Vec<String>,
    rounds: u32,
}

impl Writer for Author {
    fn write(&mut self, parents: &[Elite], failures: &[String]) -> Vec<String> {
        assert!(!parents.is_empty());
        self.told.extend(failures.iter().cloned());
        self.rounds += 1;
        let mut texts: Vec<String> =
            ["", "rm -rf /", "cpu_left + gpu_left", "nonsense / 2", "1 +"].map(str::to_owned).into();
        texts.push("2 * cpu_left / cpu_cap - gpu_left / gpu_cap".to_owned());
        texts
    }
}

#[test]
fn what_a_writer_writes_is_judged_like_all_else_and_it_hears_why_it_was_refused() {
    let mut judge = Near::to("2 * cpu_left / cpu_cap - gpu_left / gpu_cap");
    let mut search = start(3, &mut judge);
    let mut author = Author { told: Vec::new(), rounds: 0 };
    for _ in 0..40 {
        search.episode(&mut judge, Some(&mut author)).unwrap();
    }
    assert!(author.rounds > 1);
    assert!(author.told.iter().any(|reason| reason.contains("there is no input `nonsense`")), "{:?}", author.told);
    assert!(author.told.iter().any(|reason| reason.contains("cannot be added")), "{:?}", author.told);
    let best = search.best().unwrap();
    assert!(best.value > -1e-3, "{best:?}");
    let arm = search.arms().iter().find(|arm| arm.name == "model").unwrap();
    assert!(arm.gain > 0.0 && arm.kept > 0);
}

#[test]
fn what_can_be_no_start_or_no_grammar_is_refused_with_the_range() {
    let mut judge = Near::to("kind");
    let wrong = [Expr::parse("cpu_left").unwrap()];
    let refused = Evolution::start("test", grammar(25), &wrong, Options { seed: 1, islands: 1 }, &mut judge);
    assert!(refused.unwrap_err().to_string().contains("`cpu_left`, is no candidate"));
    let told = |result: Result<Grammar, GrammarError>| result.map(|_| ()).unwrap_err().to_string();
    let unknown = told(Grammar::try_new(schema(), &["cpu"], 25));
    assert_eq!(unknown, "there is no input `cpu`; there is: cpu_left, cpu_cap, gpu_left, gpu_cap, kind");
    assert!(told(Grammar::try_new(schema(), &INPUTS, 4)).contains("allowed are 5 to 120"));
    assert!(Grammar::try_new(schema(), &[], 25).is_err());
}
