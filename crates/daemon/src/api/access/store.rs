//! The tokens in force: the file, read again whenever it has changed, so that a revoked token is refused at once.

use super::token_file::TokenFile;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// What tells one version of a file from another: a write of ours replaces the inode.
type Version = (u64, i64, i64, u64, u32);

/// The tokens in force.
#[derive(Debug)]
pub struct TokenStore {
    path: PathBuf,
    /// None before the first look.
    version: Option<Option<Version>>,
    held: TokenFile,
    fault: Option<String>,
}

impl TokenStore {
    /// Of this file, which need not be there.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, version: None, held: TokenFile::default(), fault: None }
    }

    /// The tokens as the file has them now; none while it cannot be used.
    pub fn current(&mut self) -> &TokenFile {
        let version = fs::metadata(&self.path)
            .ok()
            .map(|file| (file.ino(), file.mtime(), file.mtime_nsec(), file.len(), file.mode()));
        if self.version != Some(version) {
            self.version = Some(version);
            (self.held, self.fault) = match TokenFile::read(&self.path) {
                Ok(file) => (file, None),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                    (TokenFile::default(), Some(format!("{error}{cause}")))
                }
            };
        }
        &self.held
    }

    /// Why the file cannot be used, if so.
    pub fn fault(&mut self) -> Option<String> {
        self.current();
        self.fault.clone()
    }
}
