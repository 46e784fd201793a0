//! A model as somebody sees it who does not care where it runs: behind an endpoint, or in the process.
//!
//! Whoever asks has a thread that may wait, so a question blocks. Bounds on time, tokens and money are the implementation's to
//! keep; it must never hand out an answer that was not read by the prompt's schema.

use crate::ModelError;
use crate::budget::{Budget, Spent};
use crate::model::{Asked, Model};
use crate::settings::Settings;
use plimsoll_analyst::PackOptions;
use plimsoll_analyst::history::History;
use plimsoll_analyst::prompt::Prompt;

/// What a model has cost and whether it is asked at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoiceFigures {
    /// Spent in the budget's window.
    pub spent: Spent,
    /// How long ago that began, ms.
    pub window_age_ms: u64,
    /// The most.
    pub budget: Budget,
    /// For so long it is left alone, ms; 0 for not at all.
    pub left_alone_ms: u64,
}

/// A model that can be asked.
pub trait Voice: Send {
    /// Its name, for people.
    fn name(&self) -> String;

    /// How evidence is packed for it.
    fn pack_options(&self) -> PackOptions;

    /// Asks, and waits for what it says. `history` is what the prompt's pack was made of.
    ///
    /// # Errors
    /// [`ModelError`]; nothing of the answer is taken then.
    fn ask(&mut self, prompt: &Prompt, history: &History) -> Result<Asked, ModelError>;

    /// What it has cost, and whether it is asked at all.
    fn figures(&self) -> VoiceFigures;
}

/// A model behind an endpoint, with what a thread needs to wait for it.
#[derive(Debug)]
pub struct Remote {
    model: Model,
    runtime: tokio::runtime::Runtime,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The settings contradict each other.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The system has no room for another set of timers and sockets.
    #[error("nothing can wait for the model")]
    Runtime(#[from] std::io::Error),
}

impl Remote {
    /// With these settings, and what an earlier process spent in a window that began so many ms ago.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn new(settings: Settings, spent: Option<(Spent, u64)>) -> Result<Self, RemoteError> {
        let model = Model::new(settings)?;
        let model = match spent {
            Some((spent, age_ms)) => model.having_spent(spent, age_ms),
            None => model,
        };
        Ok(Self { model, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()? })
    }
}

impl Voice for Remote {
    fn name(&self) -> String {
        plimsoll_analyst::evidence::text::name(&self.model.settings().model)
    }

    fn pack_options(&self) -> PackOptions {
        self.model.settings().pack_options()
    }

    fn ask(&mut self, prompt: &Prompt, history: &History) -> Result<Asked, ModelError> {
        self.runtime.block_on(self.model.ask(prompt, history))
    }

    fn figures(&self) -> VoiceFigures {
        VoiceFigures {
            spent: self.model.spent(),
            window_age_ms: self.model.window_age_ms(),
            budget: self.model.settings().budget,
            left_alone_ms: self.model.left_alone_ms(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_analyst::{Features, Pack, diagnose, scenario};

    #[test]
    fn what_an_earlier_process_spent_counts_until_its_window_is_over() {
        let (_, history) = scenario::run(123).unwrap();
        let features = Features::of(&history);
        let settings = || Settings::new("http://127.0.0.1:1/v1".parse().unwrap(), "m");
        let prompt =
            Prompt::new(&Pack::new(&history, &features, &diagnose(&features), &settings().pack_options())).unwrap();
        let spent = Spent { since_ms: 77, tokens: 200_000, requests: 3, money_micro: 0 };
        let mut voice = Remote::new(settings(), Some((spent, 3_600_000))).unwrap();
        assert!(matches!(voice.ask(&prompt, &history), Err(ModelError::Budget(_))));
        assert!(voice.figures().window_age_ms >= 3_600_000);
        // A day later there is room again; that nobody listens there is another matter.
        let mut voice = Remote::new(settings(), Some((spent, 86_400_000))).unwrap();
        assert!(matches!(voice.ask(&prompt, &history), Err(ModelError::Exchange(_))));
        assert_eq!(voice.figures().spent.requests, 1);
    }
}
