//! Taking a room over (R1, R4): become the owner in the store, then read everything anew.

use super::Recovered;
use crate::entry::StoredEntry;
use crate::ids::{OwnerId, RoomId, Seq, bucket_of};
use crate::limits::{PAGE_MAX, ROOM_TAIL_MAX};
use crate::store::views::guards_of;
use crate::store::{Member, Statics, Store, StoreError, StoreResult};
use uuid::Uuid;

/// Tries to become the owner while others do the same.
const TRIES_MAX: usize = 8;
/// Members read at once.
const MEMBERS_PAGE: usize = 1_000;

/// Wakes a room that slept on this node and left `note`; `None`: it is not as it was left. Sent
/// keys and posts are asked for when they are needed: their views stand up to the head.
pub async fn wake(
    store: &dyn Store,
    room: RoomId,
    note: Statics,
) -> StoreResult<Option<Recovered>> {
    let (row, last, members) = futures_util::try_join!(
        store.room(room),
        store.last_bucket(room, note.bucket),
        all_members(store, room),
    )?;
    let (Some(row), Some(last), Some(me)) = (row, last, note.owner) else {
        return Ok(None);
    };
    let left = (last.owner, last.bucket, last.next_seq) == (note.owner, note.bucket, note.next_seq);
    Ok(left.then(|| Recovered {
        room,
        kind: row.kind,
        floor: row.floor,
        me,
        statics: note,
        members,
        tail: Vec::new(),
    }))
}

/// Takes the room; `None`: there is no such room.
pub async fn take_over(
    store: &dyn Store,
    room: RoomId,
    bucket_bits: u32,
) -> StoreResult<Option<Recovered>> {
    let (row, found) = futures_util::try_join!(store.room(room), store.last_bucket(room, 0))?;
    let (Some(row), Some(found)) = (row, found) else {
        return Ok(None);
    };
    let (me, statics) = become_owner(store, room, found, bucket_bits).await?;
    let head = statics.head();
    let recent = head.saturating_sub(ROOM_TAIL_MAX);
    let from = recent.min(statics.viewed).max(row.floor) + 1;
    let (tail, mut members) =
        futures_util::try_join!(read_tail(store, room, from, head), all_members(store, room))?;
    // The owner before may have ended between an entry and its guards (R6).
    let unviewed = tail
        .iter()
        .filter(|stored| stored.entry.seq > statics.viewed);
    let guards: Vec<_> = unviewed
        .flat_map(|stored| guards_of(row.kind, &stored.entry))
        .collect();
    if !guards.is_empty() {
        store.write_guards(&guards).await?;
        members = all_members(store, room).await?;
    }
    Ok(Some(Recovered {
        room,
        kind: row.kind,
        floor: row.floor,
        me,
        statics,
        members,
        tail,
    }))
}

/// Puts an id of ours into the last bucket. It is fresh at every try: one that is applied late must
/// not look like the one that counts.
async fn become_owner(
    store: &dyn Store,
    room: RoomId,
    mut seen: Statics,
    bucket_bits: u32,
) -> StoreResult<(OwnerId, Statics)> {
    let last = async |from| {
        let last = store.last_bucket(room, from).await?;
        last.ok_or_else(|| StoreError::Corrupt("the last bucket is gone".to_owned()))
    };
    for _ in 0..TRIES_MAX {
        let me = OwnerId(Uuid::new_v4());
        let epoch = seen.epoch + 1;
        store
            .take_over(room, seen.bucket, seen.owner, me, epoch)
            .await?;
        // Whatever was answered, what counts is what stands: also a bucket opened meanwhile.
        seen = last(seen.bucket).await?;
        let open = bucket_of(seen.next_seq, bucket_bits);
        if seen.owner == Some(me) && seen.bucket < open {
            // A full bucket fences nobody: whoever had it before could still open the next one (R9).
            let next = Statics {
                bucket: open,
                ..seen.clone()
            };
            store.open_bucket(room, next).await?;
            seen = last(seen.bucket).await?;
        }
        if seen.owner == Some(me) {
            return Ok((me, seen));
        }
    }
    Err(StoreError::Unavailable(
        "others keep taking the room".to_owned(),
    ))
}

async fn all_members(store: &dyn Store, room: RoomId) -> StoreResult<Vec<Member>> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|member: &Member| member.user);
        let page = store.members(room, after, MEMBERS_PAGE).await?;
        let full = page.len() == MEMBERS_PAGE;
        all.extend(page);
        if !full {
            return Ok(all);
        }
    }
}

async fn read_tail(
    store: &dyn Store,
    room: RoomId,
    from: Seq,
    head: Seq,
) -> StoreResult<Vec<StoredEntry>> {
    let mut tail: Vec<StoredEntry> = Vec::new();
    let mut next = from;
    while next <= head {
        let page = store.log(room, next, head, PAGE_MAX * 4, true).await?;
        let Some(last) = page.last() else {
            return Err(StoreError::Corrupt(format!("entry {next} is missing")));
        };
        next = last.entry.seq + 1;
        tail.extend(page);
    }
    verify(&tail)?;
    Ok(tail)
}

/// The chain over what was read (R13).
fn verify(tail: &[StoredEntry]) -> StoreResult<()> {
    for pair in tail.windows(2) {
        if let [before, after] = pair
            && (after.entry.seq != before.entry.seq + 1 || !after.verifies_after(&before.link))
        {
            let seq = after.entry.seq;
            return Err(StoreError::Corrupt(format!("the chain breaks at {seq}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::take_over;
    use crate::entry::{Event, Role};
    use crate::store::conformance::subject::{BEN, LOBBY, Subject};
    use crate::store::{Outcome, Statics};

    #[tokio::test]
    async fn guards_that_the_owner_before_did_not_write_any_more_are_written_at_the_take_over() {
        let subject = Subject::memory(13);
        let store = &*subject.store;
        let mut scribe = subject.scribe(LOBBY).await;
        let joined = |role| Event::Join { user: BEN, role };
        let mut batch = scribe.batch([joined(Role::Member)]);
        batch.guards.clear();
        assert_eq!(store.append(&batch).await, Ok(Outcome::Applied));
        assert_eq!(store.member(LOBBY, BEN).await, Ok(None));
        let recovered = take_over(store, LOBBY, 13).await.expect("an answer");
        let members = recovered.expect("a room").members;
        assert_eq!(members.first().map(|member| member.user), Some(BEN));
        assert!(store.member(LOBBY, BEN).await.is_ok_and(|m| m.is_some()));
    }

    #[tokio::test]
    async fn who_had_a_full_bucket_before_opens_no_other_one() {
        let subject = Subject::memory(1);
        let store = &*subject.store;
        let mut zombie = subject.scribe(LOBBY).await;
        let post = || Event::Topic {
            topic: "high tide".to_owned(),
        };
        let batch = zombie.batch([post()]);
        assert_eq!(store.append(&batch).await, Ok(Outcome::Applied));
        let before = store.last_bucket(LOBBY, 0).await.expect("an answer");
        let before = before.expect("a bucket");
        assert_eq!(
            (before.bucket, before.next_seq),
            (0, 2),
            "the first is full"
        );
        let recovered = take_over(store, LOBBY, 1).await.expect("an answer");
        let me = recovered.expect("a room").me;
        let late = Statics {
            bucket: 1,
            ..before
        };
        let refused = store.open_bucket(LOBBY, late).await;
        assert!(matches!(refused, Ok(Outcome::Refused(_))), "{refused:?}");
        let last = store.last_bucket(LOBBY, 0).await.expect("an answer");
        assert_eq!(last.and_then(|last| last.owner), Some(me));
    }
}
