//! Policies from text: a policy file becomes a policy of node choice or an order of the queue.
//!
//! Files are for users; reading them from a disk is the caller's business. Policies of ours that ship with the program
//! are in it as text ([`shipped`]), read by the very same code, so that a name of theirs works from anywhere.

use super::NodePolicy;
use crate::expression::{NodeExpression, PolicyFileError, QueueExpression};
use crate::order::QueueOrder;
use plimsoll_expr::{PolicyFile, PolicyKind};

/// What a policy file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPolicy {
    /// A way to choose nodes.
    Node(NodePolicy),
    /// An order of the queue.
    Queue(QueueOrder),
}

/// Reads a policy file; `file` is what messages call it.
///
/// # Errors
/// With the file, and the line, the key or the input that is wrong.
pub fn from_file_text(file: &str, text: &str) -> Result<TextPolicy, PolicyFileError> {
    let read = PolicyFile::parse(text).map_err(|problem| PolicyFileError::Text { file: file.to_owned(), problem })?;
    Ok(match read.kind {
        PolicyKind::NodeScore => TextPolicy::Node(NodePolicy::of_expression(NodeExpression::try_new(file, read)?)),
        // A number of replicas is said to be no order of a queue.
        PolicyKind::QueueOrder | PolicyKind::Replicas => {
            TextPolicy::Queue(QueueOrder::Expression(QueueExpression::try_new(file, read)?))
        }
    })
}

/// A policy that ships with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShippedPolicy {
    /// Its name, which is the name of its file without `.policy`.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

/// The policies of ours that ship with the program.
#[must_use]
pub const fn shipped() -> &'static [ShippedPolicy] {
    SHIPPED
}

/// A file here is one of `policies/`: `ShippedPolicy { name, text: include_str!("../../../../policies/NAME.policy") }`.
const SHIPPED: &[ShippedPolicy] =
    &[ShippedPolicy { name: "plimsoll-gpu", text: include_str!("../../../../policies/plimsoll-gpu.policy") }];

/// The shipped policy of that name.
pub fn shipped_by_name(name: &str) -> Option<TextPolicy> {
    let found = SHIPPED.iter().find(|policy| policy.name == name)?;
    Some(from_file_text(found.name, found.text).expect("invariant: a test reads every shipped policy"))
}
