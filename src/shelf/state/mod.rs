//! What is kept of one room, pure: segments of its log as they are at `head`. Entries come in order,
//! and whatever one of them says of older ones is done to these before it can be seen.

mod pages;
mod segment;
#[cfg(test)]
mod tests;
mod trust;

pub use segment::{About, Segment, Slot, index_of, range_of};
pub use trust::Moment;

use self::trust::Trust;
use crate::entry::Entry;
use crate::ids::Seq;
use crate::limits::{SHELF_BYTES_MAX, SHELF_RECENT_MAX, SHELF_SEGMENTS_MAX};
use crate::reading::MessageView;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why a page cannot be shown from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// These are missing.
    Segments(BTreeSet<u64>),
    /// Something that is known to be stored, or is asked for, is not here, and no segment helps.
    Other,
}

impl Lack {
    fn segment(index: u64) -> Self {
        Self::Segments(BTreeSet::from([index]))
    }
}

/// The segments of one room that are at hand.
#[derive(Debug, Default)]
pub struct Shelf {
    /// The state that is shown; `None` before anything is known of the log.
    head: Option<Seq>,
    /// The log is at least this long.
    heard: Seq,
    segments: BTreeMap<u64, Segment>,
    /// Loads under way, and what came since the first of them began: in order, without gaps.
    loads: usize,
    recent: Vec<Arc<Entry>>,
    /// Counts uses.
    uses: u64,
    /// Entries that came since something was read.
    unread: usize,
    trust: Trust,
}

/// What the store said of the end of a log, and when it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    pub head: Seq,
    pub began: Moment,
}

impl Shelf {
    pub fn head(&self) -> Option<Seq> {
        self.head
    }

    pub fn unread(&self) -> usize {
        self.unread
    }

    pub fn bytes(&self) -> usize {
        self.segments.values().map(Segment::bytes).sum()
    }

    /// The log is at least this long. Of a log that nothing is known of, this is where it ends.
    pub fn head_is(&mut self, head: Seq) {
        self.heard = self.heard.max(head);
    }

    /// What was read as head, after the shelf began to hear of new entries.
    pub fn begin_at(&mut self, head: Seq) {
        self.head.get_or_insert(head);
        self.head_is(head);
    }

    /// The same, of a store that others write to: for a while it needs not be asked again.
    pub fn looked(&mut self, at: Looked) {
        self.trust.looked(at.began);
        self.begin_at(at.head);
    }

    /// Somebody was answered here, and it is not known which state has what he was told.
    pub fn doubt(&mut self, now: Moment) {
        self.trust.doubt(now);
    }

    /// Whether the log's end is known well enough at `now` for who must see `min`.
    pub fn is_trusted(&self, now: Moment, min: Seq) -> bool {
        self.end().is_some_and(|end| end >= min) && self.trust.holds(now)
    }

    /// Where the log ends, as far as is known; not all of it may be here.
    pub fn end(&self) -> Option<Seq> {
        self.head.map(|head| head.max(self.heard))
    }

    /// The seqs that are known to be stored and not known here.
    pub fn gap(&self) -> Option<(Seq, Seq)> {
        let head = self.head?;
        (self.heard > head).then_some((head + 1, self.heard))
    }

