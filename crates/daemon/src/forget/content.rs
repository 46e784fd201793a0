//! What is left of a record when a service is forgotten. Pure: bytes in, bytes out.
//!
//! A record is a step of all services, so it cannot go whole: what is about the service is taken out of the typed value, and
//! where another service's part names it (room that went to it, a sentence), the name gives way to [`PLACEHOLDER`]. That second
//! part works on text, because a name may stand in any sentence; it is taken only where the text reads back as the same value,
//! so that a service called `cpu` or `ready` never changes a field or a word of the format.

use crate::audit::Entry;
use crate::record::StepInputs;
use plimsoll_controller::{Input, State};
use plimsoll_journal::{Kind, Record};
use plimsoll_model::id::{NodeName, ServiceName, WorkloadId};
use plimsoll_model::{Decision, Finding, Observation, Spec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Stands where a forgotten service was named in somebody else's part.
pub const PLACEHOLDER: &str = "forgotten";
/// The same, for a service that is called so.
const PLACEHOLDER_OTHER: &str = "erased";

/// What stands before the installation's and the node's own names in a policy. They may be called like a service, and stay.
const OWN_NAMES: [&[u8]; 2] = [b"\"spec\":{\"name\":\"", b"\"node\":{\"name\":\""];

/// Forgets one service.
#[derive(Debug, Clone)]
pub struct Eraser {
    name: ServiceName,
}

impl Eraser {
    /// Of `name`.
    #[must_use]
    pub const fn new(name: ServiceName) -> Self {
        Self { name }
    }

    /// What is left of a record; none where it does not name the service.
    ///
    /// # Errors
    /// When a record that names it is not understood.
    pub fn left_of(&self, record: &Record) -> Result<Option<Vec<u8>>, serde_json::Error> {
        if !self.is_named_in(&record.payload) {
            return Ok(None);
        }
        let bytes = record.payload.as_slice();
        match record.kind {
            Kind::INPUT => self.typed(bytes, Self::inputs),
            Kind::DECISION => self.typed(bytes, Self::decision),
            Kind::SNAPSHOT => self.typed(bytes, Self::state),
            Kind::AUDIT => match serde_json::from_slice::<Entry>(bytes) {
                Ok(Entry::Asked(asked) | Entry::Refused { asked, .. }) if self.is_subject(asked.subject()) => {
                    Ok(b"null".to_vec())
                }
                _ => Ok(self.text(bytes)),
            },
            Kind::PROPOSAL => Ok(match serde_json::from_slice::<Value>(bytes) {
                Ok(said) if said["proved"]["service"] == self.name.as_str() => b"null".to_vec(),
                _ => self.text(bytes),
            }),
            _ => Ok(self.text(bytes)),
        }
        // A service that is called like a field is named in every record, and is not in every record.
        .map(|left| Some(left).filter(|left| *left != record.payload))
    }

    /// A state without the service.
    pub fn state(&self, state: &mut State) {
        state.services.remove(&self.name);
        state.service_ordinals.remove(&self.name);
        state.forgotten.retain(|workload, _| !self.is_of(workload));
        if let Some(spec) = &mut state.spec {
            self.spec(spec);
        }
    }

    /// Where a policy still names the service, other than as the installation's or the node's own name, as a path of fields. A
    /// word of the format that is written like the service is no name: another word in its place is no policy.
    #[must_use]
    pub fn first_mention(&self, spec: &Spec) -> Option<String> {
        let mut spec = spec.clone();
        (spec.name, spec.node.name) = ("installation".to_owned(), stand_in());
        let whole = serde_json::to_value(&spec).unwrap_or_default();
        let mut found = Vec::new();
        self.mentions(&whole, "", &mut found);
        let is_name = |pointer: &String| {
            let mut other = whole.clone();
            let Some(Value::String(text)) = other.pointer_mut(pointer) else { return false };
            *text = String::from_utf8_lossy(&self.text(text.as_bytes())).into_owned();
            serde_json::from_value::<Spec>(other).is_ok()
        };
        found.into_iter().find(is_name).map(|pointer| pointer.trim_start_matches('/').replace('/', "."))
    }

    /// JSON pointers of the texts that name it.
    fn mentions(&self, value: &Value, pointer: &str, found: &mut Vec<String>) {
        match value {
            Value::String(text) if self.is_named_in(text.as_bytes()) => found.push(pointer.to_owned()),
            Value::Array(values) => values
                .iter()
                .enumerate()
                .for_each(|(index, value)| self.mentions(value, &format!("{pointer}/{index}"), found)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    self.mentions(value, &format!("{pointer}/{key}"), found);
                }
            }
            _ => {}
        }
    }

    /// Of any text, with the placeholder where the service was named.
    #[must_use]
    pub fn text(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut from = 0;
        for at in self.places(bytes) {
            out.extend_from_slice(&bytes[from..at]);
            out.extend_from_slice(self.placeholder().as_bytes());
            from = at + self.name.as_str().len();
        }
        out.extend_from_slice(&bytes[from..]);
        out
    }

    /// Whether the name stands somewhere as a word of its own: `shop-2` does not name `shop`, `service:shop/3` does.
    #[must_use]
    pub fn is_named_in(&self, bytes: &[u8]) -> bool {
        self.places(bytes).next().is_some()
    }

    fn places<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let name = self.name.as_str().as_bytes();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let last = bytes.len().saturating_sub(name.len());
        (0..=last).filter(move |at| {
            bytes[*at..].starts_with(name)
                && !at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(is_part)
                && !bytes.get(at + name.len()).is_some_and(is_part)
                && !OWN_NAMES.iter().any(|before| bytes[..*at].ends_with(before))
        })
    }

    fn placeholder(&self) -> &'static str {
        if self.name.as_str() == PLACEHOLDER { PLACEHOLDER_OTHER } else { PLACEHOLDER }
    }

    fn is_subject(&self, subject: Option<String>) -> bool {
        subject.as_deref() == Some(self.name.as_str())
    }

    fn is_of(&self, workload: &WorkloadId) -> bool {
        matches!(workload, WorkloadId::Replica(id) if id.service == self.name)
    }

    fn typed<T: Serialize + DeserializeOwned>(
        &self,
        bytes: &[u8],
        erase: impl Fn(&Self, &mut T),
    ) -> Result<Vec<u8>, serde_json::Error> {
        let mut value: T = serde_json::from_slice(bytes)?;
        erase(self, &mut value);
        let left = serde_json::to_vec(&value)?;
        if !self.is_named_in(&left) {
            return Ok(left);
        }
        let is_same_form = |text: &[u8]| {
            serde_json::from_slice::<T>(text).is_ok_and(|it| serde_json::to_vec(&it).is_ok_and(|it| it == text))
        };
        let all = self.text(&left);
        if is_same_form(&all) {
            return Ok(all);
        }
        // The name is a word of the format too: one place after the other, from the end so that places stay where they are.
        let mut best = left;
        for at in self.places(&best.clone()).collect::<Vec<_>>().into_iter().rev() {
            let mut next = best.clone();
            next.splice(at..at + self.name.as_str().len(), self.placeholder().bytes());
            if is_same_form(&next) {
                best = next;
            }
        }
        Ok(best)
    }

    fn inputs(&self, step: &mut StepInputs) {
        step.inputs.retain(|input| !self.is_input(input));
        for input in &mut step.inputs {
            match input {
                Input::Policy { spec, .. } => self.spec(spec),
                Input::Observed(seen) => self.observation(seen),
                _ => {}
            }
        }
    }

    fn is_input(&self, input: &Input) -> bool {
        match input {
            Input::History { service, .. }
            | Input::Fitted { service, .. }
            | Input::Event { service, .. }
            | Input::Operator { service, .. }
            | Input::Proposal { service, .. } => *service == self.name,
            _ => false,
        }
    }

    fn observation(&self, seen: &mut Observation) {
        seen.workloads.retain(|status| !self.is_of(&status.id));
        seen.usage.retain(|workload, _| !self.is_of(workload));
        seen.services.remove(&self.name);
    }

    fn spec(&self, spec: &mut Spec) {
        spec.services.remove(&self.name);
        for listener in &mut spec.gateway.listeners {
            listener.routes.retain(|route| route.service != self.name);
        }
        spec.gateway.listeners.retain(|listener| listener.rules.tcp.as_ref() != Some(&self.name));
        for user in spec.operations.users.values_mut() {
            user.workloads.retain(|workload| workload != self.name.as_str());
        }
    }

    fn decision(&self, decision: &mut Decision) {
        decision.actions.retain(|action| action.service() != Some(&self.name));
        decision.rationale.services.remove(&self.name);
        decision.rationale.findings.retain_mut(|finding| !self.is_finding(finding));
    }

    /// Whether a finding is about the service alone; of one about several it is taken out.
    fn is_finding(&self, finding: &mut Finding) -> bool {
        match finding {
            Finding::Exited { workload, .. }
            | Finding::Throttled { workload, .. }
            | Finding::OutOfMemory { workload, .. } => self.is_of(workload),
            Finding::Failures { service, .. }
            | Finding::Fitted { service, .. }
            | Finding::NotFitted { service, .. }
            | Finding::Wheel { service, .. }
            | Finding::Proposal { service, .. } => *service == self.name,
            Finding::PolicyChanged { added, removed, changed } => {
                for names in [&mut *added, &mut *removed, &mut *changed] {
                    names.retain(|name| *name != self.name);
                }
                added.is_empty() && removed.is_empty() && changed.is_empty()
            }
            _ => false,
        }
    }
}

/// Any node's name.
fn stand_in() -> NodeName {
    NodeName::try_new("node").expect("invariant: it is a name")
}
