//! The body of `POST /v1/services/NAME/wheel`: what an operator does with one service.
//!
//! Integers with their unit in the name, as everywhere in the API; times are trace time. What is wrong is refused with the
//! field's name and never repaired.

use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::wheel::{BY_LEN_MAX, REPLICAS_MAX};
use plimsoll_model::{Hand, Order, StandingOrder, Way};
use serde::Deserialize;

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handed {
    /// Which of them.
    order: Verb,
    /// How many, for `scale`.
    replicas: Option<u32>,
    /// Which way, for `pause`; both if absent.
    way: Option<Way>,
    /// How long it stands; until it is taken back if absent.
    for_ms: Option<u64>,
    /// Who.
    by: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verb {
    Scale,
    Stop,
    Pause,
    Freeze,
    Resume,
    Restart,
}

/// Why an order was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WheelError {
    /// Not the JSON that is expected.
    #[error("the body is no order: {0}")]
    Body(String),
    /// Nobody, or a text that is too long.
    #[error("`by` is {0} bytes long, 1 to {BY_LEN_MAX} say who orders")]
    By(usize),
    /// A number is missing or out of range.
    #[error("`replicas`: `scale` needs 0 to {REPLICAS_MAX}")]
    Replicas,
    /// A field that this order has no use for.
    #[error("`{0}` does not go with this order")]
    Field(&'static str),
    /// It would not stand at all.
    #[error("`for_ms`: an order stands for 1 ms or more")]
    For,
}

impl Handed {
    /// Reads a body.
    ///
    /// # Errors
    /// [`WheelError::Body`] with the place.
    pub fn read(body: &[u8]) -> Result<Self, WheelError> {
        serde_json::from_slice(body).map_err(|error| WheelError::Body(error.to_string()))
    }

    /// The same, saying too which named token it came with.
    #[must_use]
    pub fn via(mut self, token: &str) -> Self {
        self.by = super::via(&self.by, token, BY_LEN_MAX);
        self
    }

    /// What it means at `now`.
    ///
    /// # Errors
    /// [`WheelError`], naming the field.
    pub fn hand(&self, now: Timestamp) -> Result<Hand, WheelError> {
        let Self { order, replicas, way, for_ms, by } = self;
        if by.is_empty() || by.len() > BY_LEN_MAX {
            return Err(WheelError::By(by.len()));
        }
        let stands = !matches!(order, Verb::Resume | Verb::Restart);
        for (field, is_given, is_used) in [
            ("replicas", replicas.is_some(), *order == Verb::Scale),
            ("way", way.is_some(), *order == Verb::Pause),
            ("for_ms", for_ms.is_some(), stands),
        ] {
            if is_given && !is_used {
                return Err(WheelError::Field(field));
            }
        }
        if *for_ms == Some(0) {
            return Err(WheelError::For);
        }
        let by = by.clone();
        let order = match order {
            Verb::Resume => return Ok(Hand::Resume { by }),
            Verb::Restart => return Ok(Hand::Restart { by }),
            Verb::Stop => Order::Stop,
            Verb::Freeze => Order::Freeze,
            Verb::Pause => Order::Pause { way: way.unwrap_or(Way::Both) },
            Verb::Scale => {
                let replicas = replicas.filter(|replicas| *replicas <= REPLICAS_MAX).ok_or(WheelError::Replicas)?;
                Order::Scale { replicas }
            }
        };
        Ok(Hand::Order(StandingOrder { order, by, until: for_ms.map(|length| now.plus(Millis(length))) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand(rest: &str) -> Result<Hand, String> {
        let body = format!("{{\"by\":\"ops\",{rest}}}");
        Handed::read(body.as_bytes()).and_then(|it| it.hand(Timestamp(1_000))).map_err(|error| error.to_string())
    }

    #[test]
    fn an_order_stands_for_its_time() {
        let order = Order::Scale { replicas: 3 };
        let expected = StandingOrder { order, by: "ops".to_owned(), until: Some(Timestamp(6_000)) };
        assert_eq!(hand("\"order\":\"scale\",\"replicas\":3,\"for_ms\":5000"), Ok(Hand::Order(expected)));
        assert_eq!(hand("\"order\":\"resume\""), Ok(Hand::Resume { by: "ops".to_owned() }));
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_field() {
        for (rest, names) in [
            ("\"order\":\"scale\"", "`replicas`: `scale` needs 0 to 10000"),
            ("\"order\":\"scale\",\"replicas\":10001", "`replicas`"),
            ("\"order\":\"stop\",\"replicas\":1", "`replicas` does not go with"),
            ("\"order\":\"resume\",\"for_ms\":1", "`for_ms` does not go with"),
            ("\"order\":\"freeze\",\"way\":\"in\"", "`way` does not go with"),
            ("\"order\":\"stop\",\"for_ms\":0", "`for_ms`"),
            ("\"order\":\"sink\"", "unknown variant `sink`"),
            ("\"order\":\"stop\",\"why\":1", "unknown field `why`"),
        ] {
            let error = hand(rest).unwrap_err();
            assert!(error.contains(names), "{rest}: {error}");
        }
        let nobody = Handed::read(b"{\"by\":\"\",\"order\":\"stop\"}").unwrap().hand(Timestamp(0));
        assert_eq!(nobody, Err(WheelError::By(0)));
    }
}
