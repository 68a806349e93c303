//! Reading once for many: whoever wants what is being read already waits for that.

use crate::ids::{RoomId, Seq};
use crate::store::Store;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

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

/// A head, and when the store was asked for it.
pub type ReadAt = (Seq, Instant);

type Askers = HashMap<RoomId, Vec<oneshot::Sender<ReadAt>>>;

/// Heads of rooms. Who asks gets one that was read after he asked, so it knows of everything that was
/// acknowledged to him; all who ask while one is being read share the next.
pub struct Heads {
    read: Arc<ReadHead>,
    askers: Arc<Mutex<Askers>>,
}

type ReadHead = dyn Fn(RoomId) -> BoxFuture<'static, Option<Seq>> + Send + Sync;

/// Whoever reads for all of a room. If it breaks off, all are told.
struct Reading(Arc<Mutex<Askers>>, RoomId, bool);

impl Reading {
    /// Those who asked since the last time. Nobody: who comes from now on begins anew.
    fn next(&mut self) -> Option<Vec<oneshot::Sender<ReadAt>>> {
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
        Self::read_by(move |room| {
            let store = Arc::clone(&store);
            Box::pin(async move {
                let heads = store.heads(&[room]).await.ok()?;
                heads.get(&room).map(|(head, _)| *head)
            })
        })
    }

    fn read_by(
        read: impl Fn(RoomId) -> BoxFuture<'static, Option<Seq>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            read: Arc::new(read),
            askers: Arc::default(),
        }
    }

    /// The head of `room`; `None`: the store did not say.
    pub async fn ask(&self, room: RoomId) -> Option<ReadAt> {
        let (asker, answer) = oneshot::channel();
        let is_first = {
            let mut askers = locked(&self.askers);
            let is_first = !askers.contains_key(&room);
            askers.entry(room).or_default().push(asker);
            is_first
        };
        if is_first {
            let (read, askers) = (Arc::clone(&self.read), Arc::clone(&self.askers));
            tokio::spawn(read_for_all(read, askers, room));
        }
        answer.await.ok()
    }
}

async fn read_for_all(read: Arc<ReadHead>, askers: Arc<Mutex<Askers>>, room: RoomId) {
    let mut reading = Reading(askers, room, true);
    while let Some(waiting) = reading.next() {
        let began = Instant::now();
        if let Some(head) = read(room).await {
            for asker in waiting {
                // Who went away is not missed.
                let _ = asker.send((head, began));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::poll::until;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::sync::Semaphore;

    fn room() -> RoomId {
        RoomId::from_bytes([3; 16])
    }

    /// Heads that are read when `gate` lets a reading through; they are as high as there were readings
    /// begun.
    fn gated() -> (Arc<Heads>, Arc<Semaphore>, Arc<AtomicU64>) {
        let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
        let (at_gate, count) = (Arc::clone(&gate), Arc::clone(&begun));
        let heads = Heads::read_by(move |_| {
            let (gate, reading) = (Arc::clone(&at_gate), count.fetch_add(1, Ordering::SeqCst));
            Box::pin(async move {
                gate.acquire().await.ok()?.forget();
                // The third reading fails.
                (reading != 2).then_some(reading)
            })
        });
        (Arc::new(heads), gate, begun)
    }

    fn ask(heads: &Arc<Heads>) -> tokio::task::JoinHandle<Option<Seq>> {
        let heads = Arc::clone(heads);
        tokio::spawn(async move { heads.ask(room()).await.map(|(head, _)| head) })
    }

    async fn asked(heads: &Heads, many: usize) {
        let waiting = || locked(&heads.askers).get(&room()).map_or(0, Vec::len);
        until("all have asked", async || waiting() == many).await;
    }

    #[tokio::test]
    async fn whoever_asks_while_a_head_is_read_gets_the_next_one() {
        let (heads, gate, begun) = gated();
        let first = ask(&heads);
        until("the first reading", async || {
            begun.load(Ordering::SeqCst) == 1
        })
        .await;
        let later: Vec<_> = (0..100).map(|_| ask(&heads)).collect();
        asked(&heads, 100).await;
        gate.add_permits(1);
        assert_eq!(first.await.expect("ran"), Some(0));
        until("the second reading", async || {
            begun.load(Ordering::SeqCst) == 2
        })
        .await;
        let last = ask(&heads);
        asked(&heads, 1).await;
        gate.add_permits(1);
        for later in later {
            assert_eq!(later.await.expect("ran"), Some(1), "one reading for all");
        }
        gate.add_permits(1);
        assert_eq!(last.await.expect("ran"), None, "the store did not answer");
        gate.add_permits(1);
        let head = heads.ask(room()).await.map(|(head, _)| head);
        assert_eq!(head, Some(3), "and then it did");
    }

    #[tokio::test]
    async fn a_flight_is_one_for_all_and_goes_down_with_its_work() {
        let flights = Arc::new(Flights::<u8>::default());
        let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
        let join = |ends: Result<bool, ()>| {
            let (flights, gate, begun) = (flights.clone(), gate.clone(), begun.clone());
            tokio::spawn(async move {
                let work = || async move {
                    begun.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.expect("open").forget();
                    ends.expect("a test asked for a panic")
                };
                flights.join(1, work).await
            })
        };
        for (round, ends) in [(1, Ok(true)), (2, Ok(false)), (3, Err(()))] {
            let all: Vec<_> = (0..50).map(|_| join(ends)).collect();
            // The one in the map, and one for each who waits.
            let waiting = || locked(&flights.0).get(&1).cloned();
            until("the flight", async || {
                waiting().is_some() && begun.load(Ordering::SeqCst) == round
            })
            .await;
            all[0].abort();
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            gate.add_permits(1);
            for one in all.into_iter().skip(1) {
                assert_eq!(one.await.expect("answered"), ends == Ok(true));
            }
            assert_eq!(begun.load(Ordering::SeqCst), round, "one for all");
        }
    }
}
