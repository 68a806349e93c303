//! What shelves read from the store.

use super::state::{About, Segment, Slot, range_of};
use crate::entry::Entry;
use crate::ids::{RoomId, Seq};
use crate::reading::{Tail, Text, Texts, hide, log_range, standing, subject, unviewed};
use crate::store::{ReactionRow, Redaction, Store, StoreResult};
use std::collections::HashMap;
use std::sync::Arc;

/// The segment as far as it is known to be stored up to `known`, at that state or a later one. All that was
/// acknowledged as hidden before is hidden: what hides is read after what it hides. `None`: there is nothing.
pub async fn segment(
    store: &dyn Store,
    room: RoomId,
    index: u64,
    known: Seq,
) -> StoreResult<Option<Segment>> {
    let Some(tail) = unviewed(store, room).await? else {
        return Ok(None);
    };
    let slots = slots_of(store, room, (index, known), &tail).await?;
    let mut segment = Segment::new(slots);
    // What is stored up to `known` is not told again, and its views and guards, too, may stand later than
    // the entry itself: until it is acknowledged nobody waits for them.
    for stored in tail.entries.iter().filter(|at| at.entry.seq <= known) {
        if let Some(segment) = &mut segment {
            segment.apply(&stored.entry);
        }
    }
    Ok(segment)
}

async fn slots_of(
    store: &dyn Store,
    room: RoomId,
    (index, known): (u64, Seq),
    tail: &Tail,
) -> StoreResult<Vec<Slot>> {
    let (first, last) = range_of(index);
    let stored = log_range(store, room, first, last.min(known)).await?;
    let entries: Vec<Entry> = stored.into_iter().map(|stored| stored.entry).collect();
    let mut subjects: Vec<Seq> = entries.iter().filter_map(subject).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let posts = entries.iter().filter(|entry| entry.event.is_countable());
    let posts: Vec<Seq> = posts.map(|entry| entry.seq).collect();
    if subjects.is_empty() {
        return Ok(slots(entries, &HashMap::new(), HashMap::new(), Vec::new()));
    }
    let rows = store.reactions(room, &posts).await?;
    let rows = standing(rows, tail, &posts);
    let redactions = store.redactions(room, &subjects).await?;
    let texts = texts(store, room, &entries, &redactions).await?;
    Ok(slots(entries, &redactions, texts, rows))
}

/// The newest text of each edited post of a segment: most often the edit stands near its post.
async fn texts(
    store: &dyn Store,
    room: RoomId,
    entries: &[Entry],
    redactions: &HashMap<Seq, Redaction>,
) -> StoreResult<HashMap<Seq, Text>> {
    let first = entries.first().map_or(0, |entry| entry.seq);
    let near = |seq: Seq| entries.get(usize::try_from(seq.checked_sub(first)?).ok()?);
    let (mut texts, mut elsewhere) = (HashMap::new(), Vec::new());
    for entry in entries.iter().filter(|entry| entry.event.is_countable()) {
        let redaction = redactions.get(&entry.seq).copied().unwrap_or_default();
        if redaction.edited == 0 || redaction.deleted > 0 {
            continue;
        }
        match near(redaction.edited).filter(|edit| !edit.redacted) {
            Some(edit) => {
                let text = edit.event.content().map(str::to_owned);
                texts.insert(entry.seq, (text, edit.at));
            }
            None => elsewhere.push(entry.seq),
        }
    }
    if !elsewhere.is_empty() {
        texts.extend(Texts::of(store, room, &elsewhere).await?.edits);
    }
    Ok(texts)
}

fn slots(
    entries: Vec<Entry>,
    redactions: &HashMap<Seq, Redaction>,
    mut texts: HashMap<Seq, Text>,
    rows: Vec<ReactionRow>,
) -> Vec<Slot> {
    let mut reactions: HashMap<Seq, Vec<ReactionRow>> = HashMap::new();
    for row in rows {
        reactions.entry(row.target).or_default().push(row);
    }
    let slots = entries.into_iter().map(|entry| {
        let redaction = subject(&entry).and_then(|post| redactions.get(&post).copied());
        let redaction = redaction.unwrap_or_default();
        let about = entry.event.is_countable().then(|| About {
            redaction,
            edit: texts.remove(&entry.seq),
            reactions: reactions.remove(&entry.seq).unwrap_or_default(),
        });
        Slot::new(Arc::new(hide(entry, redaction)), about)
    });
    slots.collect()
}
