//! The form of a seasonal ARIMA model: its orders, its season and whether it has a constant.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Autoregressive order, number of differences, moving-average order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Order {
    /// Autoregressive terms.
    pub p: usize,
    /// Differences taken.
    pub d: usize,
    /// Moving-average terms.
    pub q: usize,
}

impl Order {
    /// `(p, d, q)`.
    #[must_use]
    pub const fn new(p: usize, d: usize, q: usize) -> Self {
        Self { p, d, q }
    }
}

/// φ(B) Φ(Bᵐ) (1 − B)ᵈ (1 − Bᵐ)ᴰ (y − regression) = θ(B) Θ(Bᵐ) e, with the signs of Box and Jenkins for φ and a plus before θ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Form {
    /// Orders from step to step.
    pub plain: Order,
    /// Orders from season to season.
    pub seasonal: Order,
    /// Length of the season in steps; 1 for none.
    pub season: usize,
    /// A mean (without differences) or a drift (with one); no more than one difference allows it.
    pub constant: bool,
}

impl Form {
    /// Coefficients to estimate: φ, θ, Φ, Θ in this order, the constant not counted.
    #[must_use]
    pub const fn arma_count(&self) -> usize {
        self.plain.p + self.plain.q + self.seasonal.p + self.seasonal.q
    }

    /// Differences of either kind.
    #[must_use]
    pub const fn differences(&self) -> usize {
        self.plain.d + self.seasonal.d
    }

    /// Values that the differences consume.
    #[must_use]
    pub const fn lost(&self) -> usize {
        self.plain.d + self.seasonal.d * self.season
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plain, seasonal, season, constant } = self;
        write!(f, "ARIMA({},{},{})", plain.p, plain.d, plain.q)?;
        if *season > 1 && (seasonal.p, seasonal.d, seasonal.q) != (0, 0, 0) {
            write!(f, "({},{},{})[{season}]", seasonal.p, seasonal.d, seasonal.q)?;
        }
        match (constant, self.differences()) {
            (true, 0) => f.write_str(" with mean"),
            (true, _) => f.write_str(" with drift"),
            (false, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_reads_as_in_a_textbook() {
        let airline = Form { plain: Order::new(0, 1, 1), seasonal: Order::new(0, 1, 1), season: 12, constant: false };
        assert_eq!(airline.to_string(), "ARIMA(0,1,1)(0,1,1)[12]");
        assert_eq!((airline.lost(), airline.arma_count()), (13, 2));
        let plain = Form { plain: Order::new(2, 0, 0), seasonal: Order::default(), season: 24, constant: true };
        assert_eq!(plain.to_string(), "ARIMA(2,0,0) with mean");
    }
}
