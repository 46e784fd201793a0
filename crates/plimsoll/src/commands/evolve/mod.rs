//! `plimsoll evolve`: searches a policy as a formula, by running candidates through the scheduler that runs.
//!
//! How candidates are made, kept and given their share of the work is in `search::evolve`; what a run is worth is in a file
//! per task. This file brings files, threads, a clock and a progress bar. The search sees the sets it learns from; of its
//! best dozen one is chosen on other seeds of these sets; that one is judged once, on sets and seeds that nothing before saw.

mod autoscale;
mod model;
mod placement;
mod print;
mod queue;
mod task;

use crate::Verdict;
use crate::args::{Evolve, EvolveTask, Output};
use crate::commands::backtest::time;
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use model::{ModelArm, ModelTold};
use plimsoll_expr::Expr;
use plimsoll_report::{Style, Table};
use plimsoll_search::evolve::{Elite, Evolution, Grammar, Options, Saved, Writer, shrink};
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use task::{Look, Runner, Task};

/// Elites that the last choice is made among.
const FINALISTS: usize = 12;
/// Most parts that are left out of what was chosen, and by how much a value may fall for one.
const SHRINKS: usize = 16;
const AS_GOOD: f64 = 1e-4;
/// Time between two writings of the checkpoint.
const CHECKPOINT: Duration = Duration::from_secs(60);
/// Most bytes of a checkpoint that is read.
const SAVED_MAX: u64 = 64 << 20;
/// Most bytes of a policy to start from.
const FILE_SIZE_MAX: u64 = 64 << 10;

/// Seeds of the search's own runs, of the choice, and of the judgement: far apart, so that none meet.
const SEEDS: [u64; 3] = [1_000, 2_000, 3_000];

/// The looks of a task, smallest first.
struct Looks<C> {
    quick: Look<C>,
    full: Look<C>,
    full_cost: f64,
    choice: Look<C>,
}

/// What the judgement says.
pub struct Judgement {
    /// By set.
    pub table: Table,
    /// Whether what was found is what was asked for.
    pub holds: bool,
    /// The same as a sentence.
    pub said: String,
}

/// Everything that came out.
struct Outcome {
    search: Evolution,
    chosen: Elite,
    /// What it is worth on the seeds of the choice.
    chosen_value: f64,
    judgement: Judgement,
    model: Option<ModelTold>,
    cpu_seconds: f64,
    text: String,
}

/// Searches, writes, judges, reports.
pub fn run(typed: &Evolve) -> anyhow::Result<Verdict> {
    if typed.out.exists() && !typed.overwrite {
        bail!("--out {} is there already; name another file, or add --overwrite", typed.out.display());
    }
    let sets = |given: &[String], own: &[&str]| -> Vec<String> {
        if given.is_empty() { own.iter().map(|&set| set.to_owned()).collect() } else { given.to_vec() }
    };
    let outcome = match typed.task {
        EvolveTask::Placement => {
            let (learn, test) = (sets(&typed.learn, &placement::LEARN), sets(&typed.test, &placement::TEST));
            apart(&learn, &test)?;
            let task = placement::Placement::read(&learn, typed.jobs)?;
            let unseen = placement::Placement::read(&test, typed.jobs)?;
            let percent = |usual: u64| (usual * u64::from(typed.scale) / 100).clamp(2, 100);
            let seeds = |stage: usize, count: u64| (0..count).map(move |seed| SEEDS[stage] + typed.seed * 100 + seed);
            let looks = Looks {
                quick: task.look(seeds(0, 1), percent(8)),
                full: task.look(seeds(0, 2), percent(25)),
                full_cost: 6.0,
                choice: task.look(seeds(1, 2), percent(100)),
            };
            let judged = || Ok(unseen.look(seeds(2, typed.seeds), percent(100)));
            search(typed, &task, looks, judged, placement::Placement::judgement)?
        }
        EvolveTask::Queue => {
            let (learn, test) = (sets(&typed.learn, &queue::LEARN), sets(&typed.test, &queue::TEST));
            apart(&learn, &test)?;
            let task = queue::Queue::read(&learn, typed.jobs)?;
            let unseen = queue::Queue::read(&test, typed.jobs)?;
            let jobs = |usual: usize| (usual * typed.scale as usize / 100).max(50);
            let looks = Looks {
                quick: task.look(2, Some(jobs(1_500)), SEEDS[0] + typed.seed),
                full: task.look(3, Some(jobs(6_000)), SEEDS[0] + 50 + typed.seed),
                full_cost: 6.0,
                choice: task.look(3, Some(jobs(20_000)), SEEDS[1] + typed.seed),
            };
            let whole = (typed.scale < 100).then(|| jobs(20_000));
            let judged = || Ok(unseen.look(1, whole, SEEDS[2] + typed.seed));
            search(typed, &task, looks, judged, queue::Queue::judgement)?
        }
        EvolveTask::Autoscale => {
            let task = autoscale::Autoscale::read(typed)?;
            let looks = task.looks(typed)?;
            let judged = || task.unseen();
            search(typed, &task, looks, judged, autoscale::Autoscale::judgement)?
        }
    };
    let proof = proof_of(&typed.out);
    std::fs::write(&proof, plimsoll_report::pretty(&print::as_json(typed, &outcome))?)
        .with_context(|| format!("the proof {}", proof.display()))?;
    match typed.output {
        Output::Text => print!("{}", print::text(typed, &outcome, &Style::of_stdout())),
        Output::Json => print!("{}", plimsoll_report::pretty(&print::as_json(typed, &outcome))?),
    }
    if let Some(path) = &typed.plot {
        print::plot(path, typed, &outcome)?;
    }
    Ok(if outcome.judgement.holds { Verdict::Done } else { Verdict::No })
}

