//! Answers that no commit stands behind, in a cluster: an owner that was replaced and does not know
//! it yet judges by an old state. Before it says something for good it looks whether it still is the
//! owner. One look answers for all that wait when it begins.

use super::actor::{Done, Room};
use super::{Reply, Ticket};
use crate::error::Code;
use crate::ids::{OwnerId, RoomId};
use crate::store::{LogStore, StoreResult};

/// What waits for a look at the store.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    waiting: Vec<(Ticket, Reply)>,
    /// The look under way answers for these.
    asked: Option<Vec<(Ticket, Reply)>>,
}

impl Doubts {
    pub fn add(&mut self, ticket: Ticket, reply: Reply) {
        self.waiting.push((ticket, reply));
    }

    /// True if a look is to be taken now.
    pub fn ask(&mut self) -> bool {
        if self.asked.is_some() || self.waiting.is_empty() {
            return false;
        }
        self.asked = Some(std::mem::take(&mut self.waiting));
        true
    }

    /// The look is over: what it answers for.
    pub fn answered(&mut self) -> Vec<(Ticket, Reply)> {
        self.asked.take().unwrap_or_default()
    }
}

/// Whether `me` owns the last bucket of the room, `bucket` or a later one.
pub(super) async fn owns<S: LogStore + ?Sized>(
    store: &S,
    room: RoomId,
    me: OwnerId,
    bucket: u64,
) -> StoreResult<bool> {
    let last = store.last_bucket(room, bucket).await?;
    Ok(last.is_some_and(|last| last.owner == Some(me)))
}

impl Room {
    /// Answers now, or after a look at the store.
    pub(super) fn reply_once_sure(&mut self, ticket: Ticket, reply: Reply) {
        self.doubts.add(ticket, reply);
        self.look();
    }

    fn look(&mut self) {
        let Some((me, bucket)) = self.ownership() else {
            return;
        };
        if !self.doubts.ask() {
            return;
        }
        let (store, id) = (self.parts().store.clone(), self.id());
        self.task(Done::Looked(None), async move {
            Done::Looked(owns(&*store, id, me, bucket).await.ok())
        });
    }

    /// `None`: the store did not answer.
    pub(super) fn looked(&mut self, owner: Option<bool>) {
        for (ticket, reply) in self.doubts.answered() {
            let reply = match owner {
                Some(true) => reply,
                _ => Reply::Refused(super::answer::unknown()),
            };
            self.reply(ticket, reply);
        }
        if owner == Some(false) {
            self.fence(Code::Unknown);
        }
        self.look();
    }
}
