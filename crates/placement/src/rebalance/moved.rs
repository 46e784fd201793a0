//! How many processes of each service have moved, and what the largest of these numbers is after a change.
//!
//! The cost of moving a service is that of the service that moved most, so one move can only change it by one step, and a
//! count of services by number of moves answers whether it does.

/// Processes moved, by service.
#[derive(Debug, Clone)]
pub(super) struct Moved {
    of: Vec<u32>,
    /// Services by their number of moved processes.
    with: Vec<u32>,
    most: usize,
}

impl Moved {
    pub(super) fn new(services: usize) -> Self {
        let services = u32::try_from(services).expect("invariant: services are counted in 32 bits");
        Self { of: vec![0; services as usize], with: vec![services], most: 0 }
    }

    /// What going from one machine to another does to the number of processes away from home.
    #[inline]
    pub(super) fn step(home: u32, from: usize, to: usize) -> i64 {
        let home = home as usize;
        i64::from(from == home) - i64::from(to == home)
    }

    /// By how much the most moves of any service would change if `service` had `step` more.
    #[inline]
    pub(super) fn one(&self, service: usize, step: i64) -> i64 {
        let now = self.of[service] as usize;
        if step > 0 { i64::from(now == self.most) } else { -i64::from(now == self.most && self.with[now] == 1) }
    }

    /// The same for two changes at once.
    pub(super) fn two(&self, one: (usize, i64), other: (usize, i64)) -> i64 {
        let (a, b) = (self.of[one.0] as usize, self.of[other.0] as usize);
        if one.0 == other.0 {
            let after = a as i64 + one.1 + other.1;
            return self.most_without(&[a]).max(after) - self.most as i64;
        }
        let after = (a as i64 + one.1).max(b as i64 + other.1);
        self.most_without(&[a, b]).max(after) - self.most as i64
    }

    /// The most moves among all services but those with the given numbers.
    fn most_without(&self, without: &[usize]) -> i64 {
        for level in (0..=self.most).rev() {
            let out = without.iter().filter(|count| **count == level).count();
            if self.with[level] as usize > out {
                return level as i64;
            }
        }
        0
    }

    /// The most moves of any service.
    pub(super) const fn most(&self) -> i64 {
        self.most as i64
    }

    pub(super) fn change(&mut self, service: usize, step: i64) {
        let before = self.of[service] as usize;
        let after = if step > 0 { before + 1 } else { before - 1 };
        if after >= self.with.len() {
            self.with.push(0);
        }
        self.with[before] -= 1;
        self.with[after] += 1;
        self.of[service] = if step > 0 { self.of[service] + 1 } else { self.of[service] - 1 };
        if after > self.most {
            self.most = after;
        }
        while self.most > 0 && self.with[self.most] == 0 {
            self.most -= 1;
        }
    }
}
