//! The store of the model: a write takes effect if its condition holds.

use crate::bugs::Bug;
use crate::moves::RoomLog;
use crate::room::{Batch, Key, LOG_MAX, Node, Owner, Room, Write};

impl RoomLog {
    /// The store: one condition, one effect.
    pub(crate) fn apply(&self, room: &mut Room, at: usize, told: bool) {
        let Some(write) = room.land(at) else { return };
        match write {
            Write::TakeOver {
                bucket,
                expected,
                me,
            } => {
                if let Some((owner, _)) = &mut room.buckets[usize::from(bucket)]
                    && *owner == expected
                {
                    *owner = me;
                }
            }
            Write::Open { bucket, me, next } => {
                let place = &mut room.buckets[usize::from(bucket)];
                if place.is_none() || self.has(Bug::OpenOverwrites) {
                    *place = Some((me, next));
                }
            }
            Write::Append { me, key, .. } => {
                let applied = self.append(room, write);
                if told {
                    self.tell(room, me, key, applied);
                }
            }
        }
    }

    fn append(&self, room: &mut Room, write: Write) -> bool {
        let Write::Append {
            bucket,
            me,
            next,
            key,
            viewed,
        } = write
        else {
            return false;
        };
        let Some((owner, there)) = &mut room.buckets[usize::from(bucket)] else {
            return false;
        };
        let is_owner = *owner == me || self.has(Bug::ConditionOnNextAlone);
        let is_next = *there == next || self.has(Bug::ConditionOnOwnerAlone);
        if !is_owner || !is_next || usize::from(room.len) == LOG_MAX {
            return false;
        }
        *there += 1;
        // What stands at a seq is written over where nothing asks for it.
        let seq = usize::from(next);
        match seq <= usize::from(room.len) && self.has(Bug::OpenOverwrites) {
            true => room.log[seq - 1] = key,
            false => {
                room.log[usize::from(room.len)] = key;
                room.len += 1;
            }
        }
        room.viewed = viewed;
        true
    }

    /// The answer to an append reaches whoever waits for it.
    fn tell(&self, room: &mut Room, me: Owner, key: Key, applied: bool) {
        let last = room.last();
        for node in &mut room.nodes {
            if let Node::Owner(owner) = node
                && owner.me == me
                && owner.batch == Batch::Out(key)
            {
                owner.batch = match applied {
                    true => Batch::Applied(key),
                    false => Batch::Refused {
                        key,
                        owner: last.1,
                        next: last.2,
                    },
                };
            }
        }
    }
}
