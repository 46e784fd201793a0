//! What `/metrics` says of the analyst: looks and their reasons, and what its model costs and whether it is asked at all.

use super::AnalystFigures;
use super::model::{ModelFigures, OUTCOMES};
use super::search::SearchFigures;
use plimsoll_analyst::evolve::Outcome;
use plimsoll_collect::openmetrics::{FamilyKind, WriteError, Writer};

/// Writes it.
///
/// # Errors
/// Never for the constant names that are here.
pub fn write(writer: &mut Writer, figures: &AnalystFigures) -> Result<(), WriteError> {
    let help = "Looks of the analyst at a service, by what asked for them.";
    writer.family("plimsoll_analyst_looks", FamilyKind::Counter, None, help)?;
    for ((service, occasion), count) in &figures.looks {
        writer.counter(&[("service", service), ("occasion", occasion)], *count as f64)?;
    }
    if let Some(search) = &figures.search {
        of_search(writer, search)?;
    }
    match &figures.model {
        Some(model) => of_model(writer, model),
        None => Ok(()),
    }
}

fn of_search(writer: &mut Writer, search: &SearchFigures) -> Result<(), WriteError> {
    let help = "Searches for a formula of replicas, by what they came to.";
    writer.family("plimsoll_analyst_search_runs", FamilyKind::Counter, None, help)?;
    let mut services: Vec<&String> = search.runs.keys().map(|(service, _)| service).collect();
    services.dedup();
    for service in services {
        for outcome in Outcome::WORDS {
            let count = search.runs.get(&(service.clone(), outcome)).copied().unwrap_or(0);
            writer.counter(&[("service", service), ("outcome", outcome)], count as f64)?;
        }
    }
    let (name, help) = ("plimsoll_analyst_search_cpu_seconds", "CPU time of the day's budget of searches.");
    writer.family(name, FamilyKind::Gauge, Some("seconds"), help)?;
    for (kind, ms) in [("spent", search.spent_ms), ("most", search.most_ms)] {
        writer.gauge(&[("kind", kind)], ms as f64 / 1_000.0)?;
    }
    let help = "Episodes of searches since the daemon started.";
    writer.family("plimsoll_analyst_search_episodes", FamilyKind::Counter, None, help)?;
    writer.counter(&[], search.episodes as f64)?;
    let help = "What the best of the last search would save of the price, as a share of it, where it was chosen; below 0 is dearer.";
    writer.family("plimsoll_analyst_search_gain", FamilyKind::Gauge, None, help)?;
    for (service, gain) in &search.gains {
        writer.gauge(&[("service", service)], *gain)?;
    }
    Ok(())
}

fn of_model(writer: &mut Writer, model: &ModelFigures) -> Result<(), WriteError> {
    let help = "Questions to the analyst's model, by what became of them.";
    writer.family("plimsoll_analyst_model_questions", FamilyKind::Counter, None, help)?;
    for outcome in OUTCOMES {
        let count = model.outcomes.get(outcome).copied().unwrap_or(0);
        writer.counter(&[("model", &model.name), ("outcome", outcome)], count as f64)?;
    }
    let Some(voice) = &model.voice else { return Ok(()) };
    let money = |micro: u64| micro as f64 / 1e6;
    let families = [
        (
            "plimsoll_analyst_model_tokens",
            "Tokens of the day's budget.",
            voice.spent.tokens as f64,
            voice.budget.tokens_max as f64,
        ),
        (
            "plimsoll_analyst_model_requests",
            "Requests of the day's budget.",
            voice.spent.requests as f64,
            voice.budget.requests_max as f64,
        ),
        (
            "plimsoll_analyst_model_money",
            "Money of the day's budget, in the currency of its prices.",
            money(voice.spent.money_micro),
            money(voice.budget.money_max_micro),
        ),
    ];
    for (name, help, spent, most) in families {
        writer.family(name, FamilyKind::Gauge, None, help)?;
        writer.gauge(&[("model", &model.name), ("kind", "spent")], spent)?;
        writer.gauge(&[("model", &model.name), ("kind", "most")], most)?;
    }
    let (name, help) = (
        "plimsoll_analyst_model_left_alone_seconds",
        "For so long the model is left alone after failures, as of its last question; 0 for not at all.",
    );
    writer.family(name, FamilyKind::Gauge, Some("seconds"), help)?;
    writer.gauge(&[("model", &model.name)], voice.left_alone_ms as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_llm::VoiceFigures;
    use plimsoll_llm::budget::{Budget, Spent};

    #[test]
    fn budget_and_breaker_are_told_beside_what_was_asked() {
        let voice = VoiceFigures {
            spent: Spent { since_ms: 0, tokens: 1_740, requests: 2, money_micro: 1_500_000 },
            window_age_ms: 9,
            budget: Budget { money_max_micro: 2_000_000, ..Budget::default() },
            left_alone_ms: 30_000,
        };
        let model = ModelFigures { name: "m\"x".to_owned(), outcomes: [("failed", 3)].into(), voice: Some(voice) };
        let search = SearchFigures {
            runs: [(("web".to_owned(), "proposed"), 2)].into(),
            spent_ms: 1_500,
            most_ms: 600_000,
            episodes: 77,
            gains: [("web".to_owned(), 0.25)].into(),
        };
        let looks = [(("web".to_owned(), "drift"), 2)].into();
        let figures = AnalystFigures { looks, model: Some(model), search: Some(search) };
        let mut writer = Writer::new();
        write(&mut writer, &figures).unwrap();
        let text = writer.finish();
        plimsoll_collect::openmetrics::parse(&text).unwrap();
        for line in [
            "plimsoll_analyst_looks_total{service=\"web\",occasion=\"drift\"} 2",
            "plimsoll_analyst_search_runs_total{service=\"web\",outcome=\"proposed\"} 2",
            "plimsoll_analyst_search_runs_total{service=\"web\",outcome=\"budget\"} 0",
            "plimsoll_analyst_search_cpu_seconds{kind=\"spent\"} 1.5",
            "plimsoll_analyst_search_cpu_seconds{kind=\"most\"} 600",
            "plimsoll_analyst_search_episodes_total 77",
            "plimsoll_analyst_search_gain{service=\"web\"} 0.25",
            "plimsoll_analyst_model_questions_total{model=\"m\\\"x\",outcome=\"failed\"} 3",
            "plimsoll_analyst_model_questions_total{model=\"m\\\"x\",outcome=\"answered\"} 0",
            "plimsoll_analyst_model_tokens{model=\"m\\\"x\",kind=\"spent\"} 1740",
            "plimsoll_analyst_model_tokens{model=\"m\\\"x\",kind=\"most\"} 200000",
            "plimsoll_analyst_model_money{model=\"m\\\"x\",kind=\"spent\"} 1.5",
            "plimsoll_analyst_model_left_alone_seconds{model=\"m\\\"x\"} 30",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
