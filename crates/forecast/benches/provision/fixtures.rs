//! The fixture list of the 1998 World Cup to 24 June as a known event: kick-offs, published long before the matches.

use plimsoll_forecast::Events;
use plimsoll_forecast::events::{Column, Window};
use plimsoll_model::quantity::{Millis, Timestamp};

/// 10 June 1998, 0:00 UTC.
const FIRST_DAY: i64 = 897_436_800_000;
/// Kick-offs by day from 10 June, minutes after midnight UTC (Paris was two hours ahead).
const KICK_OFFS: [&[u64]; 15] = [
    &[930, 1_140],
    &[930, 1_140],
    &[750, 930, 1_140],
    &[750, 930, 1_140],
    &[750, 930, 1_140],
    &[750, 930, 1_140],
    &[930, 1_140],
    &[930, 1_140],
    &[930, 1_140],
    &[930, 1_140],
    &[750, 930, 1_140],
    &[750, 930, 1_140],
    &[930, 1_140],
    &[840, 1_140],
    &[840, 1_140],
];
/// Minutes before a kick-off at which it begins to matter, and after it at which it ceases to.
const BEFORE: u64 = 60;
const AFTER: u64 = 150;
/// Minutes per step of the column.
const STEP: u64 = 5;

/// One column: 0 away from matches, otherwise how far the match has come, in steps of five minutes from an hour before it.
pub fn matches() -> Events {
    let mut windows = Vec::new();
    for (day, kick_offs) in KICK_OFFS.iter().enumerate() {
        let midnight = Timestamp(FIRST_DAY).plus(Millis::from_minutes(1_440 * day as u64));
        for kick_off in *kick_offs {
            for step in 0..(BEFORE + AFTER) / STEP {
                let from = midnight.plus(Millis::from_minutes(kick_off - BEFORE + step * STEP));
                windows.push(Window { from, to: from.plus(Millis::from_minutes(STEP)), value: (step + 1) as f64 });
            }
        }
    }
    Events { columns: vec![Column { name: "match".into(), windows }] }
}
