//! Which role each route needs. The one table of it: handlers ask it, the OpenAPI document shows it, the test of every
//! route compares both with what a running daemon does.
//!
//! A path that is not in it needs `read` to look and `operate` to write: a route that somebody forgets here is closed, and a
//! test says so.

use super::role::Role;
use hyper::Method;

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing, from anywhere: it says nothing about the installation.
    Nothing,
    /// A caller of this role or more.
    Role(Role),
}

/// Method, path of the OpenAPI document, need.
pub const ROUTES: &[(&str, &str, Need)] = &[
    ("GET", "/", Need::Role(Role::Read)),
    ("GET", "/healthz", Need::Nothing),
    ("GET", "/metrics", Need::Role(Role::Read)),
    ("GET", "/v1/openapi.json", Need::Role(Role::Read)),
    ("GET", "/v1/state", Need::Role(Role::Read)),
    ("GET", "/v1/policy", Need::Role(Role::Read)),
    ("GET", "/v1/decisions", Need::Role(Role::Read)),
    ("GET", "/v1/history", Need::Role(Role::Read)),
    ("GET", "/v1/events", Need::Role(Role::Read)),
    ("GET", "/v1/events/announced", Need::Role(Role::Read)),
    ("GET", "/v1/audit", Need::Role(Role::Operate)),
    ("GET", "/analyst", Need::Role(Role::Read)),
    ("GET", "/v1/me", Need::Role(Role::Read)),
    ("POST", "/v1/ask", Need::Role(Role::Read)),
    ("GET", "/v1/services/{service}/record", Need::Role(Role::Read)),
    ("GET", "/v1/services/{service}/diagnosis", Need::Role(Role::Read)),
    ("GET", "/v1/usage", Need::Role(Role::Read)),
    ("GET", "/v1/proposals", Need::Role(Role::Read)),
    ("GET", "/v1/proposals/{id}", Need::Role(Role::Read)),
    ("POST", "/v1/proposals/{id}/approve", Need::Role(Role::Operate)),
    ("POST", "/v1/proposals/{id}/reject", Need::Role(Role::Operate)),
    ("POST", "/v1/events", Need::Role(Role::Submit)),
    ("POST", "/v1/jobs/{job}/run", Need::Role(Role::Submit)),
    ("POST", "/v1/services/{service}/wheel", Need::Role(Role::Operate)),
    ("PUT", "/v1/policy", Need::Role(Role::Operate)),
    ("POST", "/v1/reload", Need::Role(Role::Operate)),
    ("POST", "/v1/shutdown", Need::Role(Role::Operate)),
];

/// Whether `path` is one of the paths that `template` stands for.
fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || (wanted.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

/// What a request of this method to this path needs.
#[must_use]
pub fn needed(method: &Method, path: &str) -> Need {
    let looks = matches!(*method, Method::GET | Method::HEAD);
    let method = if looks { "GET" } else { method.as_str() };
    let found = ROUTES.iter().find(|(verb, template, _)| *verb == method && fits(template, path));
    found.map_or(Need::Role(if looks { Role::Read } else { Role::Operate }), |(_, _, need)| *need)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_needs_what_its_template_says_and_an_unknown_one_the_most() {
        assert_eq!(needed(&Method::POST, "/v1/jobs/nightly/run"), Need::Role(Role::Submit));
        assert_eq!(needed(&Method::POST, "/v1/jobs//run"), Need::Role(Role::Operate));
        assert_eq!(needed(&Method::HEAD, "/healthz"), Need::Nothing);
        assert_eq!(needed(&Method::POST, "/healthz"), Need::Role(Role::Operate));
        assert_eq!(needed(&Method::GET, "/v2/anything"), Need::Role(Role::Read));
        assert_eq!(needed(&Method::PUT, "/v1/policy"), Need::Role(Role::Operate));
    }

    #[test]
    fn every_operation_of_the_document_is_in_the_table_and_the_other_way_round() {
        let document = crate::api::openapi();
        let operations = document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
        });
        let mut documented: Vec<(String, String)> = operations.collect();
        let mut known: Vec<_> = ROUTES.iter().map(|(verb, path, _)| ((*verb).to_owned(), (*path).to_owned())).collect();
        documented.sort();
        known.sort();
        assert_eq!(documented, known, "name the route and its role in ROUTES");
    }
}
