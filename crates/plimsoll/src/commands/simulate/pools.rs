//! `plimsoll simulate --pools`: a trace on nodes that are bought and given back, beside a fixed fleet of the same shapes.
//!
//! The fixed fleet has as many of each shape as the pools ever had at once, from the first arrival to the last end, and the
//! same tasks go through the same scheduler on it. It is the fleet that one would have to own to serve the trace as well.

use super::contestants::Contestant;
use super::input::Experiment;
use crate::Verdict;
use crate::args::{Output, Simulate, Work};
use crate::commands::pool_file::PoolFile;
use anyhow::{Context as _, bail};
use plimsoll_model::Millis;
use plimsoll_model::cluster::{Node, NodeState};
use plimsoll_report::{Cell, Column, Style, Table};
use plimsoll_twin::cluster::{Cluster, Listed, Metrics, Options, Outcome, PoolBooks, PoolOptions, Simulation};
use serde_json::json;
use std::path::Path;

/// Both fleets under one policy.
struct Compared {
    pools: Outcome,
    books: PoolBooks,
    fixed: Metrics,
    fixed_hours: f64,
    fixed_price: f64,
}

/// Simulates both and prints them side by side.
pub fn run(typed: &Simulate, path: &Path, contestants: &[Contestant]) -> anyhow::Result<Verdict> {
    let [contestant] = contestants else {
        bail!("--pools goes with one policy, and {} were named", contestants.len());
    };
    let file = PoolFile::read(path)?;
    let mut experiment = Experiment::read(typed)?;
    if experiment.is_open() {
        bail!("--pools needs tasks that end: add --replay");
    }
    let options = PoolOptions { policy: file.policy(), every: file.every, forecast: file.forecast };
    options.check().with_context(|| format!("{}: `forecast`", path.display()))?;
    experiment.nodes = options.nodes();
    let compared = compare(typed, &experiment, contestant, &options)?;
    match typed.output {
        Output::Text => print!("{}", text(&experiment, &compared)),
        Output::Json => print!("{}", plimsoll_report::pretty(&as_json(&experiment, &compared))?),
    }
    Ok(Verdict::Done)
}

fn compare(
    typed: &Simulate,
    experiment: &Experiment,
    contestant: &Contestant,
    options: &PoolOptions,
) -> anyhow::Result<Compared> {
    let quiet = typed.quiet || typed.output == Output::Json;
    let bar = crate::commands::work::bar(2 * experiment.arrivals() as u64, "tasks", quiet);
    let one = |nodes: &[Node], pools: Option<PoolOptions>| -> anyhow::Result<Outcome> {
        let jobs = experiment.jobs(typed.seed, contestant.elastic);
        let world = Options {
            seed: typed.seed,
            keeps_work: typed.work == Work::Kept,
            kills_at_estimate: typed.kill,
            pools,
            ..Options::default()
        };
        let cluster = Cluster { nodes, sites: &experiment.sites, typical: &[] };
        let policy = contestant.policy(experiment, typed.seed);
        let mut simulation = Simulation::new(cluster, policy, Listed::new(&jobs), world, None)?;
        let mut shown = 0;
        while simulation.step() {
            let arrived = simulation.world().books.lives.len();
            if arrived >= shown + 512 {
                bar.inc((arrived - shown) as u64);
                shown = arrived;
            }
        }
        Ok(simulation.finish())
    };
    let pools = one(&experiment.nodes, Some(options.clone()))?;
    let Some(books) = pools.pools.clone() else { bail!("the simulation kept no books of its pools") };
    let fixed = one(&fleet(options, &books), None)?.metrics;
    bar.finish_and_clear();
    let hours = Millis(fixed.makespan_ms).get() as f64 / 3_600_000.0;
    let nodes = |shape: &plimsoll_twin::cluster::ShapeBooks| shape.peak as f64 * hours;
    let fixed_hours = books.shapes.iter().map(nodes).sum();
    let fixed_price = books.shapes.iter().map(|it| nodes(it) * it.price_micros_per_hour as f64 / 1e6).sum();
    Ok(Compared { pools, books, fixed, fixed_hours, fixed_price })
}

/// As many of each shape as there were at once, all there from the beginning.
fn fleet(options: &PoolOptions, books: &PoolBooks) -> Vec<Node> {
    let mut left: Vec<u64> = books.shapes.iter().map(|shape| shape.peak).collect();
    let shape_of: Vec<usize> =
        options.policy.shapes.iter().enumerate().flat_map(|(at, shape)| (0..shape.max).map(move |_| at)).collect();
    let mut fleet = Vec::new();
    for (node, shape) in options.nodes().into_iter().zip(shape_of) {
        if left[shape] > 0 {
            left[shape] -= 1;
            fleet.push(Node { state: NodeState::Ready, ..node });
        }
    }
    fleet
}

