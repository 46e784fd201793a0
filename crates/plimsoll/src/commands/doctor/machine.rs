//! The machine: kernel, descriptors, clock, virtual machines, GPUs.

use super::{Check, Status};
use plimsoll_collect::gpu::{GpuError, GpuSampler};
use rustix::process::{Resource, getrlimit};
use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Instant;

/// Below it a daemon of some hundred replicas runs out of descriptors: samplers keep up to seven open per workload.
const DESCRIPTORS_GOOD: u64 = 8_192;
/// Below it not even gateway, journal and a handful of replicas fit.
const DESCRIPTORS_MIN: u64 = 256;
/// `_IO(0xAE, 0)` and `_IO(0xAE, 1)` of linux/kvm.h.
const KVM_GET_API_VERSION: libc::c_ulong = 0xAE00;
const KVM_CREATE_VM: libc::c_ulong = 0xAE01;
/// Both take none, and refuse any other.
const NO_ARGUMENT: libc::c_ulong = 0;
/// The only version there ever was.
const KVM_API: libc::c_int = 12;

/// The kernel's version; everything that depends on it is tried by itself.
pub fn kernel() -> Check {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    Check::ok(
        "kernel",
        format!("{} {release} on {}", name.sysname().to_string_lossy(), name.machine().to_string_lossy()),
    )
}

/// The limit of open files, and how many can really be opened up to what is wanted.
pub fn descriptors() -> Check {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let told = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let evidence = format!(
        "soft limit {}, hard limit {}; `up` raises the soft one to the hard one",
        told(limit.current),
        told(limit.maximum)
    );
    let remedy = "ulimit -n 65536   # or LimitNOFILE=65536 in the systemd unit";
    match hard {
        DESCRIPTORS_GOOD.. => Check::ok("file descriptors", evidence),
        DESCRIPTORS_MIN.. => Check::not("file descriptors", Status::Weak, evidence)
            .so("about seven are open per replica; beyond the limit samplers open files again and again", remedy),
        _ => Check::not("file descriptors", Status::Problem, evidence)
            .so("gateway, journal and replicas do not fit", remedy),
    }
}

/// Whether the kernel's clock is disciplined by somebody.
pub fn clock() -> Check {
    // SAFETY: `timex` is plain data for which all zeroes is a value; with no mode set nothing is changed.
    let (state, clock) = unsafe {
        let mut clock: libc::timex = std::mem::zeroed();
        let state = libc::adjtimex(&raw mut clock);
        (state, clock)
    };
    let remedy = "sudo timedatectl set-ntp true   # or install chrony";
    let meaning = "times in the journal, schedules and figures of others may be off; decisions of a step are not";
    if state == -1 {
        let error = std::io::Error::last_os_error();
        return Check::not("clock", Status::Weak, format!("adjtimex: {error}")).so(meaning, remedy);
    }
    let error_ms = clock.maxerror / 1_000;
    if clock.status & libc::STA_UNSYNC != 0 {
        let evidence = format!("the kernel says that nobody synchronises it (error up to {error_ms} ms)");
        return Check::not("clock", Status::Weak, evidence).so(meaning, remedy);
    }
    Check::ok("clock", format!("synchronised, error up to {error_ms} ms"))
}

/// Whether a virtual machine can be made, and how fast.
pub fn kvm() -> Check {
    let meaning = "nothing today: workloads are processes";
    let not = |evidence: String, remedy: &str| Check::not("KVM", Status::Absent, evidence).so(meaning, remedy);
    let device = match OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        Ok(device) => device,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return not(format!("/dev/kvm: {error}"), "sudo usermod -aG kvm \"$USER\"   # then log in again");
        }
        Err(error) => {
            return not(
                format!("/dev/kvm: {error}"),
                "sudo modprobe kvm_intel || sudo modprobe kvm_amd   # virtualisation on in the firmware",
            );
        }
    };
    let began = Instant::now();
    // SAFETY: both calls take a number and no pointer, and the descriptor is open.
    let (version, machine) = unsafe {
        let version = libc::ioctl(device.as_raw_fd(), KVM_GET_API_VERSION as _, NO_ARGUMENT);
        (version, libc::ioctl(device.as_raw_fd(), KVM_CREATE_VM as _, NO_ARGUMENT))
    };
    if version != KVM_API || machine < 0 {
        let error = std::io::Error::last_os_error();
        return not(format!("API {version}, a machine could not be made: {error}"), "dmesg | grep -i kvm");
    }
    // SAFETY: the descriptor was just made for this process and nobody else has it.
    drop(unsafe { OwnedFd::from_raw_fd(machine) });
    Check::ok(
        "KVM",
        format!("API {version}; a virtual machine was made and closed in {} µs", began.elapsed().as_micros()),
    )
}

/// NVIDIA's driver and the GPUs that it shows.
pub fn gpus() -> Check {
    let name = "NVIDIA driver";
    match GpuSampler::open() {
        Ok(sampler) => {
            let version = sampler.driver_version().unwrap_or_else(|| "of unknown version".to_owned());
            let gpus = sampler.sample();
            let names: Vec<String> = gpus
                .iter()
                .map(|gpu| match gpu.memory_total {
                    Some(memory) => format!("{} with {memory}", gpu.name),
                    None => gpu.name.clone(),
                })
                .collect();
            Check::ok(name, format!("driver {version}, {} GPUs: {}", gpus.len(), names.join(", ")))
        }
        Err(error @ GpuError::NoLibrary { .. }) => {
            Check::not(name, Status::Absent, error.to_string()).so("there are no GPU figures; nothing else lacks", "")
        }
        Err(error) => Check::not(name, Status::Weak, error.to_string()).so("there are no GPU figures", "nvidia-smi"),
    }
}
