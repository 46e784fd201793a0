//! Evidence and diagnoses for people.

use plimsoll_analyst::diagnosis::Verdict;
use plimsoll_analyst::evidence::{DataClass, Fact, Pack, PackOptions};
use plimsoll_analyst::ladder::{Ladder, Opinion, Outcome, Rung, Voice};
use plimsoll_analyst::proposal::{Change, Proposal};
use plimsoll_analyst::{Diagnosis, Hypothesis};
use serde_json::Value;
use std::fmt::Write as _;

/// The pack as it would be sent, and below it what is not sent.
pub fn pack(pack: &Pack, options: &PackOptions) -> String {
    if options.class == DataClass::Nothing {
        return "nothing may be shown, so nothing would be sent\n".to_owned();
    }
    let mut out = pack.text.clone();
    let bytes = pack.text.len();
    let _ = write!(out, "\n\n-- {bytes} bytes, at most {} of {} tokens", pack.tokens, options.tokens_max);
    if !pack.left_out.is_empty() {
        let _ = write!(out, "; no room for {}", pack.left_out.join(" "));
    }
    for (name, pseudonym) in pack.pseudonyms.iter() {
        let _ = write!(out, "\n-- {pseudonym} is {name}; that stays here");
    }
    out.push('\n');
    out
}

/// Causes with their facts, and proposals.
pub fn diagnosis(diagnosis: &Diagnosis, proposals: &[Proposal], pack: &Pack) -> String {
    let mut out = match diagnosis.verdict {
        Verdict::NoFault => "no fault that a rule knows\n".to_owned(),
        Verdict::Abstained => "too little was measured to say anything\n".to_owned(),
        Verdict::Causes => String::new(),
    };
    for (hypothesis, proposal) in diagnosis.hypotheses.iter().zip(proposals) {
        cause(&mut out, hypothesis, pack);
        proposed(&mut out, proposal);
    }
    if !diagnosis.missing.is_empty() {
        let _ = writeln!(out, "not known, so not looked at: {}", diagnosis.missing.join(", "));
    }
    out
}

/// What each rung said, and what it comes to.
pub fn ladder(ladder: &Ladder, pack: &Pack) -> String {
    let mut out = String::from("the ladder: rungs above the rules add, and take nothing away\n");
    for opinion in &ladder.opinions {
        said(&mut out, opinion);
    }
    for finding in &ladder.findings {
        let voice = |voice: &Voice| format!("{} {:.2}", voice.rung, voice.confidence);
        let by = finding.named_by.iter().map(voice).collect::<Vec<_>>().join(", ");
        let _ = write!(out, "{} (by {by}", finding.cause);
        if finding.is_disputed() {
            let _ = write!(
                out,
                "; not by {}",
                finding.not_named_by.iter().map(|rung| rung.name()).collect::<Vec<_>>().join(", ")
            );
        }
        let _ = writeln!(out, ")");
        if finding.rung() != Rung::Rules {
            for fact in finding.evidence.iter().filter_map(|id| pack.fact(id)) {
                fact_line(&mut out, fact);
            }
        }
    }
    if ladder.findings.is_empty() {
        out.push_str("nothing is named by any of them\n");
    }
    out
}

/// What a running installation's analyst found, as its API tells it.
pub fn findings(found: &Value) -> String {
    let word = |value: &Value| value.as_str().map(|text| plimsoll_report::clean(text).to_string()).unwrap_or_default();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let words = |value: &Value| list(value).iter().map(word).collect::<Vec<_>>().join(" ");
    let at = plimsoll_model::Timestamp(found["at_ms"].as_i64().unwrap_or_default());
    let mut out = format!("{at} {}, {} samples\n", word(&found["because"]), found["samples"]);
    let ladder = &found["ladder"];
    if list(&ladder["findings"]).is_empty() {
        out.push_str("nothing is the matter\n");
    }
    for finding in list(&ladder["findings"]) {
        let voices: Vec<String> = list(&finding["named_by"]).iter().map(|voice| word(&voice["rung"])).collect();
        out.push_str(&format!(
            "{} by {} [{}]",
            word(&finding["cause"]),
            voices.join(", "),
            words(&finding["evidence"])
        ));
        let against = words(&finding["not_named_by"]);
        out.push_str(&if against.is_empty() { "\n".to_owned() } else { format!(", not by {against}\n") });
    }
    for opinion in list(&ladder["opinions"]) {
        let note = word(&opinion["note"]);
        let note = if note.is_empty() { note } else { format!(": {note}") };
        out.push_str(&format!(
            "{} ({}): {}{note}\n",
            word(&opinion["rung"]),
            word(&opinion["by"]),
            word(&opinion["outcome"])
        ));
    }
    if found["search"].is_object() {
        out.push_str(&searched(&found["search"]));
    }
    for fact in list(&found["facts"]) {
        let figure = |it: &Value| format!(" {}={}{}", word(&it["name"]), it["value"], word(&it["unit"]));
        let figures: String = list(&fact["figures"]).iter().map(figure).collect();
        out.push_str(&format!("  {} {}:{figures}\n", word(&fact["id"]), word(&fact["name"])));
    }
    out
}

/// The last search for a formula, in a line.
pub fn searched(search: &Value) -> String {
    let word = |value: &Value| value.as_str().map(|text| plimsoll_report::clean(text).to_string()).unwrap_or_default();
    let at = plimsoll_model::Timestamp(search["at_ms"].as_i64().unwrap_or_default());
    let (of, cpu) = (&search["searched"], search["cpu_ms"].as_f64().unwrap_or_default() / 1_000.0);
    format!(
        "search for {} at {at} ({}): {}; {} episodes, {} formulas, {cpu:.1} CPU s\n",
        word(&search["service"]),
        word(&search["because"]),
        word(&search["said"]),
        of["episodes"],
        of["candidates"]
    )
}