/// What is judged on must not have been learnt from.
fn apart(learn: &[String], test: &[String]) -> anyhow::Result<()> {
    match learn.iter().find(|set| test.contains(set)) {
        Some(both) => bail!(
            "{both} is among --learn and --test: what was found has to be judged on sets that it was not learnt from"
        ),
        None => Ok(()),
    }
}

/// The search, the choice, the file, the judgement.
fn search<T: Task>(
    typed: &Evolve,
    task: &T,
    looks: Looks<T::Case>,
    judged: impl FnOnce() -> anyhow::Result<Look<T::Case>>,
    judgement: impl FnOnce(&T, &Look<T::Case>, &[Vec<f64>]) -> Judgement,
) -> anyhow::Result<Outcome> {
    let own = task.inputs();
    let inputs: Vec<&str> =
        if typed.inputs.is_empty() { own } else { typed.inputs.iter().map(String::as_str).collect() };
    let grammar = task.grammar(&inputs, typed.nodes).context("--inputs")?;
    let limit = time("--cpu", &typed.cpu, 1)?.0 as f64 / 1e3;
    // Of a search that goes on, what it used before counts too.
    let began = cpu_seconds();
    let spared = Cell::new(0.0);
    let used = || cpu_seconds() - began - spared.get();
    let has_time = || used() < limit;
    let mut model = ModelArm::open(typed, task.topic(), Duration::from_secs_f64(limit), &spared)?;
    let Looks { quick, full, full_cost, choice } = looks;
    let mut runner = Runner { task, quick, full, full_cost, jobs: typed.jobs, has_time: &has_time };
    let mut search = begin(typed, grammar, task, &mut runner)?;
    model.as_mut().map_or(Ok(()), |model| model.skip(&search))?;
    let bar = crate::commands::work::bar(limit as u64, "CPU s", typed.quiet || typed.output == Output::Json);
    let mut written = Instant::now();
    while typed.episodes.is_none_or(|most| search.episodes() < most) {
        let report = search.episode(&mut runner, model.as_mut().map(|model| model as &mut dyn Writer));
        model.as_mut().map_or(Ok(()), ModelArm::check)?;
        if report.is_none() {
            break;
        }
        show(&bar, &search, used());
        if written.elapsed() >= CHECKPOINT {
            save(typed, &search)?;
            written = Instant::now();
        }
    }
    save(typed, &search)?;
    bar.set_message("choosing and judging");
    let (chosen, chosen_value) = choose(typed, task, &choice, &search)?;
    let (chosen, chosen_value) =
        made_small(typed, task, [&runner.full, &choice], search.grammar(), (chosen, chosen_value))?;
    let header = task.header();
    let expr = Expr::parse(&chosen.text).context("an elite")?;
    let source = source(typed, &search);
    let text = task::policy_text(header, &name_of(&typed.out), &source, &expr);
    std::fs::write(&typed.out, &text).with_context(|| format!("--out {}", typed.out.display()))?;
    // Judged is what stands in the file.
    let read_back = task.read(
        &typed.out.display().to_string(),
        &std::fs::read_to_string(&typed.out).with_context(|| format!("--out {}", typed.out.display()))?,
    )?;
    let look = judged()?;
    let figures = crate::commands::work::on_all_cores(&look.cases, typed.jobs, |case| task.run(&read_back, case));
    let figures =
        figures.into_iter().collect::<Option<Vec<_>>>().context("what was found could not be run on --test")?;
    let judgement = judgement(task, &look, &figures);
    bar.finish_and_clear();
    let model = model.map(|model| model.told(&search));
    Ok(Outcome { search, chosen, chosen_value, judgement, model, cpu_seconds: used(), text })
}

/// A new search, or a saved one.
fn begin<T: Task>(typed: &Evolve, grammar: Grammar, task: &T, runner: &mut Runner<'_, T>) -> anyhow::Result<Evolution> {
    let name = typed.task.name();
    if typed.resume
        && let Some(path) = &typed.checkpoint
    {
        let told = || format!("--checkpoint {}", path.display());
        let size = std::fs::metadata(path).with_context(told)?.len();
        anyhow::ensure!(size <= SAVED_MAX, "{} has {size} bytes; a checkpoint has at most {SAVED_MAX}", told());
        let saved: Saved = serde_json::from_slice(&std::fs::read(path).with_context(told)?).with_context(told)?;
        return Evolution::resume(name, grammar, saved).with_context(told);
    }
    let mut start = Vec::new();
    for path in &typed.start {
        start.push(read_formula(path).with_context(|| format!("--start {}", path.display()))?);
    }
    if start.is_empty() {
        start.push(Expr::parse(task.start())?);
    }
    let options = Options { seed: typed.seed, islands: typed.islands };
    Ok(Evolution::start(name, grammar, &start, options, runner)?)
}

