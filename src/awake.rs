//! A clock that stands still with its process.
//!
//! Whoever was stopped for seconds (a paused machine, a starved one) has neither written nor read
//! meanwhile: silence in that time says nothing about the other side.

use crate::clock::{self, Timestamp};
use crate::limits::{AWAKE_LOOK_MS, AWAKE_STEP_MS_MAX};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Begins at the wall clock's time and falls behind it with every standstill. Clones share it.
#[derive(Clone, Debug)]
pub struct Awake(Arc<Mutex<Seen>>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Timestamp,
    looked: Instant,
}

impl Awake {
    /// A clock that goes on as long as any clone of it is kept.
    pub fn start() -> Self {
        let seen = Seen {
            at: clock::now(),
            looked: Instant::now(),
        };
        let shared = Arc::new(Mutex::new(seen));
        let weak = Arc::downgrade(&shared);
        tokio::spawn(async move {
            while let Some(shared) = weak.upgrade() {
                let awake = Self(shared);
                awake.look();
                drop(awake);
                sleep(Duration::from_millis(AWAKE_LOOK_MS)).await;
            }
        });
        Self(shared)
    }

    /// The time that was spent awake.
    pub fn now(&self) -> Timestamp {
        self.seen().at_of(Instant::now())
    }

    fn look(&self) {
        let mut seen = self.seen();
        let looked = Instant::now();
        *seen = Seen {
            at: seen.at_of(looked),
            looked,
        };
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn at_of(self, now: Instant) -> Timestamp {
        let passed = now.duration_since(self.looked).as_millis();
        let passed = passed.min(u128::from(AWAKE_STEP_MS_MAX));
        self.at.plus_ms(passed as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_standstill_counts_as_one_step_and_time_awake_counts_whole() {
        let awake = Awake::start();
        let began = awake.now();
        for _ in 0..30 {
            sleep(Duration::from_millis(AWAKE_LOOK_MS)).await;
        }
        assert_eq!(awake.now().since(began), 30 * AWAKE_LOOK_MS);
        let before = awake.now();
        // Nobody looks while time jumps, as after SIGSTOP.
        let seen = Seen {
            at: before,
            looked: Instant::now(),
        };
        let later = seen.at_of(Instant::now() + Duration::from_secs(60));
        assert_eq!(later.since(before), AWAKE_STEP_MS_MAX);
    }
}
