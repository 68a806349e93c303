//! What goes to everybody at once: new entries, and what was gathered for a moment.

use super::hints::Hints;
use super::{RelayEffect, RelayState};
use crate::bus::Hint;
use crate::clock::Timestamp;
use crate::entry::{Entry, Event};
use crate::ids::{Seq, UserId};
use crate::limits::{HOT_ROOM_MS, TYPING_LISTENERS_MAX};
use crate::session::SessionMessage;
use crate::session::outbox::{Frame, HintKey};
use crate::session::registry::Connection;
use crate::wire::server::UserMarks;

impl RelayState {
    /// To every live watcher of the data lane; who takes no more is let go. In a quiet room nothing
    /// waits for anybody; a busy one goes through the queues, where more of it gathers in one write.
    pub(super) fn spread_data(&mut self) {
        if self.fresh.is_empty() || !self.shows() {
            return;
        }
        let frames = std::mem::take(&mut self.fresh);
        let at_once = self.now.since(self.spread_at) >= HOT_ROOM_MS;
        self.spread_at = self.now;
        let (room, before) = (self.room, self.data.len());
        self.data
            .retain(|_, watcher| watcher.outbox.push_live(room, &frames, at_once));
        let lost = before - self.data.len();
        self.metrics.watches.sub(lost as i64);
    }

    pub(super) fn spread_html(&mut self, frames: &[Frame]) {
        if frames.is_empty() {
            return;
        }
        let (room, before) = (self.room, self.html.len());
        self.html
            .retain(|_, watcher| watcher.outbox.push_live(room, frames, true));
        let lost = before - self.html.len();
        self.metrics.watches.sub(lost as i64);
    }

    /// A hint to spread at the next flush.
    pub fn hint(&mut self, hint: Hint, now: Timestamp) -> Vec<RelayEffect> {
        match hint {
            Hint::Mark {
                user,
                read,
                delivered,
                ..
            } => self.hints.mark(UserMarks {
                user,
                read,
                delivered,
            }),
            Hint::Typing { .. } if self.listeners.len() > TYPING_LISTENERS_MAX => {
                return Vec::new();
            }
            Hint::Typing { user, on, .. } => self.hints.typing(user, on, now),
        }
        self.arm_flush()
    }

    /// Spreads what was gathered.
    pub fn flush(&mut self, now: Timestamp) -> Vec<RelayEffect> {
        self.hints.armed = false;
        let room = self.room;
        self.spread_heads();
        let watchers = || self.data.values().chain(self.html.values());
        if let Some(marks) = self.hints.take_marks(room) {
            watchers().for_each(|one| {
                one.outbox.push_lossy(room, marks.clone());
            });
        }
        if let Some(typing) = self.hints.take_typing(room, now) {
            watchers().for_each(|one| {
                one.outbox.push_hint(HintKey::Typing(room), typing.clone());
            });
        }
        Vec::new()
    }

    /// To everybody who listens and does not watch: how the room moved.
    pub(super) fn spread_heads(&mut self) {
        for (id, listener) in self.listeners.iter() {
            let watches = self.data.contains_key(id) || self.html.contains_key(id);
            if let Some(head) = self
                .hints
                .head_for(self.room, listener.user)
                .filter(|_| !watches)
            {
                listener.tell(SessionMessage::Head(head));
            }
        }
        self.hints.clear_heads();
    }

    /// Who knows the room up to `head` is told what came between his reading and now: from here where all
    /// of it is at hand and changes no facts, else his session reads the room again.
    pub(super) fn tell_missed(&self, listener: &Connection, head: Seq) {
        let Some(ring) = self.ring.as_ref().filter(|ring| ring.head() > head) else {
            return;
        };
        let (room, seq) = (self.room, ring.head());
        let missed = ring.since(head).and_then(|entries| {
            let mut missed = Hints::default();
            for entry in entries {
                if changes_facts(entry, listener.user) {
                    return None;
                }
                missed.note(entry);
            }
            missed.head_for(room, listener.user)
        });
        listener.tell(match missed {
            Some(head) => SessionMessage::Head(head),
            None => SessionMessage::FactsChanged { room, seq },
        });
    }

    pub(super) fn arm_flush(&mut self) -> Vec<RelayEffect> {
        if std::mem::replace(&mut self.hints.armed, true) {
            return Vec::new();
        }
        vec![RelayEffect::Flush]
    }
}

/// Whether the person's list of rooms shows more of the room than how far it goes.
fn changes_facts(entry: &Entry, user: UserId) -> bool {
    match &entry.event {
        Event::Rename { .. } | Event::Topic { .. } => true,
        Event::Role { user: whose, .. } => *whose == user,
        _ => false,
    }
}
