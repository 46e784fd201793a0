//! Verdicts and proposals for people.

use crate::commands::analyst::print::{change_text, searched};
use plimsoll_analyst::Proposal;
use plimsoll_analyst::gate::{Figures, Interval, Plot, Proof, Three, Verdict};
use plimsoll_report::{Cell, Column, Style, Table, sparkline};
use serde_json::Value;
use std::fmt::Write as _;

/// Bars of the plot.
const COLUMNS: usize = 72;

/// A proposal and what the gate says of it.
pub fn verdict(proposal: &Proposal, verdict: &Verdict) -> String {
    let mut out = format!("{} against {}\n", proposal.service, proposal.cause);
    for change in &proposal.changes {
        let _ = writeln!(out, "  proposes {}", change_text(change));
    }
    let _ = writeln!(out, "{}", if verdict.accepted { "ACCEPTED" } else { "REFUSED" });
    for reason in &verdict.refusals {
        let _ = writeln!(out, "  {}: {}", reason.stage, reason.words);
    }
    if let Some(proof) = &verdict.proof {
        proved(&mut out, proof, verdict);
    }
    let hashes = &verdict.hashes;
    let _ = writeln!(
        out,
        "proposal {} history {} spec {}\ncode {} (release {})\n",
        hashes.proposal, hashes.history, hashes.spec, hashes.code, hashes.release
    );
    out
}

fn proved(out: &mut String, proof: &Proof, verdict: &Verdict) {
    let style = Style::of_stdout();
    let style = Style { width: style.width.max(100), ..style };
    let _ = writeln!(
        out,
        "\n{} samples that it has not seen, after {} that it may have; {} windows, {:.1} % confidence",
        proof.held_out.samples,
        proof.seen.samples,
        proof.windows,
        100.0 * verdict.terms.confidence()
    );
    out.push_str(&figures(proof).render(&style));
    let price = |of: &Interval| format!("{:.3} ({:.3} to {:.3})", of.value, of.low, of.high);
    let _ = writeln!(out, "price over the incumbent's {}", price(&proof.price_of_incumbent));
    let _ = writeln!(out, "price over that of {} {}\n", proof.standard, price(&proof.price_of_standard));
    plot(out, &proof.plot, &style);
    out.push_str(&stresses(proof).render(&style));
    let _ = writeln!(out, "seed {}, {} steps of the controller", proof.seed, proof.steps);
}

fn figures(proof: &Proof) -> Table {
    let mut table = Table::new([
        Column::left("figure", "held out"),
        Column::right("proposal", "proposal"),
        Column::right("incumbent", "incumbent"),
        Column::right("standard", &proof.standard),
        Column::right("worse", "worse by at most"),
        Column::right("margin", "may be"),
    ]);
    let Three { proposal, incumbent, standard } = &proof.figures;
    let row =
        |of: fn(&Figures) -> f64| [of(proposal), of(incumbent), of(standard)].map(|it| Cell::of(format!("{it:.3}")));
    let dash = || [Cell::of("-"), Cell::of("-")];
    table.row([Cell::of("price, core hours")].into_iter().chain(row(|it| it.price)).chain(dash()));
    table.row([Cell::of("of it paid")].into_iter().chain(row(|it| it.paid)).chain(dash()));
    for (index, name) in Figures::NAMES.iter().enumerate() {
        let values = [proposal, incumbent, standard].map(|it| Cell::of(format!("{:.3}", it.slo()[index])));
        let compared = &proof.compared[index];
        let by = [Cell::of(format!("{:.3}", compared.difference.high)), Cell::of(compared.margin)];
        table.row([Cell::of(*name)].into_iter().chain(values).chain(by));
    }
    table
}

fn stresses(proof: &Proof) -> Table {
    let mut table = Table::new([
        Column::left("stress", "stress"),
        Column::left("passed", "passed"),
        Column::right("shortage", "shortage %"),
        Column::right("overload", "overload %"),
        Column::right("short", "short time %"),
        Column::right("turns", "turns/100"),
        Column::right("paid", "core hours"),
    ]);
    for stressed in &proof.stress {
        let Three { proposal, incumbent, standard } = &stressed.figures;
        let three =
            |of: fn(&Figures) -> f64| Cell::of(format!("{:.1}/{:.1}/{:.1}", of(proposal), of(incumbent), of(standard)));
        table.row([
            Cell::of(stressed.stress.as_str()),
            Cell::of(if stressed.passed { "yes" } else { "no" }),
            three(|it| it.shortage_pct),
            three(|it| it.overload_pct),
            three(|it| it.short_time_pct),
            three(|it| it.turns_per_100),
            three(|it| it.paid),
        ]);
    }
    table
}

/// Replicas over the held-out history, all rows to one scale.
fn plot(out: &mut String, plot: &Plot, style: &Style) {
    let Three { proposal, incumbent, standard } = &plot.ready;
    let rows = [("needed", &plot.need), ("proposal", proposal), ("incumbent", incumbent), ("standard", standard)];
    let most = rows.iter().flat_map(|(_, row)| row.iter().copied()).max().unwrap_or(0);
    for (name, row) in rows {
        let values: Vec<Option<f64>> = row.iter().map(|value| Some(f64::from(*value))).collect();
        let _ = writeln!(out, "{name:>10} {}", sparkline(&values, COLUMNS, Some(f64::from(most)), style));
    }
    let _ = writeln!(out, "{:>10} ready replicas, the highest bar is {most}\n", "");
}

/// The proposals of an installation.
pub fn list(found: &Value) -> String {
    let all = found["proposals"].as_array().map(Vec::as_slice).unwrap_or_default();
    let searches: String = found["searches"].as_array().into_iter().flatten().map(searched).collect();
    if all.is_empty() {
        return format!("no proposal yet\n{searches}");
    }
    let mut table = Table::new([
        Column::left("id", "id"),
        Column::left("service", "service"),
        Column::left("state", "state"),
        Column::wrapping("about", "about"),
    ]);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for each in all {
        table.row([&each["id"], &each["service"], &each["state"], &each["about"]].map(|value| Cell::of(word(value))));
    }
    table.render(&Style::of_stdout()) + &searches
}

/// One of them, with what was proved and what became of it.
pub fn kept(found: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out = format!(
        "{} for {}: {}\n  {}\n",
        word(&found["id"]),
        word(&found["service"]),
        word(&found["state"]),
        word(&found["about"])
    );
    for reason in found["verdict"]["refusals"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "  {}: {}", word(&reason["stage"]), word(&reason["words"]));
    }
    let proof = &found["verdict"]["proof"];
    if proof.is_object() {
        let price = |of: &Value| format!("{} ({} to {})", of["value"], of["low"], of["high"]);
        let _ = writeln!(out, "  price over the incumbent's {}", price(&proof["price_of_incumbent"]));
        let _ =
            writeln!(out, "  price over that of {} {}", word(&proof["standard"]), price(&proof["price_of_standard"]));
    }
    for line in found["course"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "  {}", word(line));
    }
    let hashes = &found["verdict"]["hashes"];
    let _ = writeln!(out, "  evidence {} code {}", word(&hashes["history"]), word(&hashes["code"]));
    out
}
