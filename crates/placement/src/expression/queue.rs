//! An order of the queue as an expression: a key per waiting task, the lowest first.

use super::error::PolicyFileError;
use super::input::Scope;
use super::queue_inputs::{QUEUE_INPUTS, QueueSource, queue_schema};
use crate::order::{Facts, Key, Moves, Share};
use plimsoll_expr::{Compiled, InputId, PolicyFile, PolicyKind};
use plimsoll_model::quantity::{Millis, Timestamp};
use std::sync::Arc;

/// An order of the queue as an expression. A copy shares it.
#[derive(Debug, Clone)]
pub struct QueueExpression {
    parts: Arc<(PolicyFile, Compiled)>,
    moves: Moves,
    reads_use: bool,
}

/// By what was written.
impl PartialEq for QueueExpression {
    fn eq(&self, other: &Self) -> bool {
        self.parts.0 == other.parts.0
    }
}

impl Eq for QueueExpression {}

impl QueueExpression {
    /// Makes a policy ready; `name` is what messages call its file.
    ///
    /// # Errors
    /// When it is a node score, names an input that there is not, or its units do not fit.
    pub fn try_new(name: &str, file: PolicyFile) -> Result<Self, PolicyFileError> {
        if file.kind != PolicyKind::QueueOrder {
            return Err(PolicyFileError::Kind { file: name.to_owned(), found: file.kind.word(), wanted: "queue" });
        }
        let compiled = file
            .compile(&queue_schema())
            .map_err(|problem| PolicyFileError::Formula { file: name.to_owned(), problem })?;
        let is_moving = compiled.scopes() >> Scope::Moving as u8 & 1 != 0;
        let moves = if is_moving { Moves::WithTime(Millis(0)) } else { Moves::Never };
        let reads_use = compiled.inputs().iter().any(|id| source_of(*id) == QueueSource::OverUse);
        Ok(Self { parts: Arc::new((file, compiled)), moves, reads_use })
    }

    /// As it was read.
    #[must_use]
    pub fn file(&self) -> &PolicyFile {
        &self.parts.0
    }

    /// The formula, with its bounds and directions.
    #[must_use]
    pub fn compiled(&self) -> &Compiled {
        &self.parts.1
    }

    /// What changes its keys: nothing, or the clock and with it what holders used.
    #[must_use]
    pub const fn moves(&self) -> Moves {
        self.moves
    }

    /// Whether it looks at what holders used.
    #[must_use]
    pub const fn reads_use(&self) -> bool {
        self.reads_use
    }

    /// A task's key; see [`crate::order::QueueOrder::key`].
    #[must_use]
    pub fn key(&self, facts: &Facts, at: Timestamp, over_use: u64) -> Key {
        let value = |id: InputId| match source_of(id) {
            QueueSource::Submitted => facts.submitted.0,
            QueueSource::Wait => saturated(facts.waited(at).0),
            QueueSource::RunTime => saturated(facts.estimate.0),
            QueueSource::Processors => i64::from(facts.processors),
            QueueSource::Share => trillionths(facts.size),
            QueueSource::Cpu => saturated(facts.asked.cpu),
            QueueSource::Memory => saturated(facts.asked.memory_mib),
            QueueSource::Gpu => saturated(facts.asked.gpu_milli),
            QueueSource::Priority => i64::from(facts.priority),
            QueueSource::OverUse => ((u128::from(over_use) * 1_000_000) >> 32) as i64,
        };
        Key(i128::from(self.parts.1.eval_one(value)))
    }
}

fn source_of(id: InputId) -> QueueSource {
    QUEUE_INPUTS[id.index()].source
}

fn trillionths(share: Share) -> i64 {
    (u128::from(share.0) * 1_000_000_000_000 / u128::from(Share::WHOLE.0)) as i64
}

fn saturated(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
