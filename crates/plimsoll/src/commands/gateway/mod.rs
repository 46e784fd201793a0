//! `plimsoll gateway`: the data plane, by a daemon's word or alone by a file.

mod top;

use crate::Verdict;
use crate::args::{Gateway, GatewayVerb};
use anyhow::{Context, anyhow};
use plimsoll_gateway::control::{FromGateway, ToGateway};
use plimsoll_gateway::{Alone, Options};
use plimsoll_model::gateway::GatewayFile;
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longest wait for the gateway to say something; it reports several times a second.
const WAIT: Duration = Duration::from_secs(70);

/// Runs a gateway, or asks a running one for something.
pub fn run(gateway: Gateway) -> anyhow::Result<Verdict> {
    match &gateway.verb {
        Some(GatewayVerb::Check(asked)) => return check(&asked.config),
        Some(GatewayVerb::Reload(asked)) => return reload(&asked.config),
        Some(GatewayVerb::Drain(asked)) => {
            Running::find(&asked.config)?.say(&ToGateway::Drain)?;
            return Ok(Verdict::Done);
        }
        Some(GatewayVerb::Top(top)) => return top::run(top),
        None => {}
    }
    let report_interval_ms = gateway.report_interval_ms.clamp(10, 60_000);
    if let Some(config) = gateway.config {
        let file = read(&config).map_err(|report| anyhow!(report))?;
        let options = Options {
            report_interval_ms,
            ignore_interrupt: false,
            takeover: gateway.takeover,
            alone: Some(Alone::new(move || read(&config))),
            ..Options::new(&file.control)
        };
        plimsoll_gateway::run(options)?;
    } else {
        let control = gateway.control.context("--config or --control is needed")?;
        let options = Options { report_interval_ms, inherited: gateway.inherit, ..Options::new(control) };
        plimsoll_gateway::run(options)?;
    }
    Ok(Verdict::Done)
}

/// The file, with its warnings on standard error; the error is the whole report.
fn read(config: &Path) -> Result<GatewayFile, String> {
    let loaded = plimsoll_config::load_gateway(config).map_err(|report| report.to_string())?;
    if !loaded.warnings.is_empty() {
        eprint!("{}", loaded.warnings);
    }
    Ok(loaded.file)
}

fn check(config: &Path) -> anyhow::Result<Verdict> {
    match read(config).and_then(|file| plimsoll_gateway::check(&file).map(|()| file)) {
        Ok(file) => {
            let endpoints: usize = file.pools.values().map(|pool| pool.endpoints.len()).sum();
            let (listeners, pools) = (file.gateway.listeners.len(), file.pools.len());
            println!(
                "{}: {listeners} listeners, {pools} pools, {endpoints} endpoints: the file holds",
                config.display()
            );
            Ok(Verdict::Done)
        }
        Err(report) => {
            eprintln!("{}", report.trim_end());
            Ok(Verdict::No)
        }
    }
}

fn reload(config: &Path) -> anyhow::Result<Verdict> {
    let mut running = Running::find(config)?;
    running.say(&ToGateway::Reload)?;
    loop {
        if let FromGateway::Ack { version, error, listening, .. } = running.hear()? {
            let Some(error) = error else {
                let addresses: Vec<String> = listening.iter().map(ToString::to_string).collect();
                println!("reloaded: version {version}, listening on {}", addresses.join(", "));
                return Ok(Verdict::Done);
            };
            eprintln!("the file is refused as a whole and the one before stays in use:\n{}", error.trim_end());
            return Ok(Verdict::No);
        }
    }
}

/// A connection to the gateway that runs by a file.
struct Running {
    stream: UnixStream,
    lines: Lines<BufReader<UnixStream>>,
}

impl Running {
    /// The file may be wrong by now; where the control socket is can still be read from most of those.
    fn find(config: &Path) -> anyhow::Result<Self> {
        let control = plimsoll_config::gateway_control(config).map_err(|report| anyhow!(report.to_string()))?;
        let nobody = || format!("no gateway answers at {control}");
        let stream = UnixStream::connect(&control).with_context(nobody)?;
        stream.set_read_timeout(Some(WAIT))?;
        let lines = BufReader::new(stream.try_clone()?).lines();
        Ok(Self { stream, lines })
    }

    fn say(&mut self, message: &ToGateway) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        Ok(self.stream.write_all(&line)?)
    }

    fn hear(&mut self) -> anyhow::Result<FromGateway> {
        let line = self.lines.next().context("the gateway has ended")??;
        Ok(serde_json::from_str(&line)?)
    }
}
