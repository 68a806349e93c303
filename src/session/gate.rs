//! Back-pressure from a session to its socket: while too much is under way, the socket is not read,
//! and TCP tells the client.

use super::addresses::Place;
use crate::limits::SENDS_IN_FLIGHT_MAX;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Frames that may wait in the mailbox of a session.
const UNHANDLED_MAX: usize = 4;

/// Shared by a socket and its session.
#[derive(Debug, Default)]
pub struct Gate {
    load: Mutex<Load>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Load {
    /// Frames in the mailbox.
    unhandled: usize,
    /// What waits for an answer.
    in_flight: usize,
    greeted: bool,
    /// The session moves to another node: nothing more is read.
    shut: bool,
    /// Among the sockets of its address.
    place: Option<Place>,
}

impl Gate {
    /// Of a socket that has this place among those of its address.
    pub fn of(place: Place) -> Self {
        let gate = Self::default();
        gate.load().place = Some(place);
        gate
    }

    /// Whether the socket may be read.
    pub fn is_open(&self) -> bool {
        let load = self.load();
        !load.shut && load.unhandled < UNHANDLED_MAX && load.in_flight < SENDS_IN_FLIGHT_MAX
    }

    /// A frame goes into the mailbox.
    pub fn enter(&self) {
        self.load().unhandled += 1;
    }

    /// A frame was handled.
    pub fn leave(&self) {
        let mut load = self.load();
        load.unhandled = load.unhandled.saturating_sub(1);
    }

    /// Nothing more is read.
    pub fn shut(&self) {
        self.load().shut = true;
        self.changed.notify_one();
    }

    /// Whether frames wait in the mailbox.
    pub fn is_busy(&self) -> bool {
        self.load().unhandled > 0
    }

    /// So much waits for an answer now.
    pub fn set_in_flight(&self, in_flight: usize) {
        self.load().in_flight = in_flight;
        self.changed.notify_one();
    }

    /// The hello came.
    pub fn greet(&self) {
        let mut load = self.load();
        load.greeted = true;
        if let Some(place) = &mut load.place {
            place.greet();
        }
    }

    pub fn greeted(&self) -> bool {
        self.load().greeted
    }

    /// Waits until something may have changed. One waiter.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
