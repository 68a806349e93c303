//! Only what is certain is shown (R17): while the node has no right, and with a new one until all that
//! was stored before is passed on, the live watchers wait.

use super::{Lane, RelayEffect, RelayState};
use crate::ids::Seq;
use crate::limits::RELAY_HELD_MAX;
use crate::session::outbox::code;

impl RelayState {
    /// Whether people may be shown what is known here.
    pub fn shows(&self) -> bool {
        self.rights.since.is_some_and(|since| since <= self.reached)
    }

    /// The log is at least this long, read after the right `upto` began.
    pub fn read_upto(&mut self, head: Seq, upto: u64) -> Vec<RelayEffect> {
        // An earlier head is reached sooner.
        if self.reaching.is_none_or(|(_, before)| before < upto) {
            self.reaching = Some((head, upto));
        }
        let mut effects = self.head_is(head);
        effects.extend(self.go_on());
        effects
    }

    /// Notes what was passed on; what waits for too long does not wait for ever.
    pub(super) fn reach(&mut self) {
        if let Some((_, upto)) = self.reaching.filter(|(head, _)| self.has_passed(*head)) {
            self.reached = upto.max(self.reached);
            self.reaching = None;
        }
        let held = self.fresh.len() as u64;
        if held > RELAY_HELD_MAX && !self.shows() {
            self.fresh.clear();
            self.metrics.watches.sub(end_all(&mut self.data));
        }
        let behind = self.head().saturating_sub(self.html_head);
        if behind > RELAY_HELD_MAX && !self.shows() {
            self.metrics.watches.sub(end_all(&mut self.html));
        }
    }
}

/// They resume, here or elsewhere. Answers how many.
fn end_all(lane: &mut Lane) -> i64 {
    let all = std::mem::take(lane);
    for watcher in all.values() {
        watcher.outbox.close(code::TOO_SLOW, None);
    }
    all.len() as i64
}
