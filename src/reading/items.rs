//! The list of a person's rooms: `GET /rooms` and `welcome`.

use super::{Tail, tail};
use crate::clock::Timestamp;
use crate::entry::{Event, Role, RoomKind, StoredEntry};
use crate::ids::{Ordinal, RoomId, Seq, UserId};
use crate::store::{RoomPlace, Store, StoreResult};
use serde::Serialize;
use std::collections::HashMap;

/// One room of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Room)]
pub struct RoomItem {
    pub id: RoomId,
    pub kind: RoomKind,
    /// `null` in a direct room.
    pub name: Option<String>,
    pub topic: String,
    pub role: Role,
    pub head: Seq,
    /// ord of the head.
    pub ord: Ordinal,
    pub read: Seq,
    pub delivered: Seq,
    /// ord(head) − ord(read).
    pub unread: u64,
    pub mentions: u64,
    /// `all`, `mentions` or `none`.
    pub notify: String,
    pub muted_until: Option<Timestamp>,
    pub draft: Option<String>,
    /// The other person of a direct room.
    pub peer: Option<UserId>,
    /// When the newest entry came.
    pub moved_at: Option<Timestamp>,
}

/// All rooms of `user`, those that moved last first.
pub async fn room_items(store: &dyn Store, user: UserId) -> StoreResult<Vec<RoomItem>> {
    items_of(store, user, store.places(user)).await
}

/// The same, from `places`.
pub async fn items_of(
    store: &dyn Store,
    user: UserId,
    places: impl Future<Output = StoreResult<Vec<RoomPlace>>>,
) -> StoreResult<Vec<RoomItem>> {
    let (places, drafts) = futures_util::try_join!(places, store.settings(Some(user), "draft:"))?;
    let mut drafts: HashMap<String, String> = drafts.into_iter().collect();
    let mut items: Vec<RoomItem> = places
        .into_iter()
        .map(|place| {
            let draft = match drafts.is_empty() {
                true => None,
                false => drafts.remove(&format!("draft:{}", place.room.id)),
            };
            item(user, place, draft)
        })
        .collect();
    items.sort_by_key(|item| std::cmp::Reverse((item.moved_at, item.id)));
    Ok(items)
}

/// One room of `user`; `None` if he is not a member.
pub async fn room_item(
    store: &dyn Store,
    room: RoomId,
    user: UserId,
) -> StoreResult<Option<RoomItem>> {
    let key = format!("draft:{room}");
    let (member, row, tail, marker, draft) = futures_util::try_join!(
        store.member(room, user),
        store.room(room),
        tail(store, room),
        store.marker(room, user),
        store.setting(Some(user), &key),
    )?;
    let (Some(member), Some(row), Some(tail)) = (member, row, tail) else {
        return Ok(None);
    };
    let mut place = RoomPlace {
        room: row,
        role: member.role,
        statics: tail.statics,
        tail: tail.entries,
        marker,
        mentions: 0,
    };
    if let Some(upto) = place.mentions_upto() {
        place.mentions = store.mention_count(room, user, marker.read, upto).await?;
    }
    Ok(Some(item(user, place, draft)))
}

fn item(user: UserId, place: RoomPlace, draft: Option<String>) -> RoomItem {
    let marker = place.marker.with_own(user, &place.tail);
    let row = place.room;
    let (head, ord) = (place.statics.head(), place.statics.ord);
    let tail = Tail {
        statics: place.statics,
        entries: place.tail,
    };
    let unread = ord.saturating_sub(marker.read_ord);
    let mentions = match unread {
        0 => 0,
        // What the views may not show yet is counted in the log itself.
        _ => place.mentions + naming(&tail.entries, user, marker.read.max(tail.statics.viewed)),
    };
    let name = match tail.name() {
        Some(name) => name.map(str::to_owned),
        None => row.name,
    };
    let peer = row.pair.map(|(a, b)| if a == user { b } else { a });
    let topic = tail.topic().map(str::to_owned);
    RoomItem {
        id: row.id,
        kind: row.kind,
        name,
        topic: topic.unwrap_or(row.topic),
        role: place.role,
        head,
        ord,
        read: marker.read,
        delivered: marker.delivered,
        unread,
        mentions,
        notify: "all".to_owned(),
        muted_until: None,
        draft,
        peer,
        moved_at: tail.moved_at(),
    }
}

/// Posts with seq > `after`, not by `user`, that name him, here or channel.
pub async fn mentions_after(
    store: &dyn Store,
    room: RoomId,
    user: UserId,
    after: Seq,
    tail: &Tail,
) -> StoreResult<u64> {
    let viewed = tail.statics.viewed;
    let beyond = naming(&tail.entries, user, after.max(viewed));
    if after >= viewed {
        return Ok(beyond);
    }
    Ok(store.mention_count(room, user, after, viewed).await? + beyond)
}

fn naming(entries: &[StoredEntry], user: UserId, after: Seq) -> u64 {
    let names = entries.iter().map(|stored| &stored.entry).filter(|entry| {
        let others = entry.seq > after && entry.by != Some(user);
        match &entry.event {
            Event::Post { mentions, .. } => others && mentions.names(user),
            _ => false,
        }
    });
    names.count() as u64
}

/// ord at `seq`: 0 at 0, that of the head above it.
pub async fn ord_at(store: &dyn Store, room: RoomId, seq: Seq) -> StoreResult<Ordinal> {
    if seq == 0 {
        return Ok(0);
    }
    let found = store.log(room, seq, seq, 1, false).await?;
    Ok(found.first().map_or(0, |stored| stored.entry.ord))
}
