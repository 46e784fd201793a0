//! The two fits: a line for CPU, and a search for latency.

use super::minimize::minimize;
use super::{Sample, median};
use crate::service::ServiceModel;
use crate::service::fast::rows::Formulas;
use crate::service::model::CpuUse;
use plimsoll_stats::Random;

/// Slopes that the median is taken of; beyond, pairs are drawn.
const PAIRS: usize = 20_000;
/// Groups of rows that are alike.
const GROUPS: usize = 16;
/// Evaluations of a first search from each start, and of the last from the best of them.
const ROUGH: usize = 50;
const FINE: usize = 160;
/// Where a steady state ends for the search.
const UTILIZATION_MAX: f64 = 0.98;

/// CPU per replica as a line in the load per replica; none without CPU.
pub(super) fn cpu(samples: &[Sample]) -> Option<CpuUse> {
    let point = |sample: &Sample| {
        let replicas = f64::from(sample.replicas);
        sample.cpu_millicores.map(|cpu| (sample.rate / replicas, cpu / replicas))
    };
    let points: Vec<(f64, f64)> = samples.iter().filter_map(point).collect();
    let mut random = Random::new(0xca11);
    let all = points.len().saturating_sub(1);
    let mut slopes = Vec::new();
    for draw in 0..PAIRS.min(all * points.len() / 2) {
        // Few rows: every pair once, near enough; many: a draw.
        let (left, right) = (draw % points.len(), random.below(points.len() as u64) as usize);
        let (from, to) = (points[left], points[right]);
        if (to.0 - from.0).abs() > 1e-9 {
            slopes.push((to.1 - from.1) / (to.0 - from.0));
        }
    }
    let slope = median(slopes)?.max(0.0);
    let fixed = median(points.iter().map(|(x, y)| y - slope * x).collect())?.max(0.0);
    // Millicores per request per second are milliseconds of CPU per request.
    Some(CpuUse { fixed_millicores: fixed, per_request_ms: slope })
}

/// Rows that are alike, as one: medians of each figure.
struct Group {
    replicas: u32,
    rate: f64,
    quantiles: [Option<f64>; 3],
    weight: f64,
}

fn groups(samples: &[Sample]) -> Vec<Group> {
    let mut sorted: Vec<&Sample> = samples.iter().collect();
    let per_replica = |sample: &Sample| sample.rate / f64::from(sample.replicas);
    sorted.sort_by(|left, right| per_replica(left).total_cmp(&per_replica(right)).then(left.row.cmp(&right.row)));
    let size = sorted.len().div_ceil(GROUPS);
    let group = |rows: &[&Sample]| {
        let of = |figure: fn(&Sample) -> Option<f64>| median(rows.iter().filter_map(|row| figure(row)).collect());
        let replicas = median(rows.iter().map(|row| f64::from(row.replicas)).collect()).unwrap_or(1.0);
        let load = median(rows.iter().map(|row| per_replica(row)).collect()).unwrap_or(0.0);
        let replicas = libm::round(replicas).max(1.0) as u32;
        Group {
            replicas,
            rate: load * f64::from(replicas),
            quantiles: [of(|row| row.p50_s), of(|row| row.p95_s), of(|row| row.p99_s)],
            weight: rows.len() as f64,
        }
    };
    sorted.chunks(size.max(1)).map(group).collect()
}

/// Work, its spread, delay, and (where the law was not measured) cores, so that the formula's quantiles are the recorded
/// ones. `blank` has everything else.
pub(super) fn latency(samples: &[Sample], blank: ServiceModel, law_is_known: bool) -> ServiceModel {
    let groups = groups(samples);
    let lowest = |n: usize| {
        let seen = groups.iter().filter_map(|group| group.quantiles[n]).filter(|seconds| *seconds > 0.0);
        seen.fold(f64::INFINITY, f64::min)
    };
    let floor_ms = (0..3).map(lowest).find(|seconds| seconds.is_finite()).unwrap_or(0.01) * 1_000.0;
    let top = samples.iter().map(|row| row.rate / f64::from(row.replicas)).fold(0.0, f64::max);
    let model = |at: &[f64]| {
        let mut model = blank.clone();
        model.work.mean_ms = libm::exp(at[0]).clamp(1e-4, 1e8);
        model.work.variation = libm::exp(at[1]).clamp(0.01, 10.0);
        model.delay_ms = libm::exp(at[2]).min(1e8);
        if !law_is_known {
            model.law.cores = libm::exp(at[3]).clamp(0.01, 4_096.0);
        }
        model
    };
    let error = |at: &[f64]| mismatch(&groups, &Formulas::new(&model(at), 1.0));
    let work = if blank.cpu.per_request_ms > 0.0 { blank.cpu.per_request_ms.min(floor_ms) } else { floor_ms * 0.5 };
    let start = |share: f64, variation: f64, cores: f64| {
        let work = (work * share).max(1e-3);
        let delay = (floor_ms - work).max(0.05 * floor_ms);
        // Enough for the most that was recorded.
        let cores = f64::max(cores, 1.1 * top * work / 1_000.0);
        [work, variation, delay, cores].map(libm::log)
    };
    let starts = [start(1.0, 0.5, 1.0), start(1.0, 1.5, 2.0), start(0.4, 1.0, 1.0), start(3.0, 0.3, 4.0)];
    let fits = starts.map(|from| {
        let axes = if law_is_known { 3 } else { 4 };
        minimize(error, &from[..axes], ROUGH)
    });
    let best = fits.into_iter().reduce(|best, other| if other.1 < best.1 { other } else { best });
    // A fresh simplex gets out of a first that has collapsed.
    let mut fitted = best.map_or(blank.clone(), |best| model(&minimize(error, &best.0, FINE).0));
    if fitted.delay_ms < 1e-3 * floor_ms {
        fitted.delay_ms = 0.0;
    }
    fitted
}

/// Mean absolute logarithmic error of the quantiles.
fn mismatch(groups: &[Group], formulas: &Formulas) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for group in groups {
        let rho = group.rate / (formulas.capacity * f64::from(group.replicas));
        // Beyond the capacity there is no steady state: the further, the worse.
        let over = (rho - UTILIZATION_MAX).max(0.0);
        let said = formulas.latency(group.replicas, rho.min(UTILIZATION_MAX));
        for (seen, said) in group.quantiles.iter().zip([said.p50_s, said.p95_s, said.p99_s]) {
            if let Some(seen) = seen.filter(|seen| *seen > 0.0) {
                sum += group.weight * (libm::log(said / seen).abs() + 10.0 * over);
                weight += group.weight;
            }
        }
    }
    if weight > 0.0 { sum / weight } else { f64::INFINITY }
}
