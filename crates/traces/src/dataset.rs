//! Finding the public data sets, which are read in place and never copied into the repository.
//!
//! `PLIMSOLL_DATA` names their folder. Without it `../shared/data` is tried beside the current directory and beside each
//! of the few directories above it, so that a test running inside a crate finds what a command at the root finds.

use std::path::{Path, PathBuf};

/// The environment variable that names the folder of the data sets.
pub const DATA_VARIABLE: &str = "PLIMSOLL_DATA";
/// Environment variables either of which, set to `1`, turns a missing data set in a test into a failure.
pub const REQUIRED_VARIABLES: [&str; 2] = ["PLIMSOLL_DATA_REQUIRED", "CI_DATA_REQUIRED"];
const DEFAULT_FOLDER: &str = "../shared/data";
/// A crate lies two directories below the root, and a worktree a few more below the folder that holds the data.
const LEVELS_TRIED: usize = 5;

/// A data set is not on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// There is no folder of data sets at all.
    #[error(
        "data set {name:?} is not here: set {DATA_VARIABLE} to the folder of the data sets (no {DEFAULT_FOLDER} exists)"
    )]
    Folder {
        /// The set asked for.
        name: String,
    },
    /// The folder is there and the set is not in it.
    #[error("data set {name:?} is not here: {} does not exist ({DATA_VARIABLE} names the folder)", path.display())]
    Set {
        /// The set asked for.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A name that would leave the folder.
    #[error("data set {name:?} is not a relative path inside the folder of the data sets")]
    Name {
        /// The set asked for.
        name: String,
    },
}

/// The path of a data set by its name below the folder, such as `web-traffic/wc98_per_minute_dev_to_0624.csv.xz`.
/// `name#member` is accepted: the member is left for [`crate::source::Source`] and kept in the returned path.
///
/// # Errors
/// [`Missing`], which names the set and the place looked at.
pub fn find(name: &str) -> Result<PathBuf, Missing> {
    let current = std::env::current_dir().unwrap_or_default();
    find_in(std::env::var_os(DATA_VARIABLE).map(PathBuf::from), &current, name)
}

/// What a person wrote for a trace: a path that exists (with or without `#member`), or else the name of a data set.
///
/// # Errors
/// [`Missing`], when it is neither.
pub fn resolve(text: &str) -> Result<PathBuf, Missing> {
    let file = text.rsplit_once('#').map_or(text, |(file, _)| file);
    if Path::new(text).exists() || Path::new(file).exists() { Ok(text.into()) } else { find(text) }
}

fn find_in(named: Option<PathBuf>, current: &Path, name: &str) -> Result<PathBuf, Missing> {
    let inside = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if name.is_empty() || !inside {
        return Err(Missing::Name { name: name.to_owned() });
    }
    let folder = match named {
        Some(folder) => folder,
        None => current
            .ancestors()
            .take(LEVELS_TRIED)
            .map(|level| level.join(DEFAULT_FOLDER))
            .find(|folder| folder.is_dir())
            .ok_or_else(|| Missing::Folder { name: name.to_owned() })?,
    };
    let path = folder.join(name);
    let file = name.rsplit_once('#').map_or_else(|| path.clone(), |(file, _)| folder.join(file));
    if path.exists() || file.exists() { Ok(path) } else { Err(Missing::Set { name: name.to_owned(), path }) }
}

/// For tests: the set's path, or `None` after saying on standard error that `test` did not run without it.
///
/// # Panics
/// When the set is missing and one of [`REQUIRED_VARIABLES`] is `1`: where the sets are promised, a test that quietly
/// does not run would be a lie.
#[must_use]
pub fn find_for_test(test: &str, name: &str) -> Option<PathBuf> {
    match find(name) {
        Ok(path) => Some(path),
        Err(missing) => {
            let required =
                REQUIRED_VARIABLES.iter().any(|variable| std::env::var_os(variable).is_some_and(|value| value == "1"));
            assert!(!required, "{test} could not run: {missing}");
            eprintln!("DID NOT RUN {test}: {missing}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_folder_wins_and_the_default_is_found_from_below() {
        let root = tempfile::tempdir().unwrap();
        let crate_dir = root.path().join("tree/crates/x");
        std::fs::create_dir_all(&crate_dir).unwrap();
        let folder = root.path().join("shared/data/set");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.tar"), "").unwrap();

        let found = find_in(None, &crate_dir, "set/a.tar").unwrap();
        assert_eq!(found.canonicalize().unwrap(), folder.join("a.tar").canonicalize().unwrap());
        let member = find_in(Some(root.path().join("shared/data")), &crate_dir, "set/a.tar#in.csv").unwrap();
        assert_eq!(member, folder.join("a.tar#in.csv"));
        let elsewhere = find_in(Some("/nowhere".into()), &crate_dir, "set/a.tar").unwrap_err();
        assert_eq!(
            elsewhere.to_string(),
            "data set \"set/a.tar\" is not here: /nowhere/set/a.tar does not exist (PLIMSOLL_DATA names the folder)"
        );
    }

    #[test]
    fn a_path_that_exists_is_taken_as_it_stands() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        assert_eq!(resolve(path), Ok(path.into()));
        assert_eq!(resolve(&format!("{path}#a.csv")), Ok(format!("{path}#a.csv").into()));
        assert!(resolve(&format!("{path}.gone")).is_err());
    }

    #[test]
    fn a_name_may_not_leave_the_folder() {
        for name in ["../secret", "/etc/passwd", "", "a/../../b"] {
            let outcome = find_in(Some("/tmp".into()), Path::new("/"), name);
            assert_eq!(outcome, Err(Missing::Name { name: name.to_owned() }));
        }
    }
}
