//! The model that a spec names, ready to be asked. What kind it is, nobody beyond this file knows: everything else sees a
//! [`Voice`].

use plimsoll_analyst::evidence::DataClass;
use plimsoll_llm::budget::{Budget, Spent};
use plimsoll_llm::{Key, Remote, Settings, Voice};
use plimsoll_model::analyst::{KeyPlace, ModelShown, ModelSpec};
use std::path::Path;
use std::time::Duration;

/// Thousandths to millionths.
const MICRO: u64 = 1_000;

/// The model; `spent` is what was spent of the day's budget, with the age of that day in ms.
///
/// # Errors
/// In words: the URL, the key's place (never the key), or the system.
pub fn open(spec: &ModelSpec, spent: Option<(Spent, u64)>) -> Result<Box<dyn Voice>, String> {
    let endpoint = spec.endpoint.parse().map_err(|error| format!("analyst.model.endpoint: {error}"))?;
    let key = match &spec.key {
        Some(KeyPlace::Env(name)) => {
            Some(Key::from_env(name).map_err(|error| format!("analyst.model.key_env: {error}"))?)
        }
        Some(KeyPlace::File(path)) => {
            Some(Key::from_file(Path::new(path)).map_err(|error| format!("analyst.model.key_file: {error}"))?)
        }
        None => None,
    };
    let settings = Settings {
        key,
        deadline: Duration::from_millis(spec.timeout.get()),
        answer_tokens_max: spec.answer_tokens,
        pack_tokens_max: spec.evidence_tokens,
        show: Some(match spec.show {
            ModelShown::Nothing => DataClass::Nothing,
            ModelShown::Figures => DataClass::Figures,
            ModelShown::Names => DataClass::Names,
            ModelShown::Words => DataClass::Words,
        }),
        pseudonyms: Some(spec.pseudonyms),
        budget: Budget {
            tokens_max: spec.tokens_day,
            requests_max: spec.requests_day,
            money_max_micro: spec.money_day.get().saturating_mul(MICRO),
            price_read_micro: spec.price_read.get().saturating_mul(MICRO),
            price_written_micro: spec.price_written.get().saturating_mul(MICRO),
            ..Budget::default()
        },
        failures: spec.failures,
        pause: Duration::from_millis(spec.pause.get()),
        ..Settings::new(endpoint, &spec.name)
    };
    match Remote::new(settings, spent) {
        Ok(remote) => Ok(Box::new(remote)),
        Err(error) => Err(format!("analyst.model: {error}")),
    }
}
