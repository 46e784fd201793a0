//! One event of a task, read from its line.

use super::{BYTES_WHOLE, CPU_WHOLE};
use crate::ReadError;
use crate::csv::{Row, Rows};
use plimsoll_model::{Bytes, Millicores};
use std::collections::BTreeMap;
use std::io::Read;

const FIELDS: usize = 13;
/// Most that a request may be of the largest machine.
const SHARE_MAX: f64 = 100.0;

/// What happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// 0: it became eligible for scheduling.
    Submit,
    /// 1: it was placed on a machine.
    Schedule,
    /// 2: it was stopped for something of higher priority, overcommitment or its machine.
    Evict,
    /// 3: it failed.
    Fail,
    /// 4: it ended normally.
    Finish,
    /// 5: it was cancelled by its user, program or a job it depends on.
    Kill,
    /// 6: it ended, and the record of how is missing.
    Lost,
    /// 7: its class, requests or constraints were changed while it waited.
    UpdatePending,
    /// 8: the same while it ran.
    UpdateRunning,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The line in its file, from 1.
    pub line: u64,
    /// Microseconds since 600 s before the trace's window; 0 is before it.
    pub at_us: u64,
    /// Whether the row was made up by the publishers for a record that was missing.
    pub is_synthesised: bool,
    /// The job.
    pub job: u64,
    /// The task's place in its job.
    pub index: u64,
    /// The machine, where there is one.
    pub machine: Option<u64>,
    /// What happened.
    pub kind: EventKind,
    /// Users in the order in which they first came up, from 0; the trace has hashes.
    pub user: u32,
    /// How sensitive to latency, 0 to 3.
    pub class: u8,
    /// 0 and 1 are free, 9 and above production.
    pub priority: u8,
    /// Requested CPU, memory and disk on the stated scale; none where not recorded.
    pub requests: Option<(Millicores, Bytes, Bytes)>,
    /// Whether it must not run on one machine with another task of its job.
    pub needs_own_machine: bool,
}

/// A stream of the events of one part.
pub struct Events<'a> {
    rows: Rows<'a>,
    users: BTreeMap<String, u32>,
}

impl<'a> Events<'a> {
    /// Events of `reader`; `file` is what errors call it, `users` those of earlier parts.
    pub fn new(file: &'a str, reader: &'a mut dyn Read, users: BTreeMap<String, u32>) -> Self {
        Self { rows: Rows::new(file, reader), users }
    }

    /// The users so far, for the next part.
    #[must_use]
    pub fn into_users(self) -> BTreeMap<String, u32> {
        self.users
    }

    /// The next event, or `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`] with line and column.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        let Some(row) = self.rows.next_row()? else { return Ok(None) };
        let mut fields = [""; FIELDS];
        let mut count = 0;
        for field in row.text.split(',') {
            if let Some(place) = fields.get_mut(count) {
                *place = field;
            }
            count += 1;
        }
        if count != FIELDS {
            return Err(row.refuse("(whole line)", row.text, "a row of 13 columns"));
        }
        let known = self.users.len() as u32;
        let user = match self.users.get(fields[6]) {
            Some(user) => *user,
            None => *self.users.entry(fields[6].to_owned()).or_insert(known),
        };
        event(&row, &fields, user).map(Some)
    }
}

fn event(row: &Row<'_>, fields: &[&str; FIELDS], user: u32) -> Result<Event, ReadError> {
    let machine = fields[4];
    let shares = [(9, "CPU request"), (10, "memory request"), (11, "disk request")]
        .map(|(place, name)| share(row, fields[place], name));
    let [cpu, memory, disk] = shares;
    let requests = match (cpu?, memory?, disk?) {
        (Some(cpu), Some(memory), Some(disk)) => Some((
            Millicores(scaled(cpu, CPU_WHOLE)),
            Bytes(scaled(memory, BYTES_WHOLE)),
            Bytes(scaled(disk, BYTES_WHOLE)),
        )),
        _ => None,
    };
    Ok(Event {
        line: row.number,
        at_us: whole(row, fields[0], "time", i64::MAX.cast_unsigned(), "microseconds from 0 to 9223372036854775807")?,
        is_synthesised: !fields[1].is_empty(),
        job: whole(row, fields[2], "job", u64::MAX, "the number of a job")?,
        index: whole(row, fields[3], "task index", u64::MAX, "a task's place in its job")?,
        machine: if machine.is_empty() {
            None
        } else {
            Some(whole(row, machine, "machine", u64::MAX, "the number of a machine")?)
        },
        kind: kind(row, fields[5])?,
        user,
        class: whole(row, fields[7], "scheduling class", 3, "a whole number from 0 to 3")? as u8,
        priority: whole(row, fields[8], "priority", 11, "a whole number from 0 to 11")? as u8,
        requests,
        needs_own_machine: match fields[12] {
            "" | "0" => false,
            "1" => true,
            other => return Err(row.refuse("different-machine constraint", other, "0, 1 or empty")),
        },
    })
}

