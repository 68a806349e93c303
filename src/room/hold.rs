//! A room that was taken from this node is not taken back at once: two nodes that both believe it
//! should live with them would else only take it from each other.

use crate::ids::RoomId;
use crate::limits::{ROOM_HOLD_MS, ROOM_HOLD_WINDOW_MS};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The pause doubles at most so often.
const DOUBLINGS_MAX: u32 = 4;

#[derive(Debug, Default)]
pub(super) struct Holds(Mutex<HashMap<RoomId, Hold>>);

#[derive(Clone, Copy, Debug)]
struct Hold {
    since: Instant,
    times: u32,
}

impl Hold {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= Duration::from_millis(ROOM_HOLD_WINDOW_MS)
    }
}

impl Holds {
    /// Another owner took the room.
    pub fn fenced(&self, room: RoomId, now: Instant) {
        let mut holds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        holds.retain(|_, hold| !hold.is_over(now));
        let times = holds.get(&room).map_or(0, |hold| hold.times + 1);
        holds.insert(room, Hold { since: now, times });
    }

    /// How long a take-over that begins now has to wait: longer each time, and never the same on
    /// two nodes. `None`: nobody took the room lately.
    pub fn pause(&self, room: RoomId, now: Instant) -> Option<Duration> {
        let holds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hold = holds.get(&room).filter(|hold| !hold.is_over(now))?;
        let full = ROOM_HOLD_MS << hold.times.min(DOUBLINGS_MAX);
        let pause = Duration::from_millis(full / 2 + jitter(full / 2));
        Some(pause.saturating_sub(now.duration_since(hold.since)))
    }
}

/// Up to `most`.
fn jitter(most: u64) -> u64 {
    let mut random = [0; 8];
    let _ = getrandom::fill(&mut random);
    u64::from_le_bytes(random) % (most + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_room_that_was_taken_away_is_taken_back_later_each_time() {
        let (holds, room) = (Holds::default(), RoomId::from_bytes([1; 16]));
        let millis = |n| Duration::from_millis(n);
        assert_eq!(holds.pause(room, Instant::now()), None);
        let mut full = ROOM_HOLD_MS;
        for _ in 0..6 {
            holds.fenced(room, Instant::now());
            let pause = holds.pause(room, Instant::now()).expect("a pause");
            assert!(
                (millis(full / 2)..=millis(full)).contains(&pause),
                "{pause:?}"
            );
            full = (full * 2).min(ROOM_HOLD_MS << DOUBLINGS_MAX);
        }
        assert!(holds.pause(room, Instant::now() + millis(100)) < Some(millis(full)));
        tokio::time::advance(millis(ROOM_HOLD_WINDOW_MS)).await;
        assert_eq!(holds.pause(room, Instant::now()), None);
        let other = RoomId::from_bytes([2; 16]);
        assert_eq!(holds.pause(other, Instant::now()), None);
    }
}
