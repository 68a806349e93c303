//! Messages that are sent later.

use crate::access::{Action, Actor};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::ids::{ClientId, RoomId, Seq, TimerId, UserId};
use crate::limits::{SCHEDULED_AHEAD_MS_MAX, SCHEDULED_PER_USER_MAX};
use crate::rooms::seat;
use crate::store::{Cancelled, Placed, SetTimer, Store, Task, Timer};
use sha2::{Digest as _, Sha256};
use uuid::Builder;

/// The timer of a message: the same for the same key (R5), so that a repeat sets nothing twice.
fn timer_id(room: RoomId, user: UserId, client_id: ClientId) -> TimerId {
    let mut hash = Sha256::new();
    for part in [room.bytes(), user.bytes(), client_id.bytes()] {
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    TimerId(Builder::from_custom_bytes(bytes).into_uuid())
}

/// How scheduling ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheduled {
    Set(Timer),
    /// A repeat: it is set already.
    Stands(SetTimer),
    /// A repeat: it was sent, and stands in the room there.
    Sent(Timer, Seq),
}

/// Schedules a post of `actor` at `due`.
///
/// Errors: `not_found` to an outsider, `bad_request` if `due` has passed or is too far ahead,
/// `conflict` if the actor has too many.
pub async fn schedule(
    store: &dyn Store,
    actor: &Actor,
    now: Timestamp,
    due: Timestamp,
    task: Task,
) -> Result<Scheduled> {
    let Task::Post {
        room, client_id, ..
    } = task;
    seat(store, actor, room, Action::Post).await?;
    let timer = Timer {
        id: timer_id(room, actor.user, client_id),
        user: actor.user,
        due,
        task,
    };
    let timers = store.timers_of(actor.user).await?;
    if let Some(there) = timers.into_iter().find(|set| set.timer.id == timer.id) {
        return Ok(Scheduled::Stands(there));
    }
    if let Some(seq) = sent(store, room, actor.user, client_id).await? {
        return Ok(Scheduled::Sent(timer, seq));
    }
    if due <= now {
        return Err(Error::bad_request("`at` has passed already."));
    }
    if due > now.plus_ms(SCHEDULED_AHEAD_MS_MAX) {
        return Err(Error::bad_request("`at` is more than a year ahead."));
    }
    match store.set_timer(&timer, SCHEDULED_PER_USER_MAX).await? {
        Placed::Set => Ok(Scheduled::Set(timer)),
        Placed::Stands(there) => Ok(Scheduled::Stands(there)),
        Placed::Full => {
            let why = "You have a hundred scheduled messages already. Cancel one first.";
            Err(Error::new(Code::Conflict, why))
        }
    }
}

/// Where the message with this key stands in the room. Views follow the log, so its end is read first.
async fn sent(
    store: &dyn Store,
    room: RoomId,
    user: UserId,
    client_id: ClientId,
) -> Result<Option<Seq>> {
    let Some(statics) = store.last_bucket(room, 0).await? else {
        return Ok(None);
    };
    let tail = store
        .log(room, statics.viewed + 1, statics.head(), usize::MAX, true)
        .await?;
    let key = (Some(user), Some(client_id));
    let mut tail = tail.iter().map(|stored| &stored.entry);
    if let Some(entry) = tail.find(|entry| (entry.by, entry.client_id) == key) {
        return Ok(Some(entry.seq));
    }
    Ok(store.sent(room, user, client_id).await?)
}

/// The head that whoever schedules now knows at the latest.
pub async fn head(store: &dyn Store, room: RoomId) -> Result<Seq> {
    let heads = store.heads(&[room]).await?;
    Ok(heads.get(&room).map_or(0, |(head, _)| *head))
}

/// Takes a scheduled message of `actor` back. `conflict` if it is being sent at this moment.
pub async fn cancel(store: &dyn Store, actor: &Actor, id: TimerId, now: Timestamp) -> Result<()> {
    match store.cancel_timer(actor.user, id, now).await? {
        Cancelled::Yes => Ok(()),
        Cancelled::Missing => Err(Error::not_found()),
        Cancelled::Claimed => {
            let why = "It is being sent at this moment.";
            Err(Error::new(Code::Conflict, why))
        }
    }
}
