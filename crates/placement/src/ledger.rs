//! The node's room and what of it is taken.

use plimsoll_model::spec::Resources;

/// Capacity of one node, with what is reserved of it. A vector: CPU and memory have to fit both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledger {
    allocatable: Resources,
    used: Resources,
}

impl Ledger {
    /// An empty node.
    #[must_use]
    pub const fn new(allocatable: Resources) -> Self {
        Self { allocatable, used: Resources { cpu: plimsoll_model::Millicores(0), memory: plimsoll_model::Bytes(0) } }
    }

    /// Books what is there already, fitting or not: a process that runs takes its room whatever the books say.
    pub fn hold(&mut self, asked: Resources) {
        self.used = sum(self.used, asked);
    }

    /// Books `asked` if it fits; says whether it did.
    #[must_use]
    pub fn take(&mut self, asked: Resources) -> bool {
        let fits = fits(asked, self.free());
        if fits {
            self.hold(asked);
        }
        fits
    }

    /// Takes something off the books again.
    pub fn release(&mut self, held: Resources) {
        self.used = Resources {
            cpu: self.used.cpu.saturating_sub(held.cpu),
            memory: self.used.memory.saturating_sub(held.memory),
        };
    }

    /// What is free, never negative.
    #[must_use]
    pub const fn free(&self) -> Resources {
        Resources {
            cpu: self.allocatable.cpu.saturating_sub(self.used.cpu),
            memory: self.allocatable.memory.saturating_sub(self.used.memory),
        }
    }

    /// What there is in all.
    #[must_use]
    pub const fn allocatable(&self) -> Resources {
        self.allocatable
    }

    /// What is booked.
    #[must_use]
    pub const fn used(&self) -> Resources {
        self.used
    }
}

/// Whether `asked` fits into `free` in both dimensions.
#[must_use]
pub fn fits(asked: Resources, free: Resources) -> bool {
    asked.cpu <= free.cpu && asked.memory <= free.memory
}

/// Both dimensions added, held at the largest representable value.
#[must_use]
pub fn sum(a: Resources, b: Resources) -> Resources {
    Resources { cpu: a.cpu.saturating_add(b.cpu), memory: a.memory.saturating_add(b.memory) }
}

/// Both dimensions times a count, held at the largest representable value.
#[must_use]
pub fn times(each: Resources, count: u32) -> Resources {
    let count = u64::from(count);
    Resources { cpu: each.cpu.saturating_mul(count), memory: each.memory.saturating_mul(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{Bytes, Millicores};
    use proptest::prelude::*;

    fn resources() -> impl Strategy<Value = Resources> {
        let number = || prop_oneof![0_u64..2_000, Just(u64::MAX), any::<u64>()];
        (number(), number()).prop_map(|(cpu, memory)| Resources { cpu: Millicores(cpu), memory: Bytes(memory) })
    }

    proptest! {
        #[test]
        fn what_is_given_out_never_exceeds_what_there_is(
            allocatable in resources(), asked in prop::collection::vec(resources(), 0..40)
        ) {
            let mut ledger = Ledger::new(allocatable);
            let (mut cpu, mut memory) = (0_u128, 0_u128);
            for one in asked {
                if ledger.take(one) {
                    cpu += u128::from(one.cpu.0);
                    memory += u128::from(one.memory.0);
                }
            }
            prop_assert!(cpu <= u128::from(allocatable.cpu.0) && memory <= u128::from(allocatable.memory.0));
        }
    }
}
