//! `plimsoll tune`: searches the numbers of a policy on some series and judges what it found on others.
//!
//! What is searched, how, and what is best is in `search`; runs are the twin's backtest. This folder brings files, threads,
//! a clock and a progress bar. The best policy is written, read back from the file and run again: what the report says of
//! it is what the file does.

mod print;
mod series;

use crate::Verdict;
use crate::args::{Objective as Named, Output, Tune, TuneOver};
use crate::commands::backtest::{BUILT_IN, time};
use crate::commands::work;
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use plimsoll_model::{Millis, Spec};
use plimsoll_report::Style;
use plimsoll_search::goal::{Figures, Hold, Measured, Objective, Over};
use plimsoll_search::halves::{Halves, halves};
use plimsoll_search::hunt::{Answer, Found, hunt};
use plimsoll_search::policy::{PolicyError, PolicyText};
use plimsoll_search::space::{self, Parameter, SpaceError};
use plimsoll_twin::backtest::Course;
use std::path::Path;
use std::time::Instant;

/// The series of one half, laid out by start-up time.
struct Half {
    names: Vec<String>,
    courses: Vec<Vec<Course>>,
}

impl Half {
    /// Decisions of one policy's run over all of it.
    fn ticks(&self) -> u64 {
        self.courses.iter().flatten().map(Course::ticks).sum::<usize>() as u64
    }
}

/// Everything that came out.
struct Outcome {
    protocol: String,
    objective: Objective,
    holds: Vec<Hold>,
    parameters: Vec<Parameter>,
    /// What was set and not searched.
    fixed: Vec<(Parameter, i64)>,
    found: Found,
    training: Vec<String>,
    test: Vec<String>,
    startups: Vec<Millis>,
    /// On the test series: the present policy, and the best as it was read back.
    judged: [Measured; 2],
    holds_on_test: bool,
}

/// What is asked for: what is best, what is held, and how long the search may take.
struct Goal {
    objective: Objective,
    holds: Vec<Hold>,
    limit: Option<Millis>,
}

impl Goal {
    fn read(typed: &Tune) -> anyhow::Result<Self> {
        let over = match typed.over {
            TuneOver::Mean => Over::Mean,
            TuneOver::Median => Over::Median,
            TuneOver::Worst => Over::Worst,
        };
        let holds = typed.hold.iter().map(|text| Hold::read(text)).collect::<Result<Vec<_>, _>>()?;
        let objective = Objective::try_new(name_of(typed.objective), over, holds.len())?;
        let limit = typed.time.as_deref().map(|text| time("--time", text, 0)).transpose()?;
        if typed.out.exists() && !typed.overwrite {
            bail!("--out {} is there already; name another file, or add --overwrite", typed.out.display());
        }
        Ok(Self { objective, holds, limit })
    }
}

/// The policy, what is set in it and what is searched.
struct Space {
    policy: PolicyText,
    fixed: Vec<(Parameter, i64)>,
    parameters: Vec<Parameter>,
}

impl Space {
    /// The policy's text at a point.
    fn text(&self, point: &[i64]) -> Result<String, PolicyError> {
        let fixed = self.fixed.iter().map(|(of, value)| (of, *value));
        self.policy.with(&self.parameters.iter().zip(point.iter().copied()).chain(fixed).collect::<Vec<_>>())
    }
}

