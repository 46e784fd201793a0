//! From checked values to a [`GatewayFile`].

use crate::build::gateway::{self, certificate};
use crate::build::{balance, gateway_limits, millis, resolve, texts, variant};
use crate::value::Table;
use plimsoll_model::ServiceName;
use plimsoll_model::gateway::{
    CheckSpec, GatewayFile, StaticEndpoint, StaticPool, SubsetSpec, UpstreamSpec, UpstreamTls,
};
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
            observe: gateway::observe(root, directory),
        },
        pools: pools.collect::<Option<_>>()?,
    })
}

fn name(text: &str) -> Option<ServiceName> {
    ServiceName::try_new(text).ok()
}

fn listener(table: &Table, directory: &Path) -> Option<ListenerSpec> {
    Some(ListenerSpec {
        address: table.text("listen")?.to_owned(),
        routes: table.tables("routes").iter().map(route).collect::<Option<_>>()?,
        rules: gateway::listener_rules(table, directory)?,
    })
}

fn route(table: &Table) -> Option<RouteSpec> {
    Some(RouteSpec {
        host: table.text("host").map(str::to_ascii_lowercase),
        path_prefix: table.text("path")?.to_owned(),
        service: name(table.text("pool")?)?,
        timeout: millis(table, "timeout"),
        retry: table.flag("retry"),
        rules: gateway::rules(table, "pool")?,
    })
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
