//! The items of a timeline: messages and lines about the room, in order, as HTML.

use crate::entry::{Entry, Event};
use crate::error::Result;
use crate::ids::{RoomId, Seq};
use crate::limits::{self, PAGE_TEXT_BYTES_MAX};
use crate::node::Node;
use crate::people::People;
use crate::reading::{MessageView, Page, messages_of};
use crate::shelf::Shelves;
use crate::shelf::state::{Lack, Shelf};
use crate::store::{Scene, Store};
use crate::web::fragments::{made, messages_for};
use crate::web::l10n::Texts;
use crate::web::render::{Fragment, Renderer};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// What an item costs besides its text.
const FRAME_BYTES: usize = 256;

/// Entries read at once when looking for items.
const SCAN_MAX: u64 = 1_000;

/// Entries among which a page of items is usually found: reactions and edits are not items.
pub const ENTRIES_GUESSED: usize = 2 * limits::PAGE_DEFAULT;

/// A stretch of a timeline.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    pub html: String,
    /// Seq of the first and last item; 0 if there is none.
    pub first: Seq,
    pub last: Seq,
    /// Whether there may be items before the first, after the last.
    pub older: bool,
    pub newer: bool,
}

/// Where items are read from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub store: &'a dyn Store,
    pub shelves: &'a Shelves,
    pub people: &'a People,
    pub renderer: Renderer,
    pub room: RoomId,
    pub floor: Seq,
    pub head: Seq,
}

impl<'a> Source<'a> {
    /// The room of a node as it is at `head`.
    pub fn new(node: &'a Node, texts: Texts, room: RoomId, floor: Seq, head: Seq) -> Self {
        Self {
            store: &*node.store,
            shelves: &node.shelves,
            people: &node.people,
            renderer: Renderer { texts },
            room,
            floor,
            head,
        }
    }

    /// About `want` items of the page.
    pub async fn stretch(&self, page: Page, want: usize) -> Result<Stretch> {
        let of = |shelf: &mut Shelf| AtHand::on(shelf, page, want, (self.floor, self.head));
        let place = (self.room, page.place());
        self.shelves.head(self.room, self.head);
        if let Some(at_hand) = self.shelves.look(place, self.head, of).await {
            let items: Vec<&Entry> = at_hand.items.iter().map(Arc::as_ref).collect();
            let stretch = self.shown(page, &items, &at_hand.messages).await?;
            let newer = stretch.last > 0 && at_hand.last > stretch.last;
            return Ok(Stretch { newer, ..stretch });
        }
        let entries = match page {
            Page::Newest => self.up_to(self.head, want).await?,
            Page::Before(seq) => self.up_to(seq.saturating_sub(1), want).await?,
            Page::After(seq) => self.from(seq.saturating_add(1), want).await?,
            Page::Around(seq) => {
                let half = want / 2;
                let (mut before, after) = futures_util::try_join!(
                    self.up_to(seq.saturating_sub(1), half),
                    self.from(seq, want - half)
                )?;
                before.extend(after);
                before
            }
        };
        let entries: Vec<&Entry> = entries.iter().collect();
        let messages = messages_for(self.store, self.room, &entries).await?;
        let stretch = self.shown(page, &entries, &messages).await?;
        let newer = stretch.last > 0 && self.has_item_after(stretch.last).await?;
        Ok(Stretch { newer, ..stretch })
    }

    /// A page of items, out of the `scene` that was read on suspicion if it serves.
    pub async fn first_paint(&self, page: Page, scene: Option<Scene>) -> Result<Stretch> {
        let want = limits::PAGE_DEFAULT;
        if let Some(scene) = scene.filter(|_| page == Page::Newest)
            && let Some(stretch) = self.out_of(&scene, want).await?
        {
            return Ok(stretch);
        }
        self.stretch(page, want).await
    }

