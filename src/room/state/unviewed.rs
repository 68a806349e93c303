//! Entries whose derived views are not written yet (R6), and contents to erase (R15).

use super::RoomState;
use crate::entry::{Entry, Hash};
use crate::ids::Seq;
use crate::limits::VIEW_BATCH_MAX;
use crate::room::RoomEffect;
use crate::store::View;
use crate::store::views::views_of;
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug, Default)]
pub(super) struct Unviewed {
    viewed: Seq,
    waiting: VecDeque<Item>,
    writing: Vec<Item>,
    is_writing: bool,
    /// Old posts whose contents must be asked for before (viewed, head] can be redone, with the
    /// entries that redact them.
    pub unknown: BTreeMap<Seq, Vec<Seq>>,
    /// Questions about them that failed and are put again after a pause.
    pub to_ask: Vec<Seq>,
}

#[derive(Debug)]
struct Item {
    seq: Seq,
    views: Vec<View>,
    erase: Vec<(Seq, Hash)>,
}

impl Unviewed {
    pub fn from(viewed: Seq) -> Self {
        Self {
            viewed,
            ..Self::default()
        }
    }

    pub fn viewed(&self) -> Seq {
        self.viewed
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.writing.is_empty()
    }

    pub fn push(&mut self, entry: &Entry, erase: Vec<(Seq, Hash)>) {
        self.waiting.push_back(Item {
            seq: entry.seq,
            views: views_of(entry),
            erase,
        });
    }

    /// What redacts `target` is known now: each content goes with the first entry that hides it.
    pub fn learn(&mut self, target: Seq, contents: &[(Seq, Hash)]) {
        let redacting = self.unknown.remove(&target).unwrap_or_default();
        for (content, digest) in contents {
            let Some(by) = redacting.iter().find(|by| **by > *content) else {
                continue;
            };
            if let Some(item) = self.waiting.iter_mut().find(|item| item.seq == *by) {
                item.erase.push((*content, *digest));
            }
        }
    }

    pub fn failed(&mut self) {
        self.is_writing = false;
    }

    fn written(&mut self, upto: Seq) {
        if let Some(last) = self.writing.last().filter(|item| item.seq <= upto) {
            self.viewed = last.seq;
            self.writing.clear();
            self.is_writing = false;
        }
    }

    /// The next writing, if none is under way: what failed last, else the next that wait.
    fn start(&mut self) -> Option<RoomEffect> {
        if self.is_writing || !self.unknown.is_empty() {
            return None;
        }
        if self.writing.is_empty() {
            let count = self.waiting.len().min(VIEW_BATCH_MAX);
            self.writing.extend(self.waiting.drain(..count));
        }
        let upto = self.writing.last()?.seq;
        self.is_writing = true;
        let views = self.writing.iter().flat_map(|i| i.views.iter().cloned());
        let erase = self.writing.iter().flat_map(|i| i.erase.iter().copied());
        Some(RoomEffect::WriteViews {
            upto,
            views: views.collect(),
            erase: erase.collect(),
        })
    }
}

impl RoomState {
    pub(super) fn start_views(&mut self) {
        let effect = self.unviewed.start();
        self.effects.extend(effect);
    }

    pub(super) fn views_written(&mut self, upto: Seq) {
        self.unviewed.written(upto.min(self.head));
        self.forget();
    }

    /// Lets go of what memory need not hold.
    pub(super) fn forget(&mut self) {
        let viewed = self.unviewed.viewed();
        self.window.trim(viewed);
        self.targets.trim(self.window.from(), viewed);
    }
}
