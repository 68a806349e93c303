//! Durable timers at work: the shell around `TimersState`. Which node looks at which shard follows the
//! rendezvous of rooms and is a hint; the claim in the store is the truth.

pub mod scheduled;
mod state;
#[cfg(test)]
mod tests;

use crate::access::Actor;
use crate::clock::Timestamp;
use crate::error::Code;
use crate::limits::{TIMER_LOOK_MS, TIMER_SHARDS};
use crate::node::Node;
use crate::room::Draft;
use crate::rooms;
use crate::store::{DueTimer, Task, Timer};
use state::{Effect, Event, Outcome, TimersState};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

/// What time it is for what is due.
type Clock = fn() -> Timestamp;

#[derive(Clone)]
struct Timers(Arc<Shared>);

struct Shared {
    node: Weak<Node>,
    clock: Clock,
    state: Mutex<TimersState>,
}

/// Looks for what is due for as long as the node lives.
pub fn start(node: &Arc<Node>) {
    start_with(node, crate::clock::now);
}

pub(crate) fn start_with(node: &Arc<Node>, clock: Clock) {
    let timers = Timers(Arc::new(Shared {
        node: Arc::downgrade(node),
        clock,
        state: Mutex::default(),
    }));
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(TIMER_LOOK_MS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match timers.0.node.upgrade() {
                None => return,
                // What a node that ends has claimed comes to others later than it would by itself.
                Some(node) if node.is_draining() => {}
                Some(_) => timers.tell(Event::Tick),
            }
        }
    });
}

impl Timers {
    fn tell(&self, event: Event) {
        let now = (self.0.clock)();
        let (effects, held) = {
            let state = self.0.state.lock();
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            (state.apply(now, event), state.held())
        };
        let Some(node) = self.0.node.upgrade() else {
            return;
        };
        node.metrics.timers_held.set(held as i64);
        for effect in effects {
            let (timers, node) = (self.clone(), Arc::clone(&node));
            let broken = broken_off(&effect);
            let myself = self.clone();
            tokio::spawn(async move {
                let done = tokio::spawn(async move { timers.perform(&node, effect).await });
                // A panic stops nothing but this one thing.
                myself.tell(done.await.unwrap_or(broken));
            });
        }
    }

    async fn perform(&self, node: &Arc<Node>, effect: Effect) -> Event {
        let store = &node.store;
        match effect {
            Effect::Look { most } => Event::Found(self.look(node, most).await),
            Effect::Claim { due, until } => {
                let claimant = Uuid::new_v4();
                let claimed = store.claim_timer(&due, claimant, until).await;
                if let Err(error) = &claimed {
                    tracing::warn!(%error, "a timer could not be claimed");
                }
                Event::Claimed(due.timer.id, (claimed == Ok(true)).then_some(claimant))
            }
            Effect::Do(timer) => Event::Done(timer.id, run(node, &timer).await),
            Effect::End(timer, claimant) => {
                node.metrics.timers_done.inc();
                if let Err(error) = store.end_timer(&timer, claimant).await {
                    tracing::warn!(%error, "a timer that is done comes again");
                }
                Event::Closed(timer.id)
            }
            Effect::Defer(timer, claimant, until) => {
                if let Err(error) = store.defer_timer(&timer, claimant, until).await {
                    tracing::warn!(%error, "a timer comes again when its claim has run out");
                }
                Event::Closed(timer.id)
            }
            Effect::Fail(timer, claimant, code) => {
                tracing::info!(timer = %timer.id, code = code.as_str(), "a timer failed");
                if let Err(error) = store.fail_timer(&timer, claimant, code.as_str()).await {
                    tracing::warn!(%error, "a timer that failed comes again");
                }
                Event::Closed(timer.id)
            }
        }
    }

    async fn look(&self, node: &Arc<Node>, most: usize) -> Vec<DueTimer> {
        let mine = |shard: &u16| {
            let cluster = node.cluster.as_ref();
            cluster.is_none_or(|cluster| cluster.keeps(*shard))
        };
        let shards: Vec<_> = (0..TIMER_SHARDS).filter(mine).collect();
        let due = node.store.due_timers(&shards, (self.0.clock)(), most).await;
        due.unwrap_or_else(|error| {
            tracing::debug!(%error, "what is due is not known");
            Vec::new()
        })
    }
}

/// What is said of something that was broken off by a bug.
fn broken_off(effect: &Effect) -> Event {
    match effect {
        Effect::Look { .. } => Event::Found(Vec::new()),
        Effect::Claim { due, .. } => Event::Claimed(due.timer.id, None),
        Effect::Do(timer) => Event::Done(timer.id, Outcome::Open),
        Effect::End(timer, _) | Effect::Defer(timer, ..) | Effect::Fail(timer, ..) => {
            Event::Closed(timer.id)
        }
    }
}

/// Does it, on behalf of whom it belongs to, as far as he may do it now.
async fn run(node: &Arc<Node>, timer: &Timer) -> Outcome {
    let user = match node.store.user(timer.user).await {
        Ok(Some(user)) => user,
        Ok(None) => return Outcome::Refused(Code::Unauthenticated),
        Err(_) => return Outcome::Open,
    };
    let actor = Actor {
        user: user.id,
        role: user.role,
        active: user.active,
    };
    let Task::Post {
        room,
        client_id,
        after,
        body,
    } = timer.task.clone();
    let draft = Draft::Post {
        body,
        reply_to: None,
    };
    match rooms::send(node, &actor, room, Some((client_id, after)), draft).await {
        Ok(_) => Outcome::Done,
        Err(error) if error.code.holds_order() => Outcome::Open,
        Err(error) => Outcome::Refused(error.code),
    }
}
