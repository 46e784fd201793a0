//! Scaling: policies in a fixed order, damping, reserve, forecast, guards.

use super::vertical::vertical;
use super::{kubernetes, millis, optional, permille, resolve, texts};
use crate::moment;
use crate::value::Table;
use plimsoll_autoscale::newsvendor;
use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::scaling::{
    BacklogSpec, CurvePoint, EventSpec, Expected, Fallback, FallbackSpec, FlapBudget, FormulaSpec, GuardSpec,
    HeadroomSpec, LazySpec,
};
use plimsoll_model::spec::{ForecastSpec, ScalingPolicy, ScalingSpec};
use std::path::Path;

pub fn scaling(table: &Table, directory: &Path) -> Option<ScalingSpec> {
    let (stabilization, step) = (table.table("stabilization")?, table.table("step")?);
    Some(ScalingSpec {
        policies: policies(table)?,
        capacity: optional(table, "capacity").map(MilliRps),
        tolerance: permille(table, "tolerance"),
        stabilization_up: millis(stabilization, "up"),
        stabilization_down: millis(stabilization, "down"),
        step_up_max: step.count("up"),
        step_down_max: step.count("down"),
        period: millis(step, "period"),
        reserve: table.count("reserve"),
        reserve_share: permille(table, "reserve_share"),
        reserve_burst: optional(table, "reserve_burst").map(Permille),
        forecast: table.table("forecast").map(|table| forecast(table, directory)),
        guard: guard(table.table("guard")?)?,
        vertical: match table.table("vertical") {
            Some(table) => Some(vertical(table)?),
            None => None,
        },
    })
}

fn policies(table: &Table) -> Option<Vec<ScalingPolicy>> {
    let targets = [
        optional(table, "cpu").map(|target| ScalingPolicy::Cpu { target: Permille(target) }),
        optional(table, "memory").map(|target| ScalingPolicy::Memory { target: Permille(target) }),
        optional(table, "request_rate").map(|target| ScalingPolicy::RequestRate { target: MilliRps(target) }),
        optional(table, "in_flight").map(|target_milli| ScalingPolicy::InFlight { target_milli }),
    ];
    let mut policies: Vec<ScalingPolicy> = targets.into_iter().flatten().collect();
    policies.extend(kubernetes::policies(table)?);
    for one in table.tables("events") {
        policies.push(ScalingPolicy::Event(event(one)?));
    }
    let others = [
        table.table("seasonal").map(|seasonal| ScalingPolicy::Seasonal {
            season: millis(seasonal, "season"),
            share: permille(seasonal, "share"),
        }),
        table.table("backlog").map(|table| ScalingPolicy::Backlog(backlog(table))),
        table.table("lazy").map(|lazy| {
            ScalingPolicy::Lazy(LazySpec {
                switching: millis(lazy, "switching"),
                missing_price: optional(lazy, "missing_price").map(Permille),
            })
        }),
        table.table("headroom").map(|headroom| {
            ScalingPolicy::Headroom(HeadroomSpec {
                price: headroom.count("price"),
                price_keep: headroom.count("price_keep"),
            })
        }),
        table.table("formula").and_then(formula).map(ScalingPolicy::Formula),
    ];
    policies.extend(others.into_iter().flatten());
    Some(policies)
}

fn formula(table: &Table) -> Option<FormulaSpec> {
    let (name, text) = (table.text("name")?.to_owned(), table.text("text")?.to_owned());
    Some(FormulaSpec { name, text, price: table.count("price"), price_keep: table.count("price_keep") })
}

fn at(table: &Table, name: &str) -> Option<Timestamp> {
    table.text(name).and_then(moment::parse).map(Timestamp)
}

fn event(table: &Table) -> Option<EventSpec> {
    let first = expected(table).map(|expected| CurvePoint { at: Millis(0), expected });
    let later = table
        .tables("curve")
        .iter()
        .map(|point| Some(CurvePoint { at: millis(point, "at"), expected: expected(point)? }));
    Some(EventSpec {
        name: table.text("name")?.to_owned(),
        start: at(table, "start")?,
        end: at(table, "end")?,
        curve: first.map(Some).into_iter().chain(later).collect::<Option<_>>()?,
    })
}

fn expected(table: &Table) -> Option<Expected> {
    let factor = optional(table, "factor").map(|factor| Expected::Factor(Permille(factor)));
    factor.or_else(|| optional(table, "rate").map(|rate| Expected::Rate(MilliRps(rate))))
}

fn backlog(table: &Table) -> BacklogSpec {
    BacklogSpec {
        within: optional(table, "within").map(Millis),
        deadline: at(table, "deadline"),
        item: optional(table, "item").map(Millis),
        concurrency: table.count("concurrency"),
    }
}

fn guard(table: &Table) -> Option<GuardSpec> {
    let pause = table.text("pause")?;
    let fallback = |table: &Table| {
        let replicas = table.count("replicas");
        let behaviour = match table.text("then")? {
            "replicas" => Fallback::Replicas { replicas },
            "current_if_higher" => Fallback::CurrentIfHigher { replicas },
            _ => Fallback::CurrentIfLower { replicas },
        };
        Some(FallbackSpec { after: millis(table, "after"), behaviour })
    };
    Some(GuardSpec {
        pause_out: matches!(pause, "out" | "both"),
        pause_in: matches!(pause, "in" | "both"),
        flaps: table
            .table("flaps")
            .map(|flaps| FlapBudget { changes_max: flaps.count("max"), period: millis(flaps, "period") }),
        changes_per_hour: table.number("changes_per_hour").map(|_| table.count("changes_per_hour")),
        fallback: match table.table("fallback") {
            Some(table) => Some(fallback(table)?),
            None => None,
        },
    })
}

fn forecast(table: &Table, directory: &Path) -> ForecastSpec {
    let missing_price = optional(table, "missing_price").map(Permille);
    ForecastSpec {
        season: millis(table, "season"),
        season_long: optional(table, "season_long").map(Millis),
        quantile: missing_price.map_or_else(|| permille(table, "quantile"), newsvendor),
        missing_price,
        history: table.text("history").map(|path| resolve(directory, path)),
        models: texts(table, "models"),
        refit: millis(table, "refit"),
    }
}
