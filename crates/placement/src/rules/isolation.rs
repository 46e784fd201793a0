//! Who sits on each node, and whom that keeps away.
//!
//! Two tenants are never on one node where either forbids it, so a node has to know of the tenants on it and of the
//! isolation that they demand. A node's seats are also the record that new counters are filled from.

use plimsoll_model::cluster::Isolation;

/// Nobody on the node.
const NOBODY: u32 = u32::MAX;
/// Tenants of several names.
const SEVERAL: u32 = u32::MAX - 1;

/// Shapes that a node's seats hold beside their other numbers; most nodes run no more at once.
const INLINE: usize = 14;

/// What runs on one node. Every placement and release comes here, so a node's seats lie in one piece.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    tenant: u32,
    tasks: u32,
    /// Tasks that share with their own tenant only.
    guarded: u32,
    /// Tasks that share with nobody.
    alone: u32,
    /// Shapes in `few`.
    len: u32,
    /// How many tasks of which shape, by shape, while `many` is empty.
    few: [(u32, u32); INLINE],
    /// The same where they were more than `few` holds, until they are half as many.
    many: Vec<(u32, u32)>,
}

impl Default for Seats {
    fn default() -> Self {
        let few = [(0, 0); INLINE];
        Self { tenant: NOBODY, tasks: 0, guarded: 0, alone: 0, len: 0, few, many: Vec::new() }
    }
}

/// Whose a task is, and whom it bears.
#[derive(Debug, Clone, Copy)]
pub(super) struct Company {
    /// The tenant by number.
    pub(super) tenant: u32,
    /// Whom it shares with.
    pub(super) isolation: Isolation,
}

/// Why the company does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwelcome {
    /// The task wants the node to itself and it is not empty.
    WantsItAlone,
    /// A task there has the node to itself.
    HeldAlone,
    /// The task bears only its own tenant and others are there.
    BearsOnlyItsOwn,
    /// A task there bears only its own tenant.
    BorneByNone,
}

impl Seats {
    /// Why a task may not join; none if it may.
    #[inline]
    pub(super) fn unwelcome(&self, company: Company) -> Option<Unwelcome> {
        if self.tasks == 0 {
            return None;
        }
        if self.alone > 0 {
            return Some(Unwelcome::HeldAlone);
        }
        if company.isolation == Isolation::Exclusive {
            return Some(Unwelcome::WantsItAlone);
        }
        if self.tenant == company.tenant {
            return None;
        }
        if self.guarded > 0 {
            return Some(Unwelcome::BorneByNone);
        }
        (company.isolation == Isolation::Tenant).then_some(Unwelcome::BearsOnlyItsOwn)
    }

    /// A task sits down.
    pub(super) fn sit(&mut self, shape: u32, company: Company) {
        match self.place_of(shape) {
            Ok(found) => self.shapes_mut()[found].1 += 1,
            Err(place) => self.insert(place, shape),
        }
        self.tenant = if self.tasks == 0 || self.tenant == company.tenant { company.tenant } else { SEVERAL };
        self.tasks += 1;
        self.guarded += u32::from(company.isolation == Isolation::Tenant);
        self.alone += u32::from(company.isolation == Isolation::Exclusive);
    }

    /// A task gets up; `tenant_of` says whose the others are.
    pub(super) fn rise(&mut self, shape: u32, company: Company, tenant_of: impl Fn(u32) -> u32) {
        let found = self.place_of(shape).expect("invariant: what is released was placed");
        let count = &mut self.shapes_mut()[found].1;
        *count -= 1;
        if *count == 0 {
            self.remove(found);
        }
        self.tasks -= 1;
        self.guarded -= u32::from(company.isolation == Isolation::Tenant);
        self.alone -= u32::from(company.isolation == Isolation::Exclusive);
        if self.tasks == 0 {
            self.tenant = NOBODY;
        } else if self.tenant == SEVERAL {
            let first = tenant_of(self.shapes()[0].0);
            let one = self.shapes().iter().all(|(shape, _)| tenant_of(*shape) == first);
            self.tenant = if one { first } else { SEVERAL };
        }
    }

    /// Bytes that they take.
    pub(super) const fn bytes(&self) -> usize {
        size_of::<Self>() + self.many.capacity() * size_of::<(u32, u32)>()
    }

