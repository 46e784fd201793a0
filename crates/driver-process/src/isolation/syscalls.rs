//! The system-call rung: a seccomp filter that answers EPERM to calls no service has a use for and that have carried
//! most escapes: mounting, tracing, loading code into the kernel, namespaces, keys, io_uring.
//!
//! A list of denied calls and not of allowed ones: the programs are other people's, and a list of allowed calls breaks
//! them with the next libc. `clone3` cannot be looked into (its flags are behind a pointer), so it answers ENOSYS and
//! libc falls back to `clone`, whose namespace flags are denied. On x86-64 the x32 numbers, which alias every call, are
//! denied as a whole.
//!
//! Source: seccomp(2); the list follows what container run-times deny by default and the manual pages' notes.

use super::{NOT_ASKED, enforced, none};
use plimsoll_model::Enforcement;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// Denied whatever the arguments.
const DENIED: &[libc::c_long] = &[
    // File systems and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Code in the kernel.
    libc::SYS_bpf,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Namespaces.
    libc::SYS_unshare,
    libc::SYS_setns,
    // The machine.
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    // Keys.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// `clone` with any of these makes a namespace.
const NAMESPACES: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Filters the calling thread's system calls, for good. `no_new_privs` must be set.
#[must_use]
pub fn filter(is_asked: bool) -> Enforcement {
    if !is_asked {
        return none(NOT_ASKED);
    }
    let applied = programs().and_then(|programs| {
        programs.iter().try_for_each(|program| seccompiler::apply_filter(program).map_err(|error| error.to_string()))
    });
    match applied {
        Ok(()) => enforced("seccomp"),
        Err(error) => none(format!("seccomp: {error}")),
    }
}

/// The filters; the strictest answer of all of them counts.
fn programs() -> Result<Vec<BpfProgram>, String> {
    let mut denied: BTreeMap<i64, Vec<SeccompRule>> = DENIED.iter().map(|call| (*call, Vec::new())).collect();
    denied.insert(libc::SYS_clone, namespace_rules().map_err(|error| error.to_string())?);
    let mut programs =
        vec![program(denied, libc::EPERM)?, program(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)?];
    if cfg!(target_arch = "x86_64") {
        programs.push(without_x32());
    }
    Ok(programs)
}

fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: libc::c_int) -> Result<BpfProgram, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno.unsigned_abs()), arch);
    filter.and_then(BpfProgram::try_from).map_err(|error| error.to_string())
}

/// One rule per flag: a masked comparison asks for equality, and any one flag is enough.
fn namespace_rules() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let flags = (0..31).map(|bit| 1_i32 << bit).filter(|flag| NAMESPACES & flag != 0);
    let rule = |flag: i32| {
        let flag = u64::from(flag.unsigned_abs());
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?;
        SeccompRule::new(vec![condition])
    };
    flags.map(rule).collect()
}

/// Denies system call numbers with the x32 bit.
fn without_x32() -> BpfProgram {
    const X32_BIT: u32 = 0x4000_0000;
    let instruction = |code: u32, jt, jf, k| seccompiler::sock_filter { code: code as u16, jt, jf, k };
    vec![
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, X32_BIT),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile_and_fit_the_kernels_limit() {
        let programs = programs().unwrap();
        assert!(programs.iter().all(|program| !program.is_empty() && program.len() < 4_096));
    }

    #[test]
    fn every_namespace_flag_has_a_rule() {
        assert_eq!(namespace_rules().unwrap().len() as u32, NAMESPACES.count_ones());
    }
}
