//! The outbox of a person: what waits is sent in order, and again under the same key after a refusal
//! or a cut, as the browser does.

use super::people::Record;
use super::world::{Happening, World};
use crate::error::Code;
use crate::ids::Seq;
use std::collections::VecDeque;

/// Sends of one outbox that may wait for their answers.
const WINDOW: usize = 4;

#[derive(Default)]
pub struct Outbox {
    pub(super) items: VecDeque<Pending>,
    /// After a refusal everything in flight is waited for, then all is sent again in order.
    pub(super) refused: bool,
}

pub struct Pending {
    pub(super) record: usize,
    /// References of the tries without an answer.
    pub(super) tries: Vec<u64>,
    /// Some try ended without a final code.
    pub(super) open: bool,
}

impl World {
    pub(super) fn enqueue(&mut self, record: usize) {
        let Record { who, room, .. } = self.records[record];
        let items = &mut self.people[who].outboxes[room].items;
        items.push_back(Pending {
            record,
            tries: Vec::new(),
            open: false,
        });
        self.pump(who, room);
    }

    /// The connection breaks: nothing in flight will be answered.
    pub fn cut(&mut self, who: usize) {
        self.people[who].connection = None;
        for room in 0..self.rooms.len() {
            for item in &mut self.people[who].outboxes[room].items {
                item.open |= !item.tries.is_empty();
                item.tries.clear();
            }
            self.after(50, 2_000, Happening::Pump { who, room });
        }
    }

    /// Sends what waits, in order, as far as the window goes.
    pub fn pump(&mut self, who: usize, room: usize) {
        let outbox = &mut self.people[who].outboxes[room];
        let mut flying = outbox
            .items
            .iter()
            .filter(|item| !item.tries.is_empty())
            .count();
        if outbox.refused && flying > 0 {
            return;
        }
        outbox.refused = false;
        self.connect(who);
        let mut index = 0;
        while let Some(item) = self.people[who].outboxes[room].items.get(index) {
            index += 1;
            if !item.tries.is_empty() {
                continue;
            }
            // The session may refuse at once: what follows waits for the next round.
            if flying >= WINDOW || self.people[who].outboxes[room].refused {
                return;
            }
            flying += 1;
            self.try_item(who, room, index - 1);
            if self.chance.hits(self.luck.forward_twice) {
                self.people[who].outboxes[room].items[index - 1].open = true;
                self.try_item(who, room, index - 1);
            }
        }
    }

    fn try_item(&mut self, who: usize, room: usize, index: usize) {
        let (reference, step) = (self.fresh_reference(), self.step);
        let Some(item) = self.people[who].outboxes[room].items.get_mut(index) else {
            return;
        };
        item.tries.push(reference);
        let record = &mut self.records[item.record];
        record.invoked.get_or_insert(step);
        let record = record.clone();
        self.say_send(who, reference, &record);
    }

    /// An entry stands for what was sent.
    pub(super) fn hear_ack(&mut self, who: usize, room: usize, reference: u64, seq: Seq) {
        let Some((index, record)) = self.answered_try(who, room, reference) else {
            return;
        };
        self.people[who].outboxes[room].items.remove(index);
        match self.shown.get(&(room, seq)).cloned() {
            Some(entry) => self.acked(record, &entry),
            None => self.breaks(
                "I1",
                format!("{who} has an ack for {seq} in {room} from nobody"),
            ),
        }
        self.after(100, 900, Happening::Pump { who, room });
    }

    /// What was sent is refused, for good or for now.
    pub(super) fn hear_refusal(&mut self, who: usize, room: usize, reference: u64, code: Code) {
        let Some((index, record)) = self.answered_try(who, room, reference) else {
            return;
        };
        let outbox = &mut self.people[who].outboxes[room];
        if code.holds_order() {
            let certain = matches!(code, Code::Busy | Code::RateLimited);
            outbox.items[index].open |= !certain;
            outbox.refused = true;
        } else {
            let open = outbox.items[index].open;
            outbox.items.remove(index);
            self.records[record].failed = !open && self.records[record].acked.is_none();
        }
        self.after(100, 900, Happening::Pump { who, room });
    }

    /// The place of what this try was about, and its record.
    fn answered_try(&mut self, who: usize, room: usize, reference: u64) -> Option<(usize, usize)> {
        let items = &mut self.people[who].outboxes[room].items;
        let index = items
            .iter()
            .position(|item| item.tries.contains(&reference))?;
        items[index].tries.retain(|tried| *tried != reference);
        Some((index, items[index].record))
    }
}
