//! A conversation as tokens: who speaks, what is said, and where a turn ends.
//!
//! The file's template is a program; it is not run. It has to be the one that is known here, by the marks that it uses.
//!
//! # Source
//! "ChatML": `<|im_start|>ROLE`, a line end, the text, `<|im_end|>`, a line end.

use crate::LocalError;
use crate::gguf::{Gguf, Source};
use crate::tokenizer::Tokenizer;

/// Begins a turn.
const START: &str = "<|im_start|>";
/// Ends a turn.
const END: &str = "<|im_end|>";

/// How turns are written.
#[derive(Debug, Clone, Copy)]
pub struct Chat {
    start: u32,
    end: u32,
}

impl Chat {
    /// From a file's template.
    ///
    /// # Errors
    /// [`LocalError::Field`] where it is another one, or its marks are no tokens.
    pub fn of<S: Source>(gguf: &Gguf<S>, tokenizer: &Tokenizer) -> Result<Self, LocalError> {
        const FIELD: &str = "tokenizer.chat_template";
        let template = gguf.text(FIELD)?;
        if !template.contains(START) || !template.contains(END) {
            let found = format!("{:?}", template.chars().take(60).collect::<String>());
            return Err(gguf.wrong(FIELD, found, format!("one with {START} and {END}")));
        }
        let mark = |name: &str| {
            tokenizer.special(name).ok_or_else(|| {
                gguf.wrong("tokenizer.ggml.tokens", format!("without {name}"), "with it, as a control token")
            })
        };
        Ok(Self { start: mark(START)?, end: mark(END)? })
    }

    /// Ends a turn.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.end
    }

    /// Tokens of instructions and a question, up to where the answer begins.
    #[must_use]
    pub fn tokens(self, tokenizer: &Tokenizer, system: &str, user: &str) -> Vec<u32> {
        let mut all = Vec::new();
        for (role, text) in [("system", system), ("user", user)] {
            all.push(self.start);
            all.extend(tokenizer.encode(&format!("{role}\n{text}")));
            all.push(self.end);
            all.extend(tokenizer.encode("\n"));
        }
        all.push(self.start);
        all.extend(tokenizer.encode("assistant\n"));
        all
    }
}
