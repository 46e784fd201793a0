//! The limits of the cgroups that this process is in, and of every group above them that can be seen: inside a
//! container the machine's size is not what may be used.

use crate::kept::Kept;
use crate::parse::number;
use plimsoll_model::{Bytes, Millicores};
use std::path::{Path, PathBuf};

/// Files with limits, nearest group first.
#[derive(Debug, Default)]
pub(crate) struct OwnLimits {
    cpu: Vec<CpuLimit>,
    memory: Vec<Kept>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum CpuLimit {
    /// `cpu.max`: `QUOTA PERIOD` or `max PERIOD`, microseconds.
    V2(Kept),
    /// `cpu.cfs_quota_us`, −1 for none, and `cpu.cfs_period_us`.
    V1(Kept, Kept),
}

/// A cgroup mount: where it is, and which directory of the hierarchy is mounted there.
struct Mount {
    point: PathBuf,
    root: String,
    is_v2: bool,
    options: String,
}

impl OwnLimits {
    pub(crate) fn find(proc: &Path) -> Self {
        let read = |file: &str| std::fs::read_to_string(proc.join("self").join(file)).unwrap_or_default();
        let mounts: Vec<Mount> = read("mountinfo").lines().filter_map(mount).collect();
        let mut found = Self::default();
        for line in read("cgroup").lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            let has = |name: &str| controllers.split(',').any(|controller| controller == name);
            for dir in mounts.iter().filter(|mount| mount.is_for(controllers)).flat_map(|mount| mount.dirs(path)) {
                let open = |file: &str| Kept::open(&dir.join(file)).ok();
                if controllers.is_empty() {
                    found.cpu.extend(open("cpu.max").map(CpuLimit::V2));
                    found.memory.extend(open("memory.max"));
                }
                if has("cpu") {
                    let files = open("cpu.cfs_quota_us").zip(open("cpu.cfs_period_us"));
                    found.cpu.extend(files.map(|(quota, period)| CpuLimit::V1(quota, period)));
                }
                if has("memory") {
                    found.memory.extend(open("memory.limit_in_bytes"));
                }
            }
        }
        found
    }

    /// The tightest limits now. An unlimited v1 group says so with a number near 2⁶³, which no machine's memory
    /// reaches, so that it never is the smaller one.
    pub(crate) fn read(&mut self) -> (Option<Millicores>, Option<Bytes>) {
        let buffer = &mut self.buffer;
        let cpu = self.cpu.iter().filter_map(|limit| limit.read(buffer)).min();
        let memory = self.memory.iter().filter_map(|file| number(file.read(buffer).ok()?)).min();
        (cpu.map(Millicores), memory.map(Bytes))
    }
}

impl CpuLimit {
    fn read(&self, buffer: &mut Vec<u8>) -> Option<u64> {
        let (quota, period) = match self {
            Self::V2(file) => {
                let (quota, period) = file.read(buffer).ok()?.trim().split_once(' ')?;
                (quota.parse::<u64>().ok()?, period.parse::<u64>().ok()?)
            }
            Self::V1(quota, period) => (number(quota.read(buffer).ok()?)?, number(period.read(buffer).ok()?)?),
        };
        quota.saturating_mul(1_000).checked_div(period)
    }
}

impl Mount {
    fn is_for(&self, controllers: &str) -> bool {
        let named =
            || controllers.split(',').any(|controller| self.options.split(',').any(|option| option == controller));
        if controllers.is_empty() { self.is_v2 } else { !self.is_v2 && named() }
    }

    /// The directory of the group at `path` and of every group above it, up to the mount point.
    fn dirs(&self, path: &str) -> Vec<PathBuf> {
        let inside = path.strip_prefix(self.root.trim_end_matches('/')).unwrap_or(path);
        let group = self.point.join(inside.trim_start_matches('/'));
        group.ancestors().take_while(|dir| dir.starts_with(&self.point)).map(Path::to_owned).collect()
    }
}

/// A cgroup mount of one line of mountinfo: `ID PARENT DEV ROOT POINT OPTIONS … - TYPE SOURCE SUPER`.
fn mount(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut right = right.split(' ');
    let is_v2 = match right.next()? {
        "cgroup2" => true,
        "cgroup" => false,
        _ => return None,
    };
    let mut left = left.split(' ').skip(3);
    let root = left.next()?.to_owned();
    let point = PathBuf::from(left.next()?.replace("\\040", " "));
    Some(Mount { point, root, is_v2, options: right.nth(1)?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("{dir}", &dir.path().display().to_string())).unwrap();
        }
        dir
    }

    #[test]
    fn the_tightest_group_above_counts_in_v2() {
        let dir = tree(&[
            ("self/mountinfo", "31 23 0:28 / {dir}/cg rw - cgroup2 cgroup2 rw\n"),
            ("self/cgroup", "0::/a/b\n"),
            ("cg/a/cpu.max", "150000 100000\n"),
            ("cg/a/b/cpu.max", "max 100000\n"),
            ("cg/a/memory.max", "1000\n"),
            ("cg/a/b/memory.max", "max\n"),
        ]);
        assert_eq!(OwnLimits::find(dir.path()).read(), (Some(Millicores(1_500)), Some(Bytes(1_000))));
    }

    #[test]
    fn v1_groups_and_a_container_s_own_root_are_found() {
        let dir = tree(&[
            (
                "self/mountinfo",
                "1 0 0:1 /docker/x {dir}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n2 0 0:2 /docker/x {dir}/memory rw - cgroup cgroup rw,memory\n",
            ),
            ("self/cgroup", "4:memory:/docker/x\n2:cpu,cpuacct:/docker/x\n"),
            ("cpu/cpu.cfs_quota_us", "50000\n"),
            ("cpu/cpu.cfs_period_us", "100000\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        let (cpu, memory) = OwnLimits::find(dir.path()).read();
        assert_eq!((cpu, memory), (Some(Millicores(500)), Some(Bytes(9_223_372_036_854_771_712))));
    }

    #[test]
    fn no_quota_is_no_limit() {
        let dir = tree(&[
            ("self/mountinfo", "1 0 0:1 / {dir}/cpu rw - cgroup cgroup rw,cpu\n"),
            ("self/cgroup", "2:cpu:/\n"),
            ("cpu/cpu.cfs_quota_us", "-1\n"),
            ("cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(OwnLimits::find(dir.path()).read(), (None, None));
        assert_eq!(OwnLimits::find(Path::new("/nonexistent")).read(), (None, None));
    }
}
