//! TLS by rustls over ring: sessions on the data path, and the configurations that they are made with.
//!
//! ring was chosen over aws-lc-rs because it builds with the plain C compiler, in a quarter of the time and without cmake.
//!
//! Must never write a private key, a ticket key or a session's secret anywhere.

pub mod client_cert;
pub mod config;
pub mod session;
