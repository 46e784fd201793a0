//! Where a node stands for a shape whose users or data are at a site: how near, whose it is, what moving data costs.
//!
//! A shape's ways are looked up once per site. A site's own providers are those that have a node there; a node elsewhere
//! that one of them rents out is closer to home than a stranger's, which is what spilling over goes by.

use super::{PROVIDERS, Relations, SITES};
use crate::rules::sites::{Way, transfer_per_hour};

/// How close to home a node is, the closest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Home {
    /// At the shape's own site.
    Site,
    /// Of a provider that has nodes at the shape's own site.
    Provider,
    /// Anywhere else, and everywhere for a shape without a site.
    Elsewhere,
}

impl Relations {
    /// Looks up the ways of a shape to sites that are new since the last time.
    pub(super) fn learn_ways(&mut self, shape: usize) {
        let Some(bound) = &self.rules[shape].near else { return };
        let sites = self.rules[shape].ways.len()..self.topologies.domains(SITES);
        let way = |site: usize| self.sites.way(&bound.site, self.topologies.name(SITES, site as u32)?);
        let new: Vec<Option<Way>> = sites.map(way).collect();
        self.rules[shape].ways.extend(new);
    }

    /// Takes note of whose a new node is and where it stands.
    pub(super) fn learn_provider(&mut self, node: u32) {
        if let (Some(site), Some(provider)) = (self.topologies.of(SITES, node), self.topologies.of(PROVIDERS, node)) {
            self.providers_at.insert((site, provider));
        }
    }

    /// The way from the shape's users or data to the node; none where it has no latency bound or nobody stated a way.
    #[inline]
    #[must_use]
    pub fn way_to(&self, shape: u32, node: u32) -> Option<Way> {
        let site = self.topologies.of(SITES, node)?;
        self.rules[shape as usize].ways.get(site as usize).copied().flatten()
    }

    /// How close to home the node is for the shape.
    #[must_use]
    pub fn home(&self, shape: u32, node: u32) -> Home {
        let Some(home) = &self.rules[shape as usize].near else { return Home::Elsewhere };
        let Some(home) = self.topologies.find(SITES, &home.site) else { return Home::Elsewhere };
        if self.topologies.of(SITES, node) == Some(home) {
            return Home::Site;
        }
        let provider = self.topologies.of(PROVIDERS, node);
        let is_own = provider.is_some_and(|provider| self.providers_at.contains(&(home, provider)));
        if is_own { Home::Provider } else { Home::Elsewhere }
    }

    /// What moving the shape's data to and from the node costs per hour, in millionths; zero where it says nothing.
    #[must_use]
    pub fn transfer_price(&self, shape: u32, node: u32) -> u64 {
        let Some(bound) = &self.rules[shape as usize].near else { return 0 };
        self.way_to(shape, node).map_or(0, |way| transfer_per_hour(way, bound.transfer_per_hour))
    }

    /// The most that [`Relations::transfer_price`] is on any node.
    #[must_use]
    pub fn transfer_price_most(&self, shape: u32) -> u64 {
        let rules = &self.rules[shape as usize];
        let Some(bound) = &rules.near else { return 0 };
        let ways = rules.ways.iter().flatten().filter(|way| way.latency <= bound.latency_max);
        ways.map(|way| transfer_per_hour(*way, bound.transfer_per_hour)).max().unwrap_or(0)
    }

    /// The longest round trip that the shape bears, in microseconds; none where it has no bound.
    #[must_use]
    pub fn latency_max(&self, shape: u32) -> Option<u64> {
        self.rules[shape as usize].near.as_ref().map(|bound| bound.latency_max.0)
    }
}
