//! The testbed as a process of its own, for tests that kill it: `plimsoll-testbed '{"cpu_us":2000,"control":true}'`.
//!
//! The one argument is [`plimsoll_loadgen::testbed::Options`] in JSON; the first line of output is the address. People
//! use `plimsoll testbed serve`, which has flags.

use plimsoll_loadgen::testbed::{Options, serve};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match std::env::args().nth(1).map(|text| serde_json::from_str::<Options>(&text)).transpose() {
        Ok(options) => options.unwrap_or_default(),
        Err(error) => {
            eprintln!("plimsoll-testbed: the options are not valid JSON: {error}");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("plimsoll-testbed: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let announce = |address| {
        let mut out = std::io::stdout();
        // A closed output must not end the service.
        let _ = writeln!(out, "{address}").and_then(|()| out.flush());
    };
    match runtime.block_on(serve(options, announce)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            eprintln!("plimsoll-testbed: {error}{source}");
            ExitCode::FAILURE
        }
    }
}
