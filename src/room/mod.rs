//! A room: an append-only log with one owner (DESIGN.md §2, §3).
//!
//! `state` holds every rule as a pure core, `actor` is its thin shell, `writer` talks to the store.

pub mod actor;
pub mod answer;
pub mod directory;
mod doubt;
mod hold;
pub mod mentions;
mod notes;
pub mod state;
pub mod takeover;
pub mod writer;

use crate::access::Actor;
use crate::entry::{Entry, Role, RoomKind, Salt, StoredEntry};
use crate::error::{Code, Error};
use crate::ids::{ClientId, ConnectionId, OwnerId, RoomId, Seq, UserId};
use crate::store::{Batch, Member, Statics, View};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names one command, so that its answer finds the way back. Unique within one actor incarnation.
pub type Ticket = u64;
/// Names one question to the store.
pub type LoadId = u64;

/// What somebody wants to append, already checked for shape and size (`crate::draft`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draft {
    Post {
        body: String,
        reply_to: Option<Seq>,
    },
    Edit {
        target: Seq,
        body: String,
    },
    Delete {
        target: Seq,
    },
    React {
        target: Seq,
        emoji: String,
    },
    Unreact {
        target: Seq,
        emoji: String,
    },
    Rename {
        name: String,
    },
    Topic {
        topic: String,
    },
    /// `role` = `None`: member for a new one, unchanged for a present one.
    PutMember {
        user: UserId,
        role: Option<Role>,
    },
    RemoveMember {
        user: UserId,
    },
}

/// The place of a send in its connection's order (R16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub connection: ConnectionId,
    /// 1, 2, 3 … per (connection, room).
    pub n: u64,
    /// The lowest `n` that the session has no answer to; `n` itself if all before are answered.
    pub base: u64,
    /// Raised by the session each time a hold ends: a refusal that keeps order refuses everything
    /// of the same or a lower hold.
    pub hold: u64,
    /// The session holds this connection's sends to this room: only stored keys are answered.
    pub refuse_with: Option<Code>,
}

/// One command of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    pub ticket: Ticket,
    pub actor: Actor,
    /// `None` over HTTP.
    pub place: Option<Place>,
    /// `None` for members' commands, which are safe to repeat.
    pub client_id: Option<ClientId>,
    /// Head that the client knew at its first try; 0 where there is no client id.
    pub after: Seq,
    pub draft: Draft,
    /// Typed handles in the body that belong to somebody, from the directory of people.
    pub handles: BTreeMap<String, UserId>,
    /// Fresh random bytes for the digest.
    pub salt: Salt,
}

/// How far an owner came with the sends of one connection, for the owner after it (R16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionOrder {
    pub connection: ConnectionId,
    /// The `n` that was applied or answered last.
    pub last: u64,
    pub held: Option<OrderHold>,
}

/// What came with this hold or a lower one, behind `n`, is refused with `code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderHold {
    pub hold: u64,
    pub n: u64,
    pub code: Code,
}

/// What an owner that ends in good order leaves to the next one.
pub type Orders = Vec<ConnectionOrder>;

/// Everything that a room hears.
#[derive(Clone, Debug)]
pub enum RoomCommand {
    Send(Send),
    /// First entries of a new room: joins of `members`, the creator first. Nothing if the log has entries.
    Found {
        ticket: Ticket,
        creator: UserId,
        members: Vec<UserId>,
        salts: Vec<Salt>,
    },
    /// The answer to `RoomEffect::Load`; `Err`: the store did not answer.
    Loaded {
        load: LoadId,
        facts: Result<Loaded, Error>,
    },
    /// The batch in flight is stored.
    Committed,
    /// The store says that another owner has the room, or the outcome stays unknown: this incarnation ends.
    Fenced,
    /// Every node with a live lease has taken the removed people out (R17).
    Delivered {
        upto: Seq,
    },
    ViewsWritten {
        upto: Seq,
    },
    /// Views could not be written. Sent after a pause: the state asks for the same again at once.
    ViewsFailed,
    /// The pause of `RoomEffect::AskLater` is over.
    AskAgain,
}

/// A question to the store about something that is not in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// Where (sender, client_id) stands, with the entry as it is now sent.
    Sent { sender: UserId, client_id: ClientId },
    /// The post at `seq`.
    Target { seq: Seq },
    /// What redactions in (`viewed`, `upto`] erase of the post at `seq`: itself and its edits.
    Contents { seq: Seq, viewed: Seq, upto: Seq },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    Sent(Option<Arc<Entry>>),
    /// `None`: not a post of this room.
    Target(Option<TargetFacts>),
    /// Seqs and digests, in any order.
    Contents(Vec<(Seq, crate::entry::Hash)>),
}

/// What the owner must know of a post to judge a command about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetFacts {
    pub author: Option<UserId>,
    pub deleted: bool,
    /// Different emoji that stand on it.
    pub emoji: Vec<String>,
    /// Seqs and digests whose content the next redaction erases: the post and its newest edit
    /// (R15). What earlier edits redacted was erased with them, or is redone.
    pub contents: Vec<(Seq, crate::entry::Hash)>,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Durably stored at its place; `repeated`: by an earlier try.
    Stored {
        entry: Arc<Entry>,
        repeated: bool,
    },
    /// Nothing to do; nothing stored.
    Unchanged,
    Refused(Error),
}

impl Reply {
    /// Whether it says something for good. Without a commit behind it, only the present owner may
    /// say so: one that was replaced and does not know it yet judges by an old state.
    pub fn is_final(&self) -> bool {
        match self {
            Reply::Stored { .. } | Reply::Unchanged => true,
            Reply::Refused(error) => !error.code.holds_order(),
        }
    }
}

/// Everything that a room asks of its shell.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomEffect {
    Reply {
        ticket: Ticket,
        reply: Reply,
    },
    Load {
        load: LoadId,
        what: Load,
    },
    /// Append; at most one in flight. `open` first if the batch begins a bucket.
    Commit {
        open: Option<Statics>,
        batch: Box<Batch>,
    },
    /// To the relays, in order; `confirm`: answer `Delivered` when every watcher who must go is gone.
    Publish {
        entries: Vec<Arc<Entry>>,
        confirm: bool,
    },
    /// After the acknowledgement; answered by `ViewsWritten`. `erase` first hides, then is redone until done.
    WriteViews {
        upto: Seq,
        views: Vec<View>,
        erase: Vec<(Seq, crate::entry::Hash)>,
    },
    /// Questions without which views cannot be redone failed: say `AskAgain` after a pause.
    AskLater,
    /// Nothing more will be answered by this incarnation.
    Stop,
}

/// What a take-over read (R4): statics after it, all members, the entries (viewed, head] and some before them.
#[derive(Clone, Debug)]
pub struct Recovered {
    pub room: RoomId,
    pub kind: RoomKind,
    pub floor: Seq,
    pub me: OwnerId,
    pub statics: Statics,
    pub members: Vec<Member>,
    /// Ascending and without gaps, ending at the head; at least (viewed, head].
    pub tail: Vec<StoredEntry>,
}
