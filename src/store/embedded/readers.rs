//! A few threads that read, each with its own connection.

use super::connect_reader;
use crate::limits::STORE_QUEUE_MAX;
use crate::store::{StoreError, StoreResult};
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the readers' threads.
pub(super) struct Readers {
    queue: Option<SyncSender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(database: &Path, count: usize) -> StoreResult<Self> {
        let (queue, questions) = sync_channel(STORE_QUEUE_MAX);
        let questions = Arc::new(Mutex::new(questions));
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count {
            let connection = connect_reader(database)?;
            let questions = Arc::clone(&questions);
            let thread = std::thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || serve(&connection, &questions))
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
            threads.push(thread);
        }
        Ok(Self {
            queue: Some(queue),
            threads,
        })
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let unavailable = |why: &str| StoreError::Unavailable(why.to_owned());
        let (answer, answered) = oneshot::channel();
        let question = move |connection: &Connection| {
            // Whoever asked may be gone.
            let _ = answer.send(snapshot(connection, work));
        };
        let queue = self.queue.as_ref();
        let queue = queue.ok_or_else(|| unavailable("the store's readers have ended"))?;
        queue
            .try_send(Box::new(question))
            .map_err(|error| match error {
                TrySendError::Full(_) => unavailable("too many reads wait for the store"),
                TrySendError::Disconnected(_) => unavailable("the store's readers have ended"),
            })?;
        answered
            .await
            .unwrap_or_else(|_| Err(unavailable("the store's reader ended")))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the store had panicked");
            }
        }
    }
}

fn serve(connection: &Connection, questions: &Mutex<Receiver<Question>>) {
    loop {
        let next = questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match next {
            Ok(question) => question(connection),
            Err(_) => return,
        }
    }
}

/// All statements of one question see the same commit.
fn snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> StoreResult<T>,
) -> StoreResult<T> {
    let run = |sql| connection.prepare_cached(sql)?.execute([]);
    run("BEGIN")?;
    let result = work(connection);
    run("COMMIT")?;
    result
}
