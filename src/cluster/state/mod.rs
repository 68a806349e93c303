//! Every rule between nodes as a pure core: no I/O, no clock, no chance.

mod claims;
mod commands;
mod events;
mod fences;
mod forwarding;
mod hearing;
mod interest;
mod peers;
mod presence;
mod rights;
mod rows;
#[cfg(test)]
mod tests;

pub use events::{Effect, Event};
pub use fences::Roll;
pub use peers::rendezvous;

use self::claims::Claims;
use self::commands::Commands;
use self::fences::{Fences, Removal};
use self::interest::Followed;
use self::peers::Peers;
use self::presence::Untold;
use self::rights::Held;
use self::rows::Rows;
use super::message::{Command, CommandId, FenceId, Heartbeat, Message};
use crate::bus::{Hint, News};
use crate::entry::{self, Entry};
use crate::error::Code;
use crate::ids::{LoginId, NodeId, RoomId, Seq, UserId};
use crate::limits::{HEARTBEAT_MS, LOOK_AGAIN_MS, POLL_AFTER_LOSS_MS, POLL_APART_MS, POLL_CALM_MS};
use crate::room::Reply;
use crate::wire::client::PresenceState;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Milliseconds since the process started; never set back, unlike the time of day.
pub type Moment = u64;

/// Marks the fences of this core, which nobody waits for.
const UNAWAITED: FenceId = 1 << 63;

/// One node's knowledge of all.
#[derive(Debug)]
pub struct ClusterState {
    me: NodeId,
    peers: Peers,
    followed: Followed,
    commands: Commands,
    fences: Fences,
    rows: Rows,
    /// Rooms with an owner here, and where their logs end.
    owned: BTreeMap<RoomId, Seq>,
    /// Publications that moved people and that nobody waits for.
    moves: u64,
    connected: bool,
    draining: bool,
    arriving: bool,
    claims: Claims,
    /// Owners here, also those that have not begun or that end.
    living: HashMap<RoomId, u32>,
    held: Held,
    untold: Untold,
    ticked_at: Moment,
    beat_at: Moment,
    poll_at: Moment,
    look_at: Moment,
    lost_at: Option<Moment>,
    effects: Vec<Effect>,
}

impl ClusterState {
    /// A node that has just started; it sends its first heartbeat at the first tick.
    pub fn new(me: NodeId) -> Self {
        Self {
            me,
            peers: Peers::default(),
            followed: Followed::default(),
            commands: Commands::default(),
            fences: Fences::default(),
            rows: Rows::default(),
            owned: BTreeMap::new(),
            moves: 0,
            connected: true,
            draining: false,
            arriving: false,
            claims: Claims::default(),
            living: HashMap::new(),
            held: Held::default(),
            untold: Untold::new(),
            ticked_at: 0,
            beat_at: 0,
            poll_at: 0,
            look_at: 0,
            lost_at: None,
            effects: Vec::new(),
        }
    }

    /// Hears one event at `now` and answers what is to be done, in this order.
    pub fn apply(&mut self, now: Moment, event: Event) -> Vec<Effect> {
        match event {
            Event::Tick => self.tick(now),
            Event::Connected(connected) => self.connection(now, connected),
            Event::Renewed(asked_at) => self.renewed(now, asked_at),
            Event::Received { from, message } => self.received(now, from, message),
            Event::Gap(from) => self.gap(now, from),
            Event::Roll(roll) => {
                for fence in self.fences.roll(now, self.me, roll.as_ref()) {
                    self.effects.push(Effect::Confirmed(fence));
                }
            }
            Event::Rows { asked_at, rows } => self.read_rows(now, asked_at, &rows),
            Event::RowStands(asked_at) => self.row_stands(now, asked_at),
            Event::NotRead => self.poll_at = self.poll_at.min(now + POLL_APART_MS),
            Event::Follow(room) => self.follow(room, true),
            Event::Unfollow(room) => self.follow(room, false),
            Event::Flush => self.flush(),
            Event::Owns { room, head } => self.owns(room, head),
            Event::Wakes(room) => *self.living.entry(room).or_default() += 1,
            Event::Rests { room, orders } => self.rests(now, room, orders),
            Event::Claim { id, room } => self.claim(now, id, room),
            Event::Publish {
                room,
                entries,
                fence,
            } => self.publish(now, room, entries, fence),
            Event::Hint(hint) => self.spread(hint),
            Event::Presence { user, state } => {
                self.untold.insert(user, state);
            }
            Event::News(news) => {
                for to in self.peers.ids() {
                    let message = Message::News(news);
                    self.effects.push(Effect::Send { to, message });
                }
            }
            Event::Revoke { login, fence } => {
                self.raise(now, fence, Removal::Login(login), true);
            }
            Event::Forward { id, room, command } => self.forward(now, id, room, command),
            Event::Arriving => self.arriving = true,
            Event::Arrived => {
                self.arriving = false;
                self.change_places(now);
            }
            Event::Drain => {
                self.draining = true;
                self.change_places(now);
            }
            Event::End => self.effects.push(Effect::Broadcast(Message::Bye)),
        }
        std::mem::take(&mut self.effects)
    }

