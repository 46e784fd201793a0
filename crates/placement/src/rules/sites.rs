//! Sites: how far it is from one to another, and what moving data there costs.
//!
//! Only ways that were stated count; there is no routing over a third site, because a stated latency between two sites
//! is a measurement and a sum of two is a guess. A way stated from one end holds from the other end too unless that end
//! states its own. A site reaches itself at no delay and no price.

use plimsoll_model::cluster::Site;
use plimsoll_model::quantity::{Bytes, Micros};
use std::collections::BTreeMap;
use thiserror::Error;

/// A way between two sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Way {
    /// Round trip.
    pub latency: Micros,
    /// Millionths of a currency unit per gigabyte (10^9 bytes).
    pub price_micros_per_gb: u64,
}

/// What is wrong with a list of sites.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SiteError {
    /// A site is listed twice.
    #[error("site `{0}` is listed twice")]
    Twice(String),
    /// A site lists two ways to the same other.
    #[error("site `{from}` lists two ways to `{to}`")]
    TwoWays {
        /// The site.
        from: String,
        /// The other.
        to: String,
    },
}

/// All sites and ways.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sites {
    ways: BTreeMap<String, BTreeMap<String, Way>>,
}

impl Sites {
    /// The ways of these sites.
    ///
    /// # Errors
    /// A site or a way listed twice.
    pub fn new(sites: &[Site]) -> Result<Self, SiteError> {
        let mut ways: BTreeMap<String, BTreeMap<String, Way>> = BTreeMap::new();
        for site in sites {
            let own = ways.entry(site.name.clone()).or_default();
            if !own.is_empty() {
                return Err(SiteError::Twice(site.name.clone()));
            }
            for link in &site.links {
                let way = Way { latency: link.latency, price_micros_per_gb: link.price_micros_per_gb };
                if own.insert(link.to.clone(), way).is_some() {
                    return Err(SiteError::TwoWays { from: site.name.clone(), to: link.to.clone() });
                }
            }
            own.insert(site.name.clone(), Way::default());
        }
        Ok(Self { ways })
    }

    /// The way between two sites; none where nobody stated one.
    #[must_use]
    pub fn way(&self, from: &str, to: &str) -> Option<Way> {
        if from == to {
            return Some(Way::default());
        }
        let stated = |from: &str, to: &str| self.ways.get(from).and_then(|ways| ways.get(to)).copied();
        stated(from, to).or_else(|| stated(to, from))
    }
}

/// What moving this much per hour over a way costs per hour, in millionths, rounded up.
#[must_use]
pub fn transfer_per_hour(way: Way, volume: Bytes) -> u64 {
    let exact = u128::from(volume.0) * u128::from(way.price_micros_per_gb);
    u64::try_from(exact.div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::cluster::SiteLink;

    fn site(name: &str, links: &[(&str, u64, u64)]) -> Site {
        let link = |(to, latency, price): &(&str, u64, u64)| SiteLink {
            to: (*to).to_owned(),
            latency: Micros(*latency),
            price_micros_per_gb: *price,
        };
        Site { name: name.to_owned(), links: links.iter().map(link).collect() }
    }

    #[test]
    fn a_way_holds_in_both_directions_unless_the_other_end_states_its_own() {
        let sites = Sites::new(&[
            site("edge", &[("west", 9, 1)]),
            site("west", &[("east", 70, 2)]),
            site("east", &[("west", 80, 3)]),
        ])
        .expect("no site is listed twice");
        assert_eq!(sites.way("west", "edge").map(|way| way.latency), Some(Micros(9)));
        assert_eq!(sites.way("west", "east").map(|way| way.latency), Some(Micros(70)));
        assert_eq!(sites.way("east", "west").map(|way| way.latency), Some(Micros(80)));
        assert_eq!(sites.way("edge", "east"), None, "a way over a third site is a guess");
        assert_eq!(sites.way("nowhere", "nowhere"), Some(Way::default()));
    }

    #[test]
    fn a_list_that_says_two_things_is_refused() {
        assert_eq!(Sites::new(&[site("a", &[]), site("a", &[])]), Err(SiteError::Twice("a".to_owned())));
        let twice = Sites::new(&[site("a", &[("b", 1, 1), ("b", 2, 2)])]);
        assert_eq!(twice, Err(SiteError::TwoWays { from: "a".to_owned(), to: "b".to_owned() }));
    }

    #[test]
    fn a_started_gigabyte_is_paid_for_its_part_rounded_up() {
        let way = Way { latency: Micros(0), price_micros_per_gb: 90_000 };
        for (volume, expected) in
            [(0, 0), (1, 1), (500_000_000, 45_000), (1_000_000_000, 90_000), (u64::MAX, 1_660_206_966_633_860)]
        {
            assert_eq!(transfer_per_hour(way, Bytes(volume)), expected, "{volume}");
        }
    }
}
