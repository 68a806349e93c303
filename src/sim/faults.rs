//! What the plan does to the world, and how it comes to rest.

use super::happening::Happening;
use super::people::Person;
use super::plan::{BUSY_MS, Luck, What};
use super::seeking::REFRESH_MS;
use super::world::World;
use crate::cluster::state::Event;
use crate::room::Orders;

/// Redis goes on losing for so long after everything else is calm: what it loses last nothing comes
/// after, so it is found by counting alone.
const LOSSY_MS: i64 = 3_000;
/// What was published until so long after that is on every screen after the second (F7).
const SENT_MS: i64 = 1_000;
const REPAIRED_MS: i64 = 5_000;
/// Everything is judged after this: longer than any lease, any answer and the longest poll.
const REST_MS: i64 = BUSY_MS as i64 + REFRESH_MS + 20_000;
/// The longest poll, and the reading after it.
const POLLED_MS: i64 = 12_000;
const REST_AGAIN_MS: i64 = 5_000;
/// A node that is told to end has this long to give its rooms away.
const DRAIN_MS: u64 = 1_500;

impl World {
    pub(super) fn arm(&mut self) {
        for (index, item) in self.plan.items.clone().iter().enumerate() {
            self.at(item.at, Happening::Planned(index));
        }
        let busy = BUSY_MS as i64;
        self.at(busy, Happening::Calm);
        self.at(busy + LOSSY_MS, Happening::Quiet);
        self.at(busy + LOSSY_MS + SENT_MS, Happening::Sent);
        let repaired = busy + LOSSY_MS + SENT_MS + REPAIRED_MS;
        self.at(repaired, Happening::Repaired);
        self.at(busy + REFRESH_MS, Happening::Refresh);
        self.at(REST_MS, Happening::Rest);
    }

    pub(super) fn planned(&mut self, index: usize) {
        let what = self.plan.items[index].what.clone();
        self.note(2, index as u64, 0);
        match what {
            What::Write {
                who,
                room,
                kind,
                about,
            } => self.write(who, room, kind, about),
            What::Member {
                who,
                whom,
                room,
                kind,
            } => self.change_member(who, whom, room, kind),
            What::Repeat { who, room, which } => self.repeat(who, room, which),
            What::Cut { who } => {
                self.cut(who);
                self.close_screen(who);
            }
            What::CrashActor { node, room } => {
                if let Some(owner) = self.owners.get(&(node, room)) {
                    self.end_owner(owner.at(), Orders::new());
                }
            }
            What::CrashNode { node } => self.crash_node(node),
            What::Pause { node, ms } => self.pause(node, ms),
            // Whom it does not hear it thinks gone, and the room its own.
            What::Hint { node, owner, .. } => {
                let ms = self.wires.between(500, 6_000) as i64;
                self.cut_way(owner, node, ms);
            }
            What::StoreDown { ms } => self.down_until = self.clock + ms,
            What::BusAway { node, ms } => self.take_bus_away(node, ms),
            What::BusDown { ms } => {
                for node in 0..self.nodes.len() {
                    self.take_bus_away(node, ms);
                }
            }
            What::Flush => self.redis.flush(self.clock),
            What::Restart { node } => {
                self.tell_core(node, Event::Drain);
                let id = self.nodes[node].id;
                let at = self.clock + DRAIN_MS as i64;
                self.at(at, Happening::End { id });
            }
        }
    }

    /// A planned end: the node says so, and another one begins in its place.
    pub(super) fn end_node(&mut self, id: crate::ids::NodeId) {
        if let Some(node) = self.node_of(id) {
            self.tell_core(node, Event::End);
            self.crash_node(node);
        }
    }

    fn crash_node(&mut self, node: usize) {
        self.owners.retain(|(at, _), _| *at != node);
        self.holds.retain(|(at, _), _| *at != node);
        self.crash_screens(node);
        for who in 0..self.people.len() {
            if self.people[who].node() == Some(node) {
                self.cut(who);
            }
        }
        self.replace_node(node);
    }

    /// All faults but those of Redis end; everybody writes once more, so that every room is woken.
    pub(super) fn calm_down(&mut self) {
        self.calm = true;
        self.luck = Luck::CALM;
        self.down_until = 0;
        self.redis.mend();
        self.give_bus_back();
        for node in 0..self.nodes.len() {
            if self.is_paused(node) {
                self.nodes[node].paused_until = self.clock;
                self.resume(node);
            }
        }
        for who in 0..self.people.len() {
            for room in 0..self.rooms.len() {
                self.write(who, room, 9, 1);
            }
        }
    }

    /// F7: what was lost on the bus was found and read.
    pub(super) fn judge_repairs(&mut self) {
        for who in 0..self.screens.len() {
            for room in 0..self.rooms.len() {
                let (sight, due) = (self.screens[who].sights[room], self.due[room]);
                if sight.live && sight.seen < due {
                    let what = format!("{who} still lacks {due} of {room}: {sight:?}");
                    self.breaks("F7", what);
                }
            }
        }
    }

    /// Whether nothing is under way any more; if it is, this is looked at again.
    pub(super) fn rests(&mut self) -> bool {
        let waits = self.people.iter().any(|person| Person::waiting(person) > 0);
        let asks = |node: &super::node::Node| {
            node.core.outstanding() > 0 || !node.claims.is_empty() || !node.fences.is_empty()
        };
        let late = self.clock < self.published_at + POLLED_MS;
        let rests = !late && !waits && !self.is_busy() && !self.nodes.iter().any(asks);
        if !rests {
            self.at(self.clock + REST_AGAIN_MS, Happening::Rest);
        }
        rests
    }
}
