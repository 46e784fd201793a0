//! The newest values of a series, as many as the network looks at; the oldest gives way to the next.

use serde::{Deserialize, Serialize};

/// Values in a circle. Serialised oldest first with nothing where a gap is, because JSON has no NaN.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(super) struct Ring {
    values: Vec<f64>,
    /// Where the next value goes, once there are `capacity`.
    next: usize,
    capacity: usize,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    capacity: usize,
    values: Vec<Option<f64>>,
}

impl Ring {
    /// Holding the newest of `values`.
    pub fn new(capacity: usize, values: &[f64]) -> Self {
        let kept = &values[values.len().saturating_sub(capacity)..];
        Self { values: kept.to_vec(), next: 0, capacity }
    }

    pub fn push(&mut self, value: f64) {
        if self.values.len() < self.capacity {
            self.values.push(value);
        } else if let Some(oldest) = self.values.get_mut(self.next) {
            *oldest = value;
            self.next = (self.next + 1) % self.capacity;
        }
    }

    /// Oldest first.
    pub fn in_order(&self) -> Vec<f64> {
        let (newer, older) = self.values.split_at(self.next);
        [older, newer].concat()
    }
}

/// The same values in the same order, gaps at the same places.
impl PartialEq for Ring {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        let (own, others) = (self.in_order(), other.in_order());
        self.capacity == other.capacity && own.len() == others.len() && own.iter().zip(&others).all(same)
    }
}

impl From<Ring> for Stored {
    fn from(ring: Ring) -> Self {
        let values = ring.in_order().into_iter().map(|value| value.is_finite().then_some(value)).collect();
        Self { capacity: ring.capacity, values }
    }
}

impl From<Stored> for Ring {
    fn from(stored: Stored) -> Self {
        let values: Vec<f64> = stored.values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        Self::new(stored.capacity, &values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_newest_in_order_and_survives_being_stored() {
        let mut ring = Ring::new(3, &[0.0, 1.0, 2.0]);
        [3.0, f64::NAN].into_iter().for_each(|value| ring.push(value));
        let order = ring.in_order();
        assert!(order[0] == 2.0 && order[1] == 3.0 && order[2].is_nan());
        let stored = serde_json::to_string(&ring).unwrap();
        assert_eq!(stored, r#"{"capacity":3,"values":[2.0,3.0,null]}"#);
        let mut back: Ring = serde_json::from_str(&stored).unwrap();
        assert_eq!(back, ring);
        back.push(9.0);
        ring.push(9.0);
        assert_eq!(back, ring);
        assert_eq!(Ring::new(2, &[1.0, 2.0, 3.0]).in_order(), [2.0, 3.0]);
    }
}
