//! What a reload says it changes, as full texts.

use expect_test::{Expect, expect};
use plimsoll_config::{Change, diff, parse};
use plimsoll_model::Spec;
use std::path::Path;

const BEFORE: &str = r#"
name = "shop"
[gateway]
listen = "127.0.0.1:8080"
routes = [{ service = "shop" }]
[services.shop]
command = ["serve", "{port}"]
env = { MODE = "fast", API_TOKEN = "one" }
replicas = { min = 1, max = 4 }
requests = { cpu = "100m", memory = "32MiB" }
scaling = { request_rate = "50/s" }
[services.cache]
command = ["cache", "{port}"]
replicas = 1
requests = { cpu = "100m", memory = "32MiB" }
[jobs.report]
command = ["report"]
requests = { cpu = "100m", memory = "32MiB" }
"#;

fn spec(text: &str) -> Spec {
    parse(text, Path::new("shop.toml")).unwrap_or_else(|report| panic!("{report}")).spec
}

fn check(changes: &[(&str, &str)], expect: Expect) {
    let mut after = BEFORE.to_owned();
    for (old, new) in changes {
        assert!(after.contains(old), "{old}");
        after = after.replace(old, new);
    }
    let diff = diff(&spec(BEFORE), &spec(&after));
    expect.assert_eq(&diff.to_string());
    assert_eq!(diff.is_empty(), diff.to_string().is_empty());
}

#[test]
fn nothing_changed_says_nothing() {
    check(&[], expect![[""]]);
    check(&[("replicas = 1", "replicas = { min = 1, max = 1 }\n# the same")], expect![[""]]);
}

#[test]
fn each_field_says_what_its_change_does() {
    check(
        &[
            ("max = 4", "max = 6"),
            ("\"serve\"", "\"serve\", \"--fast\""),
            ("\"50/s\"", "\"40/s\", forecast = { season = \"1d\" }"),
            ("[services.shop]", "[services.shop]\nhealth = \"/healthz\""),
        ],
        expect![[r#"
            services.shop.command: ["serve", "{port}"] → ["serve", "--fast", "{port}"] (replaces what runs)
            services.shop.health.path: nothing → "/healthz" (for what starts from now on)
            services.shop.replicas.max: 4 → 6
            services.shop.scaling.forecast.models: nothing → []
            services.shop.scaling.forecast.quantile: nothing → "95%"
            services.shop.scaling.forecast.refit: nothing → "1d"
            services.shop.scaling.forecast.season: nothing → "1d"
            services.shop.scaling.request_rate: "50/s" → "40/s"
        "#]],
    );
    check(
        &[("127.0.0.1:8080", "127.0.0.1:9090"), ("[gateway]", "tick = \"30s\"\n[gateway]\nworkers = 2")],
        expect![[r#"
            tick: "15s" → "30s" (at the next start)
            gateway.listeners[0].listen: "127.0.0.1:8080" → "127.0.0.1:9090"
            gateway.workers: nothing → 2 (at the next start)
        "#]],
    );
    check(
        &[("[\"report\"]", "[\"report\", \"-v\"]")],
        expect![[r#"
        jobs.report.command: ["report"] → ["report", "-v"] (for what starts from now on)
    "#]],
    );
}

#[test]
fn a_secret_that_changes_is_not_repeated() {
    check(
        &[("\"one\"", "\"two\""), ("\"fast\"", "\"slow\"")],
        expect![[r#"
        services.shop.env.API_TOKEN: "***" → "***" (replaces what runs)
        services.shop.env.MODE: "fast" → "slow" (replaces what runs)
    "#]],
    );
}

#[test]
fn services_and_jobs_come_and_go() {
    check(
        &[("services.cache", "services.store"), ("jobs.report", "jobs.summary")],
        expect![[r#"
        services.cache: gone
        services.store: new
        jobs.report: gone
        jobs.summary: new
    "#]],
    );
}

#[test]
fn programs_get_the_same_as_json() {
    let after = BEFORE.replace("max = 4", "max = 6").replace("services.cache", "services.store");
    let diff = diff(&spec(BEFORE), &spec(&after));
    assert!(matches!(diff.services.values().next(), Some(Change::Removed)));
    assert!(!diff.needs_restart());
    expect![[r#"
        {
          "services": {
            "cache": "removed",
            "shop": {
              "changed": [
                {
                  "field": "services.shop.replicas.max",
                  "old": "4",
                  "new": "6",
                  "reload": "live"
                }
              ]
            },
            "store": "added"
          },
          "jobs": {},
          "gateway": [],
          "rest": []
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&diff).unwrap());
}
