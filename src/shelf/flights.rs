//! Reading once for many: whoever wants what is being read already waits for that.

use crate::ids::{RoomId, Seq};
use crate::store::Store;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Landings<K> = Arc<Mutex<HashMap<K, watch::Receiver<bool>>>>;

/// Work under way, by what it is for.
pub struct Flights<K>(Landings<K>);

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Ends a flight, also one that panics.
struct Landing<K: Hash + Eq>(Landings<K>, K);

impl<K: Hash + Eq> Drop for Landing<K> {
    fn drop(&mut self) {
        locked(&self.0).remove(&self.1);
    }
}

impl<K: Hash + Eq + Copy + Send + 'static> Flights<K> {
    /// Joins the flight for `key`, or begins it with `work`, which goes on if nobody waits any more.
    /// Answers when it has landed: whether it did what it was for.
    pub async fn join<F>(&self, key: K, work: impl FnOnce() -> F) -> bool
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let mut landed = {
            let mut flights = locked(&self.0);
            match flights.get(&key) {
                Some(landed) => landed.clone(),
                None => {
                    let (says, landed) = watch::channel(false);
                    flights.insert(key, landed.clone());
                    let landing = Landing(Arc::clone(&self.0), key);
                    let work = work();
                    tokio::spawn(async move {
                        let done = work.await;
                        drop(landing);
                        says.send_replace(done);
                    });
                    landed
                }
            }
        };
        // The sender goes with the flight.
        while landed.changed().await.is_ok() {}
        *landed.borrow()
    }
}

type Askers = HashMap<RoomId, Vec<oneshot::Sender<Seq>>>;

/// Heads of rooms. Who asks gets one that was read after he asked, so it knows of everything that was
/// acknowledged to him; all who ask while one is being read share the next.
pub struct Heads {
    store: Arc<dyn Store>,
    askers: Arc<Mutex<Askers>>,
}

/// Whoever reads for all of a room. If it breaks off, all are told.
struct Reading(Arc<Mutex<Askers>>, RoomId, bool);

impl Reading {
    /// Those who asked since the last time. Nobody: who comes from now on begins anew.
    fn next(&mut self) -> Option<Vec<oneshot::Sender<Seq>>> {
        let mut askers = locked(&self.0);
        let waiting = askers.get_mut(&self.1).map(std::mem::take);
        let waiting = waiting.filter(|waiting| !waiting.is_empty());
        if waiting.is_none() {
            askers.remove(&self.1);
            self.2 = false;
        }
        waiting
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.2 {
            locked(&self.0).remove(&self.1);
        }
    }
}

impl Heads {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            askers: Arc::default(),
        }
    }

    /// The head of `room`; `None`: the store did not say.
    pub async fn ask(&self, room: RoomId) -> Option<Seq> {
        let (asker, answer) = oneshot::channel();
        let is_first = {
            let mut askers = locked(&self.askers);
            let is_first = !askers.contains_key(&room);
            askers.entry(room).or_default().push(asker);
            is_first
        };
        if is_first {
            let (store, askers) = (Arc::clone(&self.store), Arc::clone(&self.askers));
            tokio::spawn(read_for_all(store, askers, room));
        }
        answer.await.ok()
    }
}

async fn read_for_all(store: Arc<dyn Store>, askers: Arc<Mutex<Askers>>, room: RoomId) {
    let mut reading = Reading(askers, room, true);
    while let Some(waiting) = reading.next() {
        if let Ok(heads) = store.heads(&[room]).await
            && let Some((head, _)) = heads.get(&room)
        {
            for asker in waiting {
                // Who went away is not missed.
                let _ = asker.send(*head);
            }
        }
    }
}
