//! Reader and writer of the files of the ROADEF/EURO challenge 2012, "Google machine reassignment".
//!
//! Both kinds are nothing but whole numbers between white space, in an order that tells what each of them is. So an error
//! names, beside file and line, how many numbers came before and which field the number was to be. The numbers are read
//! one at a time from the stream (plain, gzip or xz); counts in the file allocate nothing before their entries are there.
//!
//! # Source
//! The challenge's problem statement, section "format of instance and solution files".

use crate::source;
use plimsoll_placement::rebalance::{
    Balance, Draft, Machine, MoveWeights, Problem, ProblemError, Process, Resource, Service,
};
use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

/// Why an instance could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RoadefError {
    /// The file, or a compressed stream in it, could not be read.
    #[error("{file}: cannot be read at line {line}")]
    Io {
        /// The file.
        file: String,
        /// Line being read, from 1; 0 when the file could not be opened.
        line: u64,
        /// What the system or the decompressor said.
        source: std::io::Error,
    },
    /// Something is no whole number, or too large.
    #[error("{file}, line {line}, number {number}, {field}: {value:?} is not a whole number from 0 to {max}")]
    Number {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// Which number of the file, from 1.
        number: u64,
        /// What it was to be.
        field: String,
        /// The text that stands there.
        value: String,
        /// The highest that would do.
        max: u64,
    },
    /// The file ends too early.
    #[error("{file}, line {line}: ends after {numbers} numbers, where {field} was to come")]
    End {
        /// The file.
        file: String,
        /// The last line, from 1.
        line: u64,
        /// Numbers read.
        numbers: u64,
        /// What was to come.
        field: String,
    },
    /// The file goes on after its last field.
    #[error("{file}, line {line}, number {number}: {value:?} comes after the last field, {last}")]
    More {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// Which number of the file, from 1.
        number: u64,
        /// The text that stands there.
        value: String,
        /// What was complete.
        last: &'static str,
    },
    /// The numbers are read and do not make a problem.
    #[error("{model} with {assignment}")]
    Problem {
        /// The model file.
        model: String,
        /// The assignment file.
        assignment: String,
        /// What is wrong.
        source: ProblemError,
    },
}

/// Reads a model and the assignment that it starts from.
///
/// # Errors
/// [`RoadefError`].
pub fn read(model: &Path, assignment: &Path) -> Result<Problem, RoadefError> {
    let mut draft = open(model, read_model)?;
    let processes = draft.processes.len();
    let machines = draft.machines.len();
    draft.initial = open(assignment, |numbers| read_assignment(numbers, processes, machines))?;
    Problem::try_new(draft).map_err(|source| RoadefError::Problem {
        model: model.display().to_string(),
        assignment: assignment.display().to_string(),
        source,
    })
}

/// Reads an assignment of `problem`'s processes, such as [`write_assignment`] wrote.
///
/// # Errors
/// [`RoadefError`].
pub fn read_assignment_of(problem: &Problem, path: &Path) -> Result<Vec<u32>, RoadefError> {
    open(path, |numbers| read_assignment(numbers, problem.processes().len(), problem.machines().len()))
}

/// Writes the machine of every process, in one line, as the challenge does.
///
/// # Errors
/// What the writer says.
pub fn write_assignment(writer: &mut dyn Write, assignment: &[u32]) -> std::io::Result<()> {
    for (at, machine) in assignment.iter().enumerate() {
        let gap = if at == 0 { "" } else { " " };
        write!(writer, "{gap}{machine}")?;
    }
    writeln!(writer)
}

fn open<T>(
    path: &Path,
    read: impl FnOnce(&mut Numbers<BufReader<Box<dyn Read>>>) -> Result<T, RoadefError>,
) -> Result<T, RoadefError> {
    let file = path.display().to_string();
    match source::open(path) {
        Ok(stream) => {
            let reader = BufReader::with_capacity(1 << 16, stream);
            read(&mut Numbers { file, reader, line: 1, number: 0, token: Vec::new() })
        }
        Err(source) => Err(RoadefError::Io { file, line: 0, source }),
    }
}

fn read_model<R: BufRead>(numbers: &mut Numbers<R>) -> Result<Draft, RoadefError> {
    let resources = numbers.list("the number of resources", |numbers, at| {
        Ok(Resource {
            is_transient: numbers.at_most(1, || format!("whether resource {at} is transient").into())? == 1,
            load_weight: numbers.any(|| format!("the load weight of resource {at}").into())?,
        })
    })?;
    let (machines, machine_move_cost) = read_machines(numbers, resources.len())?;
    let services = numbers.list("the number of services", |numbers, at| {
        Ok(Service {
            spread_min: numbers.index(|| format!("the fewest locations of service {at}").into())?,
            dependencies: {
                let count = numbers.any(|| format!("the number of dependencies of service {at}").into())?;
                let one = |_| numbers.index(|| format!("a dependency of service {at}").into());
                (0..count).map(one).collect::<Result<_, _>>()?
            },
        })
    })?;
    let processes = numbers.list("the number of processes", |numbers, at| {
        Ok(Process {
            service: numbers.index(|| format!("the service of process {at}").into())?,
            requirement: numbers.row(resources.len(), |r| format!("what process {at} needs of resource {r}"))?,
            move_cost: numbers.any(|| format!("the move cost of process {at}").into())?,
        })
    })?;
    let balances = numbers.list("the number of balance costs", |numbers, at| {
        Ok(Balance {
            first: numbers.index(|| format!("the first resource of balance {at}").into())?,
            second: numbers.index(|| format!("the second resource of balance {at}").into())?,
            target: numbers.any(|| format!("the target of balance {at}").into())?,
            weight: numbers.any(|| format!("the weight of balance {at}").into())?,
        })
    })?;
    let move_weights = MoveWeights {
        process: numbers.any(|| "the weight of process moves".into())?,
        service: numbers.any(|| "the weight of service moves".into())?,
        machine: numbers.any(|| "the weight of machine moves".into())?,
    };
    numbers.end("the weight of machine moves")?;
    let initial = Vec::new();
    Ok(Draft { resources, machines, machine_move_cost, services, processes, balances, move_weights, initial })
}

