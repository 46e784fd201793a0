//! Erlang's formulas: the chance that an arrival finds all servers busy.
//!
//! # Source
//! A. K. Erlang, 1917; the sum from the top: D. L. Jagerman, "Some Properties of the Erlang Loss Function", Bell System
//! Technical Journal 53(3), 1974: `1/B(N, a) = Σ_{j=0}^{N} N!/((N−j)!·a^j)`.

/// Terms beyond which the sum of a lightly loaded system is cut: a blocking chance under 1e-15 is none.
const CERTAIN: f64 = 1e15;

/// Erlang B: the chance that a call is lost with `servers` and `load` erlangs (≥ 0).
#[must_use]
pub fn erlang_b(servers: u32, load: f64) -> f64 {
    if load <= 0.0 {
        return if servers == 0 { 1.0 } else { 0.0 };
    }
    let (mut sum, mut term) = (1.0, 1.0);
    for j in 0..servers {
        term *= f64::from(servers - j) / load;
        sum += term;
        if sum > CERTAIN {
            return 0.0;
        }
        if term < sum * 1e-17 {
            break;
        }
    }
    1.0 / sum
}

/// Erlang C: the chance that an arrival waits with `servers` and `load` erlangs; 1 where the load is all they can do.
#[must_use]
pub fn erlang_c(servers: u32, load: f64) -> f64 {
    let utilization = load / f64::from(servers);
    if servers == 0 || utilization >= 1.0 {
        return 1.0;
    }
    let blocked = erlang_b(servers, load);
    blocked / (1.0 - utilization * (1.0 - blocked))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook recursion: `B(0) = 1, B(n) = aB(n−1) / (n + aB(n−1))`.
    fn by_recursion(servers: u32, load: f64) -> f64 {
        (1..=servers).fold(1.0, |before, n| load * before / (f64::from(n) + load * before))
    }

    #[test]
    fn the_sum_is_the_recursion() {
        for servers in [1, 2, 7, 40, 1_000] {
            for share in [0.1, 0.5, 0.9, 0.99, 1.5] {
                let load = share * f64::from(servers);
                let (sum, recursion) = (erlang_b(servers, load), by_recursion(servers, load));
                assert!((sum - recursion).abs() <= 1e-12 * recursion + 1e-14, "{servers} {load}: {sum} {recursion}");
            }
        }
    }

    #[test]
    fn published_values() {
        // One server: the utilisation. Ten servers at eight erlangs: 0.4092 (tables of Erlang C).
        assert!((erlang_c(1, 0.7) - 0.7).abs() < 1e-12);
        assert!((erlang_c(10, 8.0) - 0.4092).abs() < 5e-5);
        assert_eq!((erlang_c(3, 3.0), erlang_c(0, 0.0), erlang_c(3, 0.0)), (1.0, 1.0, 0.0));
    }
}
