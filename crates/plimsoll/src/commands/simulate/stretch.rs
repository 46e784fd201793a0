//! Rigid jobs of whole GPUs made elastic, to ask what a queue gains that may change their size.
//!
//! No trace says how a job would have run with other numbers of GPUs. The rule here is an assumption, stated in the notes:
//! a job of n GPUs runs with n/2 (rounded up) to 2n workers of one GPU each, and its speed follows Amdahl's law. A gang
//! becomes one such job. Jobs without whole GPUs stay as they are.

use plimsoll_model::Permille;
use plimsoll_model::cluster::{Demand, ElasticRange, GPU_WHOLE, SpeedUp};
use plimsoll_model::{Bytes, Millicores};
use plimsoll_twin::cluster::Job;
use std::collections::BTreeMap;

/// Share of a job's work that only one worker can do.
pub const SERIAL: Permille = Permille(20);

/// The jobs with every rigid one of whole GPUs made elastic; members of a gang become one job, at the first one's place.
pub fn stretched(jobs: &[Job]) -> Vec<Job> {
    let mut gpus: BTreeMap<&str, u32> = BTreeMap::new();
    for job in jobs {
        if let Some(gang) = &job.task.gang {
            *gpus.entry(&gang.name).or_insert(0) += job.task.requests.gpu.count;
        }
    }
    let mut found = Vec::with_capacity(jobs.len());
    for job in jobs {
        let asked = &job.task.requests.gpu;
        let gang = job.task.gang.as_ref().map(|gang| gang.name.as_str());
        let total = match gang {
            // Only the first member finds its gang there.
            Some(name) => match gpus.remove(name) {
                Some(total) => total,
                None => continue,
            },
            None => asked.count,
        };
        let is_whole = asked.milli == GPU_WHOLE && total > 0 && job.task.elastic.is_none();
        found.push(if is_whole { elastic(job, total) } else { job.clone() });
    }
    found
}

fn elastic(job: &Job, total: u32) -> Job {
    let mut job = job.clone();
    let asked = u64::from(job.task.requests.gpu.count.max(1));
    let of = &job.task.requests;
    let gpu = plimsoll_model::cluster::GpuDemand { count: 1, ..of.gpu.clone() };
    job.task.requests =
        Demand { cpu: Millicores(of.cpu.get() / asked), memory: Bytes(of.memory.get() / asked), gpu, ..of.clone() };
    job.task.gang = None;
    job.task.elastic = Some(ElasticRange {
        workers_min: total.div_ceil(2),
        workers_max: total.saturating_mul(2),
        speed_up: SpeedUp::Amdahl { serial: SERIAL },
    });
    job.workers = total;
    job
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Millis;
    use plimsoll_model::cluster::{GangSpec, GpuDemand, Task};

    fn job(id: &str, gpus: u32, gang: Option<&str>) -> Job {
        let gpu = GpuDemand { count: gpus, milli: GPU_WHOLE, models: Vec::new() };
        let requests = Demand { cpu: Millicores(u64::from(gpus) * 1_000), gpu, ..Demand::default() };
        let gang = gang.map(|name| GangSpec { name: name.to_owned(), size: 2, ..GangSpec::default() });
        Job::new(Task { id: id.to_owned(), requests, gang, ..Task::default() }, Some(Millis(1_000)))
    }

    #[test]
    fn a_gang_becomes_one_elastic_job_of_all_its_gpus() {
        let jobs = [job("a/0", 8, Some("a")), job("b", 3, None), job("a/1", 4, Some("a")), job("c", 0, None)];
        let found = stretched(&jobs);
        let range = |job: &Job| job.task.elastic.as_ref().map(|it| (it.workers_min, job.workers, it.workers_max));
        let ranges: Vec<_> = found.iter().map(|job| (job.task.id.as_str(), range(job))).collect();
        assert_eq!(ranges, [("a/0", Some((6, 12, 24))), ("b", Some((2, 3, 6))), ("c", None)]);
        assert!(found.iter().all(|job| job.task.gang.is_none()));
        assert_eq!(found[0].task.requests.cpu, Millicores(1_000));
    }
}
