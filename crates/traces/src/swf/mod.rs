//! Standard Workload Format: one job per line, 18 fields, and a header of comments.
//!
//! A log becomes tasks by these rules, none of which drops anything in silence:
//! - A job asks for the processors it requested (field 8), or was given (field 5) where the log has no request. The machine
//!   is one node with a core per processor, since the format does not say which node ran what; memory is not asked, since
//!   what the machine had is not recorded.
//! - The estimate is the requested time (field 9); where the log has none it is the true run time, and a note counts those.
//! - True run time (field 4) and wait (field 3) stand as recorded, also where a job ran longer than it asked.
//! - Left out, counted with their lines: jobs whose submission is not known, that did not run (run time 0 or not known), that
//!   ask for no processor, or for more than the machine has.
//! - The machine has `MaxProcs` processors, or `MaxNodes`, or as many as the largest job asks where the header has neither.
//! - Tasks are ordered by submission, then job number. Trace time 0 is the log's start (`UnixStartTime`).
//!
//! # Source
//! S. Chapin et al., "Benchmarks and Standards for the Evaluation of Parallel Job Schedulers", JSSPP 1999, as updated on the
//! pages of the Parallel Workloads Archive (D. Feitelson).

mod header;
mod job;

pub use header::Header;
pub use job::Job;

use crate::ReadError;
use crate::cluster::{ClusterSet, RecordedTask};
use crate::csv::Rows;
use crate::dataset::find;
use crate::sets::SetError;
use crate::source::Source;
use plimsoll_model::cluster::{Capacity, Demand, Task, TaskKind};
use plimsoll_model::{Millicores, Millis, Timestamp};
use std::collections::BTreeMap;
use std::io::Read;

/// Logs of the Parallel Workloads Archive by their short names, `swf:NAME`.
pub const LOGS: &[(&str, &str)] = &[
    ("HPC2N", "swf/HPC2N-2002-2.1-cln.swf.gz"),
    ("KTH-SP2", "swf/KTH-SP2-1996-2.1-cln.swf.gz"),
    ("LCG", "swf/LCG-2005-1.swf.gz"),
    ("Lublin-1", "swf/lublin_256.swf.gz"),
    ("Lublin-2", "swf/lublin_256_new2.swf.gz"),
    ("NASA-iPSC", "swf/NASA-iPSC-1993-3.1-cln.swf.gz"),
    ("RICC", "swf/RICC-2010-2.swf.gz"),
    ("SDSC-BLUE", "swf/SDSC-BLUE-2000-4.2-cln.swf.gz"),
];
/// Logs as they were filtered for the SC'15 study, with the wait of every job under EASY, `easy:NAME`.
pub const EASY_RESULTS: &[(&str, &str)] = &[
    ("KTH-SP2", "swf-easy-results/KTH-SP2.easy_backfill.result.swf.gz"),
    ("SDSC-BLUE", "swf-easy-results/SDSC-BLUE.easy_backfill.result.swf.gz"),
    ("SDSC-SP2", "swf-easy-results/SDSC-SP2.easy_backfill.result.swf.gz"),
];

/// Name of the one node that a log becomes.
pub const MACHINE: &str = "machine";
const NO_SUBMISSION: &str = "the submission time is not known";
const NO_RUN: &str = "the run time is 0 or not known";
const NO_PROCESSORS: &str = "it asks for no processor";
const TOO_LARGE: &str = "it asks for more processors than the machine has";

/// A stream of the jobs of a log; comments are taken into the header on the way.
pub struct Jobs<'a> {
    file: &'a str,
    rows: Rows<'a>,
    header: Header,
    seen: BTreeMap<u64, u64>,
}

impl<'a> Jobs<'a> {
    /// Jobs of `reader`; `file` is what errors call it.
    pub fn new(file: &'a str, reader: &'a mut dyn Read) -> Self {
        Self { file, rows: Rows::new(file, reader), header: Header::default(), seen: BTreeMap::new() }
    }

