//! Pages of the log itself, with what was edited away or deleted left out.

use super::log_range;
use super::page::{Page, window};
use crate::entry::{Entry, Event, StoredEntry, WireEntry};
use crate::error::{Error, Result};
use crate::ids::{RoomId, Seq};
use crate::store::{Redaction, Store, StoreResult};
use serde::Serialize;
use std::collections::HashMap;

/// A page of a room's log: ascending, without gaps.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct EntriesPage {
    pub entries: Vec<WireEntry>,
    /// The newest seq of the room.
    pub head: Seq,
    /// The highest seq that retention removed.
    pub floor: Seq,
}

/// The page of entries that is asked for.
pub async fn entries_page(
    store: &dyn Store,
    room: RoomId,
    page: Page,
    limit: usize,
) -> Result<EntriesPage> {
    let floor = floor_of(store, room).await?;
    let head = head_of(store, room).await?;
    let (from, to) = window(page, limit as u64, floor, head);
    let stored = log_range(store, room, from, to).await?;
    let entries = redact(store, room, stored).await?;
    Ok(EntriesPage {
        entries: entries.iter().map(WireEntry::from).collect(),
        head,
        floor,
    })
}

pub(super) async fn floor_of(store: &dyn Store, room: RoomId) -> Result<Seq> {
    let row = store.room(room).await?.ok_or_else(Error::not_found)?;
    Ok(row.floor)
}

pub(super) async fn head_of(store: &dyn Store, room: RoomId) -> StoreResult<Seq> {
    let heads = store.heads(&[room]).await?;
    Ok(heads.get(&room).map_or(0, |(head, _)| *head))
}

/// The entries as they may be shown now. Redactions are read after the log, so nothing that was
/// acknowledged as hidden before can slip through.
pub async fn redact(
    store: &dyn Store,
    room: RoomId,
    stored: Vec<StoredEntry>,
) -> StoreResult<Vec<Entry>> {
    let mut targets: Vec<Seq> = stored
        .iter()
        .filter_map(|stored| subject(&stored.entry))
        .collect();
    targets.sort_unstable();
    targets.dedup();
    let redactions = match targets.is_empty() {
        true => HashMap::new(),
        false => store.redactions(room, &targets).await?,
    };
    let shown = stored.into_iter().map(|stored| {
        let redaction = subject(&stored.entry)
            .and_then(|target| redactions.get(&target).copied())
            .unwrap_or_default();
        hide(stored.entry, redaction)
    });
    Ok(shown.collect())
}

/// The entry without what `redaction` of its post hides.
pub fn hide(entry: Entry, redaction: Redaction) -> Entry {
    let gone = redaction.deleted > 0;
    let hidden = match &entry.event {
        Event::Post { .. } => gone || redaction.edited > 0,
        Event::Edit { .. } => gone || redaction.edited > entry.seq,
        Event::React { .. } | Event::Unreact { .. } => gone,
        _ => false,
    };
    if hidden { entry.redacted() } else { entry }
}

/// The post whose redaction decides what of `entry` is shown.
pub fn subject(entry: &Entry) -> Option<Seq> {
    match &entry.event {
        Event::Post { .. } => Some(entry.seq),
        Event::Delete { .. } => None,
        event => event.target(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::entry::Mentions;
    use uuid::Uuid;

    fn entry(seq: Seq, event: Event) -> Entry {
        Entry {
            room: RoomId(Uuid::nil()),
            seq,
            ord: 1,
            at: Timestamp(0),
            by: None,
            client_id: None,
            event,
            redacted: false,
        }
    }

    #[test]
    fn an_edit_hides_what_was_before_it_and_a_deletion_everything() {
        let post = || {
            let body = Some("first".to_owned());
            entry(
                1,
                Event::Post {
                    body,
                    reply_to: None,
                    mentions: Mentions::default(),
                },
            )
        };
        let edit = |seq| {
            entry(
                seq,
                Event::Edit {
                    target: 1,
                    body: Some("next".to_owned()),
                },
            )
        };
        let react = || {
            entry(
                4,
                Event::React {
                    target: 1,
                    emoji: Some("👍".to_owned()),
                },
            )
        };
        let none = Redaction::default();
        let edited = Redaction {
            edited: 3,
            deleted: 0,
        };
        let deleted = Redaction {
            edited: 3,
            deleted: 5,
        };
        for (given, redaction, hidden) in [
            (post(), none, false),
            (post(), edited, true),
            (post(), deleted, true),
            (edit(2), edited, true),
            (edit(3), edited, false),
            (edit(3), deleted, true),
            (react(), edited, false),
            (react(), deleted, true),
        ] {
            let shown = hide(given.clone(), redaction);
            assert_eq!(shown.redacted, hidden, "{given:?} {redaction:?}");
            assert_eq!(
                shown.event.content().is_none(),
                hidden,
                "{given:?} {redaction:?}"
            );
        }
    }
}