/// Searches, writes and reports.
pub fn run(typed: &Tune) -> anyhow::Result<Verdict> {
    let began = Instant::now();
    let goal = Goal::read(typed)?;
    let space = space(typed)?;
    let (training, test, startups, protocol) = lay_out(typed)?;
    let hidden = typed.quiet || typed.output == Output::Json;
    // One more for the file that is read back.
    let all = training.ticks() * (u64::from(typed.evaluations) + 1) + test.ticks() * 2;
    let bar = work::bar(all, "decisions", hidden);
    let found = chase(typed, &goal, &space, (&training, &bar), began)?;
    let best = &found.tried[found.best];
    let path = typed.out.display();
    std::fs::write(&typed.out, space.text(&best.point)?).with_context(|| format!("--out {path}"))?;
    let spec = plimsoll_config::load_policy(&typed.out)
        .map_err(|report| anyhow::anyhow!("{path} does not read back:\n{}", report.lines().join("\n")))?
        .spec;
    if measure(&training, &spec, typed.jobs, &bar)? != best.measured {
        bail!("{path} does not do what the search measured; this is a fault of plimsoll");
    }
    let present = read(&space.text(&found.tried[0].point)?, &typed.policy)?;
    let judged = [measure(&test, &present, typed.jobs, &bar)?, measure(&test, &spec, typed.jobs, &bar)?];
    bar.finish_and_clear();
    let Goal { objective, holds, .. } = goal;
    let holds_on_test = holds.iter().all(|hold| hold.violation(&judged[1], &judged[0], 1.0) <= 0.0);
    let outcome = Outcome {
        protocol,
        objective,
        holds,
        parameters: space.parameters,
        fixed: space.fixed,
        found,
        training: training.names,
        test: test.names,
        startups,
        judged,
        holds_on_test,
    };
    match typed.output {
        Output::Text => print!("{}", print::text(typed, &outcome, &Style::of_stdout())),
        Output::Json => print!("{}", plimsoll_report::pretty(&print::as_json(typed, &outcome))?),
    }
    Ok(if outcome.holds_on_test { Verdict::Done } else { Verdict::No })
}

/// The search over the training series, until it ends or time is over.
fn chase(
    typed: &Tune,
    goal: &Goal,
    space: &Space,
    (training, bar): (&Half, &ProgressBar),
    began: Instant,
) -> anyhow::Result<Found> {
    let mut failure = None;
    let mut ask = |point: &[i64]| {
        if goal.limit.is_some_and(|limit| began.elapsed().as_millis() >= u128::from(limit.0)) {
            return Answer::Stop;
        }
        let Ok(text) = space.text(point) else { return Answer::Refused };
        match read(&text, &typed.policy).and_then(|spec| measure(training, &spec, typed.jobs, bar)) {
            Ok(measured) => Answer::Measured(measured),
            Err(error) => {
                failure = Some(error);
                Answer::Stop
            }
        }
    };
    let (evaluations, seed) = (typed.evaluations as usize, typed.seed);
    let found = hunt(&space.parameters, &goal.objective, &goal.holds, evaluations, seed, &mut ask);
    match failure {
        Some(error) => Err(error),
        None => Ok(found?),
    }
}

/// Both halves under each start-up time, these, and the protocol in one line.
fn lay_out(typed: &Tune) -> anyhow::Result<(Half, Half, Vec<Millis>, String)> {
    let startups: Vec<Millis> =
        typed.startup.iter().map(|text| time("--startup", text, 0)).collect::<anyhow::Result<_>>()?;
    let recorded = series::recorded(typed)?;
    let names: Vec<&str> = recorded.iter().map(|series| series.name.as_str()).collect();
    let test: Vec<&str> = typed.test.iter().map(String::as_str).collect();
    let Halves { training, test } = halves(&names, &test)?;
    let protocol = series::protocol(typed)?;
    let half = |indices: &[usize]| -> anyhow::Result<Half> {
        let laid = |startup: &Millis| -> anyhow::Result<Vec<Course>> {
            let course = |index: &usize| {
                series::course(typed, &protocol, *startup, &recorded[*index]).with_context(|| names[*index].to_owned())
            };
            indices.iter().map(course).collect()
        };
        let courses = startups.iter().map(laid).collect::<anyhow::Result<_>>()?;
        Ok(Half { names: indices.iter().map(|index| names[*index].to_owned()).collect(), courses })
    };
    Ok((half(&training)?, half(&test)?, startups, series::told(typed, &protocol)))
}

const fn name_of(objective: Named) -> &'static str {
    match objective {
        Named::Price => "price",
        Named::ResponseTime => "response-time",
        Named::Utilisation => "utilisation",
        Named::Throughput => "throughput",
    }
}