    /// The newest `want` items out of a scene; `None` if it is older than what the page says of
    /// the room, or holds too few of them.
    async fn out_of(&self, scene: &Scene, want: usize) -> Result<Option<Stretch>> {
        let begins = scene.entries.first().map_or(0, |stored| stored.entry.seq);
        let entries = scene.entries.iter().map(|stored| &stored.entry);
        let items = entries.filter(|entry| entry.seq <= self.head && is_item(entry));
        let mut items: Vec<&Entry> = items.collect();
        let enough = items.len() >= want || begins <= self.floor + 1;
        if scene.statics.head() < self.head || !enough {
            return Ok(None);
        }
        items.drain(..items.len().saturating_sub(want));
        let messages = messages_of(scene);
        Ok(Some(self.shown(Page::Newest, &items, &messages).await?))
    }

    /// As many of these items as a page may hold. Nothing is said of what is newer.
    async fn shown(
        &self,
        page: Page,
        items: &[&Entry],
        messages: &HashMap<Seq, MessageView>,
    ) -> Result<Stretch> {
        let weights: Vec<usize> = items.iter().map(|item| weight(item, messages)).collect();
        let here = match page {
            Page::Newest | Page::Before(_) => items.len(),
            Page::After(_) => 0,
            Page::Around(seq) => items.partition_point(|item| item.seq < seq),
        };
        let items = &items[fitting(&weights, here)];
        let first = items.first().map_or(0, |entry| entry.seq);
        Ok(Stretch {
            html: joined(made(self.people, self.renderer, items, messages).await?),
            first,
            last: items.last().map_or(0, |entry| entry.seq),
            older: first > self.floor + 1,
            newer: false,
        })
    }

    async fn has_item_after(&self, last: Seq) -> Result<bool> {
        Ok(!self.from(last + 1, 1).await?.is_empty())
    }

    async fn up_to(&self, to: Seq, want: usize) -> Result<Vec<Entry>> {
        let mut newest_first: Vec<Entry> = Vec::new();
        let mut last = to.min(self.head);
        let mut chunk = (want as u64 * 2).clamp(16, SCAN_MAX);
        while last > self.floor && newest_first.len() < want {
            let from = (self.floor + 1).max((last + 1).saturating_sub(chunk));
            let found = self.read(from, last).await?;
            newest_first.extend(found.into_iter().rev());
            last = from - 1;
            chunk = (chunk * 2).min(SCAN_MAX);
        }
        newest_first.truncate(want);
        newest_first.reverse();
        Ok(newest_first)
    }

    async fn from(&self, from: Seq, want: usize) -> Result<Vec<Entry>> {
        let mut items: Vec<Entry> = Vec::new();
        let mut next = from.max(self.floor + 1);
        let mut chunk = (want as u64 * 2).clamp(16, SCAN_MAX);
        while next <= self.head && items.len() < want {
            let to = self.head.min(next + chunk - 1);
            items.extend(self.read(next, to).await?);
            next = to + 1;
            chunk = (chunk * 2).min(SCAN_MAX);
        }
        items.truncate(want);
        Ok(items)
    }

    async fn read(&self, from: Seq, to: Seq) -> Result<Vec<Entry>> {
        let most = usize::try_from(to + 1 - from).unwrap_or(usize::MAX);
        let mut all = Vec::with_capacity(most);
        let mut next = from;
        while next <= to {
            let stored = self.store.log(self.room, next, to, most, false).await?;
            let Some(last) = stored.last() else { break };
            next = last.entry.seq + 1;
            let entries = stored.into_iter().map(|stored| stored.entry);
            all.extend(entries.filter(is_item));
        }
        Ok(all)
    }
}

/// A stretch that is in memory.
struct AtHand {
    items: Vec<Arc<Entry>>,
    /// They, and what they quote.
    messages: HashMap<Seq, MessageView>,
    /// Seq of the last item of the room.
    last: Seq,
}

