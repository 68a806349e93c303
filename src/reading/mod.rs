//! Reading: pages of entries and of messages, and the list of a person's rooms, as they are *now*.
//!
//! Guard views (membership, redaction) stand before an acknowledgement. All others trail the log, so
//! what uses them folds the entries (viewed, head] on top: whatever was acknowledged before a read
//! began is in it.

mod entries;
mod items;
mod messages;
mod page;
mod reactions;

pub use entries::{EntriesPage, entries_page, hide, redact, subject};
pub use items::{RoomItem, items_of, mentions_after, ord_at, room_item, room_items};
pub use messages::{
    MessageView, MessagesPage, Text, Texts, message_views, messages_of, messages_page, newest,
    view_of, views,
};
pub use page::{Page, await_head, window};
pub use reactions::{Reaction, Reactions, shown, standing};

use crate::clock::Timestamp;
use crate::entry::{Event, StoredEntry};
use crate::ids::RoomId;
use crate::limits;
use crate::store::{self, Statics, Store, StoreResult};

/// Where a room's log ends, with the entries that its views may not show yet.
#[derive(Clone, Debug)]
pub struct Tail {
    pub statics: Statics,
    /// (viewed, head], at least the newest entry, ascending.
    pub entries: Vec<StoredEntry>,
}

impl Tail {
    /// When the room last moved.
    pub fn moved_at(&self) -> Option<Timestamp> {
        self.entries.last().map(|stored| stored.entry.at)
    }

    /// The newest name that the tail sets.
    pub fn name(&self) -> Option<Option<&str>> {
        self.newest(|event| match event {
            Event::Rename { name } => Some(name.as_deref()),
            _ => None,
        })
    }

    /// The newest topic that the tail sets.
    pub fn topic(&self) -> Option<&str> {
        self.newest(|event| match event {
            Event::Topic { topic } => Some(topic.as_str()),
            _ => None,
        })
    }

    fn newest<'a, T>(&'a self, pick: impl Fn(&'a Event) -> Option<T>) -> Option<T> {
        let newest_first = self.entries.iter().rev();
        newest_first
            .map(|stored| &stored.entry.event)
            .find_map(pick)
    }
}

/// The tail of a room; `None` if it has no log.
pub async fn tail(store: &dyn Store, room: RoomId) -> StoreResult<Option<Tail>> {
    let found = store::places::tail(store, room).await?;
    Ok(found.map(|(statics, entries)| Tail { statics, entries }))
}

/// What views may not show yet: the tail of a room, of which nothing is needed where views stand with
/// their entries. `None`: no log.
pub async fn unviewed(store: &dyn Store, room: RoomId) -> StoreResult<Option<Tail>> {
    match store.appends_views() {
        true => Ok(Some(Tail {
            statics: Statics::empty(),
            entries: Vec::new(),
        })),
        false => tail(store, room).await,
    }
}

/// Entries `from..=to`, in as many reads as it takes.
pub async fn log_range(
    store: &dyn Store,
    room: RoomId,
    from: u64,
    to: u64,
) -> StoreResult<Vec<StoredEntry>> {
    let mut all = Vec::new();
    let mut next = from.max(1);
    while next <= to {
        let chunk = store
            .log(room, next, to, limits::PAGE_MAX * 4, false)
            .await?;
        let Some(last) = chunk.last() else { break };
        next = last.entry.seq + 1;
        all.extend(chunk);
    }
    Ok(all)
}
