//! Windows of the calendar: `[[scaling.cron]]`, in the names of KEDA's cron scaler.

use crate::field::Fallback::{Is, Required};
use crate::field::Literal::Text;
use crate::field::{DAY, Field, Kind, Section, count, duration};
use crate::form::Form;

pub static CRON: Section = Section {
    name: "cron",
    path: "services.NAME.scaling.cron",
    doc: "At least so many replicas from one moment of the calendar to another. Windows may overlap; the highest counts. \
          Days on which clocks change follow KEDA: what is skipped is not made up for.",
    short: &[],
    fields: &[
        Field::new("timezone", Kind::Text(Form::Zone), Required, "Time zone in which both are read."),
        Field::new("start", Kind::Text(Form::Cron), Required, "When it begins."),
        Field::new("end", Kind::Text(Form::Cron), Required, "When it ends; not the same text as `start`."),
        Field::new("desiredReplicas", count(1, 10_000), Required, "Replicas within it."),
        Field::new(
            "cooldownPeriod",
            duration(0, DAY),
            Is(Text("5m"), "KEDA's own, and the window of the Kubernetes autoscaler"),
            "How long they stay after its end.",
        ),
    ],
};
