//! What the relay lacks: it is read from the store, and taken in where it belongs.

use super::ring::Ring;
use super::{Lane, RelayEffect, RelayState, Waiting};
use crate::entry::{Entry, Event};
use crate::error::Error;
use crate::ids::{Seq, UserId};
use crate::relay::{LoadRequest, LoadedHistory};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Who is out at the end of these entries: membership was read before them.
fn who_left(entries: &[Entry]) -> HashSet<UserId> {
    let mut left = HashSet::new();
    for entry in entries {
        match entry.event {
            Event::Leave { user } => left.insert(user),
            Event::Join { user, .. } => left.remove(&user),
            _ => false,
        };
    }
    left
}

impl RelayState {
    /// The log is at least this long: what is missing is read.
    pub fn head_is(&mut self, head: Seq) -> Vec<RelayEffect> {
        if head <= self.head() {
            return Vec::new();
        }
        self.hearsay = self.hearsay.max(head);
        // Where nothing is known yet nobody was told anything, and who watches reads first.
        if self.ring.is_none() {
            return Vec::new();
        }
        self.metrics.relay_gaps.inc();
        self.go_on()
    }

    /// Of a log that nothing is known of, all this is history: it moves nobody in or out, until it
    /// is heard.
    pub(super) fn begin_at(&mut self, head: Seq) -> &mut Ring {
        if self.ring.is_none() {
            self.history = head;
        }
        self.ring.get_or_insert_with(|| Ring::at(head))
    }

    /// What the store answered; `Err`: nothing.
    pub fn loaded(&mut self, loaded: Result<LoadedHistory, Error>) -> Vec<RelayEffect> {
        self.loading = false;
        let asked_upto = std::mem::take(&mut self.asked_upto);
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                self.hearsay = self.hearsay.max(asked_upto);
                return self.not_loaded(&error);
            }
        };
        let left = who_left(&loaded.entries);
        self.take_in(loaded.head, loaded.entries);
        self.settle_doubts(&loaded.members);
        let upto = self.head();
        for mut waiting in std::mem::take(&mut self.waiting) {
            if waiting.asked && waiting.upto.is_none() {
                let user = &waiting.watch.connection.user;
                if !loaded.members.contains_key(user) || left.contains(user) {
                    if waiting.joined {
                        // He is told that he was added: a refusal after that would be the last he hears.
                        waiting.asked = false;
                        self.waiting.push(waiting);
                        continue;
                    }
                    self.metrics.watches.dec();
                    waiting.watch.refuse(Error::not_found());
                    continue;
                }
                waiting.upto = Some(upto.max(waiting.watch.after));
            }
            self.waiting.push(waiting);
        }
        self.go_on()
    }

    /// An entry of what was history when this relay began. Whom it removes may have been let in since.
    pub(super) fn heard_late(&mut self, entry: &Entry) {
        match entry.event {
            Event::Leave { user } => {
                let seq = self.doubted.entry(user).or_default();
                *seq = entry.seq.max(*seq);
            }
            _ => self.move_people(entry),
        }
    }

    /// Who is no member any more is out; so is who became one by an entry that is still to come, and
    /// he is told of that.
    fn settle_doubts(&mut self, members: &HashMap<UserId, Seq>) {
        for (user, seq) in std::mem::take(&mut self.asked_doubts) {
            let since = members.get(&user);
            if since.is_some_and(|since| *since <= self.head()) {
                continue;
            }
            self.spread_data();
            self.remove(user, seq);
            if let Some(since) = since {
                self.sessions.added(self.room, user, *since);
            }
        }
    }

    /// The store did not answer: whoever is known here is served from memory, the others try again.
    fn not_loaded(&mut self, error: &Error) -> Vec<RelayEffect> {
        for (user, seq) in std::mem::take(&mut self.asked_doubts) {
            let known = self.doubted.entry(user).or_default();
            *known = seq.max(*known);
        }
        let (asked, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|waiting| waiting.asked && waiting.upto.is_none());
        self.waiting = rest;
        for mut waiting in asked {
            if error.code.status() == 503 && self.remembers(&waiting) {
                waiting.upto = Some(self.head());
                self.waiting.push(waiting);
            } else {
                self.metrics.watches.dec();
                waiting.watch.refuse(error.clone());
            }
        }
        match self.lacks_something() {
            false => self.go_on(),
            true => vec![RelayEffect::Retry],
        }
    }

    /// Whether this watch can be served without the store (DESIGN.md §5): the ring has all that it
    /// lacks, and the person was told of the room here and not removed since.
    pub(super) fn remembers(&self, waiting: &Waiting) -> bool {
        let (user, after) = (waiting.watch.connection.user, waiting.watch.after);
        let covers = |ring: &Ring| (ring.below()..=ring.head()).contains(&after);
        let is_in = |lane: &Lane| lane.values().any(|other| other.user == user);
        let known = is_in(&self.listeners) || is_in(&self.data) || is_in(&self.html);
        let sure = self.shows() && !self.lacks_something();
        sure && known && self.ring.as_ref().is_some_and(covers)
    }

    fn take_in(&mut self, head: Seq, entries: Vec<Entry>) {
        let ring = self.begin_at(head);
        let (older, newer): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .filter(|entry| entry.seq <= ring.below() || entry.seq > ring.head())
            .partition(|entry| entry.seq <= ring.below());
        ring.prepend(older, head);
        for entry in newer {
            if entry.seq == self.head() + 1 {
                self.accept(Arc::new(entry));
            }
        }
        self.take_early();
    }

    pub(super) fn take_early(&mut self) {
        while let Some((&seq, _)) = self.early.first_key_value()
            && seq <= self.head() + 1
        {
            let entry = self.early.pop_first().map(|(_, entry)| entry);
            if let Some(entry) = entry.filter(|entry| entry.seq == self.head() + 1) {
                self.accept(entry);
            }
        }
    }

    fn lacks_something(&self) -> bool {
        self.has_gap() || !self.doubted.is_empty()
    }

    fn has_gap(&self) -> bool {
        let unheard = self.ring.is_some() && self.hearsay > self.head();
        unheard || !self.early.is_empty()
    }

    pub(super) fn start_load(&mut self) -> Option<RelayEffect> {
        let fill = self.has_gap();
        let new = self.waiting.iter().any(|waiting| !waiting.asked);
        if self.loading || !(fill || new || !self.doubted.is_empty()) {
            return None;
        }
        self.loading = true;
        self.asked_upto = std::mem::take(&mut self.hearsay);
        self.metrics.relay_loads.inc();
        let mut request = LoadRequest {
            room: self.room,
            users: Default::default(),
            afters: Vec::new(),
            ring: self.ring.as_ref().map(|ring| (ring.below(), ring.head())),
            fill,
        };
        self.asked_doubts = std::mem::take(&mut self.doubted);
        request.users.extend(self.asked_doubts.keys());
        for waiting in self.waiting.iter_mut().filter(|waiting| !waiting.asked) {
            (waiting.asked, waiting.joined) = (true, false);
            request.users.insert(waiting.watch.connection.user);
            request.afters.push(waiting.watch.after);
        }
        Some(RelayEffect::Load(request))
    }
}
