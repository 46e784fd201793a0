//! Rule `places`: nothing names a path of one person's machine, nor the host of a package registry.
//!
//! Such a path is right on one machine only and gives away whose; a registry's host is the package manager's business,
//! and a mirror or an offline checkout has another one. `Cargo.lock` is cargo's own file and is not read.

use super::Violation;
use super::source::is_word;
use crate::workspace::Workspace;
use anyhow::Result;

/// Folders of one machine. Written in halves, so that this file keeps its own rule.
const FOLDERS: &[&str] = &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];

/// Hosts of package registries, in halves likewise.
const HOSTS: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("rubygems", ".org"),
    concat!("deb.debian", ".org"),
    concat!("repo.maven", ".apache.org"),
    concat!("docker", ".io"),
];

/// Lines that name such a place.
pub fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut broken = Vec::new();
    for path in workspace.files.iter().filter(|path| path.file_name().is_none_or(|name| name != "Cargo.lock")) {
        let Some(text) = workspace.text(path)? else { continue };
        for (index, line) in text.lines().enumerate() {
            if let Some((place, mend)) = named(line) {
                let wrong = format!("names `{place}`");
                broken.push(Violation {
                    path: path.clone(),
                    line: index + 1,
                    rule: "places",
                    wrong,
                    mend: mend.into(),
                });
            }
        }
    }
    Ok(broken)
}

fn named(line: &str) -> Option<(&'static str, &'static str)> {
    let bytes = line.as_bytes();
    let starts_path = |at: usize| at == 0 || !(is_word(bytes[at - 1]) || b".-/}~".contains(&bytes[at - 1]));
    let starts_file_url = |at: usize| line[..at].ends_with("file://");
    let folder = FOLDERS
        .iter()
        .find(|folder| line.match_indices(**folder).any(|(at, _)| starts_path(at) || starts_file_url(at)));
    let host = HOSTS.iter().find(|host| {
        let is_end = |at: usize| bytes.get(at + host.len()).is_none_or(|byte| !is_word(*byte));
        line.match_indices(**host).any(|(at, _)| (at == 0 || !is_word(bytes[at - 1])) && is_end(at))
    });
    let folder = folder.map(|place| (*place, "take the path as an argument, or make it relative to the checkout"));
    folder.or_else(|| host.map(|place| (*place, "leave the host to the package manager; name the package instead")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn paths_of_a_machine_and_registry_hosts_are_found() {
        let home = FOLDERS[0];
        let host = HOSTS[0];
        for bad in
            [format!("{home}ann/x"), format!("at `{home}ann`"), format!("file://{home}a"), format!("https://{host}/a")]
        {
            assert!(named(&bad).is_some(), "{bad}");
        }
        for good in
            [format!("https://a.example{home}b"), format!("target{home}"), format!("my{host}"), format!("{host}x")]
        {
            assert!(named(&good).is_none(), "{good}");
        }
    }

    #[test]
    fn the_lock_file_is_not_read() {
        let line = format!("source = \"https://{}\"\n", HOSTS[0]);
        let files = [("Cargo.lock", line.as_str()), ("README.md", line.as_str())];
        assert_eq!(found(check, &files), ["README.md:1"]);
    }
}
