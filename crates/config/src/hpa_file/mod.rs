//! HorizontalPodAutoscaler objects of a YAML file as scaling policies: autoscaling/v2 (also v2beta2) and v1, one document or
//! many, lists of objects too.
//!
//! What is read decides exactly as the object does. What an object says beside that and does not decide (labels, status)
//! is left out in silence; what could decide and cannot be carried over is refused or told of.
//!
//! # Source
//! Kubernetes API reference, `HorizontalPodAutoscaler` v1 and v2; defaults of the API server (minReplicas 1, CPU at 80 %
//! where no metric is given).

mod tree;

use crate::build::kubernetes;
use crate::check;
use crate::load::read;
use crate::problem::{Problem, Severity};
use crate::read::Reader;
use crate::report::{Diagnostic, Report};
use crate::table::{OBJECT_V1, OBJECT_V2};
use crate::unit::Unit;
use crate::value::Table;
use crate::write::{hpa_branch, print};
use plimsoll_model::scaling::hpa::{HpaController, HpaMetric, HpaResource, HpaResourceSource, HpaSpec, HpaTarget};
use std::ops::Range;
use std::path::Path;
use toml::de::{DeTable, DeValue};
use tree::{Unread, documents};

/// Per cent of the CPU request where no metric is given.
const DEFAULT_CPU: u32 = 80;

/// Annotations with which old versions carried what v1 has no field for.
const ANNOTATIONS: [&str; 2] = ["autoscaling.alpha.kubernetes.io/metrics", "autoscaling.alpha.kubernetes.io/behavior"];

/// The objects of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HpaFile {
    /// In the order of the file; not empty.
    pub objects: Vec<HpaObject>,
    /// What was not read, with its line.
    pub notes: Vec<String>,
    /// What is doubtful.
    pub warnings: Report,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HpaObject {
    /// Its name.
    pub name: String,
    /// Its namespace; may be empty.
    pub namespace: String,
    /// What it scales, as `Deployment web`.
    pub target: String,
    /// Its line in the file.
    pub line: usize,
    /// Fewest replicas.
    pub replicas_min: u32,
    /// Most replicas.
    pub replicas_max: u32,
    /// What decides.
    pub hpa: HpaSpec,
}

/// Reads a YAML file.
///
/// # Errors
/// A [`Report`] of all that is wrong: the file cannot be read, is no YAML, has no such object, or an object says something
/// that its API or this reader refuses.
pub fn load_hpa(path: &Path) -> Result<HpaFile, Report> {
    let file = path.display().to_string();
    parse_hpa(&read(path, &file)?, &file)
}

/// Reads the text of a YAML file; `file` is what the report calls it.
///
/// # Errors
/// As [`load_hpa`].
pub fn parse_hpa(text: &str, file: &str) -> Result<HpaFile, Report> {
    let mut reader = Reader::new(text);
    let mut found = Found { text, objects: Vec::new(), notes: Vec::new() };
    match documents(text) {
        Ok(documents) => documents.iter().for_each(|document| found.document(&mut reader, document)),
        Err(Unread { span, reason }) => reader.note("", Some(span), Problem::NotYaml { reason }),
    }
    if found.objects.is_empty() && reader.diagnostics.is_empty() {
        let what = "there is no HorizontalPodAutoscaler in it".to_owned();
        let expected = "a document of kind HorizontalPodAutoscaler, autoscaling/v2 or v1".to_owned();
        let problem = Problem::Conflict { what, found: String::new(), expected };
        reader.diagnostics.push(Diagnostic { problem, field: String::new(), span: None, related: None });
    }
    let warnings = Report::new(file, text, reader.diagnostics).with_omitted(reader.omitted);
    if warnings.has_errors() {
        Err(warnings)
    } else {
        Ok(HpaFile { objects: found.objects, notes: found.notes, warnings })
    }
}

struct Found<'t> {
    text: &'t str,
    objects: Vec<HpaObject>,
    notes: Vec<String>,
}

