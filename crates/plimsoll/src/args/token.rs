//! What can be typed after `plimsoll token`.

use super::event::duration;
use super::{Installation, Output};
use clap::{Args, Subcommand};
use plimsoll_daemon::api::access::Role;
use std::path::PathBuf;

/// `plimsoll token`.
#[derive(Debug, Args)]
pub struct Token {
    /// What to do.
    #[command(subcommand)]
    pub verb: TokenVerb,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make a token and print its secret, which is shown this once and kept nowhere.
    Create(TokenCreate),
    /// List the tokens there are; never their secrets.
    List(TokenList),
    /// Take a token back: it is refused from the next request on.
    Revoke(TokenRevoke),
}

/// Which file of tokens.
#[derive(Debug, Args)]
pub struct TokenPlace {
    /// The file of tokens; what the running daemon's spec says if absent, else `tokens.json` in the state directory.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// `plimsoll token create`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll token create ci --role submit --expires 90d > ci.token")]
pub struct TokenCreate {
    /// What it is called; the audit names it so. 1 to 63 characters a-z, 0-9 and '-'.
    #[arg(value_name = "NAME")]
    pub token: String,
    /// What it allows: `read`, `submit` (jobs and events too) or `operate` (everything).
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: Role,
    /// When it ends, physical time from now (`12h`, `90d`); never if absent.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub expires: Option<u64>,
    #[command(flatten)]
    pub place: TokenPlace,
}

/// `plimsoll token list`.
#[derive(Debug, Args)]
pub struct TokenList {
    #[command(flatten)]
    pub place: TokenPlace,
}

/// `plimsoll token revoke`.
#[derive(Debug, Args)]
pub struct TokenRevoke {
    /// Which.
    #[arg(value_name = "NAME")]
    pub token: String,
    #[command(flatten)]
    pub place: TokenPlace,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: plimsoll_daemon::api::access::RoleError| error.to_string())
}