    /// New entries, ascending. What comes after a gap waits in the store.
    pub fn hear<'a>(&mut self, entries: impl IntoIterator<Item = &'a Arc<Entry>>) {
        for entry in entries {
            self.head_is(entry.seq);
            if self.head.is_some_and(|head| entry.seq == head + 1) {
                self.accept(entry);
            }
        }
        self.trim();
    }

    fn accept(&mut self, entry: &Arc<Entry>) {
        let seq = entry.seq;
        for segment in self.segments.values_mut() {
            segment.apply(entry);
        }
        self.put(entry);
        self.head = Some(seq);
        self.unread += 1;
        if self.loads > 0 {
            self.recent.push(Arc::clone(entry));
        }
    }

    /// Adds an entry to its segment, or begins the next one where the one before is here.
    fn put(&mut self, entry: &Arc<Entry>) {
        let index = index_of(entry.seq);
        match self.segments.get_mut(&index) {
            Some(segment) if segment.next() == entry.seq => segment.push(Arc::clone(entry)),
            Some(_) => drop(self.segments.remove(&index)),
            None if range_of(index).0 == entry.seq => {
                let before = index.checked_sub(1);
                let used = before.and_then(|before| Some(self.segments.get(&before)?.used));
                let slot = Slot::new(Arc::clone(entry), None);
                if let Some((used, mut segment)) = used.zip(Segment::new(vec![slot])) {
                    segment.used = used;
                    self.segments.insert(index, segment);
                }
            }
            None => {}
        }
    }

    /// Somebody reads a segment from the store: what comes meanwhile is kept. Answers the state that the
    /// reading has at least.
    pub fn begin_load(&mut self) -> Seq {
        self.loads += 1;
        self.head.unwrap_or(0)
    }

    /// What was read up to `known`, while nothing later was known; what came since is done to it.
    pub fn take_in(&mut self, index: u64, known: Seq, mut segment: Segment) {
        let (first, last) = range_of(index);
        let until = |head: Seq| head.min(last) + 1;
        if segment.next() != until(known) || self.segments.contains_key(&index) {
            return;
        }
        for entry in self.recent.iter().filter(|entry| entry.seq > known) {
            segment.apply(entry);
            if entry.seq == segment.next() && (first..=last).contains(&entry.seq) {
                segment.push(Arc::clone(entry));
            }
        }
        let head = self.head.unwrap_or(0);
        let covered = known == head || self.has_since(known);
        if covered && segment.next() == until(head) {
            segment.used = self.uses;
            self.segments.insert(index, segment);
        }
    }

    /// Whether all that came after `known` is still remembered.
    fn has_since(&self, known: Seq) -> bool {
        let first = self.recent.first();
        first.is_some_and(|first| first.seq <= known + 1)
    }

    pub fn end_load(&mut self) {
        self.loads -= 1;
        if self.loads == 0 {
            self.recent = Vec::new();
        }
        self.trim();
    }

    /// Lets go of what was of no use for longest.
    fn trim(&mut self) {
        if self.recent.len() > SHELF_RECENT_MAX {
            self.recent.clear();
        }
        while self.segments.len() > SHELF_SEGMENTS_MAX || self.bytes() > SHELF_BYTES_MAX {
            let oldest = self.segments.iter().min_by_key(|(_, segment)| segment.used);
            let Some(index) = oldest.map(|(index, _)| *index) else {
                return;
            };
            self.segments.remove(&index);
        }
    }

    /// Somebody reads.
    pub fn begin_reading(&mut self) {
        self.uses += 1;
        self.unread = 0;
    }

    fn slot(&mut self, seq: Seq) -> Result<&mut Slot, Lack> {
        let index = index_of(seq);
        let segment = self.segments.get_mut(&index);
        let segment = segment.ok_or_else(|| Lack::segment(index))?;
        segment.used = self.uses;
        segment.slot(seq).ok_or(Lack::Other)
    }

    /// The entries `from..=to`, which are not above the head.
    pub fn entries(&mut self, from: Seq, to: Seq) -> Result<Vec<Arc<Entry>>, Lack> {
        let wanted = index_of(from)..=index_of(to);
        let missing = wanted.filter(|index| !self.segments.contains_key(index));
        let missing: BTreeSet<u64> = missing.take(SHELF_SEGMENTS_MAX).collect();
        if from <= to && !missing.is_empty() {
            return Err(Lack::Segments(missing));
        }
        let mut entries = Vec::new();
        for seq in from..=to {
            entries.push(Arc::clone(self.slot(seq)?.entry()));
        }
        Ok(entries)
    }

    /// The message at `seq`; `None` if that is not a post.
    pub fn message(&mut self, seq: Seq) -> Result<Option<Arc<MessageView>>, Lack> {
        let slot = self.slot(seq)?;
        if !slot.entry().event.is_countable() {
            return Ok(None);
        }
        slot.message().map(Some).ok_or(Lack::Other)
    }
}
