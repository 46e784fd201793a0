//! A refusal spelt out.

use super::{Counts, RelationRefusal, Relations, ZONES};

impl Relations {
    /// A refusal in words. `name` gives a node's name.
    #[must_use]
    pub fn words<'a>(&self, refusal: RelationRefusal, name: impl Fn(u32) -> &'a str) -> String {
        let scope = |counts: &Counts, index: u32| {
            let scope = &counts.scopes[index as usize];
            let tasks: Vec<String> = scope.tasks.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let tasks = if tasks.is_empty() { "any task".to_owned() } else { format!("tasks {}", tasks.join(",")) };
            let key = self.topologies.key(scope.topology);
            (tasks, if key.is_empty() { "node".to_owned() } else { key.to_owned() })
        };
        match refusal {
            RelationRefusal::WantsItAlone { tasks } => format!("wants the node to itself, {tasks} tasks are on it"),
            RelationRefusal::HeldAlone => "a task has the node to itself".to_owned(),
            RelationRefusal::BearsOnlyItsOwn => "shares only with its own tenant, others are on the node".to_owned(),
            RelationRefusal::BorneByNone => "a task on the node shares only with its own tenant".to_owned(),
            RelationRefusal::NoWay => "no way is stated between the node's site and the task's".to_owned(),
            RelationRefusal::TooFar { latency, latency_max } => {
                format!("round trip of {} us to its site, at most {} us allowed", latency.0, latency_max.0)
            }
            RelationRefusal::OtherZone { volume, zone } => {
                let zone = self.topologies.name(ZONES, zone).unwrap_or_default();
                format!("volume `{}` lies in zone `{zone}`", self.zoned[volume as usize])
            }
            RelationRefusal::HeldElsewhere { volume, holder } => {
                format!("node `{}` holds block volume `{}`", name(holder), self.volumes.name(volume))
            }
            RelationRefusal::Avoids { counter, count } => {
                let (tasks, key) = scope(&self.counters, counter);
                format!("avoids {tasks} in the same {key}, {count} there")
            }
            RelationRefusal::AvoidedBy { keeper, count } => {
                let (tasks, key) = scope(&self.keepers, keeper);
                format!("{count} tasks in the same {key} avoid {tasks}")
            }
            RelationRefusal::Misses { counter } => {
                let (tasks, key) = scope(&self.counters, counter);
                format!("wants {tasks} in the same {key}, none there")
            }
            RelationRefusal::NoDomain { counter } => {
                let (_, key) = scope(&self.counters, counter);
                format!("the node has no label `{key}`")
            }
            RelationRefusal::Skew { counter, count, least, skew_max } => {
                let (tasks, key) = scope(&self.counters, counter);
                format!("{tasks} spread over {key}: {count} there, {least} in the emptiest, skew at most {skew_max}")
            }
        }
    }
}