/// The policy's text.
fn policy_text(typed: &str) -> anyhow::Result<PolicyText> {
    if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == typed) {
        return Ok(PolicyText::read(&format!("{name}.toml"), text)?);
    }
    let path = Path::new(typed);
    if !path.exists() {
        let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        bail!("--policy {typed}: there is {}, or the path of a policy file", known.join(", "));
    }
    // Read as any policy first, for its limits on size and its messages.
    plimsoll_config::load_policy(path)
        .map_err(|report| anyhow::anyhow!("--policy {typed}:\n{}", report.lines().join("\n")))?;
    Ok(PolicyText::read(typed, &std::fs::read_to_string(path).with_context(|| format!("--policy {typed}"))?)?)
}

/// The policy, what is set in it, and what is searched.
fn space(typed: &Tune) -> anyhow::Result<Space> {
    let policy = policy_text(&typed.policy)?;
    let mut parameters = policy.parameters();
    let known = parameters.iter().map(|it| it.path.clone()).collect::<Vec<_>>().join(", ");
    let unknown = |path: &str| SpaceError::Unknown { path: path.to_owned(), known: known.clone() };
    for text in &typed.range {
        let form = || SpaceError::Form { text: text.clone() };
        let (path, range) = text.split_once('=').ok_or_else(form).context("--range")?;
        let (low, high) = range.split_once("..").ok_or_else(form).context("--range")?;
        let index = match parameters.iter().position(|it| it.path == path) {
            Some(index) => index,
            None => {
                // What the file leaves out starts at its default, or at the lower end.
                let start = space::default_of(path).unwrap_or(1);
                parameters.push(space::parameter(path, start).ok_or_else(|| unknown(path)).context("--range")?);
                parameters.len() - 1
            }
        };
        parameters[index].range(low.trim(), high.trim()).context("--range")?;
    }
    let mut fixed = Vec::new();
    for text in &typed.fix {
        let (path, value) = text.split_once('=').map_or((text.as_str(), None), |(path, value)| (path, Some(value)));
        let is_it = |it: &Parameter| match path.strip_suffix(".*") {
            Some(above) => it.path.strip_prefix(above).is_some_and(|rest| rest.starts_with('.')),
            None => it.path == path,
        };
        let count = parameters.len();
        if let Some(value) = value {
            let parameter = parameters.iter().find(|it| is_it(it)).cloned();
            let parameter = parameter.or_else(|| space::parameter(path, space::default_of(path).unwrap_or(1)));
            let parameter = parameter.ok_or_else(|| unknown(path)).context("--fix")?;
            let value = parameter.read(value).context("--fix")?;
            fixed.push((parameter, value));
        }
        parameters.retain(|it| !is_it(it));
        if parameters.len() == count && value.is_none() {
            return Err(unknown(path)).context("--fix");
        }
    }
    // Together they have to be a policy, or the first run would only say that there is none.
    policy.with(&fixed.iter().map(|(of, value)| (of, *value)).collect::<Vec<_>>()).context("--fix")?;
    Ok(Space { policy, fixed, parameters })
}

fn read(text: &str, name: &str) -> anyhow::Result<Spec> {
    let refused = |report: plimsoll_config::Report| anyhow::anyhow!("{}", report.lines().join("\n"));
    Ok(plimsoll_config::parse_policy(text, Path::new(name)).map_err(refused)?.spec)
}

/// Runs a policy over a half.
fn measure(half: &Half, spec: &Spec, jobs: Option<usize>, bar: &ProgressBar) -> anyhow::Result<Measured> {
    let items: Vec<&Course> = half.courses.iter().flatten().collect();
    let done = work::on_all_cores(&items, jobs, |course| {
        let run = course.run(spec, None, &[], |ticks| bar.inc(ticks as u64))?;
        anyhow::Ok(Figures::of(course, &run))
    });
    let figures = done.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    Ok(figures.chunks(half.names.len().max(1)).map(<[Figures]>::to_vec).collect())
}
