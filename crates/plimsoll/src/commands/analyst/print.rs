//! Evidence and diagnoses for people.

use plimsoll_analyst::diagnosis::Verdict;
use plimsoll_analyst::evidence::{DataClass, Pack, PackOptions};
use plimsoll_analyst::proposal::{Change, Proposal};
use plimsoll_analyst::{Diagnosis, Hypothesis};
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

fn cause(out: &mut String, hypothesis: &Hypothesis, pack: &Pack) {
    let _ = writeln!(out, "{} (confidence {:.2})", hypothesis.cause, hypothesis.confidence);
    for fact in hypothesis.evidence.iter().filter_map(|id| pack.fact(id)) {
        let _ = write!(out, "  {} {}:", fact.id, fact.name);
        for figure in &fact.figures {
            let _ = write!(out, " {} {}{}", figure.name, figure.value, figure.unit);
        }
        out.push('\n');
    }
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

fn change_text(change: &Change) -> String {
    let two = |name: &str, from: Option<u64>, to: u64, unit: &str| match from {
        Some(from) => format!("{name} from {from}{unit} to {to}{unit}"),
        None => format!("{name} {to}{unit}"),
    };
    match *change {
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
        Change::ScaleOnInFlight { target } => two("scaling.in_flight", None, target, " thousandths"),
    }
}
