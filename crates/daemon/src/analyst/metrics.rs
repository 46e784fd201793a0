//! What `/metrics` says of the analyst: looks and their reasons, and what its model costs and whether it is asked at all.

use super::AnalystFigures;
use super::model::{ModelFigures, OUTCOMES};
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
    match &figures.model {
        Some(model) => of_model(writer, model),
        None => Ok(()),
    }
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
        let figures = AnalystFigures { looks: [(("web".to_owned(), "drift"), 2)].into(), model: Some(model) };
        let mut writer = Writer::new();
        write(&mut writer, &figures).unwrap();
        let text = writer.finish();
        plimsoll_collect::openmetrics::parse(&text).unwrap();
        for line in [
            "plimsoll_analyst_looks_total{service=\"web\",occasion=\"drift\"} 2",
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
