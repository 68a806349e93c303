//! Whoever was added to a room while no word of it came looks for it himself.

use super::Mutant;
use super::node::Inside;
use super::storage::now;
use super::world::{Happening, World};
use crate::store::ViewStore;

/// Sessions look for their rooms within this.
pub const SEEK_MS: u64 = 300;
/// So long after the busy time everybody watches all that is his.
pub const REFRESH_MS: i64 = 30_000;

impl World {
    /// What sessions do that may have missed who was added: they look for rooms that they do not know.
    pub(super) fn seek_rooms(&mut self, node: usize) {
        if self.mutant == Some(Mutant::RoomsNotSought) {
            return;
        }
        if self.clock < self.down_until {
            return self.inside(node, SEEK_MS, Inside::Seek);
        }
        for who in 0..self.screens.len() {
            let live = self.screens[who].live.clone();
            let Some((connection, _)) = live.filter(|_| self.screens[who].node == node) else {
                continue;
            };
            for room in 0..self.rooms.len() {
                let sight = &self.screens[who].sights[room];
                let id = self.rooms[room];
                if !sight.live
                    && !sight.asked
                    && let Some(member) = now(self.store.member(id, connection.user))
                    && connection.outbox.rejoin(id, member.seq)
                {
                    let wait = self.wires.between(1, 300) as i64;
                    self.at(self.clock + wait, Happening::Watch { who, room });
                }
            }
        }
    }

    /// All is calm: whoever is a member watches. Where nobody owns the room he connects anew: what
    /// its last owner stored was told to nobody.
    pub fn refresh_screens(&mut self) {
        let orphans = self.wake_orphans();
        for who in 0..self.screens.len() {
            let user = self.people[who].user;
            let is_in = |room: &usize| now(self.store.member(self.rooms[*room], user)).is_some();
            let mine: Vec<_> = (0..self.rooms.len()).filter(is_in).collect();
            let screen = &self.screens[who];
            let lacks = |room: &&usize| !screen.sights[**room].live && !orphans.contains(room);
            if let Some(room) = mine.iter().find(lacks).filter(|_| screen.live.is_some()) {
                let what = format!("{who} is in {room} and was not told");
                self.breaks("progress", what);
            }
            if mine.iter().any(|room| orphans.contains(room)) {
                self.close_screen(who);
            }
        }
    }
}
