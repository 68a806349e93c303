//! The rooms stand before anything goes wrong.

use super::storage::now;
use super::world::{World, uuid};
use crate::clock::Timestamp;
use crate::entry::{Entry, Event, Role, StoredEntry};
use crate::ids::OwnerId;
use crate::store::views::{guards_of, views_of};
use crate::store::{Batch, LogStore, RoomRow, RoomStore, ViewStore};

impl World {
    /// A room with its first entry; the first person adds the others.
    pub(super) fn found(&mut self, room: usize) {
        let id = self.rooms[room];
        let row = RoomRow {
            id,
            kind: self.kind(room),
            name: None,
            topic: String::new(),
            created_at: Timestamp(0),
            created_by: self.people[0].user,
            pair: None,
            floor: 0,
        };
        now(self.store.create_room(&row));
        let me = OwnerId(uuid(&mut self.chance));
        now(self.store.take_over(id, 0, None, me, 1));
        let role = Role::Owner;
        let user = self.people[0].user;
        let entry = Entry {
            room: id,
            seq: 1,
            ord: 0,
            at: Timestamp(0),
            by: Some(user),
            client_id: None,
            event: Event::Join { user, role },
            redacted: false,
        };
        let guards = guards_of(row.kind, &entry);
        let views = views_of(&entry);
        let stored = StoredEntry::seal(entry, [0; 16], &[0; 32]);
        let batch = Batch {
            room: id,
            bucket: 0,
            owner: me,
            expected_next: 1,
            ord: 0,
            chain: stored.link,
            viewed: 0,
            entries: vec![stored],
            guards,
        };
        now(self.store.append(&batch));
        now(self.store.write_views(id, &views));
        for whom in 1..self.plan.people {
            let (send, back) = self.member_command(0, whom, 1);
            self.forward(0, room, send, back);
        }
    }
}
