//! Which models an endpoint has.

use crate::model::Model;
use crate::{ModelError, wire};
use plimsoll_http_client::{Ask, exchange};

impl Model {
    /// Asks the endpoint for its models: names alone, cleaned. It costs no tokens.
    ///
    /// # Errors
    /// [`ModelError`].
    pub async fn list(&self) -> Result<Vec<String>, ModelError> {
        let mut ask = Ask::get(self.settings().url("models"));
        if let Some(key) = &self.settings().key {
            ask = ask.bearer(key.reveal());
        }
        let answer = exchange(ask, self.bounds()).await?;
        let status = answer.status.as_u16();
        if answer.status.is_redirection() {
            return Err(ModelError::Redirect { status });
        }
        if !answer.status.is_success() {
            let said = wire::excerpt(&answer.body, self.settings().key.as_ref());
            return Err(ModelError::Status { status, said });
        }
        wire::models(&answer.body).map_err(|why| ModelError::Shape { why })
    }
}
