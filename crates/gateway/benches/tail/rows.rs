//! Who is compared: every algorithm of ours, and each peer with its best two.

use crate::Failure;
use crate::configs::Balance;
use crate::peers::{Peer, Proxy, Start};
use plimsoll_model::spec::Algorithm;
use std::net::SocketAddr;
use std::path::Path;

/// What a user gets who asks for nothing.
const DEFAULT: Algorithm = Algorithm::Prequal;

const OURS: [Algorithm; 9] = [
    Algorithm::RoundRobin,
    Algorithm::WeightedRoundRobin,
    Algorithm::Random,
    Algorithm::LeastConnections,
    Algorithm::SourceHash,
    Algorithm::RingHash,
    Algorithm::PowerOfTwo,
    Algorithm::PeakEwma,
    Algorithm::Prequal,
];

const PEERS: [(Peer, &str, Balance, &str); 7] = [
    (Peer::HaProxy, "haproxy", Balance::LeastLoaded, "leastconn"),
    (Peer::HaProxy, "haproxy", Balance::TwoChoices, "random(2)"),
    (Peer::Nginx, "nginx", Balance::LeastLoaded, "least_conn"),
    (Peer::Nginx, "nginx", Balance::TwoChoices, "random two"),
    (Peer::Envoy, "envoy", Balance::TwoChoices, "least_request"),
    (Peer::Caddy, "caddy", Balance::LeastLoaded, "least_conn"),
    (Peer::Caddy, "caddy", Balance::TwoChoices, "random_choose 2"),
];

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    Ours(Algorithm),
    Theirs(Peer, &'static str, Balance, &'static str),
}

/// All of them.
pub fn rows() -> Vec<Row> {
    let theirs = PEERS.map(|(peer, program, balance, word)| Row::Theirs(peer, program, balance, word));
    OURS.map(Row::Ours).into_iter().chain(theirs).collect()
}

impl Row {
    pub fn name(&self) -> String {
        match self {
            Self::Ours(algorithm) => format!("plimsoll {algorithm:?}"),
            Self::Theirs(_, program, _, word) => format!("{program} {word}"),
        }
    }

    pub fn is_default(&self) -> bool {
        *self == Self::Ours(DEFAULT)
    }

    pub fn is_round_robin(&self) -> bool {
        *self == Self::Ours(Algorithm::RoundRobin)
    }

    pub fn is_peer(&self) -> bool {
        matches!(self, Self::Theirs(..))
    }

    /// Starts it before these endpoints.
    pub fn start(&self, folder: &Path, backends: &[SocketAddr]) -> Result<Proxy, Failure> {
        let start = Start { folder, backends, workers: 1, tls: false, http2: false };
        match self {
            Self::Ours(algorithm) => {
                let shop = crate::shop::Shop { algorithm: *algorithm, ..start.shop() };
                start.gateway(&std::env::current_exe()?, "plimsoll", &shop)
            }
            Self::Theirs(peer, program, balance, _) => start.peer(*peer, program, *balance, false),
        }
    }
}
