//! How many replicas: recorded loads, a formula for replicas in the place of learnt headroom.
//!
//! What is to be beaten is the default policy with the prices that a search finds for it on the series learnt from. A run's
//! figures are its cost over the clairvoyant optimum's and the share of time under need. A look is worth the mean logarithm of
//! how much lower than the tuned default's the cost is, less a price for more time under need, for each series and start-up time apart.
//!
//! Looks are rehearsals (`autoscale::formula::tape`): hundreds of thousands of decisions a second. The last judgement is the
//! backtest with the controller, over whole series that nothing before saw.

use super::task::{Look, Run, Task};
use super::{Judgement, Looks};
use crate::args::Evolve;
use crate::commands::backtest::{BUILT_IN, factor, named};
use crate::commands::work;
use anyhow::{Context, bail};
use plimsoll_analyst::evolve::{INPUTS, grammar};
use plimsoll_analyst::prompt::formulas::Topic;
use plimsoll_autoscale::Formula;
use plimsoll_autoscale::formula::{HEADROOM, formula_schema};
use plimsoll_expr::{PolicyFile, PolicyKind, Schema};
use plimsoll_model::scaling::{FormulaSpec, HeadroomSpec};
use plimsoll_model::spec::{ScalingPolicy, ScalingSpec};
use plimsoll_model::{Millis, Spec};
use plimsoll_report::{Cell, Column, Table};
use plimsoll_search::evolve::{Grammar, GrammarError};
use plimsoll_search::goal::{Figures, Hold, Objective, Over};
use plimsoll_search::halves::halves;
use plimsoll_search::hunt::{Answer, hunt};
use plimsoll_search::policy::PolicyText;
use plimsoll_stats::{Random, paired_difference, paired_ratio};
use plimsoll_traces::Recorded;
use plimsoll_twin::backtest::{Between, Course, Load, Protocol};
use plimsoll_twin::rehearsal::{Case, worth};
use std::path::Path;

/// Loads that are taken where none are typed: every second series is learnt from, the others are judged on.
const SETS: [&str; 6] = ["crane", "worldcup98", "nasa", "twitter", "servegen", "ms-rps"];
/// Start-up times.
static STARTUPS: [Millis; 2] = [Millis(60_000), Millis(180_000)];
/// Prices that are tried for the default policy.
const TUNED: usize = 16;
const DAY: u64 = 86_400_000;
const CONFIDENCE: f64 = 0.95;
const RESAMPLES: u32 = 2_000;

/// A policy that can be run.
pub struct Scaling {
    spec: Spec,
    formula: Formula,
}

/// The task.
pub struct Autoscale {
    learn: Vec<Recorded>,
    test: Vec<Recorded>,
    /// The default, and the same with its prices tuned.
    default: Spec,
    tuned: Spec,
    prices: HeadroomSpec,
    header: String,
    jobs: Option<usize>,
}

impl Autoscale {
    /// Reads the loads and tunes what is to be beaten.
    pub fn read(typed: &Evolve) -> anyhow::Result<Self> {
        let (learn, test) = series(typed)?;
        let (name, text) = BUILT_IN[0];
        let policy = PolicyText::read(&format!("{name}.toml"), text)?;
        let default = spec_of(text)?;
        let mut task = Self {
            learn,
            test,
            tuned: default.clone(),
            default,
            prices: HeadroomSpec { price: 80, price_keep: 160 },
            header: String::new(),
            jobs: typed.jobs,
        };
        task.tune(typed, &policy)?;
        let HeadroomSpec { price, price_keep } = task.prices;
        task.header = format!("# kind: scaling\n# price: {price}\n# price_keep: {price_keep}\n");
        Ok(task)
    }

