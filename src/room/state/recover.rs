//! From what a take-over read to a state that may hear its first command (R4).

use super::RoomState;
use super::members::Members;
use super::order::Connections;
use super::targets::Targets;
use super::unviewed::Unviewed;
use super::window::Window;
use crate::entry::Event;
use crate::room::{Recovered, RoomEffect};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

impl RoomState {
    /// A room as the store has it, and the redoing of the views in (viewed, head].
    pub fn recover(recovered: Recovered, bucket_bits: u32) -> (Self, Vec<RoomEffect>) {
        let Recovered {
            room,
            kind,
            floor,
            me,
            statics,
            members,
            tail,
        } = recovered;
        let head = statics.head();
        let from = tail.first().map_or(head, |first| first.entry.seq - 1);
        let mut state = Self {
            room,
            kind,
            floor,
            me,
            epoch: statics.epoch,
            bucket_bits,
            bucket: statics.bucket,
            next_seq: statics.next_seq,
            ord: statics.ord,
            chain: statics.chain,
            head,
            stored_ord: statics.ord,
            stored_chain: statics.chain,
            members: Members::of(&members),
            queue: VecDeque::new(),
            in_flight: Vec::new(),
            waiters: BTreeMap::new(),
            waiting: 0,
            undelivered: VecDeque::new(),
            window: Window::above(from),
            targets: Targets::default(),
            unviewed: Unviewed::from(statics.viewed.min(head)),
            connections: Connections::default(),
            loads: BTreeMap::new(),
            last_load: 0,
            parked: BTreeMap::new(),
            stopped: false,
            effects: Vec::new(),
        };
        for stored in tail {
            state.remember(stored);
        }
        let unknown: Vec<_> = state.unviewed.unknown.keys().copied().collect();
        for seq in unknown {
            state.ask_contents(seq);
        }
        let effects = state.go_on();
        (state, effects)
    }

    /// One entry of the tail. What redacts it stands behind it in the tail, so that replaying all
    /// of them leaves every entry as it is now sent.
    fn remember(&mut self, stored: crate::entry::StoredEntry) {
        let (entry, digest) = (Arc::new(stored.entry), stored.digest);
        let erase = self.targets.note(&entry, digest);
        self.window.push(Arc::clone(&entry), digest);
        let contents = erase.iter().map(|(seq, _)| *seq);
        self.window.redact(&entry.event, contents);
        if entry.seq <= self.unviewed.viewed() {
            return;
        }
        self.unviewed.push(&entry, erase);
        if let Event::Edit { target, .. } | Event::Delete { target } = entry.event
            && self.targets.get(target).is_none()
        {
            let redacting = self.unviewed.unknown.entry(target).or_default();
            redacting.push(entry.seq);
        }
    }
}
