//! Commands of this node that another one answers, or that wait until they may go there.
//!
//! Those of one room keep their order however it moves: while some are under way to one place, later
//! ones do not go to another.

use super::{Command, Moment};
use crate::cluster::message::CommandId;
use crate::ids::{NodeId, RoomId};
use crate::limits::{FORWARDED_MAX, ROOM_REPLY_MS_MAX};
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Debug, Default)]
pub(super) struct Commands {
    open: BTreeMap<CommandId, Forwarded>,
    lanes: HashMap<RoomId, Lane>,
}

#[derive(Debug)]
struct Forwarded {
    room: RoomId,
    /// `None`: it waits here, and surely nobody began it.
    to: Option<NodeId>,
    until: Moment,
    command: Command,
}

/// What is open of one room, in order.
#[derive(Debug, Default)]
pub(super) struct Lane {
    ids: BTreeSet<CommandId>,
    /// Where a node that had let the room go said that it is.
    pub hint: Option<NodeId>,
    /// How often in a row commands came back from where they were sent.
    pub returned: u32,
    /// Something was sent since.
    sent: bool,
    /// When something first had to wait for an owner here that finishes.
    pub waits_since: Option<Moment>,
}

impl Commands {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// False if too many are open already.
    pub fn add(&mut self, now: Moment, id: CommandId, room: RoomId, command: Command) -> bool {
        if self.open.len() >= FORWARDED_MAX {
            return false;
        }
        let forwarded = Forwarded {
            room,
            to: None,
            until: now + ROOM_REPLY_MS_MAX,
            command,
        };
        self.open.insert(id, forwarded);
        self.lanes.entry(room).or_default().ids.insert(id);
        true
    }

    /// Whether something of the room is open.
    pub fn has(&self, room: RoomId) -> bool {
        self.lanes.contains_key(&room)
    }

    pub fn lane(&mut self, room: RoomId) -> Option<&mut Lane> {
        self.lanes.get_mut(&room)
    }

    /// Where commands of the room are under way to.
    pub fn under_way(&self, room: RoomId) -> Option<NodeId> {
        let ids = self.lanes.get(&room)?.ids.iter();
        ids.filter_map(|id| self.open.get(id)?.to).next()
    }

    /// Those of the room that wait here, in order.
    pub fn waiting(&self, room: RoomId) -> Vec<CommandId> {
        let lane = self.lanes.get(&room);
        let ids = lane.into_iter().flat_map(|lane| &lane.ids).copied();
        let waits = |id: &CommandId| self.open.get(id).is_some_and(|open| open.to.is_none());
        ids.filter(waits).collect()
    }

    /// It goes there.
    pub fn sent(&mut self, id: CommandId, to: NodeId) -> Option<Command> {
        let open = self.open.get_mut(&id)?;
        open.to = Some(to);
        self.lanes.entry(open.room).or_default().sent = true;
        Some(open.command.clone())
    }

    /// It came back and was not begun.
    pub fn returned(&mut self, id: CommandId, from: NodeId, hint: NodeId) -> Option<RoomId> {
        let open = self.open.get_mut(&id)?;
        if open.to != Some(from) {
            return None;
        }
        open.to = None;
        let lane = self.lanes.entry(open.room).or_default();
        lane.hint = Some(hint);
        lane.returned += u32::from(std::mem::take(&mut lane.sent));
        Some(open.room)
    }

    /// It is not open any more. Answers what it was and whether it may have been begun; `None`: it
    /// was not waited for.
    pub fn close(&mut self, id: CommandId) -> Option<(RoomId, Command, bool)> {
        let open = self.open.remove(&id)?;
        if let Some(lane) = self.lanes.get_mut(&open.room) {
            lane.ids.remove(&id);
            if lane.ids.is_empty() {
                self.lanes.remove(&open.room);
            }
        }
        Some((open.room, open.command, open.to.is_some()))
    }

    /// Those whose time is over; they stay until they are given up.
    pub fn expire(&self, now: Moment) -> Vec<CommandId> {
        self.select(|forwarded| forwarded.until <= now)
    }

    /// Those under way to the node.
    pub fn of(&self, node: NodeId) -> Vec<CommandId> {
        self.select(|forwarded| forwarded.to == Some(node))
    }

    /// Those under way.
    pub fn away(&self) -> Vec<CommandId> {
        self.select(|forwarded| forwarded.to.is_some())
    }

    /// Rooms of which something waits here.
    pub fn rooms_waiting(&self) -> BTreeSet<RoomId> {
        let waits = self.open.values().filter(|open| open.to.is_none());
        waits.map(|open| open.room).collect()
    }

    fn select(&self, which: impl Fn(&Forwarded) -> bool) -> Vec<CommandId> {
        let open = self.open.iter().filter(|(_, forwarded)| which(forwarded));
        open.map(|(id, _)| *id).collect()
    }
}
