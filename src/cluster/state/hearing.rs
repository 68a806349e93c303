//! What other nodes say.

use super::peers::Seen;
use super::*;

impl ClusterState {
    pub(super) fn received(&mut self, now: Moment, from: NodeId, message: Message) {
        if from == self.me {
            return;
        }
        if let Message::Bye = message {
            self.peers.forget(from);
            self.lost(now, from);
            self.effects.push(Effect::Gone(from));
            for fence in self.fences.gone(now, from) {
                self.effects.push(Effect::Confirmed(fence));
            }
            self.effects.push(Effect::Moved);
            self.heal();
            self.look_at_claims(now);
            self.send_on_all(now);
            return;
        }
        match self.peers.see(now, from) {
            Seen::New => self.greet(from),
            Seen::Again => {
                self.effects.push(Effect::Moved);
                self.send_on_all(now);
            }
            Seen::Known => {}
        }
        match message {
            Message::Heartbeat(beat) => self.heard_beat(now, from, beat),
            Message::Interest {
                base,
                version,
                follow,
                leave,
            } => {
                let known = self.peers.interest(from, base, version, &follow, &leave);
                let answer = match known {
                    true => self.heads_for(&follow),
                    false => vec![Message::WantInterest],
                };
                self.send_all(from, answer);
            }
            Message::WantInterest => {
                self.send_interest(Some(from));
                // What it published meanwhile may have passed this node by.
                self.heal();
            }
            Message::Command { id, room, command } => self.asked(from, id, room, command),
            Message::Outcome { id, reply } => self.answered(now, id, reply),
            Message::HandOver(what) => self.hand_over(now, from, what),
            Message::Publication {
                room,
                entries,
                fence,
            } => self.effects.push(Effect::Hear {
                room,
                entries,
                confirm: fence.map(|fence| (from, fence)),
            }),
            Message::Head { room, head } => self.effects.push(Effect::HearHead { room, head }),
            // Who may see hints is what a node without a lease does not know.
            Message::Hint(hint) if self.has_lease(now) => {
                self.effects.push(Effect::HearHint(hint));
            }
            Message::Confirm { fence } => {
                if self.fences.confirmed(now, fence, from) {
                    self.effects.push(Effect::Confirmed(fence));
                }
            }
            Message::News(news) => self.effects.push(Effect::HearNews(news)),
            Message::Revoke { login, fence } => {
                self.effects.push(Effect::HearRevoke { login, from, fence });
            }
            Message::Presence { whole, users } => {
                self.effects
                    .push(Effect::HearPresence { from, whole, users });
            }
            Message::Lost => {
                self.lost(now, from);
                self.effects.push(Effect::Introduce(from));
            }
            Message::Hint(_) | Message::Bye => {}
        }
    }

    /// A node that was not known: it learns of this one at once.
    pub(super) fn greet(&mut self, node: NodeId) {
        let beat = Message::Heartbeat(self.heartbeat());
        self.send_all(node, vec![beat]);
        self.send_interest(Some(node));
        self.effects
            .extend([Effect::Introduce(node), Effect::Moved]);
    }

    pub(super) fn heard_beat(&mut self, now: Moment, from: NodeId, beat: Heartbeat) {
        if self.peers.draining(from, beat.draining) {
            self.effects.push(Effect::Moved);
            self.send_on_all(now);
        }
        if !self.peers.knows_interest(from, beat.interest) {
            self.send_all(from, vec![Message::WantInterest]);
        }
    }

    /// Where the logs of rooms end that are owned here and followed there from now on: what was
    /// published before the follower was known is found by this.
    pub(super) fn heads_for(&self, rooms: &[RoomId]) -> Vec<Message> {
        let owned = rooms.iter().filter_map(|room| {
            let head = *self.owned.get(room)?;
            Some(Message::Head { room: *room, head })
        });
        owned.collect()
    }
}