    /// The prices of learnt headroom that are cheapest with no more time under need than the default's, on what is learnt from.
    fn tune(&mut self, typed: &Evolve, policy: &PolicyText) -> anyhow::Result<()> {
        let parameters = policy.parameters();
        let parameters: Vec<_> = parameters.into_iter().filter(|it| it.path.contains(".headroom.")).collect();
        let holds = [Hold::read("under_time <= 1.0 * start")?];
        let objective = Objective::try_new("price", Over::Mean, holds.len())?;
        let plan = Plan { part: [0, 60], days: 4, startups: &STARTUPS, seed: super::SEEDS[0] + typed.seed };
        let headroom = Formula::try_new(HEADROOM)?;
        let mut failed = None;
        let mut ask = |point: &[i64]| {
            let price = |path: &str| {
                let place = parameters.iter().position(|it| it.path.ends_with(path));
                place.and_then(|place| u32::try_from(point[place]).ok()).unwrap_or(1)
            };
            let prices = HeadroomSpec { price: price(".price"), price_keep: price(".price_keep") };
            if prices.price_keep < prices.price {
                return Answer::Refused;
            }
            match self.cases(&self.learn, &plan, &prices, typed.scale) {
                Ok(cases) => {
                    let figures = cases.iter().map(|case| {
                        let [price, under_time] = case.rehearse(&headroom);
                        Figures { price, under_time, ..Figures::default() }
                    });
                    let figures: Vec<Figures> = figures.collect();
                    let by_startup = STARTUPS.map(|startup| {
                        let own = cases.iter().zip(&figures).filter(|(case, _)| case.startup == startup);
                        own.map(|(_, figures)| *figures).collect::<Vec<_>>()
                    });
                    Answer::Measured(by_startup.into())
                }
                Err(error) => {
                    failed = Some(error);
                    Answer::Stop
                }
            }
        };
        let found = hunt(&parameters, &objective, &holds, TUNED, typed.seed, &mut ask);
        if let Some(error) = failed {
            return Err(error);
        }
        let found = found?;
        let point = &found.tried[found.best].point;
        let text = policy.with(&parameters.iter().zip(point.iter().copied()).collect::<Vec<_>>())?;
        self.tuned = spec_of(&text)?;
        let headroom = |policy: &ScalingPolicy| match policy {
            ScalingPolicy::Headroom(prices) => Some(prices.clone()),
            _ => None,
        };
        self.prices =
            scaling(&self.tuned).and_then(|it| it.policies.iter().find_map(headroom)).context("no headroom")?;
        Ok(())
    }

    /// How candidates are looked at: parts of the first three fifths of each series; for the choice, parts of the rest.
    pub fn looks(&self, typed: &Evolve) -> anyhow::Result<Looks<Case>> {
        let seed = |stage: usize| super::SEEDS[stage] + typed.seed;
        let quick = Plan { part: [0, 60], days: 1, startups: &STARTUPS[..1], seed: seed(0) + 50 };
        let full = Plan { part: [0, 60], days: 6, startups: &STARTUPS, seed: seed(0) };
        let choice = Plan { part: [60, 100], days: 6, startups: &STARTUPS, seed: seed(1) };
        Ok(Looks {
            quick: self.look(&quick, typed.scale)?,
            full: self.look(&full, typed.scale)?,
            full_cost: 12.0,
            choice: self.look(&choice, typed.scale)?,
        })
    }

    fn look(&self, plan: &Plan, scale: u32) -> anyhow::Result<Look<Case>> {
        let cases = self.cases(&self.learn, plan, &self.prices, scale)?;
        let headroom = Formula::try_new(HEADROOM)?;
        let rivals = work::on_all_cores(&cases, self.jobs, |case| case.rehearse(&headroom).to_vec());
        Ok(Look { cases, rivals })
    }

    /// Whole series that nothing saw, through the controller; with the figures of the tuned default and of the default.
    pub fn unseen(&self) -> anyhow::Result<Look<Case>> {
        let mut cases = Vec::new();
        for series in &self.test {
            for startup in STARTUPS {
                let factor = factor(&Protocol::research(startup), None, Protocol::REPLICAS_P99, &series.values)?;
                let load = Load::try_new(series.start, series.step, &series.values, factor)?;
                let course = course(&load, startup).with_context(|| series.name.clone())?;
                cases.push(Case::controlled(series.name.clone(), startup, course));
            }
        }
        let rivals = work::on_all_cores(&cases, self.jobs, |case| {
            let figures = [&self.tuned, &self.default].map(|spec| case.control(spec).ok());
            figures.into_iter().collect::<Option<Vec<_>>>().map(|figures| figures.concat())
        });
        let rivals =
            rivals.into_iter().collect::<Option<Vec<_>>>().context("the default could not be run on --test")?;
        Ok(Look { cases, rivals })
    }

    /// A window of each series, as planned, recorded on tape.
    fn cases(&self, series: &[Recorded], plan: &Plan, prices: &HeadroomSpec, scale: u32) -> anyhow::Result<Vec<Case>> {
        let present = scaling(&self.default).context("no service")?;
        let mut random = Random::new(plan.seed);
        let mut planned = Vec::new();
        for one in series {
            let load = plan.window(one, scale, &mut random)?;
            planned.extend(plan.startups.iter().map(|startup| (one.name.clone(), load.clone(), *startup)));
        }
        let cases = work::on_all_cores(&planned, self.jobs, |(name, load, startup)| {
            let course = course(load, *startup).with_context(|| name.clone())?;
            let per_replica = course.protocol().usable_capacity();
            Ok(Case::rehearsed(name.clone(), (load, course), per_replica, (prices, present)))
        });
        cases.into_iter().collect()
    }

