//! What is derived from the log, and how it is read.

use super::StoreResult;
use crate::clock::Timestamp;
use crate::entry::{Role, RoomKind};
use crate::ids::{ClientId, Ordinal, RoomId, Seq, UserId};
use async_trait::async_trait;
use std::collections::HashMap;

/// A view that must stand before the entry that changes it is acknowledged (R6). Idempotent: the
/// higher `seq` wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// `role` = `None`: not a member from `seq` on.
    Membership {
        room: RoomId,
        kind: RoomKind,
        user: UserId,
        role: Option<Role>,
        seq: Seq,
    },
    /// The content of post `target` and of its edits below `seq` is hidden; `deleted`: all of it.
    Redaction {
        room: RoomId,
        target: Seq,
        seq: Seq,
        deleted: bool,
    },
    /// The author of a post (or who joined) has read up to it.
    Marker {
        room: RoomId,
        user: UserId,
        seq: Seq,
        ord: Ordinal,
        at: Timestamp,
    },
}

/// A derived view, written after the acknowledgement with `seq` as its timestamp: redoing is harmless (R6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    Sent {
        sender: UserId,
        client_id: ClientId,
        seq: Seq,
    },
    Reaction {
        target: Seq,
        emoji: String,
        user: UserId,
        on: bool,
        seq: Seq,
    },
    /// `user` = `None`: here or channel, which names everybody.
    Mention {
        user: Option<UserId>,
        by: UserId,
        seq: Seq,
    },
    Name {
        name: Option<String>,
        seq: Seq,
    },
    Topic {
        topic: String,
        seq: Seq,
    },
}

/// What hides the content of a post: 0 means never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redaction {
    /// Seq of the newest edit.
    pub edited: Seq,
    /// Seq of the deletion.
    pub deleted: Seq,
}

/// A reaction that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionRow {
    pub target: Seq,
    pub emoji: String,
    pub user: UserId,
    /// When it was set.
    pub seq: Seq,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub user: UserId,
    pub role: Role,
    /// The entry that made it so.
    pub seq: Seq,
}

/// A person's place in a room. Ordered by the generation first: "mark unread" opens the next one (R7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    pub generation: u64,
    pub read: Seq,
    /// ord(read).
    pub read_ord: Ordinal,
    pub delivered: Seq,
    /// When `read` last rose.
    pub read_at: Timestamp,
}

/// Everything derived from the log.
#[async_trait]
pub trait ViewStore: Send + Sync {
    /// Writes guards again: what a new owner does for (viewed, head] where they are not one
    /// transaction with their entries (R6).
    async fn write_guards(&self, guards: &[Guard]) -> StoreResult<()>;
    async fn write_views(&self, room: RoomId, views: &[View]) -> StoreResult<()>;
    /// The place of a sent key. Complete up to `viewed` (R5).
    async fn sent(
        &self,
        room: RoomId,
        sender: UserId,
        client_id: ClientId,
    ) -> StoreResult<Option<Seq>>;
    /// Redactions of the given posts; those never redacted are left out.
    async fn redactions(
        &self,
        room: RoomId,
        targets: &[Seq],
    ) -> StoreResult<HashMap<Seq, Redaction>>;
    /// Reactions that stand on the given posts, in the order in which they were set.
    async fn reactions(&self, room: RoomId, targets: &[Seq]) -> StoreResult<Vec<ReactionRow>>;
    /// Posts in (`after`, `upto`] that name `user`, here or channel, and are not his own; counted up to 1,000.
    async fn mention_count(
        &self,
        room: RoomId,
        user: UserId,
        after: Seq,
        upto: Seq,
    ) -> StoreResult<u64>;
    async fn member(&self, room: RoomId, user: UserId) -> StoreResult<Option<Member>>;
    /// Members by user id, above `after`, at most `limit`.
    async fn members(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Vec<Member>>;
    /// The rooms of a person with his role and kind.
    async fn rooms_of(&self, user: UserId) -> StoreResult<Vec<(RoomId, RoomKind, Role)>>;
    /// The newest generation; the default where nothing was marked.
    async fn marker(&self, room: RoomId, user: UserId) -> StoreResult<Marker>;
    async fn markers_of(
        &self,
        user: UserId,
        rooms: &[RoomId],
    ) -> StoreResult<HashMap<RoomId, Marker>>;
    async fn markers(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Vec<(UserId, Marker)>>;
    /// R7: raises read (with its ord) and delivered within the newest generation: each becomes the maximum. Answers what then stands.
    async fn raise_marker(
        &self,
        room: RoomId,
        user: UserId,
        read: Option<(Seq, Ordinal)>,
        delivered: Option<Seq>,
        at: Timestamp,
    ) -> StoreResult<Marker>;
    /// R7: opens generation `expected + 1` with `read`; if another opened it first, answers what stands.
    async fn open_generation(
        &self,
        room: RoomId,
        user: UserId,
        expected: u64,
        read: (Seq, Ordinal),
        at: Timestamp,
    ) -> StoreResult<Marker>;
}
