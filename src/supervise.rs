//! Who ends how, and when something that failed may start again. The policy is ours: ractor has none.

use crate::limits::{RESTART_WINDOW_MS, RESTARTS_MAX};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, Message, SupervisionEvent};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Why an actor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nothing to do any more: normal.
    Idle,
    /// Another owner has the room, or an outcome stayed unknown: normal.
    Fenced,
    /// There is no such room: normal.
    Nothing,
    /// The store did not answer; the next command tries again, after a pause.
    StoreDown,
    /// A bug. Counted; hurts this one actor; starts again after a pause, at the latest with the next
    /// command.
    Panicked,
}

impl Exit {
    pub fn as_str(self) -> &'static str {
        match self {
            Exit::Idle => "idle",
            Exit::Fenced => "fenced",
            Exit::Nothing => "nothing",
            Exit::StoreDown => "store_down",
            Exit::Panicked => "panicked",
        }
    }

    fn of_reason(reason: Option<&str>) -> Self {
        match reason {
            Some("fenced") => Exit::Fenced,
            Some("nothing") => Exit::Nothing,
            Some("store_down") => Exit::StoreDown,
            Some("panicked") => Exit::Panicked,
            _ => Exit::Idle,
        }
    }

    /// Whether a restart waits.
    pub fn is_failure(self) -> bool {
        matches!(self, Exit::StoreDown | Exit::Panicked)
    }
}

/// Failures of one actor within the window; each makes the next start wait twice as long.
#[derive(Clone, Debug, Default)]
pub struct Restarts {
    failures: VecDeque<Instant>,
}

/// The pause after a first failure.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const WINDOW: Duration = Duration::from_millis(RESTART_WINDOW_MS);

impl Restarts {
    /// Notes a failure at `now`.
    pub fn failed(&mut self, now: Instant) {
        self.forget(now);
        self.failures.push_back(now);
    }

    /// How long a start at `now` has to wait; zero: it may start.
    pub fn wait(&self, now: Instant) -> Duration {
        let recent = self.failures.iter();
        let count = recent.filter(|at| now.duration_since(**at) < WINDOW);
        let count = count.count();
        let Some(last) = self.failures.back().filter(|_| count > 0) else {
            return Duration::ZERO;
        };
        let pause = match count {
            count if count >= RESTARTS_MAX => WINDOW,
            count => FIRST_PAUSE * 2_u32.pow(count as u32 - 1),
        };
        (*last + pause).saturating_duration_since(now)
    }

    /// Whether nothing is remembered any more.
    pub fn is_calm(&self, now: Instant) -> bool {
        let last = self.failures.back();
        last.is_none_or(|last| now.duration_since(*last) >= WINDOW)
    }

    fn forget(&mut self, now: Instant) {
        while let Some(first) = self.failures.front()
            && now.duration_since(*first) >= WINDOW
        {
            self.failures.pop_front();
        }
    }
}

/// Runs `work` beside an actor. However it ends, the actor hears of it: `lost` if it broke off.
pub fn beside<M: Message>(
    actor: &ActorRef<M>,
    lost: M,
    work: impl Future<Output = M> + Send + 'static,
) {
    let mut report = Report {
        to: actor.clone(),
        end: Some(lost),
    };
    tokio::spawn(async move { report.end_with(work.await) });
}

/// Tells an actor how a task ended, also when it panicked.
struct Report<M: Message> {
    to: ActorRef<M>,
    end: Option<M>,
}

impl<M: Message> Report<M> {
    fn end_with(&mut self, end: M) {
        self.end = Some(end);
    }
}

impl<M: Message> Drop for Report<M> {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = self.to.send_message(end);
        }
    }
}

/// Stands above actors and says how they ended. Cleaning up is here, not in `post_stop`, which is
/// skipped on a panic. Never ends because a child ends.
pub struct Supervisor;

/// Called with each child that ended.
pub type OnEnd = Box<dyn Fn(ActorId, Exit) + Send + Sync>;

impl Actor for Supervisor {
    type Msg = ();
    type State = OnEnd;
    type Arguments = OnEnd;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        on_end: OnEnd,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(on_end)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        on_end: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(who, _, reason) => {
                on_end(who.get_id(), Exit::of_reason(reason.as_deref()));
            }
            SupervisionEvent::ActorFailed(who, error) => {
                tracing::error!(%error, "an actor panicked");
                on_end(who.get_id(), Exit::Panicked);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_failure_makes_the_next_start_wait_longer_until_calm() {
        let mut restarts = Restarts::default();
        assert_eq!(restarts.wait(Instant::now()), Duration::ZERO);
        restarts.failed(Instant::now());
        assert_eq!(restarts.wait(Instant::now()), FIRST_PAUSE);
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(restarts.wait(Instant::now()), Duration::ZERO);
        restarts.failed(Instant::now());
        assert_eq!(restarts.wait(Instant::now()), FIRST_PAUSE * 2);
        tokio::time::advance(WINDOW).await;
        assert_eq!(restarts.wait(Instant::now()), Duration::ZERO);
        assert!(restarts.is_calm(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_failures_within_the_window_pause_for_the_whole_window() {
        let mut restarts = Restarts::default();
        for _ in 0..RESTARTS_MAX {
            restarts.failed(Instant::now());
        }
        assert_eq!(restarts.wait(Instant::now()), WINDOW);
        tokio::time::advance(WINDOW - Duration::from_millis(1)).await;
        assert!(!restarts.is_calm(Instant::now()));
        assert!(restarts.wait(Instant::now()) > Duration::ZERO);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(restarts.wait(Instant::now()), Duration::ZERO);
    }
}
