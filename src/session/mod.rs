//! A session: one person's live connection. Actors own control, the outbox carries the bytes
//! (DESIGN.md §4).

pub mod actor;
pub mod addresses;
pub mod followed;
pub mod gate;
pub mod greeting;
pub mod order;
pub mod outbox;
pub mod presence;
pub mod recheck;
pub mod registry;
pub mod sorted;
pub mod state;
mod work;

use crate::clock::Timestamp;
use crate::ids::{ClientId, Ordinal, RoomId, Seq};
use crate::room::Reply;
use crate::store::Marker;

/// Everything that a session actor hears from outside its socket.
#[derive(Clone, Debug)]
pub enum SessionMessage {
    /// One text frame of the client, as it came.
    Frame(outbox::Frame),
    /// The room's answer to the send `n` of this connection.
    RoomReply {
        n: u64,
        room: RoomId,
        client_id: ClientId,
        reply: Reply,
    },
    /// The pause is over after which sends of unknown outcome come again.
    Again { room: RoomId },
    /// A room that is listened to and not watched has moved.
    Head(Head),
    /// The person was added to a room; the session sends `room` and listens.
    /// Call `Outbox::rejoin(room, seq)` first: it is false if a later removal has overtaken this.
    Added { room: RoomId, seq: Seq },
    /// The person was removed; `gone` is queued already, and frames of the room are refused.
    Removed { room: RoomId, seq: Seq },
    /// Name, topic or the person's role in the room changed: the session sends `room`.
    FactsChanged { room: RoomId, seq: Seq },
    /// Another device of the person moved the marker.
    Marked { room: RoomId, marker: Marker },
    /// A watch began: what follows in the outbox is live.
    Watching { room: RoomId },
    /// A watch was refused or has ended without being asked; an `error` is queued already.
    WatchEnded { room: RoomId },
    /// The person's own account changed: role, profile, or no longer active.
    UserChanged,
    /// The person may have been added to a room while no word of it came.
    SeekRooms,
    /// Work of this session ended.
    Done(Box<state::Done>),
    /// The node goes away: what was accepted is still answered, then comes `bye` and the close.
    Leave { bye: outbox::Frame },
    /// Time passes.
    Tick(Timestamp),
}

/// How a room moved since the last notice to this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub room: RoomId,
    pub seq: Seq,
    pub ord: Ordinal,
    /// Posts of others that name the person, here or channel, since the last notice.
    pub mentions: u64,
    /// The person's newest own post since the last notice: it moved the marker (seq, ord).
    pub own: Option<(Seq, Ordinal)>,
}
