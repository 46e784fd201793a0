//! tmp
pub mod diagnosis;
pub mod features;
pub mod history;
pub mod scenario;
