//! The store of one machine: SQLite in one folder, owned by one process.
//!
//! One writer thread commits whatever waits in one transaction and answers after its fsync; reader
//! threads see only what is committed; a keeper copies the WAL back and keeps the witness.

mod files;
mod keeper;
mod leases;
mod log;
mod people;
mod places;
mod readers;
mod rooms;
mod rows;
mod scene;
#[cfg(test)]
mod tests;
mod timers;
mod transaction;
mod views;
mod writer;

use super::{Durability, LogQueries, RoomPlace, Scene, Store, StoreError, StoreResult};
use crate::ids::{RoomId, UserId};
use crate::limits;
use async_trait::async_trait;
use files::{Folder, Witness};
use keeper::Keeper;
use readers::Readers;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use transaction::Transaction;
use writer::Writer;

/// What may be chosen when a data folder is opened.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedOptions {
    /// Fixed when the folder is new; another width later is refused.
    pub bucket_bits: u32,
    /// False: commits are not synced, to prove that the power-cut check notices. Never in a server.
    pub durable: bool,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            bucket_bits: limits::BUCKET_BITS,
            durable: true,
        }
    }
}

/// The embedded store. Dropping it ends its threads after the last write was answered.
pub struct EmbeddedStore {
    bucket_bits: u32,
    health: Arc<Health>,
    queries: LogQueries,
    #[cfg(test)]
    pub(crate) rounds: crate::testing::rounds::Rounds,
    /// `None` once it is closed. Whoever writes or reads holds it meanwhile.
    open: tokio::sync::RwLock<Option<Parts>>,
}

/// In the order in which they end.
struct Parts {
    writer: Writer,
    readers: Readers,
    _keeper: Keeper,
    _folder: Folder,
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// What writer and keeper tell each other and the readiness probe.
struct Health {
    durability: RwLock<Durability>,
    /// Commits that are on disk.
    commits: AtomicU64,
}

impl Health {
    fn durability(&self) -> Durability {
        let durability = self.durability.read();
        durability.unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn set(&self, durability: Durability) {
        let place = self.durability.write();
        *place.unwrap_or_else(PoisonError::into_inner) = durability;
    }
    fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }
    fn committed(&self, commits: u64) {
        self.commits.store(commits, Ordering::Release);
    }
}

impl EmbeddedStore {
    /// Opens the store in `dir`, which is created if it is missing.
    pub fn open(dir: &Path, options: EmbeddedOptions) -> StoreResult<Self> {
        let folder = Folder::open(dir)?;
        let database = folder.database();
        let connection = connect(&database)?;
        if !options.durable {
            connection.pragma_update(None, "synchronous", "OFF")?;
        }
        prepare(&connection, options.bucket_bits)?;
        folder.sync()?;
        let commits = writer::commits(&connection)?;
        let witness = Witness::new(&folder);
        let seen = witness.read()?;
        let health = Arc::new(Health {
            durability: RwLock::new(Durability::Durable),
            commits: AtomicU64::new(commits),
        });
        let read_only = commits < seen;
        if read_only {
            let why = format!(
                "the store is at commit {commits}, but its witness saw {seen}: an older copy \
                 was put back or a file was lost. Restore the right files, or remove the \
                 witness file to go on from here"
            );
            tracing::error!(commits, witness = seen, "store opened read-only: {why}");
            health.set(Durability::NotDurable(why));
        }
        let writer = Writer::start(connection, &database, Arc::clone(&health), read_only)?;
        let readers = Readers::start(&database, limits::STORE_READERS)?;
        let witness = (!read_only).then_some(witness);
        let keeper = Keeper::start(&database, Arc::clone(&health), witness)?;
        let parts = Parts {
            writer,
            readers,
            _keeper: keeper,
            _folder: folder,
        };
        Ok(Self {
            bucket_bits: options.bucket_bits,
            health,
            queries: LogQueries::default(),
            #[cfg(test)]
            rounds: crate::testing::rounds::Rounds::default(),
            open: tokio::sync::RwLock::new(Some(parts)),
        })
    }

    /// Runs `work` in the writer's next transaction, again if that had to be taken back; answers
    /// when it is on disk.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Transaction<'_>) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let open = self.open.read().await;
        open.as_ref().ok_or_else(closed)?.writer.write(work).await
    }

    /// Runs `work` on a snapshot of what is committed.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        #[cfg(test)]
        let _under_way = self.rounds.begin().await;
        let open = self.open.read().await;
        open.as_ref().ok_or_else(closed)?.readers.read(work).await
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    fn durability(&self) -> Durability {
        self.health.durability()
    }

    async fn close(&self) {
        let parts = self.open.write().await.take();
        // Ending waits for threads.
        let ended = tokio::task::spawn_blocking(move || drop(parts)).await;
        if let Err(error) = ended {
            tracing::error!(%error, "the store ended badly");
        }
    }

    fn appends_views(&self) -> bool {
        true
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn log_queries(&self) -> &LogQueries {
        &self.queries
    }

    async fn places(&self, user: UserId) -> StoreResult<Vec<RoomPlace>> {
        self.queries.count();
        self.read(move |connection| places::places(connection, user))
            .await
    }

    async fn newest(&self, room: RoomId, most: usize) -> StoreResult<Option<Scene>> {
        self.queries.count();
        self.read(move |connection| scene::newest(connection, room, most))
            .await
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::ReadOnly) => {
                StoreError::NotDurable(why)
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(why),
            Some(_) => StoreError::Unavailable(why),
            None => StoreError::Corrupt(why),
        }
    }
}

/// A connection that may write.
fn connect(database: &Path) -> StoreResult<Connection> {
    let connection = Connection::open(database)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

/// Pages that the writer keeps, as far as they are used: the leaves of some thousand busy rooms. What is
/// not there is read from the kernel for every entry (a tenth of what a send costs, measured by W4).
const WRITER_CACHE_KIB: i64 = 16_384;

/// Pages that a reader keeps.
const READER_CACHE_KIB: i64 = 512;

/// A connection that cannot write.
fn connect_reader(database: &Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    // The kernel caches the file for all of them; what each keeps besides is paid once per reader.
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

/// Creates the tables where they are missing and checks the bucket width.
fn prepare(connection: &Connection, bucket_bits: u32) -> StoreResult<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(include_str!("schema.sql"))?;
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('bucket_bits', ?1), ('commits', 0)
         ON CONFLICT DO NOTHING",
        [bucket_bits],
    )?;
    connection.execute_batch("COMMIT")?;
    let there: u32 = connection.query_row(
        "SELECT value FROM meta WHERE key = 'bucket_bits'",
        [],
        |row| row.get(0),
    )?;
    if there == bucket_bits {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "this data folder has bucket_bits {there}, not {bucket_bits}"
    )))
}
