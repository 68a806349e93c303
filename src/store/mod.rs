//! The store: the one edge behind which history, people and places are kept.
//!
//! The methods are one to one with the queries of `schema.cql`; `embedded` is SQLite, `memory` is the
//! model that the simulation breaks on purpose. Every implementation passes `conformance`.
//!
//! Look-ups return `Option`: absence is not an error. An `Err` of a *write* is always "outcome not
//! known" unless its variant says otherwise (R3).

#[cfg(test)]
pub(crate) mod conformance;
pub mod embedded;
pub mod memory;
pub mod rules;
pub mod views;

use crate::access::WorkspaceRole;
use crate::clock::Timestamp;
use crate::entry::{Hash, Role, RoomKind, StoredEntry};
use crate::ids::{ClientId, LoginId, Ordinal, OwnerId, RoomId, Seq, UserId};
use async_trait::async_trait;
use std::collections::HashMap;
use std::fmt;

/// What went wrong at the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The write may or may not have happened (time-out, failing fsync, full disk at commit).
    Unknown(String),
    /// The store cannot make anything durable now (no quorum, disk full, behind its witness). Nothing was written.
    NotDurable(String),
    /// The store cannot answer now; for reads, and for writes that were surely not begun.
    Unavailable(String),
    /// What was read cannot be: a hole, a broken chain, a malformed row. Never skipped.
    Corrupt(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Unknown(why) => write!(f, "outcome unknown: {why}"),
            StoreError::NotDurable(why) => write!(f, "not durable: {why}"),
            StoreError::Unavailable(why) => write!(f, "unavailable: {why}"),
            StoreError::Corrupt(why) => write!(f, "corrupt: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for crate::error::Error {
    fn from(error: StoreError) -> Self {
        use crate::error::{Code, Error};
        match error {
            StoreError::Unknown(_) => Error::new(
                Code::Unknown,
                "The outcome is not known. Send the same again.",
            ),
            StoreError::NotDurable(_) => {
                Error::new(Code::NotDurable, "Nothing can be stored durably right now.")
            }
            StoreError::Unavailable(_) => {
                Error::new(Code::Unavailable, "The store does not answer right now.")
            }
            StoreError::Corrupt(_) => Error::internal(),
        }
    }
}

pub type StoreResult<T> = Result<T, StoreError>;

/// The static columns of a room's last bucket: who owns it and where the log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statics {
    pub bucket: u64,
    /// `None` before the first take-over.
    pub owner: Option<OwnerId>,
    pub epoch: u64,
    /// The seq that the next entry gets; head = next_seq − 1.
    pub next_seq: Seq,
    pub ord: Ordinal,
    pub chain: Hash,
    /// Every view is written up to here (R6).
    pub viewed: Seq,
}

impl Statics {
    /// A new room: nothing in it.
    pub fn empty() -> Self {
        Self {
            bucket: 0,
            owner: None,
            epoch: 0,
            next_seq: 1,
            ord: 0,
            chain: [0; 32],
            viewed: 0,
        }
    }
    pub fn head(&self) -> Seq {
        self.next_seq - 1
    }
}

/// One conditional append (R2): applied only if the bucket's owner is `owner` and its next_seq is
/// `expected_next`. All entries have `seq` in this bucket, rising from `expected_next` without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub room: RoomId,
    pub bucket: u64,
    pub owner: OwnerId,
    pub expected_next: Seq,
    pub entries: Vec<StoredEntry>,
    /// Written with the entries before the acknowledgement (R6).
    pub guards: Vec<Guard>,
    /// Statics after the batch.
    pub ord: Ordinal,
    pub chain: Hash,
    pub viewed: Seq,
}

/// What a conditional write answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Applied,
    /// Not applied; the statics as they are. `None`: no such bucket. The caller resolves by R3.
    Refused(Option<Statics>),
}

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

