//! What holds for the balancing of a service or pool.

use super::not_above;
use crate::read::Reader;
use crate::unit::Unit;
use crate::value::Table;

/// Checks the table `balance` of `owner`.
pub fn check(reader: &mut Reader<'_>, owner: &Table) {
    let Some(balance) = owner.table("balance") else { return };
    if let Some(ejection) = balance.table("ejection") {
        not_above(reader, ejection, ("duration", Unit::Duration), "duration_max");
    }
    if let Some(breaker) = balance.table("breaker") {
        not_above(reader, breaker, ("open", Unit::Duration), "open_max");
    }
}
