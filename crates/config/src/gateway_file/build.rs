//! From checked values to a [`GatewayFile`].

use crate::build::{balance, gateway_limits, millis, resolve, texts, variant};
use crate::value::Table;
use plimsoll_model::ServiceName;
use plimsoll_model::gateway::{
    AccessLogSpec, CertificateSpec, CheckSpec, GatewayFile, HeaderMatch, HeaderRules, ListenerRules, ObserveSpec,
    RateSpec, RedirectSpec, RouteRules, SplitBy, SplitSpec, StaticEndpoint, StaticPool, StickySpec, SubsetSpec,
    TlsSpec, UpstreamSpec, UpstreamTls,
};
use plimsoll_model::otlp::OtlpSpec;
use plimsoll_model::quantity::Permille;
use plimsoll_model::route::{HashBy, HedgeAfter, HedgeSpec, RouteBalance};
use plimsoll_model::spec::{GatewaySpec, ListenerSpec, Probe, RouteSpec};
use std::path::Path;

/// What these values say; none when something in it is broken.
pub fn file(root: &Table, directory: &Path) -> Option<GatewayFile> {
    let listeners = root.tables("listeners").iter().map(|table| listener(table, directory)).collect::<Option<_>>()?;
    let pools = root.named("pools").map(|(name, table)| Some((self::name(name)?, pool(table, directory)?)));
    Some(GatewayFile {
        control: resolve(directory, root.text("control")?),
        gateway: GatewaySpec {
            listeners,
            workers: root.number("workers").map(|_| root.count("workers")),
            limits: gateway_limits(root.table("limits")?),
            trusted_proxies: texts(root, "trusted_proxies"),
            observe: observe(root, directory),
        },
        pools: pools.collect::<Option<_>>()?,
    })
}

fn name(text: &str) -> Option<ServiceName> {
    ServiceName::try_new(text).ok()
}

fn observe(root: &Table, directory: &Path) -> ObserveSpec {
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

fn listener(table: &Table, directory: &Path) -> Option<ListenerSpec> {
    let tcp = match table.text("tcp") {
        Some(pool) => Some(name(pool)?),
        None => None,
    };
    let tls = table.table("tls").filter(|tls| !tls.tables("certificates").is_empty());
    Some(ListenerSpec {
        address: table.text("listen")?.to_owned(),
        routes: table.tables("routes").iter().map(route).collect::<Option<_>>()?,
        rules: ListenerRules {
            tls: tls.map(|table| tls_spec(table, directory)),
            proxy_protocol: table.flag("proxy_protocol"),
            http2: table.flag("http2"),
            tcp,
            redirects: table.tables("redirects").iter().map(redirect).collect::<Option<_>>()?,
        },
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

fn certificate(table: &Table, directory: &Path) -> Option<CertificateSpec> {
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

fn route(table: &Table) -> Option<RouteSpec> {
    Some(RouteSpec {
        host: table.text("host").map(str::to_ascii_lowercase),
        path_prefix: table.text("path")?.to_owned(),
        service: name(table.text("pool")?)?,
        timeout: millis(table, "timeout"),
        retry: table.flag("retry"),
        rules: rules(table)?,
    })
}

fn rules(table: &Table) -> Option<RouteRules> {
    let header = |table: &Table| {
        Some(HeaderMatch { name: table.text("name")?.to_owned(), value: table.text("value").map(str::to_owned) })
    };
    let split = |table: &Table| Some(SplitSpec { service: name(table.text("pool")?)?, share: table.count("share") });
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

fn pool(table: &Table, directory: &Path) -> Option<StaticPool> {
    let endpoint = |table: &Table| {
        Some(StaticEndpoint {
            address: table.text("address")?.parse().ok()?,
            weight: table.count("weight"),
            zone: table.text("zone").map(str::to_owned),
        })
    };
    let subset = table.table("subset").filter(|subset| subset.number("size").is_some());
    Some(StaticPool {
        balance: balance(table.table("balance")?)?,
        upstream: UpstreamSpec {
            tls: table.table("tls").and_then(|tls| upstream_tls(tls, directory)),
            protocol: table.text("protocol").and_then(variant)?,
            proxy_protocol: table.text("proxy_protocol").and_then(variant),
            zone: table.text("zone").map(str::to_owned),
            zone_weight: table.count("zone_weight"),
            subset: subset.map(|table| SubsetSpec { size: table.count("size"), gateway: table.count("gateway") }),
        },
        check: table.table("check").and_then(check),
        endpoints: table.tables("endpoints").iter().map(endpoint).collect::<Option<_>>()?,
    })
}

fn upstream_tls(table: &Table, directory: &Path) -> Option<UpstreamTls> {
    Some(UpstreamTls {
        ca: resolve(directory, table.text("ca")?),
        server_name: table.text("server_name")?.to_owned(),
        certificate: certificate(table, directory),
    })
}

fn check(table: &Table) -> Option<CheckSpec> {
    let grpc = table.flag("grpc").then(|| table.text("grpc_service").unwrap_or_default().to_owned());
    let probe = match table.text("path") {
        Some(path) => Probe::Http { path: path.to_owned() },
        None if table.flag("tcp") || grpc.is_some() => Probe::Tcp,
        None => return None,
    };
    Some(CheckSpec {
        probe,
        grpc,
        host: table.text("host").map(str::to_owned),
        interval: millis(table, "interval"),
        timeout: millis(table, "timeout"),
        healthy_after: table.count("healthy_after"),
        unhealthy_after: table.count("unhealthy_after"),
    })
}
