//! The model that a spec names, ready to be asked: behind a URL, or in the process. Which of the two, nobody beyond this file
//! knows: everything else sees a [`Voice`], with the same budgets, breaker and bounds.

use plimsoll_analyst::evidence::DataClass;
use plimsoll_http_client::UrlError;
use plimsoll_llm::budget::{Budget, Spent};
use plimsoll_llm::key::KeyError;
use plimsoll_llm::voice::RemoteError;
use plimsoll_llm::{Key, Remote, Settings, Voice};
use plimsoll_model::analyst::{KeyPlace, ModelShown, ModelSpec};
use std::path::Path;
use std::time::Duration;

/// Thousandths to millionths.
const MICRO: u64 = 1_000;

/// Why the model that a spec names cannot be asked. A key is in none of them.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// No URL.
    #[error("analyst.model.endpoint: {0}")]
    Url(#[from] UrlError),
    /// A file, and nothing here that could read it.
    #[error(
        "analyst.model.endpoint is {endpoint:?}, and this plimsoll was built without a model of its own; allowed here are http://… and https://…; \
         `cargo build --release --features local-llm` builds one that takes a file"
    )]
    #[cfg(not(feature = "local-llm"))]
    NotBuilt {
        /// What stands there.
        endpoint: String,
    },
    /// The file is missing, too large, or not what it has to be.
    #[error("analyst.model.endpoint: {}", said(.0))]
    #[cfg(feature = "local-llm")]
    File(plimsoll_llm::ModelError),
    /// The variable has no key.
    #[error("analyst.model.key_env: {0}")]
    KeyEnv(KeyError),
    /// The file has no key.
    #[error("analyst.model.key_file: {0}")]
    KeyFile(KeyError),
    /// Settings that contradict each other, or no room for it.
    #[error("analyst.model: {0}")]
    Remote(#[from] RemoteError),
    /// No thread can be started.
    #[error("analyst.model: {0}")]
    Thread(#[from] std::io::Error),
}

/// An error with what it rests on, which its own words never repeat.
#[cfg(feature = "local-llm")]
fn said(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// The model; `spent` is what was spent of the day's budget, with the age of that day in ms.
///
/// # Errors
/// [`VoiceError`].
pub fn open(spec: &ModelSpec, spent: Option<(Spent, u64)>) -> Result<Box<dyn Voice>, VoiceError> {
    match spec.file() {
        Some(file) => inside(spec, Path::new(file), spent),
        None => outside(spec, spent),
    }
}

#[cfg(not(feature = "local-llm"))]
fn inside(spec: &ModelSpec, _: &Path, _: Option<(Spent, u64)>) -> Result<Box<dyn Voice>, VoiceError> {
    Err(VoiceError::NotBuilt { endpoint: spec.endpoint.clone() })
}

/// Looks at the file's head alone: the loop waits for this, and loading takes as long as the file is large.
#[cfg(feature = "local-llm")]
fn inside(spec: &ModelSpec, file: &Path, spent: Option<(Spent, u64)>) -> Result<Box<dyn Voice>, VoiceError> {
    use plimsoll_llm::{LocalModel, LocalSettings};
    let mut settings = LocalSettings {
        name: (spec.name != ModelSpec::UNNAMED).then(|| spec.name.clone()),
        pack_tokens_max: spec.evidence_tokens,
        show: Some(shown(spec)),
        pseudonyms: Some(spec.pseudonyms),
        budget: budget(spec),
        failures: spec.failures,
        pause: Duration::from_millis(spec.pause.get()),
        ..LocalSettings::new(file)
    };
    settings.limits.deadline = Duration::from_millis(spec.timeout.get());
    settings.limits.answer_tokens_max = spec.answer_tokens;
    let model = LocalModel::prepare(settings).map_err(VoiceError::File)?;
    Ok(Box::new(match spent {
        Some((spent, age_ms)) => model.having_spent(spent, age_ms),
        None => model,
    }))
}

fn outside(spec: &ModelSpec, spent: Option<(Spent, u64)>) -> Result<Box<dyn Voice>, VoiceError> {
    let key = match &spec.key {
        Some(KeyPlace::Env(name)) => Some(Key::from_env(name).map_err(VoiceError::KeyEnv)?),
        Some(KeyPlace::File(path)) => Some(Key::from_file(Path::new(path)).map_err(VoiceError::KeyFile)?),
        None => None,
    };
    let settings = Settings {
        key,
        deadline: Duration::from_millis(spec.timeout.get()),
        answer_tokens_max: spec.answer_tokens,
        pack_tokens_max: spec.evidence_tokens,
        show: Some(shown(spec)),
        pseudonyms: Some(spec.pseudonyms),
        budget: budget(spec),
        failures: spec.failures,
        pause: Duration::from_millis(spec.pause.get()),
        ..Settings::new(spec.endpoint.parse()?, &spec.name)
    };
    Ok(Box::new(Remote::new(settings, spent)?))
}

const fn shown(spec: &ModelSpec) -> DataClass {
    match spec.show {
        ModelShown::Nothing => DataClass::Nothing,
        ModelShown::Figures => DataClass::Figures,
        ModelShown::Names => DataClass::Names,
        ModelShown::Words => DataClass::Words,
    }
}

fn budget(spec: &ModelSpec) -> Budget {
    Budget {
        tokens_max: spec.tokens_day,
        requests_max: spec.requests_day,
        money_max_micro: spec.money_day.get().saturating_mul(MICRO),
        price_read_micro: spec.price_read.get().saturating_mul(MICRO),
        price_written_micro: spec.price_written.get().saturating_mul(MICRO),
        ..Budget::default()
    }
}