/// A room without its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRow {
    pub id: RoomId,
    pub kind: RoomKind,
    pub name: Option<String>,
    pub topic: String,
    pub created_at: Timestamp,
    pub created_by: UserId,
    /// The two people of a direct room, lower id first.
    pub pair: Option<(UserId, UserId)>,
    /// Retention removed everything up to here.
    pub floor: Seq,
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub name: String,
    /// Lower case, unique, without `@`.
    pub handle: String,
    /// Lower case, unique. Never logged.
    pub email: String,
    /// PHC text of the password hash. Never logged.
    pub password: String,
    pub role: WorkspaceRole,
    pub title: String,
    pub tz: String,
    pub active: bool,
    pub created_at: Timestamp,
}

/// The kind of credential behind a log-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    Cookie,
    Bearer,
}

/// One device that is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub id: LoginId,
    pub user: UserId,
    pub kind: LoginKind,
    /// SHA-256 of the secret.
    pub secret: Hash,
    /// What the device calls itself.
    pub device: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    pub code: String,
    pub by: UserId,
    pub role: WorkspaceRole,
    pub rooms: Vec<RoomId>,
    /// `None`: unlimited.
    pub uses_left: Option<u32>,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Which unique thing was taken already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Email,
    Handle,
    /// Somebody else became the first owner in the meantime.
    FirstOwner,
}

/// What the readiness probe says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durability {
    Durable,
    /// With the reason for the operator.
    NotDurable(String),
}

/// The log table: only conditional writes touch it (R6).
#[async_trait]
pub trait LogStore: Send + Sync {
    /// The statics of the room's last bucket, found by probing upwards from `from_bucket` (SERIAL). `None`: no log.
    async fn last_bucket(&self, room: RoomId, from_bucket: u64) -> StoreResult<Option<Statics>>;
    /// R1: sets `me` and `epoch` as owner of `bucket` if the owner is still `expected`.
    async fn take_over(
        &self,
        room: RoomId,
        bucket: u64,
        expected: Option<OwnerId>,
        me: OwnerId,
        epoch: u64,
    ) -> StoreResult<Outcome>;
    /// R9: opens `statics.bucket` if it does not exist. Bucket 0 is opened when the room is created.
    async fn open_bucket(&self, room: RoomId, statics: Statics) -> StoreResult<Outcome>;
    /// R2: entries, guards and statics, or nothing.
    async fn append(&self, batch: &Batch) -> StoreResult<Outcome>;
    /// Raw entries `from..=to` ascending, at most `limit`, not redacted beyond what was erased. Holes are `Corrupt`
    /// below the head and the end at it. `serial`: what a new owner needs (R4).
    async fn log(
        &self,
        room: RoomId,
        from: Seq,
        to: Seq,
        limit: usize,
        serial: bool,
    ) -> StoreResult<Vec<StoredEntry>>;
    /// R15: nulls content and salt of `seq` if its digest is `digest`. Idempotent.
    async fn erase(&self, room: RoomId, seq: Seq, digest: Hash) -> StoreResult<()>;
    /// Heads of many rooms: (head seq, ord). Rooms without a log are left out.
    async fn heads(&self, rooms: &[RoomId]) -> StoreResult<HashMap<RoomId, (Seq, Ordinal)>>;
}

