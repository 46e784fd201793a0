//! Who may do what: the caller of a request, and whether what it asks for is allowed.
//!
//! On loopback whoever can connect may read, unless the spec asks for a token; every write needs one, and beyond loopback
//! everything does. Two kinds of token exist: the one in the state directory, which is its owner's and counts on this machine
//! only, and named ones of three roles ([`Role`]).
//!
//! Must never log a secret or say why exactly a token is wrong: unknown, over and mistyped are one answer.

mod credential;
mod failures;
mod needs;
mod role;
mod secret;
mod store;
mod token_file;

pub use needs::{Need, ROUTES, needed};
pub use role::{Role, RoleError};
pub use secret::{hex, unhex};
pub use token_file::{NamedToken, TOKENS_MAX, TokenError, TokenFile, create, revoke};

use super::Source;
use credential::Credential;
use failures::Failures;
use hyper::{HeaderMap, Method, StatusCode};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;
use store::TokenStore;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Somebody without a token.
    Anonymous,
    /// Who can read the state directory.
    Owner,
    /// The holder of a named token.
    Token(String),
}

impl Who {
    /// As the audit says it.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Owner => format!("owner (uid {})", rustix::process::getuid().as_raw()),
            Self::Token(name) => format!("token {name}"),
        }
    }
}

/// A caller who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub who: Who,
    /// What they may do; none is nothing but what needs nothing.
    pub role: Option<Role>,
    /// From where.
    pub from: SocketAddr,
}

/// A request that was turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// 401, 403 or 429.
    pub status: StatusCode,
    /// What to say.
    pub detail: String,
    /// Seconds until asking again makes sense.
    pub retry_after_s: Option<u64>,
    /// Who it was, as far as that is known.
    pub who: Who,
    /// What they may do.
    pub role: Option<Role>,
}

/// The token of the state directory, which nothing may show.
struct OwnerToken(String);

impl fmt::Debug for OwnerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnerToken")
    }
}

/// The door of the API.
#[derive(Debug)]
pub struct Access {
    owner: OwnerToken,
    tokens: RefCell<TokenStore>,
    /// Reading needs a token too.
    requires_token: bool,
    failures: RefCell<Failures>,
    /// Requests turned away, by status.
    refused: RefCell<BTreeMap<u16, u64>>,
    /// Requests turned away that the audit does not hold one by one.
    pub(crate) unrecorded: Cell<u64>,
}

impl Access {
    /// With the owner's token, the file of named ones, and whether reading needs one.
    #[must_use]
    pub fn new(owner: String, tokens: PathBuf, requires_token: bool) -> Self {
        Self {
            owner: OwnerToken(owner),
            tokens: RefCell::new(TokenStore::new(tokens)),
            requires_token,
            failures: RefCell::default(),
            refused: RefCell::default(),
            unrecorded: Cell::new(0),
        }
    }

    /// What is wrong with the file of tokens, if anything is; then no named token counts.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.tokens.borrow_mut().fault()
    }

    /// Requests turned away since the start, by status.
    #[must_use]
    pub fn refused(&self) -> BTreeMap<u16, u64> {
        self.refused.borrow().clone()
    }

    /// Counts a request that was turned away.
    pub(crate) fn count(&self, status: StatusCode) {
        *self.refused.borrow_mut().entry(status.as_u16()).or_default() += 1;
    }

    /// Lets a request in, or says why not. `now_ms` is the wall clock, which tokens end by.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn ask(
        &self,
        (method, path, headers): (&Method, &str, &HeaderMap),
        source: Source,
        (now, now_ms): (Instant, i64),
    ) -> Result<Caller, Refused> {
        let from = source.from;
        let need = needed(method, path);
        if need == Need::Nothing {
            return Ok(Caller { who: Who::Anonymous, role: None, from });
        }
        // A question is a POST that changes nothing, and says so by the role that it needs.
        let writes = !matches!(*method, Method::GET | Method::HEAD) && need != Need::Role(Role::Read);
        let credential = Credential::of(headers);
        if credential != Credential::None
            && let Some(wait) = self.failures.borrow().wait(from.ip(), now)
        {
            return Err(Refused {
                status: StatusCode::TOO_MANY_REQUESTS,
                detail: "too many wrong tokens came from this address; wait".to_owned(),
                retry_after_s: Some(wait.as_secs() + 1),
                who: Who::Anonymous,
                role: None,
            });
        }
        let Some((who, role)) = self.identify(&credential, writes, source, now_ms) else {
            self.failures.borrow_mut().note(from.ip(), now);
            return Err(unauthorized(need, "the token is wrong, revoked or over"));
        };
        match (need, role) {
            (Need::Role(needed), Some(role)) if role >= needed => Ok(Caller { who, role: Some(role), from }),
            (Need::Role(needed), Some(role)) if who != Who::Anonymous => Err(Refused {
                status: StatusCode::FORBIDDEN,
                detail: format!("this needs the role {needed}; {} has {role}", who.word()),
                retry_after_s: None,
                who,
                role: Some(role),
            }),
            _ => Err(unauthorized(need, "no token came with it")),
        }
    }

    /// Who shows this and what they may do; none for a credential that is wrong.
    fn identify(
        &self,
        credential: &Credential,
        writes: bool,
        source: Source,
        now_ms: i64,
    ) -> Option<(Who, Option<Role>)> {
        let secret = match credential {
            Credential::None => return Some((Who::Anonymous, (!self.requires_token).then_some(Role::Read))),
            Credential::Bearer(secret) => secret,
            // A browser sends it unasked, also when another page made it write.
            Credential::Basic(secret) if !writes => secret,
            Credential::Basic(_) | Credential::Other => return None,
        };
        // The owner's token has no name and no end, so it does not leave the machine that it was made on.
        if source.is_home() && is_same(secret, &self.owner.0) {
            return Some((Who::Owner, Some(Role::Operate)));
        }
        let mut tokens = self.tokens.borrow_mut();
        let found = tokens.current().holder(secret, now_ms)?;
        Some((Who::Token(found.name.clone()), Some(found.role)))
    }
}

fn unauthorized(need: Need, why: &str) -> Refused {
    let role = if let Need::Role(role) = need { role } else { Role::Read };
    Refused {
        status: StatusCode::UNAUTHORIZED,
        detail: format!("{why}; this needs `Authorization: Bearer` with a token of the role {role} (`plimsoll token`)"),
        retry_after_s: None,
        who: Who::Anonymous,
        role: None,
    }
}

/// Compares in constant time, so that the time of a refusal says nothing about the token.
fn is_same(given: &str, token: &str) -> bool {
    given.len() == token.len() && given.bytes().zip(token.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests;