    /// What the comments said so far: all of the header once the first job was read.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next job in the order of the file, whatever its fields say, or `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`] with the line and the field; a job number that stands twice is one.
    pub fn next_job(&mut self) -> Result<Option<Job>, ReadError> {
        while let Some(row) = self.rows.next_row()? {
            if let Some(comment) = row.text.trim_start().strip_prefix(';') {
                self.header.take(comment);
                continue;
            }
            let job = Job::parse(&row)?;
            if let Some(first) = self.seen.insert(job.number, job.line) {
                return Err(ReadError::Duplicate {
                    file: self.file.to_owned(),
                    line: job.line,
                    column: "job number".into(),
                    value: job.number.to_string(),
                    first,
                });
            }
            return Ok(Some(job));
        }
        Ok(None)
    }
}

/// A log by name or path as a cluster of one node.
///
/// # Errors
/// [`SetError`] when the set is not here or cannot be read.
pub fn set(name: &str, path_in_data: &str) -> Result<ClusterSet, SetError> {
    let path = find(path_in_data)?;
    let mut set = Source { path, member: None }.with_reader(|reader| read(path_in_data, reader))?;
    set.name = name.to_owned();
    Ok(set)
}

/// Reads a whole log; `file` is what errors call it, and the set's name.
///
/// # Errors
/// [`ReadError`] with the line and the field.
pub fn read(file: &str, reader: &mut dyn Read) -> Result<ClusterSet, ReadError> {
    let mut jobs = Jobs::new(file, reader);
    let mut set = ClusterSet { name: file.to_owned(), ..ClusterSet::default() };
    let mut kept: Vec<Kept> = Vec::new();
    while let Some(job) = jobs.next_job()? {
        match Kept::of(&job) {
            Ok(job) => kept.push(job),
            Err(reason) => set.skipped.add(reason, file, job.line),
        }
    }
    let largest = kept.iter().map(|job| job.processors).max().unwrap_or(0);
    let stated = jobs.header().processors();
    let processors = stated.unwrap_or(largest);
    if stated.is_none() {
        set.notes.push(format!(
            "the header has no size, so the machine has as many processors as the largest job: {largest}"
        ));
    }
    kept.retain(|job| {
        let fits = job.processors <= processors;
        if !fits {
            set.skipped.add(TOO_LARGE, file, job.line);
        }
        fits
    });
    let count = |is: fn(&Kept) -> bool| kept.iter().filter(|job| is(job)).count();
    let (unestimated, over) =
        (count(|job| job.requested.is_none()), count(|job| job.requested.is_some_and(|r| r < job.run)));
    if unestimated > 0 {
        set.notes.push(format!("{unestimated} jobs have no estimate in the log; theirs is the true run time"));
    }
    if over > 0 {
        set.notes.push(format!("{over} jobs ran longer than they asked; their true run time stands as recorded"));
    }
    kept.sort_by_key(|job| (job.submit, job.number));
    let capacity = Capacity { cpu: Millicores(processors.saturating_mul(1_000)), ..Capacity::default() };
    set.nodes = vec![crate::cluster::node(MACHINE, capacity)];
    set.tasks = kept.into_iter().map(Kept::task).collect();
    Ok(set)
}

/// A job that becomes a task.
struct Kept {
    line: u64,
    number: u64,
    submit: u64,
    processors: u64,
    run: u64,
    requested: Option<u64>,
    wait: Option<u64>,
    user: Option<u64>,
    queue: Option<u64>,
}