/// The machines, each followed by its row of the square of move costs.
fn read_machines<R: BufRead>(
    numbers: &mut Numbers<R>,
    resources: usize,
) -> Result<(Vec<Machine>, Vec<u64>), RoadefError> {
    let count = numbers.any(|| "the number of machines".into())?;
    let (mut machines, mut costs) = (Vec::new(), Vec::new());
    for at in 0..count {
        machines.push(Machine {
            neighbourhood: numbers.index(|| format!("the neighbourhood of machine {at}").into())?,
            location: numbers.index(|| format!("the location of machine {at}").into())?,
            capacity: numbers.row(resources, |r| format!("the capacity of machine {at} in resource {r}"))?,
            safety: numbers.row(resources, |r| format!("the safety capacity of machine {at} in resource {r}"))?,
        });
        for to in 0..count {
            costs.push(numbers.any(|| format!("the cost of moving from machine {at} to {to}").into())?);
        }
    }
    Ok((machines, costs))
}

fn read_assignment<R: BufRead>(
    numbers: &mut Numbers<R>,
    processes: usize,
    machines: usize,
) -> Result<Vec<u32>, RoadefError> {
    let last = u64::try_from(machines.saturating_sub(1)).unwrap_or(u64::MAX);
    let one = |at: usize| {
        let machine = numbers.at_most(last, || format!("the machine of process {at}").into())?;
        Ok(u32::try_from(machine).unwrap_or(u32::MAX))
    };
    let assignment = (0..processes).map(one).collect::<Result<Vec<u32>, RoadefError>>()?;
    numbers.end("the machine of the last process")?;
    Ok(assignment)
}

/// Digits of the longest number accepted, and of what an error repeats.
const TOKEN_BYTES_MAX: usize = 40;

/// A stream of whole numbers that knows where it is.
struct Numbers<R> {
    file: String,
    reader: R,
    line: u64,
    number: u64,
    token: Vec<u8>,
}

impl<R: BufRead> Numbers<R> {
    /// A count, then so many entries.
    fn list<T>(
        &mut self,
        what: &'static str,
        mut entry: impl FnMut(&mut Self, u64) -> Result<T, RoadefError>,
    ) -> Result<Vec<T>, RoadefError> {
        let count = self.any(|| what.into())?;
        (0..count).map(|at| entry(self, at)).collect()
    }

    /// As many quantities as there are resources.
    fn row(&mut self, width: usize, field: impl Fn(usize) -> String) -> Result<Vec<u64>, RoadefError> {
        (0..width).map(|r| self.any(|| field(r).into())).collect()
    }

    fn any(&mut self, field: impl Fn() -> Cow<'static, str>) -> Result<u64, RoadefError> {
        self.at_most(u64::MAX, field)
    }

    fn index(&mut self, field: impl Fn() -> Cow<'static, str>) -> Result<u32, RoadefError> {
        Ok(u32::try_from(self.at_most(u32::MAX.into(), field)?).unwrap_or(u32::MAX))
    }

    fn at_most(&mut self, max: u64, field: impl Fn() -> Cow<'static, str>) -> Result<u64, RoadefError> {
        if !self.next_token()? {
            let (file, field) = (self.file.clone(), field().into_owned());
            return Err(RoadefError::End { file, line: self.line, numbers: self.number - 1, field });
        }
        let text = std::str::from_utf8(&self.token).unwrap_or_default();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u64>() {
            Ok(value) if is_plain && value <= max => Ok(value),
            _ => Err(RoadefError::Number {
                file: self.file.clone(),
                line: self.line,
                number: self.number,
                field: field().into_owned(),
                value: self.shown(),
                max,
            }),
        }
    }

    fn end(&mut self, last: &'static str) -> Result<(), RoadefError> {
        if !self.next_token()? {
            return Ok(());
        }
        let value = self.shown();
        Err(RoadefError::More { file: self.file.clone(), line: self.line, number: self.number, value, last })
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.token).into_owned()
    }

    /// Reads what stands before the next white space into `token`; false at the end of the file.
    fn next_token(&mut self) -> Result<bool, RoadefError> {
        self.token.clear();
        self.number += 1;
        loop {
            let bytes = match self.reader.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(RoadefError::Io { file: self.file.clone(), line: self.line, source }),
            };
            if bytes.is_empty() {
                return Ok(!self.token.is_empty());
            }
            let mut used = 0;
            for &byte in bytes {
                if byte.is_ascii_whitespace() {
                    if !self.token.is_empty() {
                        // Not consumed: a line ends after the number that stands on it.
                        self.reader.consume(used);
                        return Ok(true);
                    }
                    self.line += u64::from(byte == b'\n');
                } else {
                    self.token.push(byte);
                    if self.token.len() > TOKEN_BYTES_MAX {
                        return Ok(true);
                    }
                }
                used += 1;
            }
            self.reader.consume(used);
        }
    }
}

#[cfg(test)]
mod tests;