    /// Where the room should live: a hint. `None`: here.
    pub fn place(&self, room: RoomId) -> Option<NodeId> {
        if !self.connected || self.peers.is_empty() {
            return None;
        }
        let others = self.peers.placeable();
        let here = self.takes_rooms().then_some(self.me);
        let best = rendezvous(room, others.chain(here))?;
        (best != self.me).then_some(best)
    }

    fn takes_rooms(&self) -> bool {
        !self.draining && !self.arriving
    }

    /// How many nodes take rooms, with this one.
    pub fn takers(&self) -> usize {
        self.peers.placeable().count() + usize::from(self.takes_rooms())
    }

    /// This node takes rooms from now on, or does so no more: the others hear it at once.
    fn change_places(&mut self, now: Moment) {
        self.beat(now);
        self.effects.push(Effect::Moved);
        self.send_on_all(now);
    }

    /// The other nodes that are there.
    pub fn peers(&self) -> Vec<NodeId> {
        self.peers.ids().collect()
    }

    /// Commands that wait for an answer from elsewhere.
    pub fn outstanding(&self) -> usize {
        self.commands.len()
    }

    /// Rooms with an owner here that should live elsewhere.
    pub fn misplaced(&self) -> Vec<RoomId> {
        let owned = self.owned.keys().copied();
        owned.filter(|room| self.place(*room).is_some()).collect()
    }

    /// Rooms that a relay here follows.
    pub fn followed(&self) -> Vec<RoomId> {
        self.followed.rooms().collect()
    }

    fn tick(&mut self, now: Moment) {
        // This process stood still: what the others said meanwhile is still to be heard.
        let passed = now - std::mem::replace(&mut self.ticked_at, now);
        self.peers.excuse(now, passed.saturating_sub(HEARTBEAT_MS));
        let silent = self.peers.fall_silent(now);
        for node in &silent {
            self.effects.push(Effect::Silent(*node));
            self.lost(now, *node);
        }
        let lapsed = self.peers.lapse(now);
        for node in &lapsed {
            self.lost(now, *node);
            self.effects.push(Effect::Gone(*node));
        }
        if !lapsed.is_empty() || !silent.is_empty() {
            self.lost_at = Some(now);
            self.effects.push(Effect::Moved);
            self.heal();
        }
        for id in self.commands.expire(now) {
            self.give_up(now, id, Code::Unknown);
        }
        self.look_at_lease(now);
        self.look_at_claims(now);
        self.claim_again(now);
        self.send_on_all(now);
        self.go_on_with_fences(now);
        self.tell_presence();
        if now >= self.beat_at {
            self.beat(now);
        }
        if !self.connected && now >= self.look_at {
            self.look_at = now + LOOK_AGAIN_MS;
            self.effects.extend([Effect::LookAgain, Effect::SeekRooms]);
        }
        if now >= self.poll_at {
            self.poll_at = now + self.poll_pause(now);
            self.effects.push(Effect::Heal);
        }
    }

    /// How long until heads are read anew though nothing seems lost.
    fn poll_pause(&self, now: Moment) -> u64 {
        let lately = |at: Moment| now < at + POLL_AFTER_LOSS_MS;
        let calm = self.connected && self.has_lease(now) && !self.lost_at.is_some_and(lately);
        if calm { POLL_CALM_MS } else { POLL_APART_MS }
    }

