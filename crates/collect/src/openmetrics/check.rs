//! The rules of a whole family: units, order, and what values and labels its kind allows.

use crate::openmetrics::line::number;
use crate::openmetrics::{Family, FamilyKind, Sample, is_metric_name};
use std::collections::BTreeSet;

type Rule = Result<(), &'static str>;

/// Checks every rule that needs more than one line.
pub(crate) fn check(family: &Family) -> Rule {
    check_unit(family)?;
    for sample in &family.samples {
        check_sample(family, sample)?;
    }
    check_order(family)?;
    if matches!(family.kind, FamilyKind::Histogram | FamilyKind::GaugeHistogram) {
        for group in groups(family) {
            check_histogram(family.kind, &family.name, &group)?;
        }
    }
    Ok(())
}

fn rule(holds: bool, rule: &'static str) -> Rule {
    if holds { Ok(()) } else { Err(rule) }
}

fn check_unit(family: &Family) -> Rule {
    let Some(unit) = family.unit.as_deref().filter(|unit| !unit.is_empty()) else { return Ok(()) };
    rule(is_metric_name(unit) || unit.bytes().all(|byte| byte.is_ascii_alphanumeric()), "the unit is no word")?;
    rule(!matches!(family.kind, FamilyKind::Info | FamilyKind::StateSet), "an info or state set has no unit")?;
    let before = family.name.strip_suffix(unit);
    rule(before.is_some_and(|before| before.ends_with('_')), "the name does not end with its unit")
}

fn suffix<'s>(family: &str, sample: &'s Sample) -> &'s str {
    sample.name.strip_prefix(family).unwrap_or_default()
}

fn label<'s>(sample: &'s Sample, name: &str) -> Option<&'s str> {
    sample.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn check_sample(family: &Family, sample: &Sample) -> Rule {
    use FamilyKind::{Counter, GaugeHistogram, Histogram, Info, StateSet, Summary};
    let (value, suffix) = (sample.value, suffix(&family.name, sample));
    let may_have_exemplar =
        matches!((family.kind, suffix), (Counter, "_total") | (Histogram | GaugeHistogram, "_bucket"));
    rule(sample.exemplar.is_none() || may_have_exemplar, "this sample may not have an exemplar")?;
    match (family.kind, suffix) {
        (Counter | Histogram | Summary, "_total" | "_bucket" | "_count" | "_sum")
        | (GaugeHistogram, "_bucket" | "_gcount") => {
            rule(value >= 0.0, "a count or sum is not a number or is negative")?;
        }
        (GaugeHistogram, "_gsum") => rule(!value.is_nan(), "a sum is not a number")?,
        (Info, _) => rule(value == 1.0, "the value of an info is 1")?,
        (StateSet, _) => {
            rule(label(sample, &family.name).is_some(), "a state has no label named as its family")?;
            rule(value == 0.0 || value == 1.0, "the value of a state is 0 or 1")?;
        }
        (Summary, "") => {
            let quantile = label(sample, "quantile").and_then(number);
            rule(quantile.is_some_and(|quantile| (0.0..=1.0).contains(&quantile)), "a quantile is not from 0 to 1")?;
            rule(value.is_nan() || value >= 0.0, "a quantile's value is negative")?;
        }
        _ => {}
    }
    if suffix == "_bucket" && matches!(family.kind, Histogram | GaugeHistogram) {
        bound(sample).ok_or("a bucket has no bound `le`, or one that is no number")?;
    }
    Ok(())
}

/// The upper bound of a bucket. The last one is written `+Inf` and in no other way.
fn bound(bucket: &Sample) -> Option<f64> {
    match label(bucket, "le")? {
        "+Inf" => Some(f64::INFINITY),
        text => number(text).filter(|bound| bound.is_finite()),
    }
}

