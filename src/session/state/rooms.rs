//! The rooms of a person as one connection knows them: notices of their heads, and marks.

use super::{Effect, Phase, SessionState, Work, error};
use crate::error::Error;
use crate::ids::{Ordinal, RoomId, Seq};
use crate::marking::Standing;
use crate::reading::RoomItem;
use crate::session::Head;
use crate::session::outbox::HintKey;
use crate::wire::server::{RoomFrame, ServerFrame, UserMarks};
use serde_json::Value;

/// Where the person stands in one room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    head: Seq,
    ord: Ordinal,
    read: Seq,
    read_ord: Ordinal,
    mentions: u64,
}

impl From<&RoomItem> for Side {
    fn from(item: &RoomItem) -> Self {
        Self {
            head: item.head,
            ord: item.ord,
            read: item.read,
            read_ord: item.ord.saturating_sub(item.unread),
            mentions: item.mentions,
        }
    }
}

impl Side {
    fn frame(&self, room: RoomId) -> ServerFrame {
        let unread = self.ord.saturating_sub(self.read_ord);
        ServerFrame::Head {
            room,
            seq: self.head,
            ord: self.ord,
            unread,
            mentions: self.mentions.min(unread),
        }
    }

    /// Takes over what a notice said while this was read. Whether it said more.
    fn catch_up(&mut self, heard: &Side) -> bool {
        let is_behind = heard.head > self.head;
        if is_behind {
            self.head = heard.head;
            self.ord = heard.ord;
            self.mentions = heard.mentions;
        }
        is_behind
    }

    fn stand(&mut self, standing: &Standing) {
        self.read = standing.marker.read;
        self.read_ord = standing.marker.read_ord;
        // Counted at another head than ours: a later notice carries what came between.
        self.mentions = standing.mentions;
        if standing.head > self.head {
            self.head = standing.head;
            self.ord = standing.ord;
        }
    }
}

impl SessionState {
    /// A room moved.
    pub fn on_head(&mut self, head: Head) -> Vec<Effect> {
        let Some(side) = self.rooms.get_mut(&head.room) else {
            return Vec::new();
        };
        let is_news = head.seq > side.head;
        if is_news {
            side.head = head.seq;
            side.ord = head.ord;
            side.mentions += head.mentions;
        }
        if let Some((seq, ord)) = head.own
            && seq > side.read
        {
            side.read = seq;
            side.read_ord = ord;
            side.mentions = head.mentions;
        }
        let mut out = Vec::new();
        if is_news {
            self.notice(head.room, &mut out);
        }
        out
    }

    /// The person was added to a room.
    pub fn on_added(&mut self, room: RoomId) -> Vec<Effect> {
        self.gone.remove(&room);
        self.adding.insert(room);
        match self.phase {
            // Read anew after the welcome, which may or may not show it.
            Phase::Hello | Phase::Welcoming(_) => Vec::new(),
            _ => Vec::from_iter(self.read_item(room)),
        }
    }

    /// The person may have been added somewhere, and nobody said so.
    pub fn seek_rooms(&mut self) -> Vec<Effect> {
        match self.phase {
            Phase::Hello | Phase::Closed => Vec::new(),
            Phase::Welcoming(_) => {
                self.list.begin(());
                self.list.doubt(());
                Vec::new()
            }
            Phase::Open => match self.list.begin(()) {
                true => vec![self.seek()],
                false => Vec::new(),
            },
        }
    }

    pub(super) fn sought(&mut self) -> Option<Effect> {
        self.list.end(()).then(|| self.seek())
    }

    fn seek(&self) -> Effect {
        let known = self.rooms.keys().chain(&self.adding).copied();
        Effect::Work(Work::Seek {
            known: known.collect(),
        })
    }

    /// Facts of a room changed.
    pub fn on_facts_changed(&mut self, room: RoomId) -> Vec<Effect> {
        match self.rooms.contains_key(&room) {
            true => Vec::from_iter(self.read_item(room)),
            false => Vec::new(),
        }
    }