impl AtHand {
    fn on(
        shelf: &mut Shelf,
        page: Page,
        want: usize,
        (floor, head): (Seq, Seq),
    ) -> std::result::Result<Self, Lack> {
        let half = want / 2;
        let mut items = match page {
            Page::Newest => shelf.up_to(head, want, floor, is_item)?,
            Page::Before(seq) => {
                shelf.up_to(head.min(seq.saturating_sub(1)), want, floor, is_item)?
            }
            Page::After(seq) => shelf.from(seq.saturating_add(1), want, floor, is_item)?,
            Page::Around(seq) => {
                let before = head.min(seq.saturating_sub(1));
                let mut items = shelf.up_to(before, half, floor, is_item)?;
                items.extend(shelf.from(seq, want - half, floor, is_item)?);
                items
            }
        };
        items.retain(|item| item.seq <= head);
        let own: Vec<Seq> = items.iter().map(|item| item.seq).collect();
        let mut messages = HashMap::new();
        for view in on_shelf(shelf, &own)? {
            messages.insert(view.seq, MessageView::clone(&view));
        }
        let quoted = messages.values().filter_map(|view| view.reply_to);
        let quoted = quoted.filter(|seq| *seq > floor && !messages.contains_key(seq));
        for view in on_shelf(shelf, &quoted.collect::<Vec<Seq>>())? {
            messages.insert(view.seq, MessageView::clone(&view));
        }
        let last = shelf.up_to(head, 1, floor, is_item)?;
        Ok(Self {
            items,
            messages,
            last: last.last().map_or(0, |item| item.seq),
        })
    }
}

/// The messages at `seqs`, or all that is lacking for them.
fn on_shelf(shelf: &mut Shelf, seqs: &[Seq]) -> std::result::Result<Vec<Arc<MessageView>>, Lack> {
    let (mut found, mut missing) = (Vec::new(), BTreeSet::new());
    for seq in seqs {
        match shelf.message(*seq) {
            Ok(view) => found.extend(view),
            Err(Lack::Segments(more)) => missing.extend(more),
            Err(lack) => return Err(lack),
        }
    }
    match missing.is_empty() {
        true => Ok(found),
        false => Err(Lack::Segments(missing)),
    }
}

/// What an item costs on a page: its text, edited as it may be, and its frame.
fn weight(item: &Entry, messages: &HashMap<Seq, MessageView>) -> usize {
    let body = messages.get(&item.seq).and_then(|view| view.body.as_ref());
    FRAME_BYTES + body.map_or(0, String::len)
}

/// The run around place `here` that fits into `PAGE_TEXT_BYTES_MAX`: at least one item, as far as it
/// goes on both sides in turn, and no further where something does not fit.
fn fitting(weights: &[usize], here: usize) -> Range<usize> {
    let (mut from, mut to) = (here, here);
    let mut left = PAGE_TEXT_BYTES_MAX;
    let (mut backward, mut forward) = (true, true);
    while backward || forward {
        let next = weights.get(to).filter(|_| forward);
        forward = next.is_some_and(|weight| *weight <= left || from == to);
        if let Some(weight) = next.filter(|_| forward) {
            left = left.saturating_sub(*weight);
            to += 1;
        }
        let before = from.checked_sub(1).filter(|_| backward);
        let weight = before.map(|before| weights[before]);
        backward = weight.is_some_and(|weight| weight <= left || from == to);
        if let Some(weight) = weight.filter(|_| backward) {
            left = left.saturating_sub(weight);
            from -= 1;
        }
    }
    from..to
}

fn joined(fragments: Vec<Fragment>) -> String {
    let mut html = String::new();
    for item in fragments.into_iter().filter_map(|fragment| fragment.html) {
        html.push_str(&item);
        html.push('\n');
    }
    html
}

/// Whether an entry stands in the timeline by itself.
fn is_item(entry: &Entry) -> bool {
    matches!(
        entry.event,
        Event::Post { .. }
            | Event::Join { .. }
            | Event::Leave { .. }
            | Event::Role { .. }
            | Event::Rename { .. }
            | Event::Topic { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_what_fits_around_its_place_and_always_something() {
        let third = PAGE_TEXT_BYTES_MAX / 3;
        let (light, huge) = ([1; 9], [2 * PAGE_TEXT_BYTES_MAX; 3]);
        let cases = [
            (&light[..], 9, 0..9),
            (&light, 0, 0..9),
            (&light, 4, 0..9),
            (&[third; 9], 9, 6..9),
            (&[third; 9], 0, 0..3),
            (&[third; 9], 4, 3..6),
            (&huge, 3, 2..3),
            (&huge, 0, 0..1),
            (&huge, 1, 1..2),
            (&[], 0, 0..0),
        ];
        for (weights, here, expected) in cases {
            assert_eq!(fitting(weights, here), expected, "{weights:?} at {here}");
        }
    }
}
