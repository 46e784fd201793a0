//! The search for formulas, judged by a made-up target instead of a simulation.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_expr::{Compiled, Expr, Input, Measure, Schema};
use plimsoll_search::evolve::{
    Answer, Brief, Evolution, EvolveError, Grammar, GrammarError, Judge, Judged, Options, Refusal, Saved, Worth, Writer,
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

    fn full(&mut self, candidates: &[Expr]) -> Judged<Worth> {
        match self.values(candidates) {
            Judged::Stop => Judged::Stop,
            Judged::Values(values) => {
                let worth = |value: f64| Worth { value, by_set: Vec::new() };
                Judged::Values(values.into_iter().map(|value| value.map(worth)).collect())
            }
        }
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
    told: Vec<Refusal>,
    texts: Vec<&'static str>,
    rounds: u32,
}

impl Writer for Author {
    fn write(&mut self, brief: &Brief<'_>) -> Answer {
        assert!(!brief.parents.is_empty() && brief.failures.len() <= 6);
        assert!(brief.parents.windows(2).all(|two| two[0].value >= two[1].value && two[0].text != two[1].text));
        self.told.extend(brief.failures.iter().map(|failure| failure.why.clone()));
        self.rounds += 1;
        let texts = self.texts.iter().map(|&text| text.to_owned()).collect();
        Answer { question: self.rounds.to_string(), texts, ..Answer::default() }
    }
}

fn author(texts: &[&'static str]) -> Author {
    Author { told: Vec::new(), texts: texts.into(), rounds: 0 }
}

const GARBAGE: [&str; 7] = [
    "",
    "rm -rf /",
    "cpu_left + gpu_left",
    "nonsense / 2",
    "cpu_left",
    "kind < 2",
    "kind+kind+kind+kind+kind+kind+kind+kind+kind*kind+kind/kind-kind*sqrt(kind)",
];
const RIGHT: &str = "2 * cpu_left / cpu_cap - gpu_left / gpu_cap";

#[test]
fn what_a_writer_writes_is_judged_like_all_else_and_it_hears_why_it_was_refused() {
    let mut judge = Near::to(RIGHT);
    let mut search = start(3, &mut judge);
    let mut author = author(&["nonsense / 2", "cpu_left + gpu_left", "0.1 * kind", RIGHT]);
    for _ in 0..40 {
        search.episode(&mut judge, Some(&mut author)).unwrap();
    }
    assert!(author.rounds > 1 && author.rounds as usize == search.answers().len());
    let told: Vec<String> = author.told.iter().map(ToString::to_string).collect();
    for reason in ["there is no input `nonsense`", "cannot be added", "it is worth -", "known already"] {
        assert!(told.iter().any(|told| told.contains(reason)), "{reason}: {told:?}");
    }
    let best = search.best().unwrap();
    assert!(best.value > -1e-3, "{best:?}");
    let arm = search.arms().iter().find(|arm| arm.name == "model").unwrap();
    assert!(arm.gain > 0.0 && arm.kept > 0);
    // The same answers give the same search, and so do they from the half of it.
    let text = serde_json::to_string(search.saved()).unwrap();
    assert_eq!(serde_json::from_str::<Saved>(&text).unwrap(), *search.saved());
}

/// What of a search others can see, less the writer's own arm.
fn seen(search: &Evolution) -> String {
    let arms = &search.arms()[..4];
    format!("{:?} {:?} {:?} {:?} {arms:?}", search.elites(), search.curve(), search.episodes(), search.judged())
}

#[test]
fn a_writer_that_gives_nothing_leaves_the_search_as_it_is_without_one_and_is_asked_less_and_less() {
    struct Silent(u32);
    impl Writer for Silent {
        fn write(&mut self, _: &Brief<'_>) -> Answer {
            self.0 += 1;
            Answer { error: Some("it hangs".to_owned()), ..Answer::default() }
        }
    }
    let mut judge = Near::to(RIGHT);
    let mut alone = start(6, &mut judge);
    run(&mut alone, &mut judge, 120);
    let (mut with, mut with_silent) = (start(6, &mut judge), start(6, &mut judge));
    let (mut garbage, mut silent) = (author(&GARBAGE), Silent(0));
    for _ in 0..120 {
        with.episode(&mut judge, Some(&mut garbage)).unwrap();
        with_silent.episode(&mut judge, Some(&mut silent)).unwrap();
    }
    assert_eq!(seen(&with), seen(&alone));
    assert_eq!(seen(&with_silent), seen(&alone));
    assert!((2..=6).contains(&garbage.rounds) && (2..=6).contains(&silent.0), "{} {}", garbage.rounds, silent.0);
    assert_eq!(with_silent.answers()[0].error.as_deref(), Some("it hangs"));
    assert!(with.arms()[4].gain == 0.0 && with.arms()[4].kept == 0);
    let told: Vec<String> = garbage.told.iter().map(ToString::to_string).collect();
    for reason in ["nodes, and may have 25", "is wanted", "cannot be read", "there is no input"] {
        assert!(told.iter().any(|told| told.contains(reason)), "{reason}: {told:?}");
    }
}

#[test]
fn a_writer_may_name_no_input_but_those_given_and_whatever_it_writes_only_candidates_are_kept() {
    let grammar = Grammar::try_new(schema(), &["cpu_left", "cpu_cap"], 25).unwrap();
    let named: Vec<&str> = grammar.inputs().map(|(name, ..)| name).collect();
    assert_eq!(named, ["cpu_left", "cpu_cap"]);
    let check = |text: &str| grammar.check(&Expr::parse(text).unwrap());
    assert_eq!(check("gpu_left / gpu_cap").unwrap_err().to_string(), "`gpu_left` is not among the inputs");
    assert_eq!(check("cpu_left / cpu_cap"), Ok(()));
    let mut judge = Near::to(RIGHT);
    let from = [Expr::parse("cpu_left / cpu_cap").unwrap()];
    let mut search =
        Evolution::start("test", grammar.clone(), &from, Options { seed: 1, islands: 1 }, &mut judge).unwrap();
    let long: &'static str = Box::leak("kind+".repeat(600).into_boxed_str());
    let mut author = author(&["kind", RIGHT, long]);
    for _ in 0..60 {
        search.episode(&mut judge, Some(&mut author)).unwrap();
    }
    assert!(search.elites().iter().all(|elite| grammar.check(&Expr::parse(&elite.text).unwrap()).is_ok()));
    assert!(author.told.iter().any(|why| matches!(why, Refusal::Long { .. })) && author.rounds > 1);
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
