//! The rooms of a person, as the list of rooms shows them.

use super::{Marker, RoomRow, Statics, Store, StoreResult};
use crate::entry::{Role, StoredEntry};
use crate::ids::{RoomId, Seq, UserId};
use futures_util::future::try_join_all;
use std::collections::HashMap;
use std::sync::Arc;

/// What of a room is the same for everybody: its facts, and where its log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomEnd {
    pub row: RoomRow,
    pub statics: Statics,
    /// (viewed, head], at least the newest entry, ascending.
    pub tail: Vec<StoredEntry>,
}

impl RoomEnd {
    pub fn head(&self) -> Seq {
        self.statics.head()
    }

    /// The room as it is for one of its people.
    pub fn place(&self, role: Role, marker: Marker) -> RoomPlace {
        RoomPlace {
            room: self.row.clone(),
            role,
            statics: self.statics.clone(),
            tail: self.tail.clone(),
            marker,
            mentions: 0,
        }
    }
}

/// One room of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomPlace {
    pub room: RoomRow,
    pub role: Role,
    pub statics: Statics,
    /// (viewed, head], at least the newest entry, ascending.
    pub tail: Vec<StoredEntry>,
    pub marker: Marker,
    /// Posts in (read, viewed] that name the person and are not his own.
    pub mentions: u64,
}

impl RoomPlace {
    /// Up to where mentions must be counted in the view; `None`: nowhere.
    pub fn mentions_upto(&self) -> Option<Seq> {
        let unread = self.statics.ord > self.marker.read_ord;
        (unread && self.marker.read < self.statics.viewed).then_some(self.statics.viewed)
    }
}

/// The same from several reads: first which rooms, then all about each, then who is named there.
pub async fn put_together<S: Store + ?Sized>(
    store: &S,
    user: UserId,
) -> StoreResult<Vec<RoomPlace>> {
    let mine = store.rooms_of(user).await?;
    let ids: Vec<RoomId> = mine.iter().map(|(id, _, _)| *id).collect();
    let (mut rows, markers, tails) = futures_util::try_join!(
        store.rooms(&ids),
        store.markers_of(user, &ids),
        try_join_all(ids.iter().map(|id| tail(store, *id))),
    )?;
    let tails: HashMap<RoomId, _> = ids.iter().copied().zip(tails).collect();
    let places = mine.into_iter().filter_map(|(id, _, role)| {
        let (statics, tail) = tails.get(&id)?.clone()?;
        Some(RoomPlace {
            room: rows.remove(&id)?,
            role,
            statics,
            tail,
            marker: markers.get(&id).copied().unwrap_or_default(),
            mentions: 0,
        })
    });
    count_mentions(store, user, places).await
}

/// The same with what `end` says of each room: one read of it may serve many people.
pub async fn with_ends<S: Store + ?Sized, F>(
    store: &S,
    user: UserId,
    end: impl Fn(RoomId) -> F,
) -> StoreResult<Vec<RoomPlace>>
where
    F: Future<Output = StoreResult<Option<Arc<RoomEnd>>>>,
{
    let mine = store.rooms_of(user).await?;
    let ids: Vec<RoomId> = mine.iter().map(|(id, _, _)| *id).collect();
    let (markers, ends) = futures_util::try_join!(
        store.markers_of(user, &ids),
        try_join_all(ids.iter().map(|id| end(*id))),
    )?;
    let places = mine.iter().zip(ends).filter_map(|((id, _, role), end)| {
        let marker = markers.get(id).copied().unwrap_or_default();
        Some(end?.place(*role, marker))
    });
    count_mentions(store, user, places).await
}

async fn count_mentions<S: Store + ?Sized>(
    store: &S,
    user: UserId,
    places: impl Iterator<Item = RoomPlace>,
) -> StoreResult<Vec<RoomPlace>> {
    let counted = places.map(|mut place| async move {
        if let Some(upto) = place.mentions_upto() {
            let (room, after) = (place.room.id, place.marker.read);
            place.mentions = store.mention_count(room, user, after, upto).await?;
        }
        StoreResult::Ok(place)
    });
    try_join_all(counted).await
}

/// Facts and end of a room; `None`: no such room.
pub async fn room_end<S: Store + ?Sized>(store: &S, room: RoomId) -> StoreResult<Option<RoomEnd>> {
    let (row, end) = futures_util::try_join!(store.room(room), tail(store, room))?;
    Ok(row
        .zip(end)
        .map(|(row, (statics, tail))| RoomEnd { row, statics, tail }))
}

/// Where a room's log ends, and the entries (viewed, head], at least the newest; `None`: no log.
pub async fn tail<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
) -> StoreResult<Option<(Statics, Vec<StoredEntry>)>> {
    let Some(statics) = store.last_bucket(room, 0).await? else {
        return Ok(None);
    };
    let head = statics.head();
    let from = statics.viewed.min(head.saturating_sub(1)) + 1;
    let most = usize::try_from(head + 1 - from).unwrap_or(usize::MAX);
    let entries = match head {
        0 => Vec::new(),
        _ => store.log(room, from, head, most.max(1), false).await?,
    };
    Ok(Some((statics, entries)))
}
