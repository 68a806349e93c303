//! The way of a command to wherever its room lives, also while that changes.

use super::*;
use crate::limits::HAND_OVER_MS;

/// So often a command is sent on; then the room is taken here, which is always right.
const RETURNS_MAX: u32 = 3;

impl ClusterState {
    /// Whether a command for the room goes to the owner here at once. If not, `Event::Forward`.
    pub fn is_for_here(&self, room: RoomId) -> bool {
        !self.arriving && self.place(room).is_none() && !self.commands.has(room)
    }

    pub(super) fn forward(&mut self, now: Moment, id: CommandId, room: RoomId, command: Command) {
        if !self.commands.add(now, id, room, command) {
            let code = Code::Busy;
            self.effects.push(Effect::GiveUp { id, code });
            return;
        }
        self.send_on(now, room);
    }

    /// Sends what waits, unless that would overtake something.
    pub(super) fn send_on(&mut self, now: Moment, room: RoomId) {
        if !self.commands.has(room) {
            return;
        }
        let target = self.target(room);
        // Perhaps somebody has it whom this node has not met.
        if target.is_none() && self.arriving {
            return;
        }
        let under_way = self.commands.under_way(room);
        if under_way.is_some() && under_way != target {
            return;
        }
        if target.is_some() && self.must_finish_here(now, room) {
            return;
        }
        for id in self.commands.waiting(room) {
            if let Some(to) = target {
                let command = self.commands.sent(id, to);
                let message = command.map(|command| Message::Command { id, room, command });
                self.send_all(to, message.into_iter().collect());
            } else if let Some((room, command, _)) = self.commands.close(id) {
                self.effects.push(Effect::Run { id, room, command });
            }
        }
    }

    /// Where the room is, as far as it is known.
    fn target(&mut self, room: RoomId) -> Option<NodeId> {
        let place = self.place(room);
        let lane = self.commands.lane(room)?;
        if lane.returned >= RETURNS_MAX {
            return None;
        }
        match lane.hint.take() {
            Some(hint) if hint == self.me => None,
            Some(hint) if self.peers.answers(hint) && lane.returned == 1 => {
                lane.hint = Some(hint);
                Some(hint)
            }
            _ => place,
        }
    }

    /// An owner here that should live elsewhere does what it was told to do first, but not for ever.
    fn must_finish_here(&mut self, now: Moment, room: RoomId) -> bool {
        if !self.living.contains_key(&room) {
            return false;
        }
        let Some(lane) = self.commands.lane(room) else {
            return false;
        };
        let since = *lane.waits_since.get_or_insert(now);
        let waits = now < since + HAND_OVER_MS;
        if waits && since == now {
            self.effects.push(Effect::HandOver(room));
        }
        waits
    }

    /// A node had let the room go before it heard the command.
    pub(super) fn returned(&mut self, now: Moment, from: NodeId, id: CommandId, to: NodeId) {
        let Some(room) = self.commands.returned(id, from, to) else {
            return;
        };
        let again = self
            .commands
            .lane(room)
            .is_some_and(|lane| lane.returned > 1);
        // Whoever is sent to and fro waits until everybody has heard the same.
        if !again {
            self.send_on(now, room);
        }
    }

    pub(super) fn give_up(&mut self, now: Moment, id: CommandId, code: Code) {
        let Some((room, _, begun)) = self.commands.close(id) else {
            return;
        };
        let code = if begun { code } else { Code::Busy };
        self.effects.push(Effect::GiveUp { id, code });
        self.send_on(now, room);
    }

    pub(super) fn answered(&mut self, now: Moment, id: CommandId, reply: Reply) {
        let Some((room, _, _)) = self.commands.close(id) else {
            return;
        };
        self.effects.push(Effect::Answer { id, reply });
        if let Some(lane) = self.commands.lane(room) {
            lane.returned = 0;
        }
        self.send_on(now, room);
    }

    /// What waits is looked at again: time passed, or nodes came and went.
    pub(super) fn send_on_all(&mut self, now: Moment) {
        for room in self.commands.rooms_waiting() {
            self.send_on(now, room);
        }
    }

    /// A command of another node. `elsewhere`: it is run only by an owner that lives here already.
    pub(super) fn asked(&mut self, from: NodeId, id: CommandId, room: RoomId, command: Command) {
        let elsewhere = self.place(room);
        self.effects.push(Effect::Execute {
            from,
            id,
            room,
            command,
            elsewhere,
        });
    }
}
