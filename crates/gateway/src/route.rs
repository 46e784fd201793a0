//! Which route a request takes: the longest path among the rules of its host, then whose further demands it meets.
//!
//! A path matches by whole segments: `/api` matches `/api`, `/api/x` and `/api?x`, not `/apis`. One that ends in a slash
//! matches what starts with it; an exact one matches itself alone. Rules that name a host go before those that name none.
//! Paths are compared as sent: nothing is decoded, because the replica would be asked for what it was sent, not for what
//! we made of it. Among equal paths a redirect goes first, then the first written wins that demands nothing in vain.

use httparse::Header;
use plimsoll_model::gateway::{HeaderMatch, RedirectSpec};
use plimsoll_model::spec::RouteSpec;
use std::cmp::Reverse;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Index into the spec's routes.
    Route(usize),
    /// Index into the spec's redirects.
    Redirect(usize),
}

/// What a rule demands beyond host and path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Demand {
    methods: Vec<Box<str>>,
    headers: Vec<HeaderMatch>,
}

impl Demand {
    fn new(route: &RouteSpec) -> Option<Box<Self>> {
        let methods = route.rules.methods.iter().map(|method| method.clone().into_boxed_str()).collect();
        let demand = Self { methods, headers: route.rules.headers.clone() };
        (!demand.methods.is_empty() || !demand.headers.is_empty()).then(|| Box::new(demand))
    }

    fn is_met(&self, asked: &Asking<'_, '_>) -> bool {
        let method = self.methods.is_empty() || self.methods.iter().any(|method| **method == *asked.method);
        method
            && self.headers.iter().all(|wanted| {
                let mut fields = asked.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(&wanted.name));
                fields.any(|field| wanted.value.as_ref().is_none_or(|value| value.as_bytes() == field.value))
            })
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'h, 'b> {
    /// Without port.
    pub host: &'b [u8],
    /// In origin form; `*` counts as `/`.
    pub target: &'b str,
    /// As sent.
    pub method: &'b str,
    /// All fields.
    pub fields: &'h [Header<'b>],
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// In lower case; none matches all.
    host: Option<Box<str>>,
    path: Box<str>,
    exact: bool,
    demand: Option<Box<Demand>>,
    goal: Goal,
}

/// The rules of one listener, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Router {
    rules: Vec<Rule>,
}

fn path_matches(rule: &Rule, target: &str) -> bool {
    let Some(rest) = target.strip_prefix(&*rule.path) else {
        return target.starts_with('?') && &*rule.path == "/";
    };
    rest.is_empty() || rest.starts_with('?') || (!rule.exact && (rule.path.ends_with('/') || rest.starts_with('/')))
}

impl Router {
    /// A router over a listener's routes and redirects.
    #[must_use]
    pub fn new(routes: &[RouteSpec], redirects: &[RedirectSpec]) -> Self {
        let lower = |host: &Option<String>| host.as_ref().map(|host| host.to_ascii_lowercase().into_boxed_str());
        let redirects = redirects.iter().enumerate().map(|(index, redirect)| Rule {
            host: lower(&redirect.host),
            path: redirect.path.clone().into_boxed_str(),
            exact: redirect.exact,
            demand: None,
            goal: Goal::Redirect(index),
        });
        let routes = routes.iter().enumerate().map(|(index, route)| Rule {
            host: lower(&route.host),
            path: route.path_prefix.clone().into_boxed_str(),
            exact: route.rules.exact,
            demand: Demand::new(route),
            goal: Goal::Route(index),
        });
        let mut rules: Vec<_> = redirects.chain(routes).collect();
        // Stable: of equal paths the first written stays first.
        rules.sort_by_key(|rule| (rule.host.is_none(), Reverse(rule.path.len()), !rule.exact));
        Self { rules }
    }

    /// Where a request goes.
    ///
    /// A host with rules of its own never falls through to those for all hosts: its owner said what it serves.
    #[must_use]
    pub fn find(&self, asked: &Asking<'_, '_>) -> Option<Goal> {
        let target = if asked.target == "*" || asked.target.is_empty() { "/" } else { asked.target };
        let host = asked.host.strip_suffix(b".").unwrap_or(asked.host);
        let mut owned = false;
        for rule in &self.rules {
            match &rule.host {
                Some(wanted) if !wanted.as_bytes().eq_ignore_ascii_case(host) => continue,
                Some(_) => owned = true,
                None if owned => return None,
                None => {}
            }
            if path_matches(rule, target) && rule.demand.as_ref().is_none_or(|demand| demand.is_met(asked)) {
                return Some(rule.goal);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::gateway::RouteRules;
    use plimsoll_model::{Millis, ServiceName};

    fn route(host: Option<&str>, prefix: &str) -> RouteSpec {
        RouteSpec {
            host: host.map(str::to_owned),
            path_prefix: prefix.to_owned(),
            service: ServiceName::try_new("shop").unwrap(),
            timeout: Millis(1_000),
            retry: true,
            rules: RouteRules::default(),
        }
    }

    fn ask<'h, 'b>(host: &'b str, target: &'b str, method: &'b str, fields: &'h [Header<'b>]) -> Asking<'h, 'b> {
        Asking { host: host.as_bytes(), target, method, fields }
    }

    #[test]
    fn the_longest_path_of_the_matching_host_wins() {
        let routes = [
            route(None, "/"),
            route(None, "/api"),
            route(Some("Shop.example"), "/"),
            route(Some("shop.example"), "/api/"),
            route(Some("only.example"), "/x"),
        ];
        let router = Router::new(&routes, &[]);
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
            assert_eq!(router.find(&ask(host, target, "GET", &[])), index.map(Goal::Route), "{host}{target}");
        }
    }

    #[test]
    fn exact_paths_methods_fields_and_redirects_are_told_apart() {
        let rules = |rules: RouteRules, path: &str| RouteSpec { rules, ..route(None, path) };
        let wants =
            |name: &str, value: Option<&str>| HeaderMatch { name: name.to_owned(), value: value.map(str::to_owned) };
        let routes = [
            rules(RouteRules { exact: true, ..RouteRules::default() }, "/a"),
            rules(RouteRules { methods: vec!["POST".to_owned()], ..RouteRules::default() }, "/b"),
            rules(
                RouteRules { headers: vec![wants("x-beta", Some("1")), wants("X-Who", None)], ..RouteRules::default() },
                "/b",
            ),
            route(None, "/b"),
        ];
        let redirect =
            RedirectSpec { host: None, path: "/old".to_owned(), exact: false, status: 308, to: "/new".to_owned() };
        let router = Router::new(&routes, &[redirect]);
        let beta = [Header { name: "X-Beta", value: b"1" }, Header { name: "X-WHO", value: b"" }];
        let goal = |target, method, fields: &[Header<'static>]| router.find(&ask("h", target, method, fields));
        assert_eq!(goal("/a", "GET", &[]), Some(Goal::Route(0)));
        assert_eq!(goal("/a?q=1", "GET", &[]), Some(Goal::Route(0)));
        assert_eq!(goal("/a/b", "GET", &[]), None);
        assert_eq!(goal("/b", "POST", &beta), Some(Goal::Route(1)));
        assert_eq!(goal("/b", "post", &beta), Some(Goal::Route(2)), "methods are compared in their case");
        assert_eq!(goal("/b", "GET", &beta[..1]), Some(Goal::Route(3)));
        assert_eq!(goal("/old/x", "GET", &[]), Some(Goal::Redirect(0)));
    }
}
