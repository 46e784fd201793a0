//! The parts of a Grafana dashboard: panels on a grid, variables, annotations.
//!
//! # Source
//! Grafana's dashboard kind, schema version 39 ("Dashboard JSON model"): required are `title`, `schemaVersion`, `panels` with
//! `id`, `type`, `gridPos`, `targets` with `refId` and an `expr`, and a data source by type and uid.

use serde_json::{Value, json};

/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;

/// Which shape a panel has.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Lines over time.
    Lines,
    /// One number with its colour.
    Stat,
    /// Rows of the newest values.
    Table,
}

/// A panel to be placed.
#[derive(Debug, Clone)]
pub struct Panel {
    /// What it shows.
    pub title: &'static str,
    /// What it means, for who looks.
    pub description: &'static str,
    /// How it is drawn.
    pub shape: Shape,
    /// In Grafana's words: `short`, `s`, `bytes`, `percentunit`, `reqps`.
    pub unit: &'static str,
    /// Columns of the grid.
    pub width: u32,
    /// PromQL, and how each line is called.
    pub asks: Vec<(&'static str, &'static str)>,
}

/// The data source that the user chooses.
fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn panel(panel: &Panel, id: u32, x: u32, y: u32) -> Value {
    let (kind, height) = match panel.shape {
        Shape::Lines => ("timeseries", 8),
        Shape::Stat => ("stat", 4),
        Shape::Table => ("table", 8),
    };
    let targets = panel.asks.iter().enumerate().map(|(index, (expr, legend))| {
        let letter = char::from(b'A' + u8::try_from(index % 26).unwrap_or(0));
        let is_table = matches!(panel.shape, Shape::Table);
        json!({
            "refId": letter.to_string(), "datasource": source(), "expr": expr, "legendFormat": legend,
            "instant": is_table, "format": if is_table { "table" } else { "time_series" },
        })
    });
    json!({
        "id": id, "type": kind, "title": panel.title, "description": panel.description,
        "datasource": source(),
        "gridPos": { "x": x, "y": y, "w": panel.width, "h": height },
        "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0 }, "overrides": [] },
        "options": {},
        "targets": targets.collect::<Vec<_>>(),
    })
}

/// A dashboard of these panels, in rows of the grid.
pub fn dashboard(uid: &str, title: &str, variables: &[Value], panels: &[Panel]) -> Value {
    let (mut placed, mut x, mut y, mut height) = (Vec::new(), 0, 0, 0);
    for (id, one) in (1..).zip(panels) {
        if x + one.width > COLUMNS {
            (x, y, height) = (0, y + height, 0);
        }
        let value = panel(one, id, x, y);
        x += one.width;
        height = height.max(value["gridPos"]["h"].as_u64().and_then(|h| u32::try_from(h).ok()).unwrap_or(8));
        placed.push(value);
    }
    let datasource = json!({
        "name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source", "hide": 0,
        "current": {}, "options": [], "refresh": 1,
    });
    let mut list = vec![datasource];
    list.extend(variables.iter().cloned());
    json!({
        "uid": uid, "title": title, "tags": ["plimsoll"], "schemaVersion": 39, "version": 1, "editable": true,
        "graphTooltip": 1, "timezone": "", "refresh": "30s",
        "time": { "from": "now-3h", "to": "now" },
        "templating": { "list": list },
        "annotations": { "list": [decisions()] },
        "links": [], "panels": placed,
    })
}

/// A variable with the values of a label.
pub fn variable(name: &str, label: &str, query: &str) -> Value {
    json!({
        "name": name, "type": "query", "label": label, "hide": 0, "multi": true, "includeAll": true, "allValue": ".*",
        "datasource": source(), "query": { "query": query, "refId": name }, "refresh": 2, "sort": 1,
        "current": {}, "options": [],
    })
}

/// A mark wherever the number of replicas wanted has changed.
fn decisions() -> Value {
    json!({
        "name": "Decisions", "enable": true, "hide": false, "iconColor": "blue", "datasource": source(),
        "expr": "changes(plimsoll_service_replicas{kind=\"target\"}[1m]) > 0",
        "titleFormat": "{{service}}", "textFormat": "the number of replicas wanted has changed; why: plimsoll explain {{service}} --changes",
        "step": "60s",
    })
}
