//! Load that endpoints report with their answers, where a pool's algorithm goes by it.

use super::service::Service;
use crate::load_report::{self, Invalid};
use crate::rules::head::HeadChanges;
use httparse::Header;
use plimsoll_model::gateway::HeaderRules;
use plimsoll_model::load::LoadSpec;
use std::sync::atomic::Ordering;

/// What is done with reports of a pool.
#[derive(Debug)]
pub struct Reports {
    error_penalty: f64,
    /// Takes them out of the answers; none where clients may see them.
    pub changes: Option<HeadChanges>,
}

impl Reports {
    /// By these numbers.
    #[must_use]
    pub fn new(spec: &LoadSpec) -> Self {
        let remove = load_report::FIELDS.map(str::to_owned).into();
        let changes = HeadChanges::new(&HeaderRules { remove, ..HeaderRules::default() });
        Self { error_penalty: spec.error_penalty.get() as f64 / 1_000.0, changes: changes.filter(|_| !spec.keep) }
    }

    /// Gives the endpoint of this token the weight that its answer asks for.
    pub fn learn(&self, service: &Service, token: u64, fields: &[Header<'_>]) {
        match load_report::find(fields) {
            None => {}
            Some(Ok(report)) => {
                if let Some(target) = service.target_of(token) {
                    target.target.endpoint.report_load(service.now_us(), &report, self.error_penalty);
                    target.target.load_reports.fetch_add(1, Ordering::Relaxed);
                }
            }
            Some(Err(Invalid)) => {
                if let Some(target) = service.target_of(token) {
                    target.target.load_reports_invalid.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}
