//! What is known in advance, as a table of comma-separated values: `event,from,to` and, if its strength matters, `value`.
//!
//! Times as in any other table; `to` is the moment after the event's last. Several rows of one event are its several times.

use crate::csv::{Row, Rows};
use crate::source::Source;
use crate::{ReadError, date};
use plimsoll_model::Timestamp;

/// Most rows: an event an hour for ten years.
pub const EVENTS_MAX: usize = 100_000;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownEvent {
    /// What it is called.
    pub name: String,
    /// First moment.
    pub from: Timestamp,
    /// The moment after the last.
    pub to: Timestamp,
    /// Its strength; 1 where the table does not say.
    pub value: f64,
}

/// All rows of a file.
///
/// # Errors
/// [`ReadError`], naming file, line, column and value.
pub fn read_events(path: &str) -> Result<Vec<KnownEvent>, ReadError> {
    let source = Source::parse(path);
    let file = source.name();
    source.with_reader(|reader| {
        let mut rows = Rows::new(&file, reader);
        let header = rows.next_row()?.map(|row| row.text.to_owned()).unwrap_or_default();
        let columns: Vec<&str> = header.split(',').map(str::trim).collect();
        if !matches!(columns.as_slice(), ["event", "from", "to"] | ["event", "from", "to", "value"]) {
            let found = header.chars().take(120).collect();
            return Err(ReadError::UnknownFormat {
                file: file.clone(),
                found,
                known: "event,from,to[,value]".to_owned(),
            });
        }
        let mut events = Vec::new();
        while let Some(row) = rows.next_row()? {
            if events.len() >= EVENTS_MAX {
                return Err(row.refuse("event", "", "one of at most 100000 rows"));
            }
            events.push(event(&row, columns.len() == 4)?);
        }
        Ok(events)
    })
}

fn event(row: &Row<'_>, has_value: bool) -> Result<KnownEvent, ReadError> {
    let fields = row.fields()?;
    let text = |index: usize| fields.get(index).map_or("", AsRef::as_ref);
    let time = |index: usize, column: &'static str| {
        let expected = "a time: Unix seconds or milliseconds, or an ISO date with or without a clock";
        date::parse_time(text(index)).ok_or_else(|| row.refuse(column, text(index), expected))
    };
    let (from, to) = (time(1, "from")?, time(2, "to")?);
    if to <= from {
        return Err(row.refuse("to", text(2), "a time after `from`"));
    }
    let value = if has_value { row.measured(text(3), "value")? } else { 1.0 };
    if !value.is_finite() {
        return Err(row.refuse("value", text(3), "a number"));
    }
    match text(0) {
        "" => Err(row.refuse("event", "", "a name")),
        name => Ok(KnownEvent { name: name.to_owned(), from, to, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<KnownEvent>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().to_string_lossy().into_owned();
        read_events(&path).map_err(|error| error.to_string().replace(&path, "e.csv"))
    }

    #[test]
    fn rows_become_events_and_mistakes_are_named_with_their_place() {
        let events = read("event,from,to,value\nmatch,2026-06-10 17:30,2026-06-10 19:30,2\n").unwrap();
        assert_eq!(
            (events[0].name.as_str(), events[0].value, events[0].to.since(events[0].from).0),
            ("match", 2.0, 7_200_000)
        );
        assert_eq!(read("event,from,to\nx,10,20\n").unwrap()[0].value, 1.0);
        let wrong = read("event,from,to\nx,2026-06-10,2026-06-09\n").unwrap_err();
        assert_eq!(wrong, "e.csv, line 2, column to: \"2026-06-09\" is not a time after `from`");
        assert!(read("event,from,to,value\nx,10,20,many\n").unwrap_err().contains("column value"));
        assert!(read("name,a\n").unwrap_err().contains("event,from,to[,value]"));
    }
}
