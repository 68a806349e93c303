//! Letting people in: so many at a time, in the order in which they came. When everybody comes back at
//! once, all who are let in together are done together, late; in turn, most are done soon.

use crate::error::{Code, Error, Result};
use crate::limits::{ARRIVALS_MAX, ARRIVALS_WAITING_MAX, WELCOMES_MAX, WELCOMES_WAITING_MAX};
use crate::metrics::Metrics;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The two lines of a node. They are apart, so that who said hello does not wait behind all who knock.
#[derive(Debug)]
pub struct Greetings {
    /// Upgrades whose credential is being looked at.
    pub arrivals: Line,
    /// Those who said hello and get their rooms.
    pub welcomes: Line,
}

impl Greetings {
    pub fn new(metrics: &Metrics) -> Self {
        let line = |at_once, most| Line::new(metrics, at_once, most);
        Self {
            arrivals: line(ARRIVALS_MAX, ARRIVALS_WAITING_MAX),
            welcomes: line(WELCOMES_MAX, WELCOMES_WAITING_MAX),
        }
    }
}

/// Some have their turn, the others wait for it in order.
#[derive(Debug)]
pub struct Line {
    turns: Semaphore,
    waiting: AtomicUsize,
    waiting_max: usize,
    metrics: Metrics,
}

/// One place among those who wait.
struct Place<'a>(&'a Line);

impl Line {
    fn new(metrics: &Metrics, at_once: usize, waiting_max: usize) -> Self {
        Self {
            turns: Semaphore::new(at_once),
            waiting: AtomicUsize::new(0),
            waiting_max,
            metrics: metrics.clone(),
        }
    }

    /// One's turn, until the value is dropped; who gives up waiting leaves the line. `busy`: it is too long.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        let place = Place::take(self)?;
        let turn = self.turns.acquire().await;
        drop(place);
        turn.map_err(|_| Error::internal())
    }

    /// Whether somebody waits.
    pub fn is_crowded(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// All turns but `free`, so that everybody else waits.
    #[cfg(test)]
    pub async fn block_for_test(&self, free: u32) -> SemaphorePermit<'_> {
        let all = u32::try_from(self.turns.available_permits()).expect("few");
        self.turns.acquire_many(all - free).await.expect("open")
    }

    #[cfg(test)]
    pub fn waiting_for_test(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }
}

impl<'a> Place<'a> {
    fn take(line: &'a Line) -> Result<Self> {
        let before = line.waiting.fetch_add(1, Ordering::AcqRel);
        line.metrics.greetings_waiting.inc();
        let place = Self(line);
        match before < line.waiting_max {
            true => Ok(place),
            false => Err(Error::new(
                Code::Busy,
                "Everybody comes at once. Try again in a moment.",
            )),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
        self.0.metrics.greetings_waiting.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn so_many_have_their_turn_and_the_others_wait_in_order() {
        let line = Line::new(&Metrics::new(), 2, 3);
        let first = line.turn().await.expect("free");
        let second = line.turn().await.expect("free");
        let mut third = Box::pin(line.turn());
        let mut fourth = Box::pin(line.turn());
        assert!(third.as_mut().now_or_never().is_none());
        assert!(fourth.as_mut().now_or_never().is_none());
        assert!(line.is_crowded());
        drop(first);
        assert!(
            fourth.as_mut().now_or_never().is_none(),
            "the third is before"
        );
        let third = third.now_or_never().expect("its turn").expect("open");
        drop((second, third));
        assert!(fourth.now_or_never().is_some());
        assert!(!line.is_crowded());
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_joined_by_nobody_until_somebody_leaves_it() {
        let metrics = Metrics::new();
        let line = Line::new(&metrics, 1, 2);
        let held = line.turn().await.expect("free");
        let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(line.turn())).collect();
        for one in &mut waiting {
            assert!(one.as_mut().now_or_never().is_none());
        }
        assert_eq!(metrics.greetings_waiting.get(), 2);
        let refused = line.turn().now_or_never().expect("at once");
        let refused = refused.expect_err("too long");
        assert_eq!(refused.code, Code::Busy);
        assert!(refused.retry_after_ms.is_some());
        // The first gives up: the second is next.
        drop(waiting.remove(0));
        let mut late = Box::pin(line.turn());
        assert!(late.as_mut().now_or_never().is_none());
        drop(held);
        assert!(waiting.remove(0).now_or_never().is_some());
        assert!(late.now_or_never().is_some());
        assert_eq!(metrics.greetings_waiting.get(), 0);
    }
}
