//! GPU figures through a library that a test compiles in place of the driver's.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use plimsoll_collect::gpu::{GpuError, GpuSampler};
use plimsoll_model::observation::GpuProcess;
use plimsoll_model::{Bytes, Permille};
use std::path::PathBuf;
use std::process::Command;

/// The library, compiled from the C file beside this one; none without a compiler.
fn fake(directory: &std::path::Path) -> Option<PathBuf> {
    let library = directory.join("libfake-ml.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nvml_fake.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    match compiled {
        Ok(status) => {
            assert!(status.success(), "cc {source}");
            Some(library)
        }
        Err(_) => {
            assert_ne!(std::env::var("PLIMSOLL_REQUIRE_ALL").as_deref(), Ok("1"), "cc is not installed");
            eprintln!("did not run: gpu: needs cc");
            None
        }
    }
}

#[test]
fn figures_come_from_the_library_and_what_it_cannot_tell_is_absent() {
    let directory = tempfile::tempdir().unwrap();
    let Some(library) = fake(directory.path()) else { return };
    let sampler = GpuSampler::open_at(library.to_str().unwrap()).unwrap();
    assert_eq!(sampler.driver_version().as_deref(), Some("555.1.2"));
    let gpus = sampler.sample();
    assert_eq!(gpus.len(), 2);
    let first = &gpus[0];
    assert_eq!((first.index, first.name.as_str(), first.uuid.as_str()), (0, "Fake GPU", "GPU-zero"));
    assert_eq!(first.utilization, Some(Permille(730)));
    assert_eq!((first.memory_used, first.memory_total), (Some(Bytes(2 << 30)), Some(Bytes(8 << 30))));
    assert_eq!((first.power_milliwatts, first.temperature_celsius), (Some(123_456), Some(41)));
    let processes = [GpuProcess { pid: 4242, memory: Some(Bytes(1 << 30)) }, GpuProcess { pid: 4343, memory: None }];
    assert_eq!(first.processes, processes);
    assert_eq!((gpus[1].power_milliwatts, gpus[1].processes.len()), (None, 0));
}

#[test]
fn a_machine_without_the_library_has_no_gpus_and_says_why() {
    let error = GpuSampler::open_at("libplimsoll-no-such-library.so.1").unwrap_err();
    assert!(matches!(&error, GpuError::NoLibrary { why, .. } if !why.is_empty()), "{error}");
}

#[test]
fn another_library_is_none_of_nvidias() {
    let error = GpuSampler::open_at("libc.so.6").unwrap_err();
    assert!(matches!(error, GpuError::NoFunction { function: "nvmlInit_v2", .. }), "{error}");
}
