//! Puts what was prepared beside the old in the old's place, so that a crash at any moment leaves all of the old or all of the
//! new once [`mend`] has run, which every opening of the state directory does.
//!
//! Everything is first written under names of its own ([`STAGED`]) and is on the disk. Then one file, [`ORDER`], gets its name:
//! before that the old counts and what was prepared is thrown away; from then on the new counts and what is left to do is done.
//! Every step may be repeated.

use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Ending of what is prepared.
pub const STAGED: &str = ".forgetting";
/// Ending of what is on its way out.
const OLD: &str = ".forgotten";
/// The file that says what is to be put in place.
const ORDER: &str = "forget.json";

/// What is to be done, relative to the state directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Order {
    /// Files and directories that have a successor.
    pub replace: Vec<PathBuf>,
    /// Files and directories that go.
    pub remove: Vec<PathBuf>,
}

/// What could not be done.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}", path.display())]
pub struct PlaceError {
    /// What was tried.
    pub doing: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// Counts the steps, and ends at one of them as a crash would: for tests.
#[derive(Debug, Default)]
pub struct Steps {
    /// Steps until the end; none goes through.
    pub left: Option<u32>,
}

impl Steps {
    fn take(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("stopped here")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PlaceError {
    let path = path.to_owned();
    move |source| PlaceError { doing, path, source }
}

/// The name beside `path`, with an ending.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Carries `order` out. What it replaces is prepared and on the disk.
///
/// # Errors
/// [`PlaceError`]; [`mend`] decides what counts then.
pub fn carry_out(root: &Path, order: &Order, steps: &mut Steps) -> Result<(), PlaceError> {
    let path = root.join(ORDER);
    let partial = beside(&path, STAGED);
    let text = serde_json::to_vec(order).map_err(|error| failed("encode", &path)(io::Error::other(error)))?;
    let written = steps.take().and_then(|()| File::create(&partial)).and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_all()
    });
    written.map_err(failed("write", &partial))?;
    // What was prepared has its names on the disk before the order that relies on them.
    sync(root).map_err(failed("sync", root))?;
    steps.take().and_then(|()| fs::rename(&partial, &path)).map_err(failed("name", &path))?;
    sync(root).map_err(failed("sync", root))?;
    finish(root, order, steps)
}

/// Does what an interrupted [`carry_out`] left, or throws away what was prepared for one. True where it did anything.
///
/// # Errors
/// [`PlaceError`]: what an order asks for cannot be done.
pub fn mend(root: &Path, steps: &mut Steps) -> Result<bool, PlaceError> {
    let path = root.join(ORDER);
    match fs::read(&path) {
        Ok(text) => {
            let order =
                serde_json::from_slice(&text).map_err(|error| failed("read", &path)(io::Error::other(error)))?;
            finish(root, &order, steps)?;
            return Ok(true);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("read", &path)(error)),
    }
    let mut found = false;
    for entry in fs::read_dir(root).map_err(failed("list", root))? {
        let path = entry.map_err(failed("list", root))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(STAGED)) {
            steps.take().and_then(|()| remove(&path)).map_err(failed("remove", &path))?;
            found = true;
        }
    }
    Ok(found)
}

fn finish(root: &Path, order: &Order, steps: &mut Steps) -> Result<(), PlaceError> {
    for name in &order.replace {
        let (path, staged, old) = (root.join(name), beside(&root.join(name), STAGED), beside(&root.join(name), OLD));
        if staged.exists() {
            // A directory cannot be renamed onto one with something in it.
            if path.is_dir() {
                steps.take().and_then(|()| fs::rename(&path, &old)).map_err(failed("put aside", &path))?;
            }
            steps.take().and_then(|()| fs::rename(&staged, &path)).map_err(failed("put in place", &path))?;
            sync(root).map_err(failed("sync", root))?;
        }
        steps.take().and_then(|()| remove(&old)).map_err(failed("remove", &old))?;
    }
    for name in &order.remove {
        let path = root.join(name);
        steps.take().and_then(|()| remove(&path)).map_err(failed("remove", &path))?;
    }
    sync(root).map_err(failed("sync", root))?;
    let path = root.join(ORDER);
    steps.take().and_then(|()| remove(&path)).map_err(failed("remove", &path))?;
    sync(root).map_err(failed("sync", root))
}

/// A file or a directory with all that is in it; one that is not there is no error.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
