//! The folder, its lock, and the witness.

use crate::store::{StoreError, StoreResult};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The data folder while this process owns it.
pub(super) struct Folder {
    dir: PathBuf,
    /// Locked until it is closed.
    _lock: File,
}

impl Folder {
    pub(super) fn open(dir: &Path) -> StoreResult<Self> {
        let open = || -> io::Result<File> {
            if !dir.is_dir() {
                fs::create_dir_all(dir)?;
                if let Some(parent) = dir.canonicalize()?.parent() {
                    sync_dir(parent)?;
                }
            }
            File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(dir.join("owner.lock"))
        };
        let lock = open().map_err(|error| unusable(dir, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                dir: dir.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable(format!(
                "the data folder {} is in use by another process",
                dir.display()
            ))),
            Err(TryLockError::Error(error)) => Err(unusable(dir, &error)),
        }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.dir.join("chapiana.db")
    }

    /// Makes the names of new files durable.
    pub(super) fn sync(&self) -> StoreResult<()> {
        sync_dir(&self.dir).map_err(|error| unusable(&self.dir, &error))
    }
}

fn unusable(dir: &Path, error: &io::Error) -> StoreError {
    StoreError::NotDurable(format!(
        "cannot use the data folder {}: {error}",
        dir.display()
    ))
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A second file that knows how many commits there were. A store that knows of fewer has lost some.
pub(super) struct Witness {
    dir: PathBuf,
}

impl Witness {
    pub(super) fn new(folder: &Folder) -> Self {
        Self {
            dir: folder.dir.clone(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join("witness")
    }

    /// 0 where there is none.
    pub(super) fn read(&self) -> StoreResult<u64> {
        match fs::read_to_string(self.path()) {
            Ok(text) => text.trim().parse().map_err(|_| {
                StoreError::Corrupt(format!("{} is not a number", self.path().display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(unusable(&self.dir, &error)),
        }
    }

    /// Replaces the file as a whole, so that a power cut leaves the old or the new number.
    pub(super) fn write(&self, commits: u64) -> io::Result<()> {
        let new = self.dir.join("witness.new");
        let mut file = File::create(&new)?;
        writeln!(file, "{commits}")?;
        file.sync_all()?;
        fs::rename(&new, self.path())?;
        sync_dir(&self.dir)
    }
}