fn read_formula(path: &Path) -> anyhow::Result<Expr> {
    let size = std::fs::metadata(path)?.len();
    anyhow::ensure!(size <= FILE_SIZE_MAX, "has {size} bytes; a policy has at most {FILE_SIZE_MAX}");
    task::formula(&std::fs::read_to_string(path)?)
}

fn save(typed: &Evolve, search: &Evolution) -> anyhow::Result<()> {
    let Some(path) = &typed.checkpoint else { return Ok(()) };
    let told = || format!("--checkpoint {}", path.display());
    // Beside it first: a crash while writing leaves the last one whole.
    let beside = path.with_extension("new");
    std::fs::write(&beside, plimsoll_report::compact(search.saved())?).with_context(told)?;
    std::fs::rename(&beside, path).with_context(told)
}

/// The best of the finalists on seeds that the search did not see.
fn choose<T: Task>(typed: &Evolve, task: &T, look: &Look<T::Case>, search: &Evolution) -> anyhow::Result<(Elite, f64)> {
    let finalists: Vec<&Elite> = search.elites().into_iter().take(FINALISTS).collect();
    let formulas = finalists.iter().map(|elite| Expr::parse(&elite.text)).collect::<Result<Vec<_>, _>>()?;
    let values = task::values(task, look, &formulas, typed.jobs);
    let best = values.iter().enumerate().filter_map(|(place, value)| Some((place, (*value)?)));
    let best = best.reduce(|a, b| if b.1 > a.1 { b } else { a });
    let (place, value) = best.context("none of the finalists could be run")?;
    Ok((finalists[place].clone(), value))
}

/// The chosen formula without what it does as well without: parts are left out as long as neither look falls.
fn made_small<T: Task>(
    typed: &Evolve,
    task: &T,
    looks: [&Look<T::Case>; 2],
    grammar: &Grammar,
    (mut elite, value): (Elite, f64),
) -> anyhow::Result<(Elite, f64)> {
    let worth = |look: usize, of: &[Expr]| task::values(task, looks[look], of, typed.jobs);
    let one = |look: usize, of: &Expr| worth(look, std::slice::from_ref(of)).first().copied().flatten();
    let mut best = Expr::parse(&elite.text).context("an elite")?;
    let (mut full, mut choice) = (one(0, &best).unwrap_or(elite.value), value);
    let plain = if task.is_ranking() { shrink::ranked(&best) } else { shrink::gathered(&best) };
    let mut offers = vec![plain];
    for round in 0..SHRINKS {
        offers.retain(|offer| grammar.allows(offer) && offer.occurrences() < best.occurrences());
        let values = worth(0, &offers);
        let kept = offers.iter().zip(values).filter_map(|(offer, value)| Some((offer, value?)));
        // The smallest that is as good comes first; of those that are not it is the best that counts.
        let kept = kept.filter(|(_, value)| *value >= full - AS_GOOD).reduce(|a, b| if b.1 > a.1 { b } else { a });
        let found = kept.and_then(|(offer, value)| Some((offer.clone(), value, one(1, offer)?)));
        match found.filter(|(.., on_choice)| *on_choice >= choice - AS_GOOD) {
            Some((offer, value, on_choice)) => (best, full, choice) = (offer, value, on_choice),
            None if round == 0 => {}
            None => break,
        }
        offers = shrink::smaller(grammar, &best);
        if offers.is_empty() {
            break;
        }
    }
    (elite.text, elite.nodes, elite.value) = (best.to_string(), best.occurrences(), full);
    Ok((elite, choice))
}

fn show(bar: &ProgressBar, search: &Evolution, used: f64) {
    bar.set_position(used as u64);
    if let Some(best) = search.best() {
        let curve: Vec<Option<f64>> = search.curve().iter().map(|point| Some(point.best)).collect();
        let line = plimsoll_report::sparkline(&curve, 20, None, &Style::of_stdout());
        bar.set_message(format!("best {:+.3} {line} {}", best.value, best.text));
    }
}

fn name_of(path: &Path) -> String {
    path.file_stem().map_or_else(|| "evolved".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn source(typed: &Evolve, search: &Evolution) -> String {
    let Evolve { seed, nodes, scale, cpu, .. } = typed;
    let own = format!(
        "plimsoll evolve --task {} --seed {seed} --nodes {nodes} --scale {scale} --cpu {cpu}",
        typed.task.name()
    );
    if search.answers().is_empty() {
        return own;
    }
    // Without the answers it is another search.
    let (episodes, proof) = (search.episodes(), proof_of(&typed.out));
    format!("{own} --episodes {episodes} --answers {}", proof.file_name().unwrap_or_default().to_string_lossy())
}

fn proof_of(out: &Path) -> PathBuf {
    out.with_extension("proof.json")
}

/// CPU time of the whole process.
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