    /// How many tasks of which shape, by shape.
    #[inline]
    pub(super) fn shapes(&self) -> &[(u32, u32)] {
        if self.many.is_empty() { &self.few[..self.len as usize] } else { &self.many }
    }

    #[inline]
    fn shapes_mut(&mut self) -> &mut [(u32, u32)] {
        if self.many.is_empty() { &mut self.few[..self.len as usize] } else { &mut self.many }
    }

    #[inline]
    fn place_of(&self, shape: u32) -> Result<usize, usize> {
        self.shapes().binary_search_by_key(&shape, |(shape, _)| *shape)
    }

    fn insert(&mut self, place: usize, shape: u32) {
        let len = self.len as usize;
        if self.many.is_empty() && len < INLINE {
            self.few.copy_within(place..len, place + 1);
            self.few[place] = (shape, 1);
            self.len += 1;
            return;
        }
        if self.many.is_empty() {
            self.many.extend_from_slice(&self.few);
        }
        self.many.insert(place, (shape, 1));
    }

    fn remove(&mut self, place: usize) {
        if self.many.is_empty() {
            self.few.copy_within(place + 1..self.len as usize, place);
            self.len -= 1;
            return;
        }
        self.many.remove(place);
        if self.many.len() <= INLINE / 2 {
            self.len = self.many.len() as u32;
            self.few[..self.many.len()].copy_from_slice(&self.many);
            self.many = Vec::new();
        }
    }

    /// Tasks on the node.
    pub(super) const fn tasks(&self) -> u32 {
        self.tasks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Isolation::{Exclusive, None as Anybody, Tenant};

    const fn company(tenant: u32, isolation: Isolation) -> Company {
        Company { tenant, isolation }
    }

    #[test]
    fn two_tenants_never_meet_where_either_forbids_it() {
        for (there, comes, expected) in [
            (company(1, Anybody), company(2, Anybody), None),
            (company(1, Tenant), company(1, Anybody), None),
            (company(1, Tenant), company(2, Anybody), Some(Unwelcome::BorneByNone)),
            (company(1, Anybody), company(2, Tenant), Some(Unwelcome::BearsOnlyItsOwn)),
            (company(1, Anybody), company(1, Tenant), None),
            (company(1, Anybody), company(1, Exclusive), Some(Unwelcome::WantsItAlone)),
            (company(1, Exclusive), company(1, Exclusive), Some(Unwelcome::HeldAlone)),
            (company(1, Exclusive), company(1, Anybody), Some(Unwelcome::HeldAlone)),
        ] {
            let mut seats = Seats::default();
            assert_eq!(seats.unwelcome(comes), None, "an empty node takes everybody");
            seats.sit(0, there);
            assert_eq!(seats.unwelcome(comes), expected, "{there:?} {comes:?}");
        }
    }

    #[test]
    fn a_crowded_node_counts_like_an_empty_one() {
        let mut seats = Seats::default();
        let one = company(1, Anybody);
        for shape in (0..40).rev().chain(0..40) {
            seats.sit(shape, one);
        }
        assert_eq!(seats.shapes().to_vec(), (0..40).map(|shape| (shape, 2)).collect::<Vec<_>>());
        for shape in (0..40).chain(5..40) {
            seats.rise(shape, one, |_| 1);
        }
        assert_eq!(seats.shapes(), [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
        assert_eq!(seats.bytes(), size_of::<Seats>(), "what a crowd took is given back");
        seats.sit(2, one);
        assert_eq!((seats.shapes()[2], seats.tasks()), ((2, 2), 6));
    }

    #[test]
    fn a_node_is_one_tenants_again_when_the_others_left() {
        let mut seats = Seats::default();
        let tenant_of = |shape| if shape == 9 { 2 } else { 1 };
        for shape in [4, 9, 7] {
            seats.sit(shape, company(tenant_of(shape), Anybody));
        }
        assert_eq!(seats.unwelcome(company(1, Tenant)), Some(Unwelcome::BearsOnlyItsOwn));
        seats.rise(9, company(2, Anybody), tenant_of);
        assert_eq!(seats.unwelcome(company(1, Tenant)), None);
        assert_eq!(seats.tasks(), 2);
    }
}
