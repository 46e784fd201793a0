//! Who sits on each node, and whom that keeps away.
//!
//! Two tenants are never on one node where either forbids it, so a node has to know of the tenants on it and of the
//! isolation that they demand. A node's seats are also the record that new counters are filled from.

use plimsoll_model::cluster::Isolation;

/// Nobody on the node.
const NOBODY: u32 = u32::MAX;
/// Tenants of several names.
const SEVERAL: u32 = u32::MAX - 1;

/// What runs on one node.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    /// How many tasks of which shape, by shape.
    pub(super) shapes: Vec<(u32, u32)>,
    tenant: u32,
    tasks: u32,
    /// Tasks that share with their own tenant only.
    guarded: u32,
    /// Tasks that share with nobody.
    alone: u32,
}

impl Default for Seats {
    fn default() -> Self {
        Self { shapes: Vec::new(), tenant: NOBODY, tasks: 0, guarded: 0, alone: 0 }
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
        match self.shapes.binary_search_by_key(&shape, |(shape, _)| *shape) {
            Ok(found) => self.shapes[found].1 += 1,
            Err(place) => self.shapes.insert(place, (shape, 1)),
        }
        self.tenant = if self.tasks == 0 || self.tenant == company.tenant { company.tenant } else { SEVERAL };
        self.tasks += 1;
        self.guarded += u32::from(company.isolation == Isolation::Tenant);
        self.alone += u32::from(company.isolation == Isolation::Exclusive);
    }

    /// A task gets up; `tenant_of` says whose the others are.
    pub(super) fn rise(&mut self, shape: u32, company: Company, tenant_of: impl Fn(u32) -> u32) {
        let found = self
            .shapes
            .binary_search_by_key(&shape, |(shape, _)| *shape)
            .expect("invariant: what is released was placed");
        self.shapes[found].1 -= 1;
        if self.shapes[found].1 == 0 {
            self.shapes.remove(found);
        }
        self.tasks -= 1;
        self.guarded -= u32::from(company.isolation == Isolation::Tenant);
        self.alone -= u32::from(company.isolation == Isolation::Exclusive);
        if self.tasks == 0 {
            self.tenant = NOBODY;
        } else if self.tenant == SEVERAL {
            let first = tenant_of(self.shapes[0].0);
            let one = self.shapes.iter().all(|(shape, _)| tenant_of(*shape) == first);
            self.tenant = if one { first } else { SEVERAL };
        }
    }

    /// Bytes that they take.
    pub(super) const fn bytes(&self) -> usize {
        size_of::<Self>() + self.shapes.capacity() * size_of::<(u32, u32)>()
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
