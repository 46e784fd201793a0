//! Listeners, routes and what is observed, as keys of the file.

use super::{Branch, Node, list, quoted, write_address};
use crate::unit::Unit;
use plimsoll_model::gateway::{
    AccessLogSpec, CertificateSpec, HeaderMatch, HeaderRules, ListenerRules, ObserveSpec, RateSpec, RedirectSpec,
    RouteRules, SplitBy, SplitSpec, StickySpec, TlsSpec,
};
use plimsoll_model::otlp::OtlpSpec;
use plimsoll_model::route::{HashBy, HedgeAfter, HedgeSpec, RouteBalance};
use plimsoll_model::spec::{GatewayLimits, GatewaySpec, ListenerSpec, RouteSpec};
use std::collections::BTreeMap;

pub fn write_gateway(at: &mut Branch, gateway: &GatewaySpec) {
    let GatewaySpec { listeners, workers, limits, trusted_proxies, observe } = gateway;
    at.unit_if("workers", Unit::Count, workers.map(u64::from));
    at.leaf("trusted_proxies", list(trusted_proxies));
    at.branch("limits", |at| write_limits(at, limits));
    write_observe(at, observe);
    at.0.push(("listeners".to_owned(), Node::List(listeners.iter().map(listener).collect())));
}

fn write_observe(at: &mut Branch, ObserveSpec { access_log, trace, otlp }: &ObserveSpec) {
    at.leaf("trace", trace.to_string());
    if let Some(AccessLogSpec { file, sample }) = access_log {
        at.branch("access_log", |at| {
            at.text("file", file);
            at.unit("sample", Unit::Share, u64::from(*sample));
        });
    }
    if let Some(OtlpSpec { address, path, service, sample, batch_max, queue_max, interval, timeout }) = otlp {
        at.branch("otlp", |at| {
            at.text("address", &address.to_string());
            at.text("path", path);
            at.text("service", service);
            at.unit("sample", Unit::Share, sample.get());
            at.unit("batch_max", Unit::Count, u64::from(*batch_max));
            at.unit("queue_max", Unit::Count, u64::from(*queue_max));
            at.unit("interval", Unit::Duration, interval.get());
            at.unit("timeout", Unit::Duration, timeout.get());
        });
    }
}

fn listener(ListenerSpec { address, routes, rules }: &ListenerSpec) -> Branch {
    let ListenerRules { tls, proxy_protocol, http2, tcp, redirects } = rules;
    let mut at = Branch::default();
    write_address(&mut at, address);
    at.text_if("tcp", tcp.as_ref().map(|service| service.as_str()));
    at.leaf("proxy_protocol", proxy_protocol.to_string());
    at.leaf("http2", http2.to_string());
    if let Some(TlsSpec { certificates, client_ca, client_optional, client_forward }) = tls {
        at.branch("tls", |at| {
            at.text_if("client_ca", client_ca.as_deref());
            at.leaf("client_optional", client_optional.to_string());
            at.leaf("client_forward", client_forward.to_string());
            for CertificateSpec { certificate, key } in certificates {
                at.item("certificates", |at| {
                    at.text("certificate", certificate);
                    at.text("key", key);
                });
            }
        });
    }
    routes.iter().for_each(|spec| at.item("routes", |at| route(at, spec)));
    for RedirectSpec { host, path, exact, status, to } in redirects {
        at.item("redirects", |at| {
            at.text_if("host", host.as_deref());
            at.text("path", path);
            at.leaf("exact", exact.to_string());
            at.unit("status", Unit::Count, u64::from(*status));
            at.text("to", to);
        });
    }
    at
}

fn route(at: &mut Branch, RouteSpec { host, path_prefix, service, timeout, retry, rules }: &RouteSpec) {
    at.text_if("host", host.as_deref());
    at.text("path", path_prefix);
    at.text("service", service.as_str());
    at.unit("timeout", Unit::Duration, timeout.get());
    at.leaf("retry", retry.to_string());
    write_rules(at, rules);
}