fn said(out: &mut String, opinion: &Opinion) {
    let names: Vec<&str> = opinion.hypotheses.iter().map(|hypothesis| hypothesis.cause.name()).collect();
    let what = match opinion.outcome {
        Outcome::Causes => names.join(", "),
        Outcome::NoFault => "no fault".to_owned(),
        Outcome::Abstained => "abstains".to_owned(),
        Outcome::Failed => "no answer that holds".to_owned(),
    };
    let who = if opinion.by == opinion.rung.name() { String::new() } else { format!(" ({})", opinion.by) };
    let _ = write!(out, "- {}{who}: {what}", opinion.rung);
    if !opinion.note.is_empty() {
        let _ = write!(out, "; {}", opinion.note);
    }
    out.push('\n');
    for refused in &opinion.refused {
        let _ = writeln!(out, "    {} is not taken: {}", refused.cause, refused.why);
    }
    // The rules' own stand above.
    for proposal in opinion.proposals.iter().filter(|_| opinion.rung != Rung::Rules) {
        let _ = writeln!(out, "    against {}, and not proved:", proposal.cause);
        proposed(out, proposal);
    }
}

fn fact_line(out: &mut String, fact: &Fact) {
    let _ = write!(out, "  {} {}:", fact.id, fact.name);
    for figure in &fact.figures {
        let _ = write!(out, " {} {}{}", figure.name, figure.value, figure.unit);
    }
    out.push('\n');
}

fn cause(out: &mut String, hypothesis: &Hypothesis, pack: &Pack) {
    let _ = writeln!(out, "{} (confidence {:.2})", hypothesis.cause, hypothesis.confidence);
    hypothesis.evidence.iter().filter_map(|id| pack.fact(id)).for_each(|fact| fact_line(out, fact));
}

fn proposed(out: &mut String, proposal: &Proposal) {
    if !proposal.advice.is_empty() {
        let _ = writeln!(out, "  {}", proposal.advice);
    }
    for change in &proposal.changes {
        let _ = writeln!(out, "  proposes {}", change_text(change));
    }
    if let Some(claim) = &proposal.claim {
        let _ =
            writeln!(out, "  expects {} from {} to {} at most. {}", claim.figure, claim.now, claim.then, claim.risk);
    }
    if let Some(rollback) = &proposal.rollback {
        let _ =
            writeln!(out, "  taken back when {} is above {} for {} s", rollback.figure, rollback.above, rollback.for_s);
    }
}

pub fn change_text(change: &Change) -> String {
    let two = |name: &str, from: Option<u64>, to: u64, unit: &str| match from {
        Some(from) => format!("{name} from {from}{unit} to {to}{unit}"),
        None => format!("{name} {to}{unit}"),
    };
    match change.clone() {
        Change::ReplicasMin { from, to } => two("replicas.min", from.map(u64::from), to.into(), ""),
        Change::ReplicasMax { from, to } => two("replicas.max", from.map(u64::from), to.into(), ""),
        Change::RequestCpu { from, to } => two("requests.cpu", from, to, "m"),
        Change::LimitCpu { from, to } => two("limits.cpu", from, to, "m"),
        Change::LimitMemory { from, to } => two("limits.memory", from, to, "MiB"),
        Change::StabilizationDown { from, to } => two("scaling.stabilization.down", from, to, "ms"),
        Change::Tolerance { from, to } => two("scaling.tolerance", from, to, " thousandths"),
        Change::StepUp { from, to } => two("scaling.step.up", from.map(u64::from), to.into(), ""),
        Change::ReserveBurst { to } => two("scaling.reserve_burst", None, to, " thousandths"),
        Change::Forecast { season, quantile } => {
            format!("scaling.forecast with a season of {season}ms at the {quantile} thousandths quantile")
        }
        Change::ScaleOnMemory { target } => two("scaling.memory", None, target, " thousandths"),
        Change::ScaleOnCpu { from, to } => two("scaling.cpu", from, to, " thousandths"),
        Change::ScaleOnRequestRate { target } => two("scaling.request_rate", None, target, " mrps"),
        Change::StabilizationUp { from, to } => two("scaling.stabilization.up", from, to, "ms"),
        Change::StepDown { from, to } => two("scaling.step.down", from.map(u64::from), to.into(), ""),
        Change::StepPeriod { from, to } => two("scaling.step.period", from, to, "ms"),
        Change::Reserve { from, to } => two("scaling.reserve", from.map(u64::from), to.into(), ""),
        Change::ReserveShare { to } => two("scaling.reserve_share", None, to, " thousandths"),
        Change::Policies { to } => {
            let names: Vec<&str> = to.iter().map(plimsoll_model::ScalingPolicy::name).collect();
            format!("scaling on {} and nothing else", names.join(", "))
        }
        Change::Formula { from, to } => {
            let place = from.as_ref().map(|from| format!(" in place of {}", from.name())).unwrap_or_default();
            format!("scaling.formula {} at prices {} and {}{place}", to.text, to.price, to.price_keep)
        }
        Change::NoForecast => "no forecast".to_owned(),
        Change::ForecastModels { to } => format!("scaling.forecast.models {}", to.join(", ")),
        Change::Balance { to, .. } => format!("balance.algorithm {to:?}"),
        Change::Announce { event } => format!("event {} from {} to {}", event.name, event.start, event.end),
        Change::ScaleOnInFlight { target } => two("scaling.in_flight", None, target, " thousandths"),
    }
}
