//! Judges the endpoints of every service and remembers why one is out.

use crate::control::Ejected;
use crate::plan::Plan;
use plimsoll_balance::Ejector;
use plimsoll_model::ServiceName;
use std::collections::BTreeMap;

/// One judge per service.
#[derive(Debug, Default)]
pub struct Judge {
    services: BTreeMap<ServiceName, Judged>,
}

#[derive(Debug)]
struct Judged {
    ejector: Ejector,
    /// Why the endpoint of this ordinal was taken out last.
    reasons: BTreeMap<u64, String>,
}

impl Judge {
    /// Uses the rules of a plan; what was judged stays.
    pub fn apply(&mut self, plan: &Plan) {
        self.services.retain(|name, _| plan.services.iter().any(|service| service.shared.name == *name));
        for service in &plan.services {
            let judged = self.services.entry(service.shared.name.clone()).or_insert_with(|| Judged {
                ejector: Ejector::new(service.ejection.clone()),
                reasons: BTreeMap::new(),
            });
            judged.ejector.set_spec(service.ejection.clone());
        }
    }

    /// Takes out who broke a rule and lets back who has served its time.
    pub fn evaluate(&mut self, plan: &Plan, now_us: u64) {
        for service in &plan.services {
            let Some(judged) = self.services.get_mut(&service.shared.name) else { continue };
            let verdicts = judged.ejector.evaluate(now_us, service.pool.endpoints());
            for ejection in verdicts.ejected {
                judged.reasons.insert(ejection.endpoint, ejection.rule.to_string());
            }
            for id in verdicts.returned {
                judged.reasons.remove(&id);
            }
        }
    }

    /// Why an endpoint is out, if it is.
    pub fn ejected(
        &self,
        service: &ServiceName,
        ordinal: u64,
        until_us: u64,
        now_us: u64,
        unix_us: u64,
    ) -> Option<Ejected> {
        if until_us <= now_us {
            return None;
        }
        let reason = self.services.get(service)?.reasons.get(&ordinal)?.clone();
        Some(Ejected { reason, until_unix_us: unix_us.saturating_add(until_us - now_us) })
    }
}
