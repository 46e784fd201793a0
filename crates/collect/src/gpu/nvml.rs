//! The binding to NVML: a dozen functions by `dlopen` and `dlsym`, and every `unsafe` of the GPU figures.
//!
//! Written by hand, because a dozen functions of a stable C interface need no crate, and none is linked: a machine without
//! the driver runs the same binary. Signatures and structures follow `nvml.h`, which keeps each exported name's layout for
//! ever (a new layout gets a new name, `_v2`, `_v3`).
//!
//! It must never call a function whose pointer was not found, nor keep what a library that was closed gave.
//!
//! # Source
//! NVIDIA, "NVML API Reference Guide"; dlopen(3), dlsym(3).

#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "every block below calls NVML; `Nvml` says once why that is sound"
)]

use super::GpuError;
use plimsoll_model::observation::{GpuObservation, GpuProcess};
use plimsoll_model::{Bytes, Permille};
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr::NonNull;

/// `NVML_SUCCESS`.
const SUCCESS: c_int = 0;
/// `NVML_ERROR_INSUFFICIENT_SIZE`: there are more processes than there was room for.
const INSUFFICIENT_SIZE: c_int = 7;
/// `NVML_TEMPERATURE_GPU`.
const SENSOR_GPU: c_int = 0;
/// `NVML_VALUE_NOT_AVAILABLE`.
const NOT_AVAILABLE: c_ulonglong = c_ulonglong::MAX;
/// Longest name, id or version that NVML writes, and some more.
const TEXT_BYTES: usize = 128;
/// Processes on one GPU that are listed.
const PROCESSES_MAX: usize = 1_024;

type Device = *mut c_void;

/// `nvmlUtilization_t`: percent.
#[repr(C)]
#[derive(Default)]
struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

/// `nvmlMemory_t`: bytes.
#[repr(C)]
#[derive(Default)]
struct Memory {
    total: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

/// `nvmlProcessInfo_t` of `_v2` and `_v3`.
#[repr(C)]
#[derive(Default, Clone, Copy)]
struct Process {
    pid: c_uint,
    used: c_ulonglong,
    gpu_instance: c_uint,
    compute_instance: c_uint,
}

type Plain = unsafe extern "C" fn() -> c_int;
type Count = unsafe extern "C" fn(*mut c_uint) -> c_int;
type Handle = unsafe extern "C" fn(c_uint, *mut Device) -> c_int;
type Text = unsafe extern "C" fn(Device, *mut c_char, c_uint) -> c_int;
type SystemText = unsafe extern "C" fn(*mut c_char, c_uint) -> c_int;
type OfUtilization = unsafe extern "C" fn(Device, *mut Utilization) -> c_int;
type OfMemory = unsafe extern "C" fn(Device, *mut Memory) -> c_int;
type OfNumber = unsafe extern "C" fn(Device, *mut c_uint) -> c_int;
type OfSensor = unsafe extern "C" fn(Device, c_int, *mut c_uint) -> c_int;
type OfProcesses = unsafe extern "C" fn(Device, *mut c_uint, *mut Process) -> c_int;

/// The loaded and initialised library.
///
/// Why calling it is sound: every function pointer comes from `dlsym` of the very library, under the name whose signature
/// `nvml.h` fixes; the library stays open for as long as this value lives; every pointer handed in leads to a value of the
/// structure's layout that outlives the call; lengths are those of the buffers. NVML is thread-safe by its manual.
pub struct Nvml {
    library: NonNull<c_void>,
    name: String,
    shutdown: Plain,
    count: Count,
    handle: Handle,
    device_name: Option<Text>,
    uuid: Option<Text>,
    driver_version: Option<SystemText>,
    utilization: Option<OfUtilization>,
    memory: Option<OfMemory>,
    power: Option<OfNumber>,
    temperature: Option<OfSensor>,
    processes: Option<OfProcesses>,
}

// SAFETY: NVML's manual says that all its functions may be called from any thread.
unsafe impl Send for Nvml {}

impl std::fmt::Debug for Nvml {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nvml").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Drop for Nvml {
    fn drop(&mut self) {
        unsafe {
            (self.shutdown)();
            libc::dlclose(self.library.as_ptr());
        }
    }
}

/// A library that is open; closed again where loading fails later on.
struct Opened(NonNull<c_void>);

impl Drop for Opened {
    fn drop(&mut self) {
        unsafe { libc::dlclose(self.0.as_ptr()) };
    }
}

impl Opened {
    fn new(name: &str) -> Result<Self, GpuError> {
        let failed = |why: String| GpuError::NoLibrary { library: name.to_owned(), why };
        let path = CString::new(name).map_err(|error| failed(error.to_string()))?;
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        NonNull::new(library).map(Self).ok_or_else(|| failed(loader_error()))
    }

