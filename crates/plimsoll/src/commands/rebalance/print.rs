//! The result as tables or JSON: every cost term before and after, the score, the plan.

use super::input::Instance;
use super::work::Found;
use plimsoll_placement::rebalance::{Costs, Plan, Why};
use plimsoll_report::{Cell, Column, Style, Table};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Moves of a plan listed one by one.
const MOVES_SHOWN: usize = 20;

/// Everything that is printed.
pub struct Report<'a> {
    instance: &'a Instance,
    found: &'a Found,
    before: Costs,
    after: Costs,
    /// Processes that end elsewhere than they began.
    moved: usize,
    plan: Option<Value>,
}

impl<'a> Report<'a> {
    /// Costs are computed here by the plain evaluation, not taken from the search.
    pub fn new(instance: &'a Instance, found: &'a Found, planned: Option<&Plan>) -> Self {
        let problem = &instance.problem;
        let assignment = planned.map_or(&found.assignment, |planned| &planned.assignment);
        let moved = assignment.iter().zip(problem.initial()).filter(|(to, from)| to != from).count();
        Self {
            instance,
            found,
            before: problem.costs(problem.initial()),
            after: problem.costs(assignment),
            moved,
            plan: planned.map(plan_json),
        }
    }

    /// `(initial - ours) / (initial - reference)`, as a percentage.
    fn score(&self) -> Option<f64> {
        let (reference, _) = self.instance.reference.as_ref()?;
        let initial = self.before.total();
        (initial != *reference).then(|| 100.0 * (initial - self.after.total()) as f64 / (initial - reference) as f64)
    }

    /// For machines.
    pub fn as_json(&self) -> Value {
        json!({
            "instance": self.instance.name,
            "machines": self.instance.problem.machines().len(),
            "processes": self.instance.problem.processes().len(),
            "cost_before": costs_json(&self.before),
            "cost_after": costs_json(&self.after),
            "moved": self.moved,
            "reference": self.instance.reference.as_ref().map(|reference| reference.0),
            "score_percent": self.score(),
            "evaluations": self.found.evaluations,
            "cpu_seconds": self.found.cpu_seconds,
            "wall_seconds": self.found.wall_seconds,
            "plan": self.plan,
        })
    }

    /// For people.
    pub fn text(&self, planned: Option<&Plan>) -> String {
        let style = Style::of_stdout();
        let problem = &self.instance.problem;
        let mut out = format!(
            "{}: {} processes on {} machines, {} resources\n\n",
            self.instance.name,
            problem.processes().len(),
            problem.machines().len(),
            problem.resources().len()
        );
        out.push_str(&self.terms().render(&style));
        let _ = writeln!(
            out,
            "\n{} processes moved; {:.1} M moves tried in {:.1} s ({:.1} CPU s)",
            self.moved,
            self.found.evaluations as f64 / 1e6,
            self.found.wall_seconds,
            self.found.cpu_seconds
        );
        if let (Some((cost, source)), Some(score)) = (&self.instance.reference, self.score()) {
            let _ = writeln!(out, "score {score:.4} % of the gain of {cost} ({source})");
        }
        if let Some(planned) = planned {
            out.push_str(&plan_text(planned, &style));
        }
        out
    }

    fn terms(&self) -> Table {
        let mut table = Table::new([
            Column::left("term", "COST TERM"),
            Column::right("before", "BEFORE"),
            Column::right("after", "AFTER"),
            Column::right("change", "CHANGE"),
        ]);
        let mut add = |term: String, before: i64, after: i64| {
            table.row([Cell::of(term), Cell::of(before), Cell::of(after), Cell::of(after - before)]);
        };
        for (r, (before, after)) in self.before.load.iter().zip(&self.after.load).enumerate() {
            add(format!("load of resource {r}"), *before, *after);
        }
        for (it, (before, after)) in
            self.instance.problem.balances().iter().zip(self.before.balance.iter().zip(&self.after.balance))
        {
            add(format!("balance of resources {} and {}", it.first, it.second), *before, *after);
        }
        add("process moves".into(), self.before.process_move, self.after.process_move);
        add("service moves".into(), self.before.service_move, self.after.service_move);
        add("machine moves".into(), self.before.machine_move, self.after.machine_move);
        add("total".into(), self.before.total(), self.after.total());
        table
    }
}

fn costs_json(costs: &Costs) -> Value {
    json!({
        "load": costs.load,
        "balance": costs.balance,
        "process_move": costs.process_move,
        "service_move": costs.service_move,
        "machine_move": costs.machine_move,
        "total": costs.total(),
    })
}

fn plan_json(planned: &Plan) -> Value {
    let blocked = planned.leftover.iter().filter(|it| it.why == Why::Blocked).count();
    json!({
        "cost_before": planned.cost_before,
        "cost_after": planned.cost_after,
        "moves": planned.moves.iter().map(|it| json!({
            "process": it.process, "from": it.from, "to": it.to, "gain": it.gain, "move_cost": it.move_cost,
            "cost_after": it.cost_after, "detour": it.is_detour,
        })).collect::<Vec<_>>(),
        "left_blocked": blocked,
        "left_over_budget": planned.leftover.len() - blocked,
    })
}

fn plan_text(planned: &Plan, style: &Style) -> String {
    let mut table = Table::new([Column::right("step", "STEP"), Column::right("process", "PROCESS")].into_iter().chain(
        ["FROM", "TO", "GAIN", "MOVE COST", "COST AFTER"].map(|title| Column::right(&title.to_lowercase(), title)),
    ));
    for (step, it) in planned.moves.iter().enumerate().take(MOVES_SHOWN) {
        let ids = [step + 1, it.process as usize, it.from as usize, it.to as usize].map(Cell::of);
        table.row(ids.into_iter().chain([it.gain, it.move_cost, it.cost_after].map(Cell::of)));
    }
    let detours = planned.moves.iter().filter(|it| it.is_detour).count();
    let blocked = planned.leftover.iter().filter(|it| it.why == Why::Blocked).count();
    let mut out = format!(
        "\nplan: {} moves, {} to {}; every state between keeps every constraint\n",
        planned.moves.len(),
        planned.cost_before,
        planned.cost_after
    );
    out.push_str(&table.render(style));
    let hidden = planned.moves.len().saturating_sub(MOVES_SHOWN);
    if hidden > 0 {
        let _ = writeln!(out, "… and {hidden} more (--plan FILE lists them)");
    }
    let _ = writeln!(
        out,
        "{detours} moves belong to detours; {blocked} processes stay because they block each other, {} because of the budget",
        planned.leftover.len() - blocked
    );
    out
}
