//! Searches on a thread, without a daemon.