fn node_hours(books: &PoolBooks) -> f64 {
    books.shapes.iter().map(plimsoll_twin::cluster::ShapeBooks::node_hours).sum()
}

fn price(books: &PoolBooks) -> f64 {
    books.shapes.iter().map(plimsoll_twin::cluster::ShapeBooks::price).sum()
}

fn text(experiment: &Experiment, compared: &Compared) -> String {
    let style = Style::of_stdout();
    let (pools, fixed) = (&compared.pools.metrics, &compared.fixed);
    let mut table = Table::new([
        Column::left("figure", ""),
        Column::right("pools", "pools"),
        Column::right("fixed", "fixed fleet"),
    ]);
    let mut row = |title: &str, pools: String, fixed: String| table.row([title, &pools, &fixed].map(Cell::of));
    let hours = |value: f64| format!("{value:.1}");
    row("node-hours", hours(node_hours(&compared.books)), hours(compared.fixed_hours));
    row("price", format!("{:.2}", price(&compared.books)), format!("{:.2}", compared.fixed_price));
    row("tasks ended", pools.tasks.finished.to_string(), fixed.tasks.finished.to_string());
    row("tasks still waiting", pools.tasks.waiting.to_string(), fixed.tasks.waiting.to_string());
    let wait = |ms: u64| Millis(ms).to_string();
    row("wait, median", wait(pools.wait.p50_ms), wait(fixed.wait.p50_ms));
    row("wait, 95 %", wait(pools.wait.p95_ms), wait(fixed.wait.p95_ms));
    row("wait, longest", wait(pools.wait.max_ms), wait(fixed.wait.max_ms));
    for used in &pools.resources {
        let other = fixed.resources.iter().find(|it| it.resource == used.resource);
        let share = |value: f64| format!("{:.1} %", value * 100.0);
        let other = other.map_or_else(String::new, |it| share(it.mean));
        row(&format!("{} given out, mean", used.resource), share(used.mean), other);
    }
    row("makespan", wait(pools.makespan_ms), wait(fixed.makespan_ms));
    let mut out = format!("{}\n\n{}", experiment.title(), table.render(&style));
    out.push_str(&format!("\n{}", shapes(&compared.books).render(&style)));
    let kept: Vec<String> = compared.books.kept.iter().map(|(why, looks)| format!("{why}: {looks}")).collect();
    let PoolBooks { cordoned, taken_back, .. } = &compared.books;
    out.push_str(&format!(
        "\nemptied because their load fitted elsewhere: {cordoned}, taken back before they went: {taken_back}\n"
    ));
    out.push_str(&format!("why nodes were kept, by looks: {}\n", kept.join(", ")));
    out
}

fn shapes(books: &PoolBooks) -> Table {
    let mut table = Table::new([
        Column::left("shape", "shape"),
        Column::right("bought", "bought"),
        Column::right("removed", "given back"),
        Column::right("peak", "most at once"),
        Column::right("node_hours", "node-hours"),
        Column::right("price", "price"),
    ]);
    for shape in &books.shapes {
        table.row([
            Cell::of(shape.name.as_str()),
            Cell::of(shape.bought),
            Cell::of(shape.removed),
            Cell::of(shape.peak),
            Cell::of(format!("{:.1}", shape.node_hours())),
            Cell::of(format!("{:.2}", shape.price())),
        ]);
    }
    table
}

fn as_json(experiment: &Experiment, compared: &Compared) -> serde_json::Value {
    let shape = |it: &plimsoll_twin::cluster::ShapeBooks| {
        json!({ "shape": it.name, "bought": it.bought, "removed": it.removed, "peak": it.peak,
                "node_hours": it.node_hours(), "price": it.price() })
    };
    json!({
        "title": experiment.title(),
        "pools": {
            "node_hours": node_hours(&compared.books),
            "price": price(&compared.books),
            "shapes": compared.books.shapes.iter().map(shape).collect::<Vec<_>>(),
            "cordoned": compared.books.cordoned,
            "taken_back": compared.books.taken_back,
            "kept": compared.books.kept,
            "metrics": compared.pools.metrics,
        },
        "fixed": { "node_hours": compared.fixed_hours, "price": compared.fixed_price, "metrics": compared.fixed },
    })
}
