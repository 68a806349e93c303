//! The recent tail of a room: entries with their frames, encoded once, masked as soon as something
//! hides them.

use crate::entry::{Entry, Event, WireEntry};
use crate::ids::Seq;
use crate::relay::Rendered;
use crate::session::outbox::Frame;
use crate::wire::server::{FragmentFrame, ServerFrame};
use std::collections::VecDeque;
use std::sync::Arc;

/// One entry of the ring.
#[derive(Debug)]
pub struct Item {
    pub entry: Arc<Entry>,
    /// Raised when what was rendered before may show too much.
    pub version: u64,
    data: Option<Frame>,
    html: Option<Frame>,
}

impl Item {
    pub fn new(entry: Arc<Entry>) -> Self {
        Self {
            entry,
            version: 0,
            data: None,
            html: None,
        }
    }

    /// The frame of the `data` format.
    pub fn data(&mut self) -> Frame {
        let encode =
            || Frame::from(ServerFrame::Entry(Box::new(WireEntry::from(&*self.entry))).encode());
        self.data.get_or_insert_with(encode).clone()
    }
}

/// Contiguous items; `below` is the seq before the first.
#[derive(Debug, Default)]
pub struct Ring {
    below: Seq,
    items: VecDeque<Item>,
}

impl Ring {
    /// Empty, with its head at `seq`.
    pub fn at(seq: Seq) -> Self {
        Self {
            below: seq,
            items: VecDeque::new(),
        }
    }

    pub fn below(&self) -> Seq {
        self.below
    }

    pub fn head(&self) -> Seq {
        self.below + self.items.len() as u64
    }

    pub fn get_mut(&mut self, seq: Seq) -> Option<&mut Item> {
        let index = seq.checked_sub(self.below + 1)?;
        self.items.get_mut(usize::try_from(index).ok()?)
    }

    fn get(&self, seq: Seq) -> Option<&Item> {
        let index = seq.checked_sub(self.below + 1)?;
        self.items.get(usize::try_from(index).ok()?)
    }

    /// What came after `seq`; `None`: not all of it is here.
    pub fn since(&self, seq: Seq) -> Option<impl Iterator<Item = &Entry>> {
        let skip = usize::try_from(seq.checked_sub(self.below)?).ok()?;
        Some(self.items.iter().skip(skip).map(|item| &*item.entry))
    }

    /// Adds the next entry; its seq is `head() + 1`.
    pub fn push(&mut self, item: Item) {
        debug_assert_eq!(item.entry.seq, self.head() + 1, "a ring has no gaps");
        self.items.push_back(item);
    }

    /// Puts older entries in front, which must reach up to `below`. What stands in the ring above
    /// `known` was not known when they were read: its redactions are applied to them.
    pub fn prepend(&mut self, older: Vec<Entry>, known: Seq) {
        if older.last().is_none_or(|last| last.seq != self.below) {
            return;
        }
        self.below -= older.len() as u64;
        for entry in older.into_iter().rev() {
            self.items.push_front(Item::new(Arc::new(entry)));
        }
        let newer: Vec<_> = self
            .items
            .iter()
            .filter(|item| item.entry.seq > known)
            .map(|item| Arc::clone(&item.entry))
            .collect();
        for entry in newer {
            self.mask(&entry);
        }
    }

    /// Hides what `by` hides, before anybody can see `by` (PROTOCOL.md §2, Redaction).
    pub fn mask(&mut self, by: &Entry) {
        let deletes = match by.event {
            Event::Edit { .. } => false,
            Event::Delete { .. } => true,
            _ => return,
        };
        let target = by.event.target();
        for item in &mut self.items {
            let entry = &item.entry;
            if entry.seq >= by.seq {
                break;
            }
            // A rendered reply quotes the target: what was rendered is made anew if asked for.
            item.html = None;
            item.version += 1;
            let hidden = match &entry.event {
                Event::Post { .. } => Some(entry.seq) == target,
                Event::Edit { .. } => entry.event.target() == target,
                Event::React { .. } | Event::Unreact { .. } => {
                    deletes && entry.event.target() == target
                }
                _ => false,
            };
            if hidden && !entry.redacted {
                item.entry = Arc::new(Entry::clone(entry).redacted());
                item.data = None;
            }
        }
    }

    /// Keeps a rendered frame, unless something was hidden since it was begun.
    pub fn keep_html(&mut self, seq: Seq, version: u64, frame: &Frame) {
        if let Some(item) = self.get_mut(seq)
            && item.version == version
        {
            item.html = Some(frame.clone());
        }
    }

    pub fn html(&self, seq: Seq) -> Option<Frame> {
        self.get(seq).and_then(|item| item.html.clone())
    }

    /// The last seq up to which everything above `after` is rendered.
    pub fn rendered_from(&self, after: Seq) -> Seq {
        let mut seq = after;
        while self.get(seq + 1).is_some_and(|item| item.html.is_some()) {
            seq += 1;
        }
        seq
    }

    /// Items above `after` that are not rendered, at most `most`.
    pub fn unrendered(&self, after: Seq, most: usize) -> Vec<(Seq, u64, Arc<Entry>)> {
        let items = self.items.iter();
        items
            .filter(|item| item.entry.seq > after && item.html.is_none())
            .take(most)
            .map(|item| (item.entry.seq, item.version, Arc::clone(&item.entry)))
            .collect()
    }

    /// Lets go of the oldest beyond `most`, but of nothing above `needed`.
    pub fn trim(&mut self, most: usize, needed: Seq) {
        while self.items.len() > most && self.below < needed {
            self.items.pop_front();
            self.below += 1;
        }
    }
}

/// The frame of the `html` format.
pub fn html_frame(entry: &Entry, rendered: Rendered) -> Frame {
    let frame = FragmentFrame {
        room: entry.room,
        seq: entry.seq,
        ord: entry.ord,
        at: entry.at,
        by: entry.by,
        client_id: entry.client_id,
        kind: entry.event.kind(),
        op: rendered.op,
        target: entry.event.target(),
        html: rendered.html,
    };
    Frame::from(ServerFrame::Fragment(Box::new(frame)).encode())
}
