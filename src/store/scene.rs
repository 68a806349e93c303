//! The end of a room's log with everything that shows its messages as they are now.

use super::places::tail;
use super::{ReactionRow, Redaction, RoomRow, Statics, Store, StoreResult};
use crate::entry::{Event, StoredEntry};
use crate::ids::{RoomId, Seq};
use futures_util::future::try_join_all;
use std::collections::{BTreeSet, HashMap};

/// The newest entries of a room and what they need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    pub statics: Statics,
    /// Ascending and without gaps up to the head; all above `viewed` are there.
    pub entries: Vec<StoredEntry>,
    /// Posts before those that they reply to.
    pub quoted: Vec<StoredEntry>,
    /// Of all these posts.
    pub redactions: HashMap<Seq, Redaction>,
    /// By the post, the edit that its redaction names.
    pub edits: HashMap<Seq, StoredEntry>,
    /// In the order in which they were set, as far as views stand.
    pub reactions: Vec<ReactionRow>,
}

/// The first seq of a scene.
pub fn first_seq(room: &RoomRow, statics: &Statics, most: usize) -> Seq {
    let wanted = (statics.head() + 1).saturating_sub(most as u64);
    wanted.min(statics.viewed + 1).max(room.floor + 1)
}

/// The posts before `entries` that they reply to.
pub fn quoted_by(room: &RoomRow, entries: &[StoredEntry]) -> BTreeSet<Seq> {
    let first = entries.first().map_or(0, |stored| stored.entry.seq);
    let answers = entries
        .iter()
        .filter_map(|stored| match stored.entry.event {
            Event::Post { reply_to, .. } => reply_to,
            _ => None,
        });
    answers
        .filter(|seq| *seq < first && *seq > room.floor)
        .collect()
}

/// The posts among `entries` and those quoted.
pub fn posts_of(entries: &[StoredEntry], quoted: &BTreeSet<Seq>) -> Vec<Seq> {
    let posts = entries.iter().map(|stored| &stored.entry);
    let posts = posts.filter(|entry| entry.event.is_countable());
    let own = posts.map(|entry| entry.seq);
    quoted.iter().copied().chain(own).collect()
}

/// Which edits hold the text that counts: post and edit.
pub fn edits_in(redactions: &HashMap<Seq, Redaction>) -> Vec<(Seq, Seq)> {
    let live = redactions.iter();
    let live = live.filter(|(_, by)| by.edited > 0 && by.deleted == 0);
    live.map(|(post, by)| (*post, by.edited)).collect()
}

/// The same from several reads: where the log ends, its entries, what is said of them, the edits.
pub async fn put_together<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
    most: usize,
) -> StoreResult<Option<Scene>> {
    let (row, end) = futures_util::try_join!(store.room(room), tail(store, room))?;
    let (Some(row), Some((statics, _))) = (row, end) else {
        return Ok(None);
    };
    let (from, head) = (first_seq(&row, &statics, most), statics.head());
    let mut entries: Vec<StoredEntry> = Vec::new();
    let mut next = from;
    while next <= head {
        let limit = usize::try_from(head + 1 - next).unwrap_or(usize::MAX);
        let page = store.log(room, next, head, limit, false).await?;
        let Some(last) = page.last() else { break };
        next = last.entry.seq + 1;
        entries.extend(page);
    }
    let wanted = quoted_by(&row, &entries);
    let posts = posts_of(&entries, &wanted);
    let one = |seq: Seq| async move { store.log(room, seq, seq, 1, false).await };
    let (reactions, redactions, quoted) = futures_util::try_join!(
        store.reactions(room, &posts),
        store.redactions(room, &posts),
        try_join_all(wanted.into_iter().map(one)),
    )?;
    let edits = edits_in(&redactions).into_iter();
    let edits = edits.map(|(post, edit)| async move {
        let found = store.log(room, edit, edit, 1, false).await?;
        StoreResult::Ok(found.into_iter().next().map(|found| (post, found)))
    });
    let edits = try_join_all(edits).await?;
    Ok(Some(Scene {
        statics,
        entries,
        quoted: quoted.into_iter().flatten().collect(),
        redactions,
        edits: edits.into_iter().flatten().collect(),
        reactions,
    }))
}
