//! Live figures and GPUs on the daemon's own `/metrics`.

use crate::view::{GpuView, MetricView, ServiceView, StateView};
use plimsoll_collect::openmetrics::{FamilyKind, WriteError, Writer};

/// The figures that services are followed by.
///
/// # Errors
/// [`WriteError`] where a name is taken.
pub fn write(writer: &mut Writer, state: &StateView) -> Result<(), WriteError> {
    let all =
        || state.services.iter().flat_map(|service: &ServiceView| service.metrics.iter().map(move |it| (service, it)));
    type Figure = fn(&MetricView) -> Option<f64>;
    let gauges: [(&str, Option<&str>, &str, Figure); 2] = [
        ("plimsoll_service_metric", None, "Last figure of a source outside.", |it| {
            it.value_milli.map(|value| value as f64 / 1_000.0)
        }),
        ("plimsoll_service_metric_age_seconds", Some("seconds"), "Age of that figure.", |it| {
            it.age_ms.map(|age| age as f64 / 1_000.0)
        }),
    ];
    for (name, unit, help, figure) in gauges {
        writer.family(name, FamilyKind::Gauge, unit, help)?;
        for (service, metric) in all() {
            if let Some(value) = figure(metric) {
                writer.gauge(&labels(service, metric), value)?;
            }
        }
    }
    writer.family("plimsoll_service_metric_questions", FamilyKind::Counter, None, "Questions to a source outside.")?;
    for (service, metric) in all() {
        writer.counter(&labels(service, metric), metric.asked as f64)?;
    }
    writer.family("plimsoll_service_metric_failures", FamilyKind::Counter, None, "Of those, without a figure.")?;
    for (service, metric) in all() {
        writer.counter(&labels(service, metric), metric.failures as f64)?;
    }
    Ok(())
}

fn labels<'a>(service: &'a ServiceView, metric: &'a MetricView) -> [(&'static str, &'a str); 3] {
    [("service", &service.name), ("metric", &metric.name), ("feeds", &metric.feeds)]
}

/// The GPUs of the node; nothing where there are none.
///
/// # Errors
/// [`WriteError`] where a name is taken.
pub fn write_gpus(writer: &mut Writer, gpus: &[GpuView]) -> Result<(), WriteError> {
    if gpus.is_empty() {
        return Ok(());
    }
    type Figure = fn(&GpuView) -> Option<f64>;
    let families: [(&str, &str, &str, Figure); 5] = [
        ("plimsoll_gpu_utilization_ratio", "ratio", "Share of time in which a kernel ran.", |gpu| {
            gpu.utilization_permille.map(|share| share as f64 / 1_000.0)
        }),
        ("plimsoll_gpu_memory_used_bytes", "bytes", "Memory in use.", |gpu| {
            gpu.memory_used_bytes.map(|bytes| bytes as f64)
        }),
        ("plimsoll_gpu_memory_total_bytes", "bytes", "Memory there is.", |gpu| {
            gpu.memory_total_bytes.map(|bytes| bytes as f64)
        }),
        ("plimsoll_gpu_power_watts", "watts", "Power drawn.", |gpu| {
            gpu.power_milliwatts.map(|power| power as f64 / 1_000.0)
        }),
        ("plimsoll_gpu_temperature_celsius", "celsius", "Temperature.", |gpu| {
            gpu.temperature_celsius.map(|degrees| degrees as f64)
        }),
    ];
    for (name, unit, help, figure) in families {
        writer.family(name, FamilyKind::Gauge, Some(unit), help)?;
        for gpu in gpus {
            if let Some(value) = figure(gpu) {
                let index = gpu.index.to_string();
                writer.gauge(&[("gpu", &index), ("name", &gpu.name), ("uuid", &gpu.uuid)], value)?;
            }
        }
    }
    let name = "plimsoll_gpu_process_memory_bytes";
    writer.family(name, FamilyKind::Gauge, Some("bytes"), "Memory that a process has on a GPU.")?;
    for gpu in gpus {
        let index = gpu.index.to_string();
        for process in &gpu.processes {
            if let Some(bytes) = process.memory_bytes {
                writer.gauge(&[("gpu", &index), ("pid", &process.pid.to_string())], bytes as f64)?;
            }
        }
    }
    Ok(())
}