impl Kept {
    fn of(job: &Job) -> Result<Self, &'static str> {
        Ok(Self {
            line: job.line,
            number: job.number,
            submit: job.submit.ok_or(NO_SUBMISSION)?,
            run: job.run.filter(|run| *run > 0).ok_or(NO_RUN)?,
            processors: job.processors().ok_or(NO_PROCESSORS)?,
            requested: job.time_requested.filter(|time| *time > 0),
            wait: job.wait,
            user: job.user,
            queue: job.queue,
        })
    }

    fn task(self) -> RecordedTask {
        let name = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let run = Millis::from_secs(self.run);
        let task = Task {
            id: self.number.to_string(),
            kind: TaskKind::Batch,
            requests: Demand { cpu: Millicores(self.processors.saturating_mul(1_000)), ..Demand::default() },
            submitted: Timestamp(self.submit.cast_signed().saturating_mul(1_000)),
            run_time: Some(self.requested.map_or(run, Millis::from_secs)),
            user: name(self.user),
            queue: name(self.queue),
            ..Task::default()
        };
        RecordedTask { task, run_time_true: Some(run), wait: self.wait.map(Millis::from_secs) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "; Version: 2.2\n; MaxNodes: 4\n; MaxProcs: 8\n;\n; Note: made up\n\
        3 20 5 100 4 99.5 -1 4 60 -1 1 7 1 -1 2 1 -1 -1\n\
        2 20 -1 50 2 -1 -1 -1 -1 -1 1 -1 -1 -1 -1 -1 -1 -1\n\
        1 10 0 0 1 -1 -1 1 60 -1 5 7 1 -1 2 1 -1 -1\n\
        4 30 0 9 -1 -1 -1 -1 60 -1 1 7 1 -1 2 1 -1 -1\n\
        5 40 0 9 9 -1 -1 9 60 -1 1 7 1 -1 2 1 -1 -1\n\
        6 -1 0 9 9 -1 -1 9 60 -1 1 7 1 -1 2 1 -1 -1\n";

    #[test]
    fn a_log_becomes_tasks_and_says_what_it_left_out_and_assumed() {
        let set = read("x.swf", &mut LOG.as_bytes()).unwrap();
        assert_eq!(set.nodes[0].capacity.cpu.0, 8_000);
        let ids: Vec<&str> = set.tasks.iter().map(|one| one.task.id.as_str()).collect();
        assert_eq!(ids, ["2", "3"], "by submission, then number");
        let three = &set.tasks[1];
        assert_eq!((three.task.requests.cpu.0, three.task.user.as_str(), three.task.queue.as_str()), (4_000, "7", "2"));
        assert_eq!((three.task.submitted.0, three.task.run_time), (20_000, Some(Millis(60_000))));
        assert_eq!((three.run_time_true, three.wait), (Some(Millis(100_000)), Some(Millis(5_000))));
        let two = &set.tasks[0];
        assert_eq!((two.task.run_time, two.wait), (Some(Millis(50_000)), None));
        assert_eq!(
            set.notes,
            [
                "1 jobs have no estimate in the log; theirs is the true run time",
                "1 jobs ran longer than they asked; their true run time stands as recorded"
            ]
        );
        assert_eq!(
            set.skipped.to_string(),
            "1 rows left out: the run time is 0 or not known (first: x.swf:8)\n\
             1 rows left out: it asks for no processor (first: x.swf:9)\n\
             1 rows left out: the submission time is not known (first: x.swf:11)\n\
             1 rows left out: it asks for more processors than the machine has (first: x.swf:10)"
        );
    }

    #[test]
    fn a_log_without_a_header_gets_a_machine_for_its_largest_job() {
        let text = LOG.lines().filter(|line| !line.starts_with(';')).collect::<Vec<_>>().join("\n");
        let set = read("x.swf", &mut text.as_bytes()).unwrap();
        assert_eq!(set.nodes[0].capacity.cpu.0, 9_000);
        assert_eq!(set.notes[0], "the header has no size, so the machine has as many processors as the largest job: 9");
    }

    #[test]
    fn a_job_number_that_stands_twice_is_refused() {
        let text = format!("{LOG}3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n");
        let error = read("x.swf", &mut text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "x.swf, line 12, column job number: \"3\" stands already in line 6");
    }
}
