//! What the fuzz targets share: the codec, the second reading, and the ways to drive them.
//!
//! The codec is taken in by path and not as the crate around it, so that only it is built with coverage counters and a
//! build takes seconds.

#[path = "../../crates/gateway/src/codec/mod.rs"]
pub mod codec;
#[path = "../../crates/gateway/src/http2/heads.rs"]
pub mod heads;
#[path = "../../crates/gateway/tests/common/reader.rs"]
pub mod reader;

pub mod drive;
