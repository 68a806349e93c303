//! The list of a person's rooms: `GET /rooms` and `welcome`.

use super::{Tail, log_range, tail};
use crate::clock::Timestamp;
use crate::entry::{Event, Role, RoomKind, StoredEntry};
use crate::ids::{Ordinal, RoomId, Seq, UserId};
use crate::store::{Marker, RoomRow, Store, StoreResult};
use futures_util::future::try_join_all;
use serde::Serialize;
use std::collections::HashMap;

/// Up to this distance unseen mentions are counted in the log itself.
const COUNT_IN_LOG_MAX: u64 = 256;
/// How often the count of mentions is read anew when views are written meanwhile.
const COUNT_TRIES: usize = 4;

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
    let mine = store.rooms_of(user).await?;
    let ids: Vec<RoomId> = mine.iter().map(|(id, _, _)| *id).collect();
    let (rows, markers, drafts, tails) = futures_util::try_join!(
        store.rooms(&ids),
        store.markers_of(user, &ids),
        store.settings(Some(user), "draft:"),
        try_join_all(ids.iter().map(|id| tail(store, *id))),
    )?;
    let drafts: HashMap<String, String> = drafts.into_iter().collect();
    let places = mine.into_iter().zip(tails);
    let items = places.filter_map(|((id, _, role), tail)| {
        let place = Place {
            user,
            role,
            marker: markers.get(&id).copied().unwrap_or_default(),
            draft: drafts.get(&format!("draft:{id}")).cloned(),
        };
        Some((rows.get(&id)?, tail?, place))
    });
    let counted = items.map(|(row, tail, place)| item(store, row, tail, place));
    let mut items = try_join_all(counted).await?;
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
    let place = Place {
        user,
        role: member.role,
        marker,
        draft,
    };
    item(store, &row, tail, place).await.map(Some)
}

struct Place {
    user: UserId,
    role: Role,
    marker: Marker,
    draft: Option<String>,
}

async fn item(store: &dyn Store, row: &RoomRow, tail: Tail, place: Place) -> StoreResult<RoomItem> {
    let (user, marker) = (place.user, place.marker);
    let (head, ord) = (tail.statics.head(), tail.statics.ord);
    let unread = ord.saturating_sub(marker.read_ord);
    let mentions = match unread {
        0 => 0,
        _ => mentions_after(store, row.id, user, marker.read, &tail).await?,
    };
    let name = match tail.name() {
        Some(name) => name.map(str::to_owned),
        None => row.name.clone(),
    };
    let peer = row.pair.map(|(a, b)| if a == user { b } else { a });
    Ok(RoomItem {
        id: row.id,
        kind: row.kind,
        name,
        topic: tail.topic().unwrap_or(&row.topic).to_owned(),
        role: place.role,
        head,
        ord,
        read: marker.read,
        delivered: marker.delivered,
        unread,
        mentions,
        notify: "all".to_owned(),
        muted_until: None,
        draft: place.draft,
        peer,
        moved_at: tail.moved_at(),
    })
}

/// Posts with seq > `after`, not by `user`, that name him, here or channel.
pub async fn mentions_after(
    store: &dyn Store,
    room: RoomId,
    user: UserId,
    after: Seq,
    tail: &Tail,
) -> StoreResult<u64> {
    let (viewed, head) = (tail.statics.viewed, tail.statics.head());
    if after >= viewed {
        return Ok(naming(&tail.entries, user, after));
    }
    if head - after <= COUNT_IN_LOG_MAX {
        let entries = log_range(store, room, after + 1, head).await?;
        return Ok(naming(&entries, user, after));
    }
    // Views above `viewed` may be written already; what stands there is counted in the log instead.
    let mut beyond = store.mention_count(room, user, viewed).await?;
    for _ in 0..COUNT_TRIES {
        let all = store.mention_count(room, user, after).await?;
        let again = store.mention_count(room, user, viewed).await?;
        if again == beyond {
            return Ok(all.saturating_sub(beyond) + naming(&tail.entries, user, viewed));
        }
        beyond = again;
    }
    store.mention_count(room, user, after).await
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
