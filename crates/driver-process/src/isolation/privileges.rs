//! Privileges: a workload keeps no capability, also as root, and can gain none through a set-user-id program.
//!
//! Source: capabilities(7) (transformation during execve: root gains its bounding set, so that must be empty too),
//! Linux Documentation/userspace-api/no_new_privs.rst.

use rustix::thread::{CapabilitySet, CapabilitySets};

/// Drops every capability from the ambient, bounding, permitted, effective and inheritable set, and forbids gaining
/// any.
///
/// Call it after everything that needs a privilege.
///
/// # Errors
/// When a set could not be emptied. `no_new_privs` cannot fail on a kernel this crate supports.
pub fn drop_all() -> std::io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    let _older_kernel = rustix::thread::clear_ambient_capability_set();
    empty_bounding_set()?;
    let nothing = CapabilitySet::empty();
    let sets = CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing };
    rustix::thread::set_capabilities(None, sets).map_err(Into::into)
}

/// Capability numbers are dense; the kernel answers EINVAL behind its last one.
fn empty_bounding_set() -> std::io::Result<()> {
    for capability in 0..64_u64 {
        // SAFETY: PR_CAPBSET_READ takes one number and touches no memory.
        match unsafe { libc::prctl(libc::PR_CAPBSET_READ, capability, 0, 0, 0) } {
            0 => continue,
            1 => {}
            _ => break,
        }
        // SAFETY: PR_CAPBSET_DROP takes one number and touches no memory.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } == 0 {
            continue;
        }
        let error = std::io::Error::last_os_error();
        // Without CAP_SETPCAP the set cannot be emptied, and need not be: such a user gains nothing from it under
        // no_new_privs.
        return if error.raw_os_error() == Some(libc::EPERM) { Ok(()) } else { Err(error) };
    }
    Ok(())
}
