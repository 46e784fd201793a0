//! Figures from outside on a real installation: a policy follows a `/metrics` page; when the page dies, its last figure grows
//! old, that is said with its type and its reason, and nothing is removed.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::target::Target;
use common::{Installation, eventually};

const SPEC: &str = r#"
name = "outside"
tick = "1s"
[api]
listen = "127.0.0.1:0"
[services.web]
command = ["plimsoll", "testbed", "serve", "--port", "{port}"]
replicas = { min = 1, max = 5 }
requests = { cpu = "20m", memory = "16MiB" }
health = { path = "/healthz", interval = "200ms" }
startup = "500ms"
grace = "1s"
[[services.web.metrics]]
name = "jobs"
url = "TARGET/metrics"
select = 'jobs_waiting{queue=~"mail|sms"}'
interval = "200ms"
stale_after = "3s"
auth = { secret_file = "token" }
[services.web.scaling.hpa]
controller = { tolerance = "0%", downscaleStabilization = "0s" }
[[services.web.scaling.hpa.metrics]]
type = "External"
[services.web.scaling.hpa.metrics.external.metric]
name = "jobs"
[services.web.scaling.hpa.metrics.external.target]
type = "AverageValue"
averageValue = "10"
"#;

fn page(mail: u32) -> String {
    format!(
        "# TYPE jobs_waiting gauge\njobs_waiting{{queue=\"mail\"}} {mail}\njobs_waiting{{queue=\"sms\"}} 1\n\
         jobs_waiting{{queue=\"other\"}} 1000\n"
    )
}

#[test]
fn a_policy_follows_a_page_and_removes_nothing_when_it_dies() {
    let target = Target::start(&page(9));
    let mut installation = Installation::prepare(&SPEC.replace("TARGET", &target.url()), &[]);
    std::fs::write(installation.dir.path().join("token"), "s3cret\n").unwrap();
    installation.up();
    installation.wait_ready("web", 1);
    target.set(&page(29));
    installation.wait_ready("web", 3);
    let reasons = installation.stdout(&["explain", "web"]);
    assert!(
        reasons.contains("jobs at 30 for 10 proposes 3") || reasons.contains("jobs at 10 for 10 proposes 3"),
        "{reasons}"
    );
    target.set(&page(19));
    eventually("two replicas", || (installation.service("web")["target"] == 2).then_some(()));
    target.set(&page(39));
    installation.wait_ready("web", 4);

    let metric = &installation.service("web")["metrics"][0];
    assert_eq!((metric["value_milli"].as_i64(), metric["feeds"].as_str()), (Some(40_000), Some("metric")));
    let exposed = installation.get("/metrics").unwrap();
    let line = "plimsoll_service_metric{service=\"web\",metric=\"jobs\",feeds=\"metric\"} 40";
    assert!(exposed.as_str().unwrap().contains(line), "{exposed}");
    let history = "/v1/history?series=service/web/metric/jobs_milli&from_ms=0&to_ms=9999999999999&points=5";
    eventually("the figure in the history", || {
        let found = installation.get(history)?;
        let rows = found["series"]["service/web/metric/jobs_milli"].as_array()?;
        (!rows.is_empty()).then_some(())
    });
    assert!(target.asked().keys().all(|asked| asked == "GET /metrics"), "{:?}", target.asked());
    let head = target.heads().pop().unwrap().to_lowercase();
    assert!(head.contains("authorization: bearer s3cret"), "{head}");

    target.die();
    let held = eventually("the typed reason", || {
        let service = installation.service("web");
        let held = service["withheld"].to_string();
        held.contains("they may not remove replicas").then_some(held)
    });
    assert!(held.contains("over 3s"), "{held}");
    let service = installation.service("web");
    assert_eq!((service["target"].as_u64(), service["ready"].as_u64()), (Some(4), Some(4)), "nothing was removed");
    let findings = installation.findings().join("\n");
    assert!(findings.contains("web: metric jobs is") && findings.contains("cannot connect to"), "{findings}");
    let status = installation.stdout(&["status"]);
    assert!(status.contains("metric jobs: 40 ") && status.contains("too old to remove replicas"), "{status}");
    assert!(!status.contains("s3cret"));
    let reasons = installation.stdout(&["explain", "web"]);
    assert!(reasons.contains("its last figure is") && reasons.contains("held back: figures are"), "{reasons}");
    assert!(!installation.stdout(&["replay"]).is_empty(), "what was observed is in the journal");
}

#[test]
fn a_queue_is_followed_by_the_policy_of_queues() {
    let target = Target::start("waiting 0\noldest 0\n");
    let spec = SPEC.split("[[services.web.metrics]]").next().unwrap();
    let url = target.url();
    let metric = |feeds: &str, select: &str| {
        format!(
            "[[services.web.metrics]]\nname = \"{select}\"\nfeeds = \"{feeds}\"\nurl = \"{url}/m\"\nselect = \"{select}\"\n\
             interval = \"200ms\"\n"
        )
    };
    let rest = "[services.web.scaling]\nbacklog = { within = \"60s\", item = \"30s\" }\nstabilization = { up = \"0s\", down = \"0s\" }\n";
    let spec = format!("{spec}{}{}{rest}", metric("queue", "waiting"), metric("queue_oldest", "oldest"));
    let installation = Installation::start(&spec);
    installation.wait_ready("web", 1);
    target.set("waiting 6\noldest 2\n");
    eventually("replicas for the queue", || (installation.service("web")["target"].as_u64()? >= 3).then_some(()));
    let reasons = installation.stdout(&["explain", "web"]);
    assert!(reasons.contains("6 items wait"), "{reasons}");
}
