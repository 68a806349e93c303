//! A stretch of a room's log with all that is said of it.

use crate::entry::{Entry, Event};
use crate::ids::{Seq, UserId};
use crate::limits::SHELF_SEGMENT_ENTRIES;
use crate::reading::{MessageView, Text, hide, shown, view_of};
use crate::store::{ReactionRow, Redaction};
use std::sync::Arc;

/// What an entry takes besides its text, and what a reaction takes, bytes.
const SLOT_BYTES: usize = 512;
const REACTION_BYTES: usize = 96;

/// Which segment holds `seq`.
pub fn index_of(seq: Seq) -> u64 {
    seq.saturating_sub(1) / SHELF_SEGMENT_ENTRIES
}

/// The seqs that a segment holds when it is full.
pub fn range_of(index: u64) -> (Seq, Seq) {
    let before = index * SHELF_SEGMENT_ENTRIES;
    (before + 1, before + SHELF_SEGMENT_ENTRIES)
}

/// What later entries say of a post.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    pub redaction: Redaction,
    /// The text of the edit that `redaction` names.
    pub edit: Option<Text>,
    /// Those that stand, in the order in which they were set.
    pub reactions: Vec<ReactionRow>,
}

/// One entry as it may be shown.
#[derive(Clone, Debug)]
pub struct Slot {
    entry: Arc<Entry>,
    /// `None`: nothing is said of it.
    about: Option<Box<About>>,
    view: Option<Arc<MessageView>>,
}

impl Slot {
    pub fn new(entry: Arc<Entry>, about: Option<About>) -> Self {
        let about = about.filter(|about| *about != About::default());
        Self {
            entry,
            about: about.map(Box::new),
            view: None,
        }
    }

    pub fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// The message of a post; `None` if its text was erased by something that is not known here yet.
    pub fn message(&mut self) -> Option<Arc<MessageView>> {
        if let Some(view) = &self.view {
            return Some(Arc::clone(view));
        }
        let about = self.about.as_deref().cloned().unwrap_or_default();
        let Redaction { edited, deleted } = about.redaction;
        let text_is_known = match edited {
            0 => !self.entry.redacted,
            _ => about.edit.as_ref().is_some_and(|(text, _)| text.is_some()),
        };
        if deleted == 0 && !text_is_known {
            return None;
        }
        let reactions = shown(&about.reactions).remove(&self.entry.seq);
        let view = view_of(
            Entry::clone(&self.entry),
            about.redaction,
            about.edit,
            reactions.unwrap_or_default(),
        );
        let view = Arc::new(view);
        self.view = Some(Arc::clone(&view));
        Some(view)
    }

    fn about(&mut self) -> &mut About {
        self.view = None;
        self.about.get_or_insert_default()
    }

    fn hide(&mut self, by: Redaction) {
        if self.entry.redacted {
            return;
        }
        let shown = hide(Entry::clone(&self.entry), by);
        if shown.redacted {
            self.entry = Arc::new(shown);
            self.view = None;
        }
    }

    fn edited(&mut self, seq: Seq, text: Text) {
        let about = self.about();
        let is_news = seq > about.redaction.edited || text.0.is_some();
        if seq >= about.redaction.edited && is_news {
            about.redaction.edited = seq;
            about.edit = Some(text).filter(|_| about.redaction.deleted == 0);
        }
    }

    fn deleted(&mut self, seq: Seq) {
        let about = self.about();
        about.redaction.deleted = about.redaction.deleted.max(seq);
        about.edit = None;
        about.reactions.clear();
    }

    fn reacted(&mut self, user: UserId, emoji: &str, seq: Seq, on: bool) {
        let target = self.entry.seq;
        let rows = &mut self.about().reactions;
        let is_it = |row: &ReactionRow| row.user == user && row.emoji == emoji;
        if let Some(place) = rows.iter().position(is_it) {
            if rows[place].seq >= seq {
                return;
            }
            rows.remove(place);
        }
        if on {
            let row = ReactionRow {
                target,
                emoji: emoji.to_owned(),
                user,
                seq,
            };
            rows.insert(rows.partition_point(|other| other.seq < seq), row);
        }
    }

    fn bytes(&self) -> usize {
        let text = |event: &Event| event.content().map_or(0, str::len);
        let about = self.about.as_ref().map_or(0, |about| {
            let edit = about.edit.as_ref().and_then(|(text, _)| text.as_ref());
            edit.map_or(0, String::len) + about.reactions.len() * REACTION_BYTES
        });
        // The view repeats the text.
        SLOT_BYTES + (text(&self.entry.event) + about) * 2
    }
}

/// Entries `first..`, without gaps.
#[derive(Clone, Debug)]
pub struct Segment {
    first: Seq,
    slots: Vec<Slot>,
    bytes: usize,
    /// When it was last of use, by the shelf's count.
    pub used: u64,
}

impl Segment {
    /// `None`: the slots are not a run.
    pub fn new(slots: Vec<Slot>) -> Option<Self> {
        let first = slots.first()?.entry.seq;
        let in_turn = |(slot, seq): (&Slot, Seq)| slot.entry.seq == seq;
        if !slots.iter().zip(first..).all(in_turn) {
            return None;
        }
        let bytes = slots.iter().map(Slot::bytes).sum();
        Some(Self {
            first,
            slots,
            bytes,
            used: 0,
        })
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The seq after the last.
    pub fn next(&self) -> Seq {
        self.first + self.slots.len() as u64
    }

    pub fn slot(&mut self, seq: Seq) -> Option<&mut Slot> {
        let at = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(at)
    }

    /// Adds the entry `next()`.
    pub fn push(&mut self, entry: Arc<Entry>) {
        debug_assert_eq!(entry.seq, self.next(), "a segment has no gaps");
        let slot = Slot::new(entry, None);
        self.bytes += slot.bytes();
        self.slots.push(slot);
    }

    /// Takes in what a later entry says of those here. Harmless when it is known already.
    pub fn apply(&mut self, by: &Entry) {
        let Some(target) = by.event.target() else {
            return;
        };
        let seq = by.seq;
        match &by.event {
            Event::Edit { body, .. } => {
                let redaction = Redaction {
                    edited: seq,
                    deleted: 0,
                };
                self.hide(target, seq, redaction);
                if let Some(post) = self.slot(target) {
                    post.edited(seq, (body.clone(), by.at));
                }
            }
            Event::Delete { .. } => {
                let redaction = Redaction {
                    edited: 0,
                    deleted: seq,
                };
                self.hide(target, seq, redaction);
                if let Some(post) = self.slot(target) {
                    post.deleted(seq);
                }
            }
            event @ (Event::React { emoji, .. } | Event::Unreact { emoji, .. }) => {
                let on = matches!(event, Event::React { .. });
                let (Some(user), Some(emoji)) = (by.by, emoji) else {
                    return;
                };
                if let Some(post) = self.slot(target) {
                    post.reacted(user, emoji, seq, on);
                }
            }
            _ => return,
        }
        self.bytes = self.slots.iter().map(Slot::bytes).sum();
    }

    /// Hides what is about `target` and older than `seq`.
    fn hide(&mut self, target: Seq, seq: Seq, redaction: Redaction) {
        for slot in &mut self.slots {
            if slot.entry.seq >= seq {
                break;
            }
            if crate::reading::subject(&slot.entry) == Some(target) {
                slot.hide(redaction);
            }
        }
    }
}