    pub(super) fn read_item(&mut self, room: RoomId) -> Option<Effect> {
        let begins = self.items.begin(room);
        begins.then_some(Effect::Work(Work::Item { room }))
    }

    /// The person was removed from a room; `gone` is queued already. He may be in again, by an entry that passed this
    /// node by while the room was still known here, so that nobody looked for it: now he looks.
    pub fn on_removed(&mut self, room: RoomId) -> Vec<Effect> {
        if matches!(self.phase, Phase::Welcoming(_)) {
            self.gone.insert(room);
        }
        self.adding.remove(&room);
        self.rooms.remove(&room);
        self.watches.remove(&room);
        self.typing.remove(&room);
        self.seek_rooms()
    }

    /// A watch was refused or has ended.
    pub fn on_watch_ended(&mut self, room: RoomId) {
        self.watches.remove(&room);
    }

    /// Another device of the person moved a marker.
    pub fn on_marked(&mut self, room: RoomId) -> Vec<Effect> {
        match self.rooms.contains_key(&room) {
            true if self.standings.begin(room) => vec![Effect::Work(Work::Standing { room })],
            _ => Vec::new(),
        }
    }

    /// The person's own account changed.
    pub fn on_user_changed(&mut self) -> Vec<Effect> {
        vec![Effect::Work(Work::Person)]
    }

    pub(super) fn marked(&mut self, standing: Result<Standing, Error>, out: &mut Vec<Effect>) {
        let Some((reference, room, _)) = self.marks.pop_front() else {
            return;
        };
        match standing {
            Ok(standing) => {
                self.standings.doubt(room);
                self.items.doubt(room);
                if let Some(side) = self.rooms.get_mut(&room) {
                    side.stand(&standing);
                }
                let marks = vec![UserMarks {
                    user: self.me.actor.user,
                    read: standing.marker.read,
                    delivered: standing.marker.delivered,
                }];
                out.push(Effect::Push(ServerFrame::Marks {
                    reference,
                    room,
                    marks,
                }));
            }
            Err(why) => out.push(error(reference, why)),
        }
        if let Some((_, room, mark)) = self.marks.front() {
            let (room, mark) = (*room, *mark);
            out.push(Effect::Work(Work::Mark { room, mark }));
        }
    }

    pub(super) fn item_read(
        &mut self,
        room: RoomId,
        item: Option<Box<RoomItem>>,
        out: &mut Vec<Effect>,
    ) {
        let changed = self.items.end(room);
        if changed {
            out.push(Effect::Work(Work::Item { room }));
        }
        // Removed in the meantime: nothing more is said about the room.
        let is_mine = self.rooms.contains_key(&room) || self.adding.contains(&room);
        if item.is_some() || !changed {
            self.adding.remove(&room);
        }
        let Some(item) = item.filter(|_| is_mine) else {
            return;
        };
        let head = item.head;
        let mut side = Side::from(&*item);
        let known = self.rooms.get(&room);
        let is_behind = known.is_some_and(|known| side.catch_up(known));
        let is_new = self.rooms.insert(room, side).is_none();
        if let Ok(Value::Object(item)) = serde_json::to_value(&*item) {
            let frame = RoomFrame { room, item };
            out.push(Effect::Push(ServerFrame::Room(frame)));
        }
        if is_behind {
            self.notice(room, out);
        }
        if is_new {
            out.push(Effect::Listen(room, head));
        }
    }

    pub(super) fn standing_read(
        &mut self,
        room: RoomId,
        standing: Option<Standing>,
        out: &mut Vec<Effect>,
    ) {
        if self.standings.end(room) {
            out.push(Effect::Work(Work::Standing { room }));
            return;
        }
        let (Some(side), Some(standing)) = (self.rooms.get_mut(&room), standing) else {
            return;
        };
        side.stand(&standing);
        self.notice(room, out);
    }

    /// Where the room and the person stand, unless he watches it.
    fn notice(&self, room: RoomId, out: &mut Vec<Effect>) {
        if let Some(side) = self.rooms.get(&room)
            && !self.watches.contains_key(&room)
        {
            out.push(Effect::Hint(HintKey::Head(room), side.frame(room)));
        }
    }
}