impl Found<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1)
    }

    fn document(&mut self, reader: &mut Reader<'_>, document: &tree::Node<'_>) {
        let span = document.span();
        let DeValue::Table(object) = document.get_ref() else {
            let problem = Problem::NotYaml { reason: "the document is no object".to_owned() };
            return reader.note("", Some(span), problem);
        };
        match text(object, "kind") {
            "HorizontalPodAutoscaler" => self.object(reader, object, span),
            "List" | "HorizontalPodAutoscalerList" => {
                let items = object.get("items").and_then(|items| items.get_ref().as_array());
                items.into_iter().flat_map(|items| items.iter()).for_each(|item| self.document(reader, item));
            }
            other => {
                let kind = if other.is_empty() { "an object without a kind".to_owned() } else { other.to_owned() };
                self.notes
                    .push(format!("line {}: {kind} is no HorizontalPodAutoscaler and was not read", self.line(&span)));
            }
        }
    }

    fn object(&mut self, reader: &mut Reader<'_>, object: &DeTable<'_>, span: Range<usize>) {
        let section = match text(object, "apiVersion") {
            "autoscaling/v2" | "autoscaling/v2beta2" => &OBJECT_V2,
            "autoscaling/v1" => &OBJECT_V1,
            other => {
                let at = object.get("apiVersion").map_or(span, |value| value.span());
                let found = if other.is_empty() { "no apiVersion".to_owned() } else { format!("{other:?}") };
                let problem = Problem::Invalid {
                    name: "apiVersion".to_owned(),
                    found,
                    why: String::new(),
                    expected: "autoscaling/v2, autoscaling/v2beta2 or autoscaling/v1".to_owned(),
                    near: None,
                };
                return reader.note("apiVersion", Some(at), problem);
            }
        };
        let before = errors(reader);
        let empty = DeTable::new();
        let (fields, at) = match object.get("spec").map(|spec| (spec.get_ref(), spec.span())) {
            Some((DeValue::Table(fields), at)) => (fields, at),
            _ => (&empty, span.clone()),
        };
        let table = reader.table(fields, at, section, "spec");
        check::kubernetes::hpa(reader, &table);
        check::not_above(reader, &table, ("minReplicas", Unit::Count), "maxReplicas");
        if errors(reader) > before {
            return;
        }
        let Some(hpa) = policy(&table) else { return };
        let reference = table.table("scaleTargetRef");
        let word = |name| reference.and_then(|table| table.text(name)).unwrap_or_default();
        let metadata = object.get("metadata").and_then(|metadata| metadata.get_ref().as_table());
        let named = |name| metadata.map(|metadata| text(metadata, name)).unwrap_or_default().to_owned();
        let line = self.line(&span);
        self.annotations(metadata, line);
        self.objects.push(HpaObject {
            name: named("name"),
            namespace: named("namespace"),
            target: format!("{} {}", word("kind"), word("name")),
            line,
            replicas_min: table.count("minReplicas"),
            replicas_max: table.count("maxReplicas"),
            hpa,
        });
    }

    fn annotations(&mut self, metadata: Option<&DeTable<'_>>, line: usize) {
        let annotations = metadata.and_then(|metadata| metadata.get("annotations")?.get_ref().as_table());
        for name in ANNOTATIONS.iter().filter(|name| annotations.is_some_and(|it| it.contains_key(**name))) {
            self.notes.push(format!(
                "line {line}: the annotation {name} decides too and is not carried over; export the object as autoscaling/v2"
            ));
        }
    }
}

fn errors(reader: &Reader<'_>) -> usize {
    reader.diagnostics.iter().filter(|it| it.problem.severity() == Severity::Error).count()
}

fn text<'t>(table: &'t DeTable<'_>, name: &str) -> &'t str {
    table.get(name).and_then(|value| value.get_ref().as_str()).unwrap_or_default()
}

/// The policy of a table that was read without a mistake.
fn policy(table: &Table) -> Option<HpaSpec> {
    let cpu = |average_utilization| {
        let target = HpaTarget::Utilization { average_utilization };
        vec![HpaMetric::Resource { resource: HpaResourceSource { name: HpaResource::Cpu, target } }]
    };
    if table.entries.contains_key("targetCPUUtilizationPercentage") {
        let metrics = cpu(table.count("targetCPUUtilizationPercentage"));
        return Some(HpaSpec { metrics, behavior: None, controller: HpaController::default() });
    }
    let spec = kubernetes::hpa(table)?;
    let metrics = if spec.metrics.is_empty() { cpu(DEFAULT_CPU) } else { spec.metrics };
    Some(HpaSpec { metrics, ..spec })
}

impl HpaObject {
    /// The object as a policy file: what a service of a spec says of itself. Reading it gives the same decisions.
    #[must_use]
    pub fn policy(&self) -> String {
        print(&self.branch(), "")
    }

    /// The object as part of a spec file, for a service of this name.
    #[must_use]
    pub fn service(&self, name: &str) -> String {
        format!("[services.{name}]\n{}", print(&self.branch(), &format!("services.{name}")))
    }

    fn branch(&self) -> crate::write::Branch {
        hpa_branch(self.replicas_min, self.replicas_max, &self.hpa)
    }

    /// One line that says where it comes from.
    #[must_use]
    pub fn origin(&self) -> String {
        let namespace = if self.namespace.is_empty() { String::new() } else { format!("{}/", self.namespace) };
        format!("HorizontalPodAutoscaler {namespace}{} of {}", self.name, self.target)
    }
}

#[cfg(test)]
mod tests;
