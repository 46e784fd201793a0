//! Scarce room shared among services: who gets how much, and the words for it: who gave what to whom.
//!
//! The water-filling (`placement`) decides how many replicas each service gets; it has no notion of a transfer. Who gave to whom is told
//! by pairing what services give up with what others grow into, both in the order of their names.

use plimsoll_model::ServiceName;
use plimsoll_model::quantity::Permille;
use plimsoll_model::scaling::{Gift, SharingReason};
use plimsoll_model::spec::Resources;
use plimsoll_placement::{Claim, Held, dominant_share, share, times};

/// What each service is granted of the node, in the order of `claims` and of their `names`, and why where room is short:
/// while everybody gets what it wants nobody has a reason.
#[must_use]
pub fn share_room(
    allocatable: Resources,
    held: &[Held],
    names: &[&ServiceName],
    claims: &[Claim],
) -> Vec<(u32, Option<SharingReason>)> {
    let granted = share(allocatable, held, claims);
    let reasons = reasons(allocatable, names, claims, &granted);
    granted.into_iter().zip(reasons).collect()
}

/// One per service; none at all while everybody gets what it wants.
fn reasons(
    allocatable: Resources,
    names: &[&ServiceName],
    claims: &[Claim],
    granted: &[u32],
) -> Vec<Option<SharingReason>> {
    if claims.iter().zip(granted).all(|(claim, granted)| *granted >= claim.wanted) {
        return vec![None; claims.len()];
    }
    let reason = |(claim, granted): (&Claim, &u32)| SharingReason {
        wanted: claim.wanted,
        granted: *granted,
        guaranteed: claim.guaranteed.min(claim.wanted),
        weight: claim.weight,
        share: Permille(dominant_share(allocatable, times(claim.each, *granted))),
        ..SharingReason::default()
    };
    let mut reasons: Vec<SharingReason> = claims.iter().zip(granted).map(reason).collect();
    pair(names, claims, granted, &mut reasons);
    reasons.into_iter().map(Some).collect()
}

/// Goes through givers and takers once, each transfer as large as both allow.
fn pair(names: &[&ServiceName], claims: &[Claim], granted: &[u32], reasons: &mut [SharingReason]) {
    let each = || claims.iter().zip(granted).enumerate();
    let mut needs: Vec<Resources> =
        each().map(|(_, (claim, granted))| times(claim.each, granted.saturating_sub(claim.live))).collect();
    for (giver, (claim, granted)) in each() {
        // What it no longer wants itself is no gift.
        let mut left = times(claim.each, claim.live.min(claim.wanted).saturating_sub(*granted));
        for (taker, need) in needs.iter_mut().enumerate() {
            let room = Resources { cpu: left.cpu.min(need.cpu), memory: left.memory.min(need.memory) };
            if taker == giver || room == Resources::default() {
                continue;
            }
            left = less(left, room);
            *need = less(*need, room);
            reasons[giver].gives.push(Gift { service: (*names[taker]).clone(), room });
            reasons[taker].gets.push(Gift { service: (*names[giver]).clone(), room });
        }
    }
}

fn less(from: Resources, part: Resources) -> Resources {
    Resources { cpu: from.cpu.saturating_sub(part.cpu), memory: from.memory.saturating_sub(part.memory) }
}