fn write_rules(at: &mut Branch, rules: &RouteRules) {
    let RouteRules {
        exact,
        methods,
        headers,
        split,
        split_by,
        request,
        response,
        rate,
        client_rate,
        sticky,
        balance,
        hedge,
    } = rules;
    at.leaf("exact", exact.to_string());
    at.leaf("methods", list(methods));
    for HeaderMatch { name, value } in headers {
        at.item("headers", |at| {
            at.text("name", name);
            at.text_if("value", value.as_deref());
        });
    }
    for SplitSpec { service, share } in split {
        at.item("split", |at| {
            at.text("service", service.as_str());
            at.unit("share", Unit::Share, u64::from(*share));
        });
    }
    let (by, key) = match split_by {
        SplitBy::Chance => ("chance", None),
        SplitBy::Source => ("source", None),
        SplitBy::Header(name) => ("header", Some(name)),
        SplitBy::Cookie(name) => ("cookie", Some(name)),
    };
    at.text("split_by", by);
    at.text_if("split_key", key.map(String::as_str));
    write_heads(at, "request", request);
    write_heads(at, "response", response);
    write_rate(at, "rate", rate.as_ref());
    write_rate(at, "client_rate", client_rate.as_ref());
    if let Some(StickySpec { cookie, age }) = sticky {
        at.branch("sticky", |at| {
            at.text("cookie", cookie);
            at.unit_if("age", Unit::Duration, age.map(|age| age.get()));
        });
    }
    write_balance(at, balance);
    write_hedge(at, hedge.as_ref());
}

fn write_heads(at: &mut Branch, key: &str, rules: &HeaderRules) {
    let HeaderRules { remove, set, add } = rules;
    let pairs = |at: &mut Branch, key: &str, pairs: &BTreeMap<String, String>| {
        at.branch(key, |at| pairs.iter().for_each(|(name, value)| at.leaf(name, quoted(value))));
    };
    if !rules.is_empty() {
        at.branch(key, |at| {
            at.leaf("remove", list(remove));
            pairs(at, "set", set);
            pairs(at, "add", add);
        });
    }
}

fn write_rate(at: &mut Branch, key: &str, rate: Option<&RateSpec>) {
    if let Some(RateSpec { rate_milli, burst }) = rate {
        at.branch(key, |at| {
            at.unit("rate", Unit::Rate, *rate_milli);
            at.unit("burst", Unit::Count, u64::from(*burst));
        });
    }
}

fn write_balance(at: &mut Branch, RouteBalance { algorithm, hash_by }: &RouteBalance) {
    let (by, key) = match hash_by {
        HashBy::Source => (None, None),
        HashBy::Path => (Some("path"), None),
        HashBy::Header(name) => (Some("header"), Some(name)),
        HashBy::Cookie(name) => (Some("cookie"), Some(name)),
    };
    if algorithm.is_none() && by.is_none() {
        return;
    }
    at.branch("balance", |at| {
        if let Some(algorithm) = algorithm {
            // The file's words are the model's serialised names.
            at.leaf("algorithm", serde_json::to_string(algorithm).unwrap_or_default());
        }
        at.text_if("hash_by", by);
        at.text_if("hash_key", key.map(String::as_str));
    });
}

fn write_hedge(at: &mut Branch, hedge: Option<&HedgeSpec>) {
    let Some(HedgeSpec { after, budget }) = hedge else { return };
    at.branch("hedge", |at| {
        match after {
            HedgeAfter::Time(after) => at.unit("after", Unit::Duration, after.get()),
            HedgeAfter::Quantile(share) => at.unit("quantile", Unit::Share, share.get()),
        }
        at.unit("budget", Unit::Share, budget.get());
    });
}

fn write_limits(at: &mut Branch, limits: &GatewayLimits) {
    let GatewayLimits {
        head_bytes_max,
        headers_max,
        body_bytes_max,
        connections_max,
        head_timeout,
        idle_timeout,
        connect_timeout,
        body_timeout,
        retry_budget,
        idle_upstream_max,
        drain,
        source,
    } = limits;
    at.unit("head_size_max", Unit::Bytes, *head_bytes_max);
    at.unit("headers_max", Unit::Count, u64::from(*headers_max));
    match body_bytes_max {
        Some(most) => at.unit("body_size_max", Unit::Bytes, *most),
        None => at.text("body_size_max", "unlimited"),
    }
    at.unit("connections_max", Unit::Count, u64::from(*connections_max));
    at.unit("head_timeout", Unit::Duration, head_timeout.get());
    at.unit("idle_timeout", Unit::Duration, idle_timeout.get());
    at.unit("connect_timeout", Unit::Duration, connect_timeout.get());
    at.unit("body_timeout", Unit::Duration, body_timeout.get());
    at.unit("retry_budget", Unit::Share, retry_budget.get());
    at.unit("idle_upstream_max", Unit::Count, u64::from(*idle_upstream_max));
    at.unit("drain", Unit::Duration, drain.get());
    at.unit("source_prefix_ipv4", Unit::Count, u64::from(source.ipv4));
    at.unit("source_prefix_ipv6", Unit::Count, u64::from(source.ipv6));
}