fn kind(row: &Row<'_>, text: &str) -> Result<EventKind, ReadError> {
    Ok(match text {
        "0" => EventKind::Submit,
        "1" => EventKind::Schedule,
        "2" => EventKind::Evict,
        "3" => EventKind::Fail,
        "4" => EventKind::Finish,
        "5" => EventKind::Kill,
        "6" => EventKind::Lost,
        "7" => EventKind::UpdatePending,
        "8" => EventKind::UpdateRunning,
        other => return Err(row.refuse("event", other, "a whole number from 0 to 8")),
    })
}

fn whole(row: &Row<'_>, text: &str, column: &'static str, max: u64, expected: &'static str) -> Result<u64, ReadError> {
    text.parse().ok().filter(|number| *number <= max).ok_or_else(|| row.refuse(column, text, expected))
}

fn share(row: &Row<'_>, text: &str, column: &'static str) -> Result<Option<f64>, ReadError> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(share) if (0.0..=SHARE_MAX).contains(&share) => Ok(Some(share)),
        _ => Err(row.refuse(column, text, "a share of the largest machine from 0 to 100, or empty")),
    }
}

/// Rounded to the nearest unit, and at least one where something is asked.
fn scaled(share: f64, whole: u64) -> u64 {
    let units = (share * whole as f64).round() as u64;
    if share > 0.0 { units.max(1) } else { units }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Event>, String> {
        let mut reader = text.as_bytes();
        let mut events = Events::new("part.csv", &mut reader, BTreeMap::new());
        let mut found = Vec::new();
        while let Some(event) = events.next_event().map_err(|error| error.to_string())? {
            found.push(event);
        }
        Ok(found)
    }

    #[test]
    fn a_row_becomes_an_event_on_the_stated_scale() {
        let found = read(
            "600026913,,515042969,1,372630443,1,/fk=,2,0,0.01562,0.01553,0.0002155,0\n\
             0,2,3418309,0,4155527081,0,x=,3,9,,,,\n5,,1,2,,8,/fk=,0,11,0.000001,0,0,1\n",
        )
        .unwrap();
        let one = &found[0];
        assert_eq!(one.requests, Some((Millicores(1_562), Bytes(15_530 << 20), Bytes(225_968_128))));
        assert_eq!((one.at_us, one.job, one.index, one.machine), (600_026_913, 515_042_969, 1, Some(372_630_443)));
        assert_eq!((one.kind, one.class, one.priority, one.needs_own_machine), (EventKind::Schedule, 2, 0, false));
        assert_eq!((found[1].requests, found[1].is_synthesised), (None, true));
        assert_eq!(found.iter().map(|event| event.user).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(found[2].requests, Some((Millicores(1), Bytes(0), Bytes(0))), "something asked is at least 1");
        assert!(found[2].needs_own_machine && found[2].machine.is_none());
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (row, message) in [
            ("1,,2,3,,9,u,0,0,0,0,0,0", "column event: \"9\" is not a whole number from 0 to 8"),
            ("1,,2,3,,0,u,4,0,0,0,0,0", "column scheduling class: \"4\" is not a whole number from 0 to 3"),
            ("1,,2,3,,0,u,0,-1,0,0,0,0", "column priority: \"-1\" is not a whole number from 0 to 11"),
            (
                "1,,2,3,,0,u,0,0,NaN,0,0,0",
                "column CPU request: \"NaN\" is not a share of the largest machine from 0 to 100, or empty",
            ),
            (
                "1,,2,3,,0,u,0,0,0,-0.5,0,0",
                "column memory request: \"-0.5\" is not a share of the largest machine from 0 to 100, or empty",
            ),
            ("1,,2,3,,0,u,0,0,0,0,0,2", "column different-machine constraint: \"2\" is not 0, 1 or empty"),
            ("1,,2,3,,0,u,0,0,0,0,0", "column (whole line): \"1,,2,3,,0,u,0,0,0,0,0\" is not a row of 13 columns"),
            ("x,,2,3,,0,u,0,0,0,0,0,0", "column time: \"x\" is not microseconds from 0 to 9223372036854775807"),
        ] {
            assert_eq!(read(row).unwrap_err(), format!("part.csv, line 1, {message}"));
        }
    }
}
