//! Scaling as keys of the file.

use super::kubernetes::write_policies;
use super::vertical::write_vertical;
use super::{Branch, list};
use crate::unit::Unit;
use plimsoll_model::scaling::{
    BacklogSpec, CurvePoint, EventSpec, Expected, Fallback, FallbackSpec, FlapBudget, FormulaSpec, GuardSpec,
    HeadroomSpec, LazySpec,
};
use plimsoll_model::spec::{ForecastSpec, ScalingPolicy, ScalingSpec};
use plimsoll_model::{Millis, Permille};

pub fn write_scaling(at: &mut Branch, scaling: &ScalingSpec) {
    let ScalingSpec {
        policies,
        capacity,
        tolerance,
        stabilization_up,
        stabilization_down,
        step_up_max,
        step_down_max,
        period,
        reserve,
        reserve_share,
        reserve_burst,
        forecast,
        guard,
        vertical,
    } = scaling;
    policies.iter().for_each(|policy| write_policy(at, policy));
    write_policies(at, policies);
    at.unit_if("capacity", Unit::Rate, capacity.map(|capacity| capacity.get()));
    at.unit("tolerance", Unit::Share, tolerance.get());
    at.branch("stabilization", |at| {
        at.unit("up", Unit::Duration, stabilization_up.get());
        at.unit("down", Unit::Duration, stabilization_down.get());
    });
    at.branch("step", |at| {
        at.unit("up", Unit::Count, u64::from(*step_up_max));
        at.unit("down", Unit::Count, u64::from(*step_down_max));
        at.unit("period", Unit::Duration, period.get());
    });
    at.unit("reserve", Unit::Count, u64::from(*reserve));
    at.unit("reserve_share", Unit::Share, reserve_share.get());
    at.unit_if("reserve_burst", Unit::Share, reserve_burst.map(Permille::get));
    if let Some(forecast) = forecast {
        at.branch("forecast", |at| write_forecast(at, forecast));
    }
    at.branch("guard", |at| write_guard(at, guard));
    if let Some(vertical) = vertical {
        at.branch("vertical", |at| write_vertical(at, vertical));
    }
}

fn write_policy(at: &mut Branch, policy: &ScalingPolicy) {
    match policy {
        ScalingPolicy::Cpu { target } => at.unit("cpu", Unit::Share, target.get()),
        ScalingPolicy::Memory { target } => at.unit("memory", Unit::Share, target.get()),
        ScalingPolicy::RequestRate { target } => at.unit("request_rate", Unit::Rate, target.get()),
        ScalingPolicy::InFlight { target_milli } => at.unit("in_flight", Unit::Thousandths, *target_milli),
        ScalingPolicy::Event(event) => at.item("events", |at| write_event(at, event)),
        ScalingPolicy::Seasonal { season, share } => at.branch("seasonal", |at| {
            at.unit("season", Unit::Duration, season.get());
            at.unit("share", Unit::Share, share.get());
        }),
        ScalingPolicy::Backlog(BacklogSpec { within, deadline, item, concurrency }) => at.branch("backlog", |at| {
            at.unit_if("within", Unit::Duration, within.map(Millis::get));
            at.text_if("deadline", deadline.map(|at| at.to_string()).as_deref());
            at.unit_if("item", Unit::Duration, item.map(Millis::get));
            at.unit("concurrency", Unit::Count, u64::from(*concurrency));
        }),
        ScalingPolicy::Lazy(LazySpec { switching, missing_price }) => at.branch("lazy", |at| {
            at.unit("switching", Unit::Duration, switching.get());
            at.unit_if("missing_price", Unit::Thousandths, missing_price.map(Permille::get));
        }),
        ScalingPolicy::Headroom(HeadroomSpec { price, price_keep }) => at.branch("headroom", |at| {
            at.unit("price", Unit::Count, u64::from(*price));
            at.unit("price_keep", Unit::Count, u64::from(*price_keep));
        }),
        ScalingPolicy::Formula(FormulaSpec { name, text, price, price_keep }) => at.branch("formula", |at| {
            at.text("text", text);
            at.text("name", name);
            at.unit("price", Unit::Count, u64::from(*price));
            at.unit("price_keep", Unit::Count, u64::from(*price_keep));
        }),
        // Written together, as Kubernetes has them.
        ScalingPolicy::Hpa(_) | ScalingPolicy::Concurrency(_) | ScalingPolicy::Cron(_) => {}
    }
}

fn write_event(at: &mut Branch, EventSpec { name, start, end, curve }: &EventSpec) {
    at.text("name", name);
    at.text("start", &start.to_string());
    at.text("end", &end.to_string());
    let (first, later) = match curve.split_first() {
        Some((first, later)) if first.at == Millis(0) => (Some(first), later),
        _ => (None, curve.as_slice()),
    };
    if let Some(first) = first {
        write_expected(at, first.expected);
    }
    for CurvePoint { at: after, expected } in later {
        at.item("curve", |at| {
            at.unit("at", Unit::Duration, after.get());
            write_expected(at, *expected);
        });
    }
}

fn write_expected(at: &mut Branch, expected: Expected) {
    match expected {
        Expected::Factor(factor) => at.unit("factor", Unit::Thousandths, factor.get()),
        Expected::Rate(rate) => at.unit("rate", Unit::Rate, rate.get()),
    }
}

fn write_forecast(at: &mut Branch, forecast: &ForecastSpec) {
    let ForecastSpec { season, season_long, quantile, missing_price, history, models, refit } = forecast;
    at.unit("season", Unit::Duration, season.get());
    at.unit_if("season_long", Unit::Duration, season_long.map(Millis::get));
    match missing_price {
        Some(price) => at.unit("missing_price", Unit::Thousandths, price.get()),
        None => at.unit("quantile", Unit::Share, quantile.get()),
    }
    at.text_if("history", history.as_deref());
    at.leaf("models", list(models));
    at.unit("refit", Unit::Duration, refit.get());
}

fn write_guard(at: &mut Branch, guard: &GuardSpec) {
    let GuardSpec { pause_out, pause_in, flaps, changes_per_hour, fallback } = guard;
    let pause = match (pause_in, pause_out) {
        (false, false) => "none",
        (true, false) => "in",
        (false, true) => "out",
        (true, true) => "both",
    };
    at.text("pause", pause);
    at.unit_if("changes_per_hour", Unit::Count, changes_per_hour.map(u64::from));
    if let Some(FlapBudget { changes_max, period }) = flaps {
        at.branch("flaps", |at| {
            at.unit("max", Unit::Count, u64::from(*changes_max));
            at.unit("period", Unit::Duration, period.get());
        });
    }
    let (then, replicas, after) = match fallback {
        None | Some(FallbackSpec { behaviour: Fallback::Hold, .. }) => return,
        Some(FallbackSpec { behaviour: Fallback::Replicas { replicas }, after }) => ("replicas", replicas, after),
        Some(FallbackSpec { behaviour: Fallback::CurrentIfHigher { replicas }, after }) => {
            ("current_if_higher", replicas, after)
        }
        Some(FallbackSpec { behaviour: Fallback::CurrentIfLower { replicas }, after }) => {
            ("current_if_lower", replicas, after)
        }
    };
    at.branch("fallback", |at| {
        at.unit("after", Unit::Duration, after.get());
        at.text("then", then);
        at.unit("replicas", Unit::Count, u64::from(*replicas));
    });
}