    /// The address of a function, if the library has it.
    fn find(&self, function: &CStr) -> Option<NonNull<c_void>> {
        NonNull::new(unsafe { libc::dlsym(self.0.as_ptr(), function.as_ptr()) })
    }
}

/// What the loader said last.
fn loader_error() -> String {
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "the loader said nothing".to_owned();
    }
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A function of the library under the first of the names that it has, as the type that `nvml.h` gives it.
macro_rules! function {
    ($library:expr, $type:ty, $($name:literal),+) => {
        [$($name),+].into_iter().find_map(|name| $library.find(name)).map(|address| unsafe {
            std::mem::transmute::<*mut c_void, $type>(address.as_ptr())
        })
    };
}

impl Nvml {
    /// Loads the library and initialises it.
    pub fn load(name: &str) -> Result<Self, GpuError> {
        let library = Opened::new(name)?;
        let lacks = |function| GpuError::NoFunction { library: name.to_owned(), function };
        let init = function!(library, Plain, c"nvmlInit_v2").ok_or_else(|| lacks("nvmlInit_v2"))?;
        let shutdown = function!(library, Plain, c"nvmlShutdown").ok_or_else(|| lacks("nvmlShutdown"))?;
        let count =
            function!(library, Count, c"nvmlDeviceGetCount_v2").ok_or_else(|| lacks("nvmlDeviceGetCount_v2"))?;
        let handle = function!(library, Handle, c"nvmlDeviceGetHandleByIndex_v2")
            .ok_or_else(|| lacks("nvmlDeviceGetHandleByIndex_v2"))?;
        let code = unsafe { init() };
        if code != SUCCESS {
            return Err(GpuError::Call { library: name.to_owned(), function: "nvmlInit_v2", code });
        }
        let nvml = Self {
            library: library.0,
            name: name.to_owned(),
            shutdown,
            count,
            handle,
            device_name: function!(library, Text, c"nvmlDeviceGetName"),
            uuid: function!(library, Text, c"nvmlDeviceGetUUID"),
            driver_version: function!(library, SystemText, c"nvmlSystemGetDriverVersion"),
            utilization: function!(library, OfUtilization, c"nvmlDeviceGetUtilizationRates"),
            memory: function!(library, OfMemory, c"nvmlDeviceGetMemoryInfo"),
            power: function!(library, OfNumber, c"nvmlDeviceGetPowerUsage"),
            temperature: function!(library, OfSensor, c"nvmlDeviceGetTemperature"),
            processes: function!(
                library,
                OfProcesses,
                c"nvmlDeviceGetComputeRunningProcesses_v3",
                c"nvmlDeviceGetComputeRunningProcesses_v2"
            ),
        };
        // Closed by `Nvml` from now on.
        std::mem::forget(library);
        Ok(nvml)
    }

    /// GPUs there are.
    pub fn count(&self) -> Option<u32> {
        let mut count = 0;
        (unsafe { (self.count)(&raw mut count) } == SUCCESS).then_some(count)
    }

    pub fn driver_version(&self) -> Option<String> {
        let call = self.driver_version?;
        text(|buffer, length| unsafe { call(buffer, length) })
    }

    /// Everything that one GPU tells; none where it cannot be reached at all.
    pub fn device(&self, index: u32) -> Option<GpuObservation> {
        let mut device: Device = std::ptr::null_mut();
        if unsafe { (self.handle)(index, &raw mut device) } != SUCCESS {
            return None;
        }
        let named = |call: Option<Text>| {
            call.and_then(|call| text(|buffer, length| unsafe { call(device, buffer, length) })).unwrap_or_default()
        };
        let utilization = self.utilization.and_then(|call| filled(|to| unsafe { call(device, to) }));
        let memory: Option<Memory> = self.memory.and_then(|call| filled(|to| unsafe { call(device, to) }));
        let power = self.power.and_then(|call| filled(|to| unsafe { call(device, to) }));
        let temperature = self.temperature.and_then(|call| filled(|to| unsafe { call(device, SENSOR_GPU, to) }));
        Some(GpuObservation {
            index,
            name: named(self.device_name),
            uuid: named(self.uuid),
            utilization: utilization.map(|it: Utilization| Permille(u64::from(it.gpu.min(100)) * 10)),
            memory_used: memory.as_ref().map(|memory| Bytes(memory.used)),
            memory_total: memory.as_ref().map(|memory| Bytes(memory.total)),
            power_milliwatts: power.map(|power: c_uint| u64::from(power)),
            temperature_celsius: temperature.map(|degrees: c_uint| u64::from(degrees)),
            processes: self.processes(device),
        })
    }

    fn processes(&self, device: Device) -> Vec<GpuProcess> {
        let Some(call) = self.processes else { return Vec::new() };
        let mut found = vec![Process::default(); PROCESSES_MAX];
        let mut count = PROCESSES_MAX as c_uint;
        let code = unsafe { call(device, &raw mut count, found.as_mut_ptr()) };
        if code != SUCCESS && code != INSUFFICIENT_SIZE {
            return Vec::new();
        }
        // With too little room nothing is promised about what was written.
        let count = if code == SUCCESS { (count as usize).min(PROCESSES_MAX) } else { 0 };
        let memory = |process: &Process| (process.used != NOT_AVAILABLE).then_some(Bytes(process.used));
        found.iter().take(count).map(|one| GpuProcess { pid: one.pid, memory: memory(one) }).collect()
    }
}

/// What a call writes, if it succeeds.
fn filled<T: Default>(call: impl FnOnce(*mut T) -> c_int) -> Option<T> {
    let mut value = T::default();
    (call(&raw mut value) == SUCCESS).then_some(value)
}

/// The text that a call writes, if it succeeds.
fn text(call: impl FnOnce(*mut c_char, c_uint) -> c_int) -> Option<String> {
    let mut buffer = [0_u8; TEXT_BYTES];
    let code = call(buffer.as_mut_ptr().cast(), TEXT_BYTES as c_uint);
    if code != SUCCESS {
        return None;
    }
    let end = buffer.iter().position(|byte| *byte == 0).unwrap_or(TEXT_BYTES);
    Some(String::from_utf8_lossy(buffer.get(..end)?).into_owned())
}
