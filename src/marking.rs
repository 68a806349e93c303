//! Moving one's own markers (PROTOCOL.md §3 "Markers", R7): the one place, for HTTP and sockets.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{Ordinal, RoomId, Seq, UserId};
use crate::reading::{mentions_after, ord_at, tail};
use crate::store::{Marker, Store};
use crate::wire::client::Mark;

/// How often "mark unread" is tried anew when another device opened a generation first.
const TRIES: usize = 4;

/// Where a person stands after a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub marker: Marker,
    /// The head at which `unread` and `mentions` were counted.
    pub head: Seq,
    pub ord: Ordinal,
    pub unread: u64,
    pub mentions: u64,
}

/// Moves the markers of `user` in `room`, and says where they stand then.
pub async fn mark(
    store: &dyn Store,
    room: RoomId,
    user: UserId,
    mark: Mark,
    now: Timestamp,
) -> Result<Standing> {
    if store.member(room, user).await?.is_none() {
        return Err(Error::not_found());
    }
    let Some(tail_now) = tail(store, room).await? else {
        return Err(Error::not_found());
    };
    let head = tail_now.statics.head();
    let marker = match mark {
        Mark::Raise { read, delivered } => {
            let read = match read.map(|seq| seq.min(head)) {
                Some(0) | None => None,
                Some(seq) if seq == head => Some((seq, tail_now.statics.ord)),
                Some(seq) => Some((seq, ord_at(store, room, seq).await?)),
            };
            // `read` raises `delivered`.
            let delivered = delivered
                .map(|seq| seq.min(head))
                .max(read.map(|(seq, _)| seq));
            let delivered = delivered.filter(|seq| *seq > 0);
            store.raise_marker(room, user, read, delivered, now).await?
        }
        Mark::UnreadFrom(from) => go_back(store, room, user, from, now).await?,
    };
    let mentions = mentions_after(store, room, user, marker.read, &tail_now).await?;
    Ok(Standing {
        marker,
        head,
        ord: tail_now.statics.ord,
        unread: tail_now.statics.ord.saturating_sub(marker.read_ord),
        mentions,
    })
}

/// read = min(read, from − 1), in the next generation.
async fn go_back(
    store: &dyn Store,
    room: RoomId,
    user: UserId,
    from: Seq,
    now: Timestamp,
) -> Result<Marker> {
    let wanted = from.saturating_sub(1);
    let mut stands = store.marker(room, user).await?;
    for _ in 0..TRIES {
        if stands.read <= wanted {
            break;
        }
        let ord = ord_at(store, room, wanted).await?;
        stands = store
            .open_generation(room, user, stands.generation, (wanted, ord), now)
            .await?;
    }
    Ok(stands)
}