    /// By series beside the tuned default and the default. It holds where the cost is lower at the upper end of its paired interval
    /// and the time under need is not higher at the lower end of its own.
    pub fn judgement(&self, look: &Look<Case>, figures: &[Vec<f64>]) -> Judgement {
        let mut table = Table::new([
            Column::left("series", "series"),
            Column::right("startup", "start-up"),
            Column::right("cost", "cost/opt"),
            Column::right("under", "under %"),
            Column::right("tuned_cost", "tuned cost/opt"),
            Column::right("tuned_under", "under %"),
            Column::right("default_cost", "default cost/opt"),
            Column::right("default_under", "under %"),
        ]);
        for ((case, run), rivals) in look.cases.iter().zip(figures).zip(&look.rivals) {
            let figure = |value: f64| Cell::of(format!("{value:.3}"));
            table.row([
                Cell::of(&case.name),
                Cell::of(case.startup),
                figure(run[0]),
                figure(run[1]),
                figure(rivals[0]),
                figure(rivals[1]),
                figure(rivals[2]),
                figure(rivals[3]),
            ]);
        }
        let tuned = Against::of(look, figures, 0);
        let default = Against::of(look, figures, 2);
        let holds = tuned.cost[2] < 1.0 && tuned.under[1] <= 0.0;
        let HeadroomSpec { price, price_keep } = self.prices;
        let said = format!(
            "Cost on series that the search never saw, over the tuned default's (prices {price} and {price_keep}): {tuned}; over the \
             default's: {default}. Below 1 is asked for with no more time under need, by paired intervals of 95 %: {}",
            if holds { "it holds" } else { "it does not hold" },
        );
        Judgement { table, holds, said }
    }
}

/// Cost over another's and time under need less another's: the figure and its paired interval over series, start-up times
/// taken together.
struct Against {
    cost: [f64; 3],
    under: [f64; 3],
}

impl Against {
    fn of(look: &Look<Case>, figures: &[Vec<f64>], rival: usize) -> Self {
        let mut by_series: Vec<(&str, [(f64, f64); 2])> = Vec::new();
        for ((case, run), rivals) in look.cases.iter().zip(figures).zip(&look.rivals) {
            let place = by_series.iter().position(|(name, _)| *name == case.name).unwrap_or_else(|| {
                by_series.push((&case.name, [(0.0, 0.0); 2]));
                by_series.len() - 1
            });
            for (at, pair) in by_series[place].1.iter_mut().enumerate() {
                pair.0 += run[at] / STARTUPS.len() as f64;
                pair.1 += rivals[rival + at] / STARTUPS.len() as f64;
            }
        }
        let pairs = |at: usize| by_series.iter().map(|(_, pairs)| pairs[at]).collect::<Vec<_>>();
        let seed = super::SEEDS[2];
        let cost = paired_ratio(&pairs(0), CONFIDENCE, RESAMPLES, seed);
        let under = paired_difference(&pairs(1), CONFIDENCE, RESAMPLES, seed);
        Self {
            cost: cost.map_or([f64::NAN; 3], |it| [it.ratio, it.low, it.high]),
            under: under.map_or([f64::NAN; 3], |it| [it.mean, it.low, it.high]),
        }
    }
}

impl std::fmt::Display for Against {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ([cost, low, high], [under, least, most]) = (self.cost, self.under);
        write!(f, "{cost:.4} ({low:.4} to {high:.4}), time under need {under:+.3} points ({least:+.3} to {most:+.3})")
    }
}

/// Which part of each series is taken, in percent of it, how many days of that, and at which start-up times.
struct Plan {
    part: [usize; 2],
    days: u64,
    startups: &'static [Millis],
    seed: u64,
}

impl Plan {
    /// A window from a place that is drawn, scaled as the whole series is.
    fn window(&self, series: &Recorded, scale: u32, random: &mut Random) -> anyhow::Result<Load> {
        let values = &series.values;
        let factor = factor(&Protocol::research(Millis(0)), None, Protocol::REPLICAS_P99, values)?;
        let [from, to] = self.part.map(|percent| values.len() * percent / 100);
        let wanted = self.days * DAY * u64::from(scale) / 100 / series.step.0.max(1);
        let count = usize::try_from(wanted).unwrap_or(usize::MAX).clamp(1, (to - from).max(1));
        let first = from + random.below((to - from).saturating_sub(count) as u64 + 1) as usize;
        let start = series.start.plus(Millis(series.step.0.saturating_mul(first as u64)));
        Ok(Load::try_new(start, series.step, &values[first..first + count], factor)?)
    }
}

