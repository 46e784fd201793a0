//! `plimsoll export`: files for the tools that people have already.
//!
//! What a dashboard or a rule asks for is written here by name; a test compares every name and label with what a running
//! daemon really exports, so that none of them can be forgotten when a metric changes.

mod dashboard;
mod dashboards;
mod rules;

use super::reach::state_dir;
use crate::Verdict;
use crate::args::{Export, ExportGrafana, ExportPrometheus, ExportWhat};
use anyhow::Context;
use plimsoll_daemon::{DaemonFile, StateDir};
use std::fs;

/// Writes what is asked for.
pub fn run(export: &Export) -> anyhow::Result<Verdict> {
    match &export.what {
        ExportWhat::Grafana(grafana) => self::grafana(grafana),
        ExportWhat::Prometheus(prometheus) => self::prometheus(prometheus),
    }
}

fn grafana(typed: &ExportGrafana) -> anyhow::Result<Verdict> {
    fs::create_dir_all(&typed.out).with_context(|| format!("--out {}", typed.out.display()))?;
    let mut files: Vec<(String, String)> = Vec::new();
    for (name, dashboard) in dashboards::all() {
        files.push((format!("plimsoll-{name}.json"), plimsoll_report::pretty(&dashboard)? + "\n"));
    }
    files.push(("plimsoll-rules.yml".to_owned(), rules::text()));
    for (name, text) in files {
        let path = typed.out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(Verdict::Done)
}

fn prometheus(typed: &ExportPrometheus) -> anyhow::Result<Verdict> {
    let dir = StateDir::open(&state_dir(&typed.installation)?)?;
    let file: Option<DaemonFile> = dir.read_json("daemon.json");
    let api = file.as_ref().map_or("127.0.0.1:7411", |file| file.api.as_str());
    let certificate = file.as_ref().and_then(|file| file.certificate.as_ref());
    let mut text = format!(
        "# A scrape of this installation, for the `scrape_configs` of Prometheus.\nscrape_configs:\n  - job_name: plimsoll\n    scrape_interval: {}s\n    static_configs:\n      - targets: [\"{api}\"]\n",
        typed.interval
    );
    if let Some(certificate) = certificate {
        text += &format!(
            "    scheme: https\n    tls_config:\n      ca_file: \"{}\"\n    # plimsoll token create prometheus --role read > prometheus.token\n    authorization:\n      credentials_file: prometheus.token\n",
            certificate.display()
        );
    }
    print!("{text}");
    Ok(Verdict::Done)
}
