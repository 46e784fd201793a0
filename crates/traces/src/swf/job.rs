//! One line of a log: 18 numbers, of which -1 says that it is not known.

use crate::ReadError;
use crate::csv::Row;

/// Most processors of a job or machine: four million.
pub(super) const PROCESSORS_MAX: u64 = 4_000_000;
/// Most seconds, and most of anything else that is counted.
const NUMBER_MAX: u64 = 100_000_000_000;
const FIELDS: usize = 18;

/// A job as it stands; what is -1 in the log is none here.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Field 1: its number.
    pub number: u64,
    /// Field 2: submission in seconds since the log's start.
    pub submit: Option<u64>,
    /// Field 3: seconds it waited.
    pub wait: Option<u64>,
    /// Field 4: seconds it ran.
    pub run: Option<u64>,
    /// Field 5: processors it was given.
    pub processors_allocated: Option<u64>,
    /// Field 6: mean CPU time per processor in seconds; may have a fraction.
    pub cpu_time: Option<f64>,
    /// Field 7: memory used per processor in KB; may have a fraction.
    pub memory_used: Option<f64>,
    /// Field 8: processors it asked for.
    pub processors_requested: Option<u64>,
    /// Field 9: seconds it asked for.
    pub time_requested: Option<u64>,
    /// Field 10: memory asked for per processor in KB; may have a fraction.
    pub memory_requested: Option<f64>,
    /// Field 11: 1 completed, 0 failed, 5 cancelled, 2 to 4 parts of a job.
    pub status: Option<u64>,
    /// Field 12: user.
    pub user: Option<u64>,
    /// Field 13: group.
    pub group: Option<u64>,
    /// Field 14: program.
    pub executable: Option<u64>,
    /// Field 15: queue.
    pub queue: Option<u64>,
    /// Field 16: partition.
    pub partition: Option<u64>,
    /// Field 17: the job it follows.
    pub preceding: Option<u64>,
    /// Field 18: seconds between the end of that job and this submission.
    pub think_time: Option<u64>,
}

impl Job {
    /// What it asks for: requested processors where known, else those it was given; none where neither is above 0.
    #[must_use]
    pub fn processors(&self) -> Option<u64> {
        let above = |count: Option<u64>| count.filter(|count| *count > 0);
        above(self.processors_requested).or(above(self.processors_allocated))
    }

    /// # Errors
    /// [`ReadError::Value`] with the field's name.
    pub(super) fn parse(row: &Row<'_>) -> Result<Self, ReadError> {
        let fields: Vec<&str> = row.text.split_ascii_whitespace().collect();
        if fields.len() != FIELDS {
            return Err(row.refuse("(whole line)", row.text, "a job of 18 fields separated by spaces"));
        }
        let whole = |place: usize, name: &'static str| known(row, fields[place - 1], name, NUMBER_MAX);
        let decimal = |place: usize, name: &'static str| known_decimal(row, fields[place - 1], name);
        let processors = |place: usize, name: &'static str| known(row, fields[place - 1], name, PROCESSORS_MAX);
        Ok(Self {
            line: row.number,
            number: whole(1, "job number")?.ok_or_else(|| row.refuse("job number", fields[0], EXPECTED))?,
            submit: whole(2, "submit time")?,
            wait: whole(3, "wait time")?,
            run: whole(4, "run time")?,
            processors_allocated: processors(5, "allocated processors")?,
            cpu_time: decimal(6, "CPU time")?,
            memory_used: decimal(7, "used memory")?,
            processors_requested: processors(8, "requested processors")?,
            time_requested: whole(9, "requested time")?,
            memory_requested: decimal(10, "requested memory")?,
            status: whole(11, "status")?,
            user: whole(12, "user")?,
            group: whole(13, "group")?,
            executable: whole(14, "executable")?,
            queue: whole(15, "queue")?,
            partition: whole(16, "partition")?,
            preceding: whole(17, "preceding job")?,
            think_time: whole(18, "think time")?,
        })
    }
}

const EXPECTED: &str = "a whole number from 0 to 100000000000";
const EXPECTED_OR_NOT: &str = "a whole number from 0 to 100000000000, or -1 where it is not known";
const EXPECTED_PROCESSORS: &str = "a whole number from 0 to 4000000, or -1 where it is not known";
const EXPECTED_DECIMAL: &str = "a finite number that is not negative, or -1 where it is not known";

fn known(row: &Row<'_>, text: &str, column: &'static str, max: u64) -> Result<Option<u64>, ReadError> {
    if text == "-1" {
        return Ok(None);
    }
    match text.parse::<u64>() {
        Ok(number) if number <= max => Ok(Some(number)),
        _ => Err(row.refuse(column, text, if max == PROCESSORS_MAX { EXPECTED_PROCESSORS } else { EXPECTED_OR_NOT })),
    }
}

fn known_decimal(row: &Row<'_>, text: &str, column: &'static str) -> Result<Option<f64>, ReadError> {
    match text.parse::<f64>() {
        Ok(-1.0) => Ok(None),
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
        _ => Err(row.refuse(column, text, EXPECTED_DECIMAL)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Job, String> {
        Job::parse(&Row { file: "x.swf", number: 3, text }).map_err(|error| error.to_string())
    }

    #[test]
    fn every_field_has_its_place() {
        let job = parse("  1 2 3 4 5 6.5 7 8 9 10 11 12 13 14 15 16 17 18").unwrap();
        assert_eq!((job.number, job.submit, job.wait, job.run), (1, Some(2), Some(3), Some(4)));
        assert_eq!((job.cpu_time, job.memory_used, job.memory_requested), (Some(6.5), Some(7.0), Some(10.0)));
        assert_eq!((job.processors_allocated, job.processors_requested, job.processors()), (Some(5), Some(8), Some(8)));
        let more = [job.time_requested, job.status, job.user, job.group, job.executable, job.queue, job.partition];
        assert_eq!(more, [9, 11, 12, 13, 14, 15, 16].map(Some));
        assert_eq!((job.preceding, job.think_time), (Some(17), Some(18)));
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_field() {
        let line = |place: usize, value: &str| {
            let mut fields = vec!["1"; 18];
            fields[place - 1] = value;
            parse(&fields.join(" ")).unwrap_err()
        };
        assert_eq!(
            line(1, "-1"),
            "x.swf, line 3, column job number: \"-1\" is not a whole number from 0 to 100000000000"
        );
        assert_eq!(
            line(4, "-2"),
            "x.swf, line 3, column run time: \"-2\" is not a whole number from 0 to 100000000000, or -1 where it is not known"
        );
        assert_eq!(
            line(8, "4000001"),
            "x.swf, line 3, column requested processors: \"4000001\" is not a whole number from 0 to 4000000, or -1 where \
             it is not known"
        );
        assert_eq!(
            line(6, "NaN"),
            "x.swf, line 3, column CPU time: \"NaN\" is not a finite number that is not negative, or -1 where it is not known"
        );
        assert_eq!(
            parse("1 2 3").unwrap_err(),
            "x.swf, line 3, column (whole line): \"1 2 3\" is not a job of 18 fields separated by spaces"
        );
    }
}
