//! tmp
pub mod diagnosis;
pub mod evaluation;
pub mod evidence;
pub mod features;
pub mod history;
pub mod scenario;