/// The labels that name a metric of the family: all but the ones that its kind adds for single samples.
fn metric_labels<'s>(family: &Family, sample: &'s Sample) -> BTreeSet<(&'s str, &'s str)> {
    let added = match family.kind {
        FamilyKind::Histogram | FamilyKind::GaugeHistogram => "le",
        FamilyKind::Summary => "quantile",
        FamilyKind::StateSet => family.name.as_str(),
        _ => "",
    };
    let labels = sample.labels.iter().filter(|(name, _)| name != added);
    labels.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The samples of each metric of the family, which follow each other.
fn groups(family: &Family) -> Vec<Vec<&Sample>> {
    let mut groups: Vec<Vec<&Sample>> = Vec::new();
    for sample in &family.samples {
        let joins = groups.last().and_then(|group| group.first()).copied();
        match groups.last_mut() {
            Some(group) if joins.is_some_and(|first| metric_labels(family, first) == metric_labels(family, sample)) => {
                group.push(sample);
            }
            _ => groups.push(vec![sample]),
        }
    }
    groups
}

/// A metric's samples are together, and where the same sample occurs again it has a timestamp that is not earlier.
fn check_order(family: &Family) -> Rule {
    let mut seen = BTreeSet::new();
    for group in groups(family) {
        let first = group.first().map(|first| metric_labels(family, first)).unwrap_or_default();
        rule(seen.insert(first), "the samples of a metric are apart")?;
        let mut last = std::collections::BTreeMap::new();
        for sample in group {
            let labels: BTreeSet<_> = sample.labels.iter().collect();
            let Some(before) = last.insert((&sample.name, labels), sample.timestamp_s) else { continue };
            let in_order = before.zip(sample.timestamp_s).is_some_and(|(before, now)| before <= now);
            rule(in_order, "a sample occurs again without a timestamp that is later")?;
        }
    }
    Ok(())
}

/// Buckets rise to `+Inf`, counts rise with them, and sum and count are both there or neither is. Every point in time
/// of the metric is a histogram of its own.
fn check_histogram(kind: FamilyKind, name: &str, group: &[&Sample]) -> Rule {
    let mut rest = group;
    while let Some(first) = rest.first() {
        let time = first.timestamp_s.map(f64::to_bits);
        let length = rest.iter().take_while(|sample| sample.timestamp_s.map(f64::to_bits) == time).count();
        let (point, after) = rest.split_at(length);
        check_histogram_point(kind, name, point)?;
        rest = after;
    }
    Ok(())
}

fn check_histogram_point(kind: FamilyKind, name: &str, point: &[&Sample]) -> Rule {
    let (count_suffix, sum_suffix) =
        if kind == FamilyKind::Histogram { ("_count", "_sum") } else { ("_gcount", "_gsum") };
    let value = |wanted| point.iter().find(|sample| suffix(name, sample) == wanted).map(|sample| sample.value);
    let (count, sum) = (value(count_suffix), value(sum_suffix));
    let mut last = (f64::NEG_INFINITY, 0.0);
    let mut has_negative = false;
    for bucket in point.iter().filter(|sample| suffix(name, sample) == "_bucket") {
        let bound = bound(bucket).ok_or("a bucket has no bound `le`, or one that is no number")?;
        rule(bound > last.0, "buckets are not in rising order")?;
        rule(bucket.value >= last.1, "a bucket counts less than the one below it")?;
        has_negative |= bound < 0.0;
        last = (bound, bucket.value);
    }
    rule(last.0 == f64::INFINITY, "there is no bucket `+Inf`")?;
    rule(count.is_some() == sum.is_some(), "sum and count are not both there")?;
    rule(count.is_none_or(|count| count == last.1), "the count is not that of the bucket `+Inf`")?;
    rule(
        kind == FamilyKind::GaugeHistogram || !(has_negative && sum.is_some()),
        "a histogram of negative values has a sum",
    )?;
    rule(has_negative || sum.is_none_or(|sum| sum >= 0.0), "the sum of positive values is negative")
}
