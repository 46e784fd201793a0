//! Which route a request takes: the longest path prefix among the routes of the first host that matches.
//!
//! A prefix matches whole segments: `/api` matches `/api`, `/api/x` and `/api?x`, not `/apis`. A prefix that ends in a
//! slash matches what starts with it. Routes that name a host go before those that name none. Paths are compared as
//! sent: nothing is decoded, because the replica would be asked for what it was sent, not for what we made of it.

use plimsoll_model::spec::RouteSpec;

/// The routes of one listener, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Router {
    /// Host in lower case (none matches all), path prefix, index into the spec's routes.
    rules: Vec<(Option<Box<str>>, Box<str>, usize)>,
}

fn prefix_matches(prefix: &str, target: &str) -> bool {
    let Some(rest) = target.strip_prefix(prefix) else { return false };
    rest.is_empty() || prefix.ends_with('/') || rest.starts_with(['/', '?'])
}

impl Router {
    /// A router over a listener's routes.
    #[must_use]
    pub fn new(routes: &[RouteSpec]) -> Self {
        let mut rules: Vec<_> = routes
            .iter()
            .enumerate()
            .map(|(index, route)| {
                let host = route.host.as_ref().map(|host| host.to_ascii_lowercase().into_boxed_str());
                (host, route.path_prefix.clone().into_boxed_str(), index)
            })
            .collect();
        // Stable: of equal prefixes the first written stays first.
        rules.sort_by_key(|(host, prefix, _)| (host.is_none(), std::cmp::Reverse(prefix.len())));
        Self { rules }
    }

    /// The index of the route for a host (without port) and a target in origin form; `*` counts as `/`.
    ///
    /// A host with routes of its own never falls through to those for all hosts: its owner said what it serves.
    #[must_use]
    pub fn find(&self, host: &[u8], target: &str) -> Option<usize> {
        let target = if target == "*" || target.is_empty() { "/" } else { target };
        let host = host.strip_suffix(b".").unwrap_or(host);
        let mut owned = false;
        for (wanted, prefix, index) in &self.rules {
            match wanted {
                Some(wanted) if !wanted.as_bytes().eq_ignore_ascii_case(host) => continue,
                Some(_) => owned = true,
                None if owned => return None,
                None => {}
            }
            if prefix_matches(prefix, target) || (target.starts_with('?') && &**prefix == "/") {
                return Some(*index);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{Millis, ServiceName};

    fn route(host: Option<&str>, prefix: &str) -> RouteSpec {
        RouteSpec {
            host: host.map(str::to_owned),
            path_prefix: prefix.to_owned(),
            service: ServiceName::try_new("shop").unwrap(),
            timeout: Millis(1_000),
            retry: true,
            rules: plimsoll_model::gateway::RouteRules::default(),
        }
    }

    #[test]
    fn the_longest_prefix_of_the_matching_host_wins() {
        let router = Router::new(&[
            route(None, "/"),
            route(None, "/api"),
            route(Some("Shop.example"), "/"),
            route(Some("shop.example"), "/api/"),
            route(Some("only.example"), "/x"),
        ]);
        for (host, target, index) in [
            ("other", "/", Some(0)),
            ("other", "/api", Some(1)),
            ("other", "/api?x=1", Some(1)),
            ("other", "/api/x", Some(1)),
            ("other", "/apis", Some(0)),
            ("other", "*", Some(0)),
            ("other", "?q", Some(0)),
            ("SHOP.example", "/api/x", Some(3)),
            ("shop.example.", "/api", Some(2)),
            ("only.example", "/x", Some(4)),
            ("only.example", "/y", None),
        ] {
            assert_eq!(router.find(host.as_bytes(), target), index, "{host}{target}");
        }
    }
}
