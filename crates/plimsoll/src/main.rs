//! `plimsoll`: flags, exit codes and progress bars around the crates that do the work.
//!
//! Exit codes: 0 done, 1 it failed (the reason is on standard error), 2 what was typed cannot be understood, 3 it ran and
//! the answer is "no" (a spec that does not hold, a replay that differs, a backtest of which a condition of `--fail-if` holds, a load of which no request succeeded). A command
//! that prints to somebody who reads no more ends by SIGPIPE. `plan --detailed-exitcode` alone follows Terraform instead: 0
//! nothing to do, 1 any error, 2 changes.

mod args;
mod bounds;
mod commands;
mod reader;

use args::{Cli, Command, ImportWhat, JobVerb, TestbedVerb};
use clap::Parser;
use std::ffi::OsStr;
use std::process::ExitCode;

/// How a command ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Done,
    /// It ran, and the answer is "no".
    No,
    /// It ran, and there is something to do.
    Changes,
}

/// The flag under which 2 means "changes", so that what was mistyped must not end with 2.
const DETAILED: &str = "--detailed-exitcode";

fn main() -> ExitCode {
    // The shim comes before everything else: it lives as long as its workload and should hold no page that it can do without.
    let mut typed = std::env::args_os().skip(1);
    if typed.next().as_deref() == Some(OsStr::new("shim")) {
        return plimsoll_driver_process::shim_main(typed);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && std::env::args_os().any(|word| word == DETAILED) => {
            let _ = error.print();
            return ExitCode::FAILURE;
        }
        Err(error) => error.exit(),
    };
    match run(cli) {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::No) => ExitCode::from(3),
        Ok(Verdict::Changes) => ExitCode::from(2),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<Verdict> {
    if only_prints(&cli.command) {
        reader::end_with_it();
    }
    match cli.command {
        Command::Up(up) => commands::up::run(up),
        Command::Plan(plan) => commands::plan::run(&plan),
        Command::Top(top) => commands::top::run(&top),
        Command::Down(down) => commands::down::run(&down),
        Command::Status(status) => commands::status::run(&status),
        Command::Explain(explain) => commands::explain::run(&explain),
        Command::Replay(replay) => commands::replay::run(&replay),
        Command::Logs(logs) => commands::logs::run(&logs),
        Command::Reload(reload) => commands::order::reload(&reload),
        Command::Job(job) => match job.verb {
            JobVerb::Run { job, dry_run, installation } => commands::order::run_job(&job, dry_run, &installation),
        },
        Command::Event(event) => commands::event::run(&event),
        Command::Scale(scale) => commands::wheel::scale(&scale),
        Command::Pause(pause) => commands::wheel::pause(&pause),
        Command::Freeze(stand) => commands::wheel::freeze(&stand),
        Command::Stop(stand) => commands::wheel::stop(&stand),
        Command::Resume(release) => commands::wheel::resume(&release),
        Command::Restart(release) => commands::wheel::restart(&release),
        Command::Token(token) => commands::token::run(&token),
        Command::Usage(usage) => commands::usage::run(&usage),
        Command::Export(export) => commands::export::run(&export),
        Command::Audit(audit) => commands::audit::run(&audit),
        Command::Decisions(decisions) => commands::decisions::run(&decisions),
        Command::Forget(forget) => commands::forget::run(&forget),
        Command::Doctor(doctor) => commands::doctor::run(&doctor),
        Command::Check(check) => commands::check::run(&check),
        Command::Decide(decide) => commands::decide::run(&decide),
        Command::Import(import) => match import.what {
            ImportWhat::Hpa(hpa) => commands::import::hpa(&hpa),
        },
        Command::Schema { of } => commands::check::schema(of),
        Command::Forecast(forecast) => commands::forecast::run(&forecast),
        Command::Train(train) => commands::forecast::train(&train),
        Command::Rebalance(rebalance) => commands::rebalance::run(&rebalance),
        Command::Capacity(capacity) => commands::capacity::run(&capacity),
        Command::Calibrate(calibrate) => commands::calibrate::run(&calibrate),
        Command::Simulate(simulate) => commands::simulate::run(&simulate),
        Command::Backtest(backtest) => commands::backtest::run(&backtest),
        Command::Watch(watch) => commands::watch::run(&watch),
        Command::Tune(tune) => commands::tune::run(&tune),
        Command::Evolve(evolve) => commands::evolve::run(&evolve),
        Command::Policies(policies) => commands::policies::run(&policies),
        Command::Load(load) => commands::load::run(&load),
        Command::Testbed(testbed) => match testbed.verb {
            TestbedVerb::Serve(serve) => commands::testbed::serve(&serve),
        },
        Command::Analyst(analyst) => commands::analyst::run(&analyst),
        Command::Ask(ask) => commands::ask::run(&ask),
        Command::Mcp(mcp) => commands::mcp::run(&mcp),
        Command::Completions { shell } => commands::completions(shell),
        Command::Man(man) => commands::man::run(&man),
        Command::Gateway(gateway) => commands::gateway::run(gateway),
        Command::Shim { .. } => unreachable!("invariant: main handles `shim` before parsing"),
    }
}

/// May it end at any moment, when nobody reads what it prints? `load` and `down` may once their work is done, and see to it
/// themselves.
fn only_prints(command: &Command) -> bool {
    match command {
        Command::Status(_)
        | Command::Explain(_)
        | Command::Replay(_)
        | Command::Logs(_)
        | Command::Reload(_)
        | Command::Job(_)
        | Command::Event(_)
        | Command::Scale(_)
        | Command::Pause(_)
        | Command::Freeze(_)
        | Command::Stop(_)
        | Command::Resume(_)
        | Command::Restart(_)
        | Command::Audit(_)
        | Command::Decisions(_)
        | Command::Usage(_)
        | Command::Check(_)
        | Command::Schema { .. }
        | Command::Import(_)
        | Command::Forecast(_)
        | Command::Capacity(_)
        | Command::Simulate(_)
        | Command::Backtest(_)
        | Command::Policies(_)
        | Command::Analyst(_)
        | Command::Ask(_)
        | Command::Plan(_)
        | Command::Completions { .. } => true,
        Command::Up(_)
        | Command::Top(_)
        | Command::Man(_)
        | Command::Calibrate(_)
        | Command::Tune(_)
        | Command::Mcp(_)
        | Command::Evolve(_)
        | Command::Watch(_)
        | Command::Forget(_)
        | Command::Doctor(_)
        | Command::Down(_)
        | Command::Decide(_)
        | Command::Train(_)
        | Command::Rebalance(_)
        | Command::Load(_)
        | Command::Testbed(_)
        | Command::Gateway(_)
        | Command::Token(_)
        | Command::Export(_)
        | Command::Shim { .. } => false,
    }
}
