//! What can never fit on the node, where the spec says how large that is.

use super::doubt;
use crate::problem::Problem;
use crate::read::{Reader, join};
use crate::unit::Unit;
use crate::value::Table;

pub fn check(reader: &mut Reader<'_>, node: &Table, name: &str, table: &Table) {
    let Some(requests) = table.table("requests") else { return };
    for (what, unit) in [("cpu", Unit::Cpu), ("memory", Unit::Bytes)] {
        let (Some(asked), Some(room)) = (requests.number(what), node.number(what)) else { continue };
        let replicas = table.table("replicas");
        let most = replicas.and_then(|replicas| replicas.number("max")).unwrap_or(1);
        if asked > room {
            let problem =
                Problem::NeverFits { name: name.to_owned(), what, asked: unit.print(asked), room: unit.print(room) };
            let related = Some((node.span_of(what), "the node's capacity".to_owned()));
            reader.note_related(&join(&requests.path, what), requests.span_of(what), problem, related);
        } else if asked.saturating_mul(most) > room {
            let text = format!(
                "{most} replicas of {} {what} each need {}, the node has {}, so at most {} run at once",
                unit.print(asked),
                unit.print(asked.saturating_mul(most)),
                unit.print(room),
                room / asked.max(1),
            );
            let advice = "lower `replicas.max` or the request, unless scarcity is meant to be shared by priority";
            let Some(replicas) = replicas else { continue };
            doubt(reader, replicas, "max", text, advice.to_owned());
        }
    }
}
