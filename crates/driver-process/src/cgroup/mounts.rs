//! Where the cgroup trees are mounted and which group this process is in.
//!
//! Source: proc_pid_mountinfo(5) (fields 4 root, 5 mount point, then after " - " type, source, super options),
//! cgroups(7) on /proc/PID/cgroup.

use std::path::{Component, Path, PathBuf};

/// This process' own group in the tree of one v1 controller, or in the v2 tree with `controller` none.
pub fn own_group(mountinfo: &str, own: &str, controller: Option<&str>) -> Option<PathBuf> {
    let (root, mount) = mountinfo.lines().find_map(|line| mount_of(line, controller))?;
    let path = own.lines().find_map(|line| path_of(line, controller))?;
    // Inside a container the mount shows only the subtree below `root`, while the path may count from the host's root.
    let below = Path::new(path).strip_prefix(&root).or_else(|_| Path::new(path).strip_prefix("/")).ok()?;
    // A group outside this cgroup namespace is shown with `..`, and is none of this process' business.
    let is_below = below.components().all(|part| matches!(part, Component::Normal(_)));
    is_below.then(|| mount.components().chain(below.components()).collect())
}

fn mount_of(line: &str, controller: Option<&str>) -> Option<(PathBuf, PathBuf)> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let (root, mount) = (unescape(left.next()?), unescape(left.next()?));
    let mut right = right.split(' ');
    let kind = right.next()?;
    let options = right.nth(1)?;
    let is_wanted = match controller {
        None => kind == "cgroup2",
        Some(name) => kind == "cgroup" && options.split(',').any(|option| option == name),
    };
    is_wanted.then(|| (root.into(), mount.into()))
}

fn path_of<'a>(line: &'a str, controller: Option<&str>) -> Option<&'a str> {
    let mut fields = line.splitn(3, ':');
    let (hierarchy, names, path) = (fields.next()?, fields.next()?, fields.next()?);
    let is_wanted = match controller {
        None => hierarchy == "0" && names.is_empty(),
        Some(name) => names.split(',').any(|each| each == name),
    };
    is_wanted.then_some(path)
}

/// Space, tab, newline and backslash are written as `\ooo`.
fn unescape(path: &str) -> String {
    ["\\040", "\\011", "\\012"]
        .iter()
        .zip([" ", "\t", "\n"])
        .fold(path.to_owned(), |path, (escape, plain)| path.replace(escape, plain))
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/abc /sys/fs/cgroup/my\\040memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
garbage";
    const OWN: &str = "4:memory:/docker/abc/web\n2:cpu,cpuacct:/\n0::/system.slice/plimsoll.service\n";

    #[test]
    fn the_own_group_is_found_in_every_tree() {
        let own = |controller| own_group(MOUNTS, OWN, controller).map(|path| path.to_str().unwrap().to_owned());
        assert_eq!(own(Some("cpu")).as_deref(), Some("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(own(Some("memory")).as_deref(), Some("/sys/fs/cgroup/my memory/web"));
        assert_eq!(own(None).as_deref(), Some("/sys/fs/cgroup/unified/system.slice/plimsoll.service"));
        assert_eq!(own(Some("pids")), None);
        assert_eq!(own_group(MOUNTS, "0::/../other", None), None);
    }
}
