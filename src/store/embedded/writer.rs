//! The one writer: group commit over everything that waits.

use super::transaction::Transaction;
use super::{Health, connect};
use crate::limits::{STORE_GROUP_MAX, STORE_QUEUE_MAX};
use crate::store::{Durability, StoreError, StoreResult};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// What became of a transaction.
type Fate = Result<(), StoreError>;

/// A write that waits.
trait Job: Send {
    /// Inside the transaction; again, after what it wrote was taken back.
    fn run(&mut self, at: &Transaction<'_>) -> Result<(), StoreError>;
    /// After it.
    fn tell(self: Box<Self>, fate: Fate);
}

struct Waiting<T, W> {
    work: W,
    result: Option<StoreResult<T>>,
    answer: oneshot::Sender<StoreResult<T>>,
}

impl<T: Send, W: FnMut(&Transaction<'_>) -> StoreResult<T> + Send> Job for Waiting<T, W> {
    fn run(&mut self, at: &Transaction<'_>) -> Result<(), StoreError> {
        let result = (self.work)(at);
        let ran = result.as_ref().map(drop).map_err(StoreError::clone);
        self.result = Some(result);
        ran
    }

    fn tell(self: Box<Self>, fate: Fate) {
        let answer = match (fate, self.result) {
            (_, Some(Err(own))) => Err(own),
            (Err(fate), _) => Err(fate),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), None) => Err(StoreError::Unavailable("the write did not run".to_owned())),
        };
        // Whoever asked may be gone.
        let _ = self.answer.send(answer);
    }
}

/// The way to the writer's thread.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        database: &Path,
        health: Arc<Health>,
        read_only: bool,
    ) -> StoreResult<Self> {
        let (queue, jobs) = sync_channel(STORE_QUEUE_MAX);
        let commits = health.commits();
        let mut desk = Desk {
            connection: Some(connection),
            database: database.to_owned(),
            health,
            commits,
        };
        let run = move || {
            if read_only {
                desk.refuse_all(&jobs);
            } else {
                desk.serve(&jobs);
            }
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let thread = thread
            .spawn(run)
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Transaction<'_>) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (answer, answered) = oneshot::channel();
        let job = Waiting {
            work,
            result: None,
            answer,
        };
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => {
                StoreError::Unavailable("too many writes wait for the store".to_owned())
            }
            TrySendError::Disconnected(_) => ended(),
        })?;
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::Unknown("the writer ended".to_owned())))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer had panicked");
        }
    }
}

fn ended() -> StoreError {
    StoreError::NotDurable("the store's writer has ended".to_owned())
}

/// The writer's own state.
struct Desk {
    /// `None` after a failure, until it is opened anew.
    connection: Option<Connection>,
    database: PathBuf,
    health: Arc<Health>,
    commits: u64,
}

impl Desk {
    fn serve(&mut self, jobs: &Receiver<Box<dyn Job>>) {
        let mut group = Vec::with_capacity(STORE_GROUP_MAX);
        while self.gather(jobs, &mut group) {
            let fate = self.commit(&mut group);
            self.report(&fate);
            for job in group.drain(..) {
                job.tell(fate.clone());
            }
        }
    }

    /// Waits for a job and takes all that wait with it. While nothing can be made durable the group may
    /// be empty: a try. False at the end.
    fn gather(&self, jobs: &Receiver<Box<dyn Job>>, group: &mut Vec<Box<dyn Job>>) -> bool {
        let first = if self.health.durability() == Durability::Durable {
            jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            jobs.recv_timeout(Duration::from_secs(1))
        };
        match first {
            Ok(job) => group.push(job),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        group.extend(jobs.try_iter().take(STORE_GROUP_MAX - 1));
        true
    }

    /// One transaction, one fsync.
    fn commit(&mut self, group: &mut [Box<dyn Job>]) -> Fate {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.database)?;
                self.commits = commits(&connection)?;
                connection
            }
        };
        // A connection that failed is dropped here: what it thinks of the file may be wrong.
        if transact(&connection, group, self.commits + 1)? {
            self.commits += 1;
            self.health.committed(self.commits);
        }
        self.connection = Some(connection);
        Ok(())
    }

    fn report(&self, fate: &Fate) {
        match fate {
            Ok(()) if self.health.durability() != Durability::Durable => {
                tracing::info!("the store is durable again");
                self.health.set(Durability::Durable);
            }
            Ok(()) => {}
            Err(error) => {
                tracing::error!(%error, "a transaction of the store failed");
                self.health.set(Durability::NotDurable(error.to_string()));
            }
        }
    }

    fn refuse_all(&self, jobs: &Receiver<Box<dyn Job>>) {
        for job in jobs {
            let why = match self.health.durability() {
                Durability::NotDurable(why) => why,
                Durability::Durable => "the store is read-only".to_owned(),
            };
            job.tell(Err(StoreError::NotDurable(why)));
        }
    }
}

const BEGIN: &str = "BEGIN IMMEDIATE";

/// Whether anything was committed, as commit number `number`.
fn transact(
    connection: &Connection,
    group: &mut [Box<dyn Job>],
    number: u64,
) -> Result<bool, StoreError> {
    let at = Transaction::new(connection);
    at.execute(BEGIN, [])?;
    let mut before = at.total_changes();
    if !run_together(&at, group)? {
        at.execute("ROLLBACK", [])?;
        at.execute(BEGIN, [])?;
        before = at.total_changes();
        run_apart(&at, group)?;
    }
    let wrote = group.is_empty() || at.total_changes() > before;
    if wrote {
        let sql = "UPDATE meta SET value = ?1 WHERE key = 'commits'";
        at.execute(sql, [number])?;
    }
    at.execute("COMMIT", [])
        .map_err(|error| StoreError::Unknown(error.to_string()))?;
    Ok(wrote)
}

/// Every job after the other. False if one failed: what all of them wrote has to be taken back.
/// Jobs hardly ever fail, and a savepoint around each costs a copy of every page that it changes.
fn run_together(at: &Transaction<'_>, group: &mut [Box<dyn Job>]) -> Result<bool, StoreError> {
    for job in group.iter_mut() {
        if let Err(error) = job.run(at) {
            taken_back(at, &error)?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Every job by itself: only what a failing one wrote is taken back.
fn run_apart(at: &Transaction<'_>, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    for job in group.iter_mut() {
        at.execute("SAVEPOINT job", [])?;
        if let Err(error) = job.run(at) {
            taken_back(at, &error)?;
            at.execute("ROLLBACK TO job", [])?;
        }
        at.execute("RELEASE job", [])?;
    }
    Ok(())
}

/// An error if the disk is full or failed and SQLite took the whole transaction back.
fn taken_back(connection: &Connection, error: &StoreError) -> Result<(), StoreError> {
    match connection.is_autocommit() {
        true => Err(StoreError::NotDurable(error.to_string())),
        false => Ok(()),
    }
}

/// The number of the last commit.
pub(super) fn commits(connection: &Connection) -> StoreResult<u64> {
    let sql = "SELECT value FROM meta WHERE key = 'commits'";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}
