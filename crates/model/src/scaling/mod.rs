//! How many replicas there should be and how large each is.

pub mod vertical;
