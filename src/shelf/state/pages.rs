//! Pages out of a shelf: the same as `reading` puts together from the store.

use super::{Lack, Shelf, index_of};
use crate::entry::Entry;
use crate::ids::Seq;
use crate::limits::{SHELF_SEGMENT_ENTRIES, SHELF_SEGMENTS_MAX};
use crate::reading::{MessageView, Page, window};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A page and the head at which it stands.
pub type At<T> = (Vec<Arc<T>>, Seq);

impl Shelf {
    /// A page of entries.
    pub fn entries_page(
        &mut self,
        page: Page,
        limit: usize,
        floor: Seq,
    ) -> Result<At<Entry>, Lack> {
        let head = self.head.ok_or(Lack::Other)?;
        let (from, to) = window(page, limit as u64, floor, head);
        Ok((self.entries(from, to)?, head))
    }

    /// A page of messages.
    pub fn messages_page(
        &mut self,
        page: Page,
        limit: usize,
        floor: Seq,
    ) -> Result<At<MessageView>, Lack> {
        let head = self.head.ok_or(Lack::Other)?;
        let is_post = |entry: &Entry| entry.event.is_countable();
        let posts = match page {
            Page::Newest => self.up_to(head, limit, floor, is_post)?,
            Page::After(seq) => self.from(seq.saturating_add(1), limit, floor, is_post)?,
            Page::Before(seq) => self.up_to(seq.saturating_sub(1), limit, floor, is_post)?,
            Page::Around(seq) => {
                let half = (limit - 1) / 2;
                let mut posts = self.up_to(seq.saturating_sub(1), half, floor, is_post)?;
                let here = self.from(seq, half + 1, floor, is_post)?;
                let has_it = here.first().is_some_and(|post| post.seq == seq);
                posts.extend(here.into_iter().take(half + usize::from(has_it)));
                posts
            }
        };
        let views = posts
            .iter()
            .filter_map(|post| self.message(post.seq).transpose());
        Ok((views.collect::<Result<_, _>>()?, head))
    }

    /// The last `want` entries of a sort up to `to`, ascending.
    pub fn up_to(
        &mut self,
        to: Seq,
        want: usize,
        floor: Seq,
        sort: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<Arc<Entry>>, Lack> {
        let mut found = Vec::new();
        let last = to.min(self.head.unwrap_or(0));
        for seq in (floor + 1..=last).rev() {
            if found.len() >= want {
                break;
            }
            let more = about(want - found.len());
            let entry = self.near(seq, last, |at| at.saturating_sub(more)..=at)?;
            if sort(&entry) {
                found.push(entry);
            }
        }
        found.reverse();
        Ok(found)
    }

    /// The first `want` entries of a sort from `from` on.
    pub fn from(
        &mut self,
        from: Seq,
        want: usize,
        floor: Seq,
        sort: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<Arc<Entry>>, Lack> {
        let mut found = Vec::new();
        let first = from.max(floor + 1);
        for seq in first..=self.head.unwrap_or(0) {
            if found.len() >= want {
                break;
            }
            let more = about(want - found.len());
            let entry = self.near(seq, first, |at| at..=at + more)?;
            if sort(&entry) {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// The entry at `seq`, on a way that began at `start`. Too long a way is for the store; and who lacks a
    /// segment will most often lack what follows on his way, too.
    fn near(
        &mut self,
        seq: Seq,
        start: Seq,
        ahead: impl Fn(u64) -> RangeInclusive<u64>,
    ) -> Result<Arc<Entry>, Lack> {
        let index = index_of(seq);
        if index.abs_diff(index_of(start)) >= SHELF_SEGMENTS_MAX as u64 / 2 {
            return Err(Lack::Other);
        }
        match self.slot(seq) {
            Ok(slot) => Ok(Arc::clone(slot.entry())),
            Err(Lack::Segments(_)) => {
                let last = index_of(self.head.unwrap_or(0));
                let way = ahead(index).filter(|index| *index <= last);
                let missing = way.filter(|index| !self.segments.contains_key(index));
                Err(Lack::Segments(missing.collect()))
            }
            Err(lack) => Err(lack),
        }
    }
}

/// Segments among which so many entries of a sort may be.
fn about(want: usize) -> u64 {
    (want as u64).div_ceil(SHELF_SEGMENT_ENTRIES)
}
