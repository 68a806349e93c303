//! What relays read from the store: membership, the head, and the entries that are missing.

use super::{LoadRequest, LoadedHistory};
use crate::entry::StoredEntry;
use crate::error::{Error, Result};
use crate::ids::{RoomId, Seq, UserId};
use crate::limits::{PAGE_MAX, RELAY_LOOKS_MAX, WATCH_GAP_MAX};
use crate::reading;
use crate::store::{Store, StoreError, StoreResult};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{HashMap, HashSet};

/// Answers a request: one read of history however many wait for it.
pub async fn load(store: &dyn Store, request: &LoadRequest) -> Result<LoadedHistory> {
    let room = request.room;
    // Membership before the head: who is removed in between is taken out by the entry that removes.
    let mut loaded = LoadedHistory {
        members: members(store, room, &request.users).await?,
        ..LoadedHistory::default()
    };
    let heads = store.heads(&[room]).await?;
    let Some((head, _)) = heads.get(&room).copied() else {
        return Err(Error::not_found());
    };
    loaded.head = head;
    if let Some(from) = first_missing(request, head) {
        let floor = store.room(room).await?.map_or(0, |row| row.floor);
        let stored = read(store, room, from.max(floor + 1), head).await?;
        loaded.entries = reading::redact(store, room, stored).await?;
    }
    Ok(loaded)
}

/// Who of them is a member, and since which entry: some at a time, for after a cut everybody comes at once.
async fn members(
    store: &dyn Store,
    room: RoomId,
    users: &HashSet<UserId>,
) -> StoreResult<HashMap<UserId, Seq>> {
    let looks = users.iter().copied().map(|user| async move {
        let member = store.member(room, user).await?;
        StoreResult::Ok(member.map(|member| (user, member.seq)))
    });
    let found: Vec<_> = stream::iter(looks)
        .buffer_unordered(RELAY_LOOKS_MAX)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// From where entries must be read; `None`: the ring has all that is wanted.
fn first_missing(request: &LoadRequest, head: Seq) -> Option<Seq> {
    let near = |after: &&Seq| **after < head && head - **after <= WATCH_GAP_MAX;
    let lowest = request.afters.iter().filter(near).min();
    let above_ring = request.ring.map(|(_, newest)| newest + 1);
    match (request.ring, lowest) {
        (Some((below, _)), Some(after)) if *after < below => Some(after + 1),
        (None, Some(after)) => Some(after + 1),
        _ => above_ring.filter(|from| *from <= head),
    }
}

async fn read(
    store: &dyn Store,
    room: RoomId,
    from: Seq,
    to: Seq,
) -> StoreResult<Vec<StoredEntry>> {
    let mut all: Vec<StoredEntry> = Vec::new();
    let mut next = from;
    while next <= to {
        let page = store.log(room, next, to, PAGE_MAX * 4, false).await?;
        let Some(last) = page.last() else {
            return Err(StoreError::Corrupt(format!("entry {next} is missing")));
        };
        next = last.entry.seq + 1;
        all.extend(page);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_ring_lacks_is_read() {
        let check = |ring, afters: &[Seq], head, expected| {
            let request = LoadRequest {
                room: RoomId::from_bytes([1; 16]),
                users: Default::default(),
                afters: afters.to_vec(),
                ring,
                fill: false,
            };
            assert_eq!(first_missing(&request, head), expected, "{request:?}");
        };
        check(None, &[7], 10, Some(8));
        check(None, &[10], 10, None);
        check(None, &[0], 501, None);
        check(None, &[1], 501, Some(2));
        check(Some((5, 10)), &[7, 5], 10, None);
        check(Some((5, 10)), &[7, 4], 10, Some(5));
        check(Some((5, 10)), &[7], 12, Some(11));
        check(Some((5, 10)), &[0], 1_000, Some(11));
    }
}
