//! What an ARIMA model says of itself.

use super::fitted::FittedArima;
use super::polynomial::Blocks;
use crate::Explanation;
use crate::explanation::{NamedPart, SeasonPart};

/// Form and coefficients, and what the next season of points shows: ARIMA has no level or season of its own, so the level
/// is the mean of these points and the season their distance from it.
pub(super) fn explain(fitted: &FittedArima) -> Explanation {
    let form = fitted.form();
    let points = fitted.points(form.season);
    let level = points.iter().sum::<f64>() / points.len().max(1) as f64;
    let (constant, effects) = fitted.regression().split_at(usize::from(form.constant));
    let swing = points.iter().fold(f64::MIN, |most, point| most.max(*point))
        - points.iter().fold(f64::MAX, |least, point| least.min(*point));
    let next = points.first().map_or(0.0, |next| next - level);
    let season = SeasonPart { period: form.season, swing, next, multiplies: false };
    let blocks = Blocks::of(&form, fitted.arma());
    let kinds = [
        ("ar", blocks.ar),
        ("ma", blocks.ma),
        ("seasonal ar", blocks.seasonal_ar),
        ("seasonal ma", blocks.seasonal_ma),
    ];
    let named = |(kind, block): (&'static str, &[f64])| {
        let part = |(index, value): (usize, &f64)| NamedPart { name: format!("{kind}{}", index + 1), value: *value };
        block.iter().enumerate().map(part).collect::<Vec<_>>()
    };
    let events = fitted.events().columns.iter().zip(effects);
    let events = events.map(|(column, effect)| NamedPart { name: column.name.clone(), value: *effect });
    Explanation {
        level: Some(level),
        trend: constant.first().copied().filter(|_| form.differences() > 0),
        seasons: if form.season > 1 { vec![season] } else { Vec::new() },
        terms: kinds.into_iter().flat_map(named).chain(events).collect(),
        ..Explanation::of(form.to_string())
    }
}
