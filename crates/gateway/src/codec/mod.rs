//! HTTP/1.1 on bytes: what a message says, where it ends, and how it is written on. No sockets, no clock.
//!
//! A proxy is safe when nobody behind it can read other message boundaries than it did. So this codec reads by the
//! letter of RFC 9112 and refuses what two readers could understand differently (length together with transfer coding,
//! bare line feeds, folded fields, repeated lengths), and it never copies framing: the message that goes on is written
//! anew, with one framing field of our own. `httparse` tokenises; the rules are here.
//!
//! Must never look at a socket or keep state between messages other than in [`body::BodyReader`].
//!
//! # Source
//! RFC 9110 (semantics), RFC 9112 (HTTP/1.1).

pub mod body;
pub mod chunked;
pub mod encode;
pub mod error;
pub mod field;
pub mod host;
pub mod request;
pub mod response;
pub mod scan;
pub mod trailer;

pub use body::{BodyReader, Framing};
pub use error::{RequestError, ResponseError};
pub use request::RequestHead;
pub use response::ResponseHead;
pub use scan::HeadScan;

/// Most header fields that can be asked for; the fields lie on the stack while a head is parsed.
pub const FIELDS_MAX: usize = 256;

/// Bounds on one message head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes from the first byte of the start line to the end of the empty line.
    pub bytes_max: usize,
    /// Header fields, at most [`FIELDS_MAX`].
    pub fields_max: usize,
}