/// Everything derived from the log.
#[async_trait]
pub trait ViewStore: Send + Sync {
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
    /// Posts above `after` that name `user`, here or channel, and are not his own; counted up to 1,000.
    async fn mention_count(&self, room: RoomId, user: UserId, after: Seq) -> StoreResult<u64>;
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

#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Creates the row and bucket 0; `false` if the id exists (then nothing changes).
    async fn create_room(&self, room: &RoomRow) -> StoreResult<bool>;
    async fn room(&self, id: RoomId) -> StoreResult<Option<RoomRow>>;
    async fn rooms(&self, ids: &[RoomId]) -> StoreResult<HashMap<RoomId, RoomRow>>;
    /// Conditional insert; answers the room that holds the pair (lower id first).
    async fn claim_pair(&self, pair: (UserId, UserId), room: RoomId) -> StoreResult<RoomId>;
    /// Conditional insert; answers the room that holds (creator, client_id).
    async fn claim_room_key(
        &self,
        creator: UserId,
        client_id: ClientId,
        room: RoomId,
    ) -> StoreResult<RoomId>;
    /// Public channels whose name contains `query`, by (name, id), after the cursor's place.
    async fn public_rooms(
        &self,
        query: &str,
        after: Option<(String, RoomId)>,
        limit: usize,
    ) -> StoreResult<Vec<RoomRow>>;
    /// Every room by id, for `verify`, export and copy.
    async fn all_rooms(&self, after: Option<RoomId>, limit: usize) -> StoreResult<Vec<RoomId>>;
}

#[async_trait]
pub trait PeopleStore: Send + Sync {
    /// Conditional on e-mail and handle being free; `first` also on the workspace being without people.
    async fn create_user(&self, user: &User, first: bool) -> StoreResult<Result<(), Taken>>;
    async fn has_people(&self) -> StoreResult<bool>;
    async fn user(&self, id: UserId) -> StoreResult<Option<User>>;
    async fn users(&self, ids: &[UserId]) -> StoreResult<HashMap<UserId, User>>;
    async fn user_by_email(&self, email: &str) -> StoreResult<Option<User>>;
    async fn users_by_handle(&self, handles: &[String]) -> StoreResult<HashMap<String, UserId>>;
    /// Active people whose name or handle contains `query` (case-insensitive), by (name, id).
    async fn find_users(
        &self,
        query: &str,
        after: Option<(String, UserId)>,
        limit: usize,
    ) -> StoreResult<Vec<User>>;
    /// Replaces all but id, created_at and password; conditional on e-mail and handle being free.
    async fn update_user(&self, user: &User) -> StoreResult<Result<(), Taken>>;
    async fn set_password(&self, user: UserId, password: &str) -> StoreResult<()>;
    /// Adds a log-in; beyond the limit per person the ones idle longest end. Answers those that ended.
    async fn create_login(&self, login: &Login) -> StoreResult<Vec<LoginId>>;
    async fn login_by_secret(&self, secret: &Hash) -> StoreResult<Option<Login>>;
    async fn logins_of(&self, user: UserId) -> StoreResult<Vec<Login>>;
    async fn touch_login(&self, id: LoginId, seen_at: Timestamp) -> StoreResult<()>;
    /// False if there was none.
    async fn delete_login(&self, user: UserId, id: LoginId) -> StoreResult<bool>;
    async fn create_invite(&self, invite: &Invite) -> StoreResult<()>;
    async fn invite(&self, code: &str) -> StoreResult<Option<Invite>>;
    async fn invites(&self) -> StoreResult<Vec<Invite>>;
    async fn delete_invite(&self, code: &str) -> StoreResult<bool>;
    /// Takes one use, conditionally; `None` if unknown, used up or expired at `now`.
    async fn use_invite(&self, code: &str, now: Timestamp) -> StoreResult<Option<Invite>>;
    /// Gives back a use whose sign-up did not happen.
    async fn return_invite(&self, code: &str) -> StoreResult<()>;
    /// Free-text settings of the workspace ("name", …) and of a person ("draft:ROOM", "theme", …).
    async fn setting(&self, owner: Option<UserId>, key: &str) -> StoreResult<Option<String>>;
    async fn set_setting(
        &self,
        owner: Option<UserId>,
        key: &str,
        value: Option<&str>,
    ) -> StoreResult<()>;
    async fn settings(
        &self,
        owner: Option<UserId>,
        prefix: &str,
    ) -> StoreResult<Vec<(String, String)>>;
}

/// The whole edge.
pub trait Store: LogStore + ViewStore + RoomStore + PeopleStore + 'static {
    fn durability(&self) -> Durability;
}
