//! Commands of this node that another one answers.

use super::Moment;
use crate::cluster::message::CommandId;
use crate::ids::NodeId;
use crate::limits::{FORWARDED_MAX, ROOM_REPLY_MS_MAX};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Commands {
    open: BTreeMap<CommandId, Forwarded>,
}

#[derive(Debug)]
struct Forwarded {
    to: NodeId,
    until: Moment,
}

impl Commands {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// False if too many wait already.
    pub fn add(&mut self, now: Moment, id: CommandId, to: NodeId) -> bool {
        if self.open.len() >= FORWARDED_MAX {
            return false;
        }
        let until = now + ROOM_REPLY_MS_MAX;
        self.open.insert(id, Forwarded { to, until });
        true
    }

    /// True if it was waited for.
    pub fn answered(&mut self, id: CommandId) -> bool {
        self.open.remove(&id).is_some()
    }

    /// Those whose time is over; they stay until they are given up.
    pub fn expire(&self, now: Moment) -> Vec<CommandId> {
        self.select(|forwarded| forwarded.until <= now)
    }

    pub fn of(&self, node: NodeId) -> Vec<CommandId> {
        self.select(|forwarded| forwarded.to == node)
    }

    pub fn all(&self) -> Vec<CommandId> {
        self.select(|_| true)
    }

    fn select(&self, which: impl Fn(&Forwarded) -> bool) -> Vec<CommandId> {
        let open = self.open.iter().filter(|(_, forwarded)| which(forwarded));
        open.map(|(id, _)| *id).collect()
    }
}
