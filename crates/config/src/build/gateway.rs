//! Listeners and routes of a spec and of a gateway file alike: one reading of what both can say.

use super::{millis, resolve, texts, variant};
use crate::value::Table;
use plimsoll_model::ServiceName;
use plimsoll_model::gateway::{
    AccessLogSpec, CertificateSpec, HeaderMatch, HeaderRules, ListenerRules, ObserveSpec, RateSpec, RedirectSpec,
    RouteRules, SplitBy, SplitSpec, StickySpec, TlsSpec,
};
use plimsoll_model::otlp::OtlpSpec;
use plimsoll_model::quantity::Permille;
use plimsoll_model::route::{HashBy, HedgeAfter, HedgeSpec, RouteBalance};
use std::path::Path;

fn name(text: &str) -> Option<ServiceName> {
    ServiceName::try_new(text).ok()
}

/// What is written down of requests.
pub fn observe(root: &Table, directory: &Path) -> ObserveSpec {
    let log = root.table("access_log").and_then(|table| Some((table, table.text("file")?)));
    ObserveSpec {
        access_log: log.map(|(table, file)| AccessLogSpec {
            file: if file == "-" { file.to_owned() } else { resolve(directory, file) },
            sample: table.count("sample"),
        }),
        trace: root.flag("trace"),
        otlp: root.table("otlp").and_then(otlp),
    }
}

fn otlp(table: &Table) -> Option<OtlpSpec> {
    Some(OtlpSpec {
        address: table.text("address")?.parse().ok()?,
        path: table.text("path")?.to_owned(),
        service: table.text("service")?.to_owned(),
        sample: Permille(table.unsigned("sample")),
        batch_max: table.count("batch_max"),
        queue_max: table.count("queue_max"),
        interval: millis(table, "interval"),
        timeout: millis(table, "timeout"),
    })
}

/// What a listener does beyond plain HTTP.
pub fn listener_rules(table: &Table, directory: &Path) -> Option<ListenerRules> {
    let tcp = match table.text("tcp") {
        Some(owner) => Some(name(owner)?),
        None => None,
    };
    let tls = table.table("tls").filter(|tls| !tls.tables("certificates").is_empty());
    Some(ListenerRules {
        tls: tls.map(|table| tls_spec(table, directory)),
        proxy_protocol: table.flag("proxy_protocol"),
        http2: table.flag("http2"),
        tcp,
        redirects: table.tables("redirects").iter().map(redirect).collect::<Option<_>>()?,
    })
}

fn tls_spec(table: &Table, directory: &Path) -> TlsSpec {
    TlsSpec {
        certificates: table.tables("certificates").iter().filter_map(|table| certificate(table, directory)).collect(),
        client_ca: table.text("client_ca").map(|path| resolve(directory, path)),
        client_optional: table.flag("client_optional"),
        client_forward: table.flag("client_forward"),
    }
}

/// A certificate and its key; none where neither is named.
pub fn certificate(table: &Table, directory: &Path) -> Option<CertificateSpec> {
    Some(CertificateSpec {
        certificate: resolve(directory, table.text("certificate")?),
        key: resolve(directory, table.text("key")?),
    })
}

fn redirect(table: &Table) -> Option<RedirectSpec> {
    Some(RedirectSpec {
        host: table.text("host").map(str::to_ascii_lowercase),
        path: table.text("path")?.to_owned(),
        exact: table.flag("exact"),
        status: u16::try_from(table.count("status")).ok()?,
        to: table.text("to")?.to_owned(),
    })
}

/// What a route demands and does. `owner` is the field that names who answers a part of it.
pub fn rules(table: &Table, owner: &str) -> Option<RouteRules> {
    let header = |table: &Table| {
        Some(HeaderMatch { name: table.text("name")?.to_owned(), value: table.text("value").map(str::to_owned) })
    };
    let split = |table: &Table| Some(SplitSpec { service: name(table.text(owner)?)?, share: table.count("share") });
    let key = || table.text("split_key").unwrap_or_default().to_owned();
    let sticky = table.table("sticky").and_then(|table| Some((table, table.text("cookie")?)));
    Some(RouteRules {
        exact: table.flag("exact"),
        methods: texts(table, "methods"),
        headers: table.tables("headers").iter().map(header).collect::<Option<_>>()?,
        split: table.tables("split").iter().map(split).collect::<Option<_>>()?,
        split_by: match table.text("split_by")? {
            "source" => SplitBy::Source,
            "header" => SplitBy::Header(key()),
            "cookie" => SplitBy::Cookie(key()),
            _ => SplitBy::Chance,
        },
        request: header_rules(table.table("request")?),
        response: header_rules(table.table("response")?),
        rate: rate(table.table("rate")?),
        client_rate: rate(table.table("client_rate")?),
        sticky: sticky.map(|(table, cookie)| StickySpec {
            cookie: cookie.to_owned(),
            age: table.number("age").map(|_| millis(table, "age")),
        }),
        balance: route_balance(table.table("balance")?),
        hedge: table.table("hedge").and_then(hedge),
    })
}

fn hedge(table: &Table) -> Option<HedgeSpec> {
    let after = match (table.number("after"), table.number("quantile")) {
        (Some(_), _) => HedgeAfter::Time(millis(table, "after")),
        (None, Some(_)) => HedgeAfter::Quantile(Permille(table.unsigned("quantile"))),
        (None, None) => return None,
    };
    Some(HedgeSpec { after, budget: Permille(table.unsigned("budget")) })
}

fn route_balance(table: &Table) -> RouteBalance {
    let key = || table.text("hash_key").unwrap_or_default().to_owned();
    RouteBalance {
        algorithm: table.text("algorithm").and_then(variant),
        hash_by: match table.text("hash_by") {
            Some("path") => HashBy::Path,
            Some("header") => HashBy::Header(key()),
            Some("cookie") => HashBy::Cookie(key()),
            _ => HashBy::Source,
        },
    }
}

fn header_rules(table: &Table) -> HeaderRules {
    let pairs = |name| table.variables(name).map(|(name, item)| (name.clone(), item.text.clone())).collect();
    HeaderRules { remove: texts(table, "remove"), set: pairs("set"), add: pairs("add") }
}

fn rate(table: &Table) -> Option<RateSpec> {
    table.number("rate")?;
    let rate_milli = table.unsigned("rate").max(1);
    let second = u32::try_from(rate_milli / 1_000).unwrap_or(u32::MAX).max(1);
    Some(RateSpec { rate_milli, burst: table.number("burst").map_or(second, |_| table.count("burst")) })
}
