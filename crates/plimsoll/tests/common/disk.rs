//! A small disk of its own, for a test that fills it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted tmpfs; unmounted when dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts `mib` MiB at `path`, which is created. None where nobody may mount.
    pub fn mount(path: &Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let options = format!("size={mib}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(path).output().ok()?;
        mounted.status.success().then(|| Self(path.to_owned()))
    }

    /// Writes until there is no room for a single byte more.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let mut block = vec![0_u8; 1 << 16];
        while !block.is_empty() {
            match ballast.write(&block) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => block.truncate(block.len() / 2),
                Err(error) => panic!("filling the disk: {error}"),
            }
        }
    }

    /// Gives the room back.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whatever still has a file open there must not keep the mount for ever.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Says that a test did not run because this user or kernel may not do it, where `cargo xtask test` looks for it.
pub fn did_not_run(test: &str, why: &str) {
    let line = format!("{test} did not run: {why}");
    eprintln!("{line}");
    if let Some(log) = std::env::var_os("PLIMSOLL_SKIP_LOG") {
        let mut file = File::options().append(true).create(true).open(log).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}
