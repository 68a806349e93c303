//! The markers of authors, raised after the acknowledgement of what they wrote (R6): one write in
//! another partition less on the way of every message. A room's views wait for them, so that a
//! successor finds in the log above `viewed` whatever a crash left out.

use super::driver::{Driver, Kind};
use super::markers::{Place, newest_at, raise_at};
use crate::ids::{RoomId, UserId};
use crate::store::StoreResult;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What waits, by room.
#[derive(Default)]
pub(super) struct Later {
    lanes: Arc<Mutex<HashMap<RoomId, Arc<Lane>>>>,
}

/// One room's.
#[derive(Default)]
struct Lane {
    /// The highest of each person.
    waiting: Mutex<HashMap<UserId, Place>>,
    /// Whoever writes holds it: what is not waiting any more stands once it is free.
    turn: tokio::sync::Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lane {
    fn add(&self, places: Vec<Place>) {
        let mut waiting = lock(&self.waiting);
        for place in places {
            match waiting.get(&place.user) {
                Some(there) if there.read >= place.read => {}
                _ => {
                    waiting.insert(place.user, place);
                }
            }
        }
    }

    async fn write(&self, driver: &Driver) -> StoreResult<()> {
        let _turn = self.turn.lock().await;
        let places: Vec<Place> = lock(&self.waiting)
            .drain()
            .map(|(_, place)| place)
            .collect();
        let written = super::gather(&places, |place| async move {
            let newest = newest_at(driver, (place.room, place.user), Kind::Read).await?;
            let generation = newest.map_or(0, |marker| marker.generation);
            let place = Place {
                generation,
                ..place.clone()
            };
            raise_at(driver, &place).await
        });
        let written = written.await;
        if written.is_err() {
            self.add(places);
        }
        written.map(drop)
    }
}

impl Later {
    /// Takes markers on, and writes them beside whatever goes on.
    pub fn add(&self, driver: &Arc<Driver>, room: RoomId, places: Vec<Place>) {
        if places.is_empty() {
            return;
        }
        let lane = Arc::clone(lock(&self.lanes).entry(room).or_default());
        lane.add(places);
        let (lanes, driver) = (Arc::clone(&self.lanes), Arc::clone(driver));
        tokio::spawn(async move {
            if let Err(error) = lane.write(&driver).await {
                tracing::debug!(%error, "markers are written with the views");
            }
            drop(lane);
            tidy(&lanes, room);
        });
    }

    /// Answers when all that was taken on for the room stands.
    pub async fn flush(&self, driver: &Driver, room: RoomId) -> StoreResult<()> {
        let lane = lock(&self.lanes).get(&room).cloned();
        let Some(lane) = lane else { return Ok(()) };
        lane.write(driver).await?;
        drop(lane);
        tidy(&self.lanes, room);
        Ok(())
    }

    /// The same, as far as it can be had: whoever reads markers here sees what was written here.
    pub async fn settle(&self, driver: &Driver, room: RoomId) {
        if let Err(error) = self.flush(driver, room).await {
            tracing::debug!(%error, "markers wait");
        }
    }
}

/// Forgets a lane that nobody holds and in which nothing waits.
fn tidy(lanes: &Mutex<HashMap<RoomId, Arc<Lane>>>, room: RoomId) {
    let mut lanes = lock(lanes);
    let idle = lanes
        .get(&room)
        .is_some_and(|lane| Arc::strong_count(lane) == 1 && lock(&lane.waiting).is_empty());
    if idle {
        lanes.remove(&room);
    }
}
