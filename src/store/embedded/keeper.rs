//! Housekeeping beside the writer: copies the WAL back into the database and keeps the witness.

use super::files::Witness;
use super::{Health, connect};
use crate::limits::STORE_WAL_PAGES;
use crate::store::{StoreError, StoreResult};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(100);
const WITNESS: Duration = Duration::from_secs(1);
/// How long erased content may stay in the WAL.
const TRUNCATE: Duration = Duration::from_secs(60);

pub(super) struct Keeper {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Without a witness (the store is read-only) there is nothing to keep.
    pub(super) fn start(
        database: &Path,
        health: Arc<Health>,
        witness: Option<Witness>,
    ) -> StoreResult<Self> {
        let Some(witness) = witness else {
            return Ok(Self {
                stop: None,
                thread: None,
            });
        };
        let (stop, stopped) = sync_channel(0);
        let mut round = Round {
            connection: None,
            database: database.to_owned(),
            witnessed: 0,
            witnessed_at: Instant::now(),
            truncated: health.commits(),
            truncated_at: Instant::now(),
            health,
            witness,
        };
        let thread = std::thread::Builder::new()
            .name("store-keeper".to_owned())
            .spawn(move || round.run(&stopped))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's keeper had panicked");
        }
    }
}

struct Round {
    connection: Option<Connection>,
    database: PathBuf,
    health: Arc<Health>,
    witness: Witness,
    /// Commits at the last witness and at the last emptied WAL, and when that was.
    witnessed: u64,
    witnessed_at: Instant,
    truncated: u64,
    truncated_at: Instant,
}

impl Round {
    fn run(&mut self, stopped: &Receiver<()>) {
        self.testify();
        while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            if let Err(error) = self.tend() {
                tracing::warn!(%error, "the WAL could not be copied back");
                self.connection = None;
            }
            if self.witnessed_at.elapsed() >= WITNESS {
                self.testify();
            }
        }
        self.testify();
        if let Err(error) = self.checkpoint("TRUNCATE") {
            tracing::warn!(%error, "the WAL could not be emptied at the end");
        }
    }

    fn testify(&mut self) {
        let commits = self.health.commits();
        self.witnessed_at = Instant::now();
        if commits == self.witnessed {
            return;
        }
        match self.witness.write(commits) {
            Ok(()) => self.witnessed = commits,
            Err(error) => tracing::warn!(%error, "the witness could not be written"),
        }
    }

    fn tend(&mut self) -> StoreResult<()> {
        let commits = self.health.commits();
        if commits == self.truncated {
            return Ok(());
        }
        let (pages, copied) = self.checkpoint("NOOP")?;
        if pages - copied >= STORE_WAL_PAGES {
            self.checkpoint("PASSIVE")?;
        }
        if pages >= 4 * STORE_WAL_PAGES || self.truncated_at.elapsed() >= TRUNCATE {
            self.checkpoint("TRUNCATE")?;
            self.truncated = commits;
            self.truncated_at = Instant::now();
        }
        Ok(())
    }

    /// Pages in the WAL, and how many of them are in the database.
    fn checkpoint(&mut self, mode: &str) -> StoreResult<(i64, i64)> {
        if self.connection.is_none() {
            let connection = connect(&self.database)?;
            // Emptying waits for readers, and the writer waits meanwhile: not for long.
            connection.busy_timeout(LOOK)?;
            self.connection = Some(connection);
        }
        let connection = self.connection.as_ref().expect("it was opened above");
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))?)
    }
}