/// A load under the research's protocol; at most a quarter of it is not scored.
fn course(load: &Load, startup: Millis) -> anyhow::Result<Course> {
    let mut protocol = Protocol::research(startup);
    protocol.skip = protocol.skip.min(Millis(load.span().0 / 4));
    Ok(Course::try_new(load, Between::Held, protocol)?)
}

/// The series to learn from and those to judge on.
fn series(typed: &Evolve) -> anyhow::Result<(Vec<Recorded>, Vec<Recorded>)> {
    let read = |names: &[String]| -> anyhow::Result<Vec<Recorded>> {
        let mut found = Vec::new();
        for text in names {
            let recordings = named(text).with_context(|| text.clone())?;
            found.extend(recordings.into_iter().map(|recording| recording.series.named(&recording.name)));
        }
        Ok(found)
    };
    let (mut all, test) = match (typed.learn.is_empty(), typed.test.is_empty()) {
        (true, true) => (read(&SETS.map(str::to_owned))?, Vec::new()),
        (false, false) => (read(&typed.learn)?, read(&typed.test)?),
        _ => bail!("--learn and --test: give both, or neither for every second series of {}", SETS.join(", ")),
    };
    let chosen: Vec<String> = test.iter().map(|series| series.name.clone()).collect();
    all.extend(test);
    let names: Vec<&str> = all.iter().map(|series| series.name.as_str()).collect();
    let chosen: Vec<&str> = chosen.iter().map(String::as_str).collect();
    let halves = halves(&names, &chosen)?;
    let of = |half: &[usize]| half.iter().map(|index| all[*index].clone()).collect::<Vec<_>>();
    Ok((of(&halves.training), of(&halves.test)))
}

fn spec_of(text: &str) -> anyhow::Result<Spec> {
    let refused = |report: plimsoll_config::Report| anyhow::anyhow!("{}", report.lines().join("\n"));
    Ok(plimsoll_config::parse_policy(text, Path::new("policy.toml")).map_err(refused)?.spec)
}

fn scaling(spec: &Spec) -> Option<&ScalingSpec> {
    spec.services.values().next().map(|service| &service.scaling)
}

impl Task for Autoscale {
    type Case = Case;
    type Policy = Scaling;

    fn schema(&self) -> Schema {
        formula_schema().clone()
    }

    fn grammar(&self, inputs: &[&str], nodes: u64) -> Result<Grammar, GrammarError> {
        grammar(inputs, nodes)
    }

    fn is_ranking(&self) -> bool {
        false
    }

    fn inputs(&self) -> Vec<&'static str> {
        INPUTS.to_vec()
    }

    fn start(&self) -> &'static str {
        HEADROOM
    }

    fn header(&self) -> &str {
        &self.header
    }

    fn read(&self, file: &str, text: &str) -> anyhow::Result<Scaling> {
        let read = PolicyFile::parse(text).with_context(|| file.to_owned())?;
        if read.kind != PolicyKind::Replicas {
            bail!("{file}: `kind: {}`, and `scaling` is wanted here", read.kind.word());
        }
        let text = read.expr.to_string();
        let formula = Formula::of(&read.expr, &text).with_context(|| file.to_owned())?;
        let HeadroomSpec { price, price_keep } = self.prices;
        let [start, keep] = read.prices;
        let (price, price_keep) = (start.unwrap_or(price), keep.unwrap_or(price_keep));
        let mut spec = self.default.clone();
        for policy in spec.services.values_mut().flat_map(|service| &mut service.scaling.policies) {
            if matches!(policy, ScalingPolicy::Headroom(_)) {
                let (name, text) = (read.name.clone(), text.clone());
                *policy = ScalingPolicy::Formula(FormulaSpec { name, text, price, price_keep });
            }
        }
        Ok(Scaling { spec, formula })
    }

    fn run(&self, policy: &Scaling, case: &Case) -> Option<Vec<f64>> {
        case.run(&policy.formula, &policy.spec).map(|figures| figures.to_vec())
    }

    fn value(&self, runs: &[Run<'_, Case>]) -> f64 {
        let pair = |run: &Run<'_, Case>| ([run.figures[0], run.figures[1]], [run.rivals[0], run.rivals[1]]);
        worth(&runs.iter().map(pair).collect::<Vec<_>>())
    }

    fn set<'a>(&self, case: &'a Case) -> &'a str {
        &case.name
    }

    fn topic(&self) -> Topic {
        Topic {
            decides: "how many replicas a service has",
            worth: "by how much lower the cost is than the tuned default's, less a price for more time with fewer replicas than \
                    are needed",
        }
    }
}