    fn connection(&mut self, now: Moment, connected: bool) {
        if std::mem::replace(&mut self.connected, connected) == connected {
            return;
        }
        if connected {
            // Whatever passed meanwhile did not reach us, nor ours the others.
            self.beat(now);
            self.send_interest(None);
            for (room, head) in self.owned.clone() {
                self.owns(room, head);
            }
            self.effects.push(Effect::Moved);
        } else {
            for id in self.commands.away() {
                self.give_up(now, id, Code::Unknown);
            }
            self.look_at_claims(now);
            self.send_on_all(now);
        }
        self.poll_at = now;
        self.heal();
    }

    fn beat(&mut self, now: Moment) {
        self.beat_at = now + HEARTBEAT_MS;
        let heartbeat = Message::Heartbeat(self.heartbeat());
        self.effects.push(Effect::Broadcast(heartbeat));
    }

    /// Something may have passed this node by.
    fn heal(&mut self) {
        self.effects.extend([Effect::Heal, Effect::SeekRooms]);
    }

    fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            draining: !self.takes_rooms(),
            interest: self.followed.version(),
        }
    }

    /// Something of `from` is lost. If it was about what the node follows, the next heartbeat tells;
    /// if it was an answer, or a command of ours there, who waits for it may send again.
    fn gap(&mut self, now: Moment, from: NodeId) {
        self.heal();
        self.lost(now, from);
        self.send_all(from, vec![Message::Lost]);
    }

    /// A node is not there any more: nothing of it is waited for.
    fn lost(&mut self, now: Moment, node: NodeId) {
        for id in self.commands.of(node) {
            self.give_up(now, id, Code::Unknown);
        }
    }

    fn send_all(&mut self, to: NodeId, messages: Vec<Message>) {
        let send = |message| Effect::Send { to, message };
        self.effects.extend(messages.into_iter().map(send));
    }

    fn follow(&mut self, room: RoomId, on: bool) {
        if self.followed.set(room, on) {
            self.effects.push(Effect::FlushSoon);
        }
    }

    fn flush(&mut self) {
        for delta in self.followed.flush() {
            self.effects.push(Effect::Broadcast(delta));
        }
    }

    /// Everything that is followed here, to one node or to all.
    fn send_interest(&mut self, to: Option<NodeId>) {
        for message in self.followed.whole() {
            self.effects.push(match to {
                Some(to) => Effect::Send { to, message },
                None => Effect::Broadcast(message),
            });
        }
    }

    fn owns(&mut self, room: RoomId, head: Seq) {
        self.owned.insert(room, head);
        if self.place(room).is_some() {
            self.effects.push(Effect::HandOver(room));
        }
        for to in self.peers.following(room) {
            let message = Message::Head { room, head };
            self.effects.push(Effect::Send { to, message });
        }
    }

    fn publish(
        &mut self,
        now: Moment,
        room: RoomId,
        entries: Vec<Arc<Entry>>,
        fence: Option<FenceId>,
    ) {
        if let Some(last) = entries.last() {
            self.owned.insert(room, last.seq);
        }
        // Whom an entry moves in or out may be connected where nobody follows the room, and where
        // nobody would look for it if it got lost.
        if fence.is_some() || entries.iter().any(|entry| moves_people(entry)) {
            let removal = Removal::Entries { room, entries };
            let strict = fence.is_some();
            let fence = fence.unwrap_or_else(|| {
                self.moves += 1;
                UNAWAITED | self.moves
            });
            self.raise(now, fence, removal, strict);
            return;
        }
        for to in self.peers.following(room) {
            let message = Message::Publication {
                room,
                entries: entries.clone(),
                fence: None,
            };
            self.effects.push(Effect::Send { to, message });
        }
    }

    fn spread(&mut self, hint: Hint) {
        for to in self.peers.following(hint.room()) {
            let message = Message::Hint(hint);
            self.effects.push(Effect::Send { to, message });
        }
    }
}

fn moves_people(entry: &Entry) -> bool {
    use entry::Event;
    matches!(
        entry.event,
        Event::Join { .. } | Event::Leave { .. } | Event::Role { .. }
    )
}
