//! What nodes say to each other. Data crosses nodes, HTML never does.

use crate::bus::{Hint, News};
use crate::entry::{Entry, Salt};
use crate::ids::{LoginId, NodeId, RoomId, Seq, UserId};
use crate::room::{self, Orders, Reply};
use crate::wire::client::PresenceState;
use std::sync::Arc;

/// Names one forwarded command of one node.
pub type CommandId = u64;
/// Names one removal of one node that waits for everybody's confirmation (R17).
pub type FenceId = u64;

/// Names one take-over of one node that asks the others first.
pub type ClaimId = u64;

/// A room goes from one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandOver {
    /// "I take the room: who has it, finish."
    Claim { id: ClaimId, room: RoomId },
    /// "I have it, and finish."
    Holds { id: ClaimId },
    /// "I do not have it." `orders`: how far the sender came with its senders, if it had it of late.
    Free { id: ClaimId, orders: Orders },
    /// "I had let the room go when your command came: nothing was begun. Ask there."
    Moved { id: CommandId, to: NodeId },
}

/// "I am here", once a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    pub draining: bool,
    /// The version of what this node follows.
    pub interest: u64,
}

/// A command for the owner of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Send(Box<room::Send>),
    Found {
        creator: UserId,
        members: Vec<UserId>,
        salts: Vec<Salt>,
    },
}

/// One message from node to node.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    Heartbeat(Heartbeat),
    /// From version `base` to `version`; `base` 0: this is all of it.
    Interest {
        base: u64,
        version: u64,
        follow: Vec<RoomId>,
        leave: Vec<RoomId>,
    },
    /// "I lack what you follow."
    WantInterest,
    Command {
        id: CommandId,
        room: RoomId,
        command: Command,
    },
    Outcome {
        id: CommandId,
        reply: Reply,
    },
    HandOver(HandOver),
    /// Stored entries. `fence`: to be confirmed when whom they remove is out.
    Publication {
        room: RoomId,
        entries: Vec<Arc<Entry>>,
        fence: Option<FenceId>,
    },
    /// The log of the room has entries up to `head`.
    Head {
        room: RoomId,
        head: Seq,
    },
    Hint(Hint),
    News(News),
    /// What people are on the sender's node; `whole`: nobody else is there.
    Presence {
        whole: bool,
        users: Vec<(UserId, PresenceState)>,
    },
    /// The sockets of the log-in are to be closed. To be confirmed.
    Revoke {
        login: LoginId,
        fence: FenceId,
    },
    /// "Something that you sent to me is lost."
    Lost,
    Confirm {
        fence: FenceId,
    },
    /// The sender ends now: nothing more of it is to be waited for.
    Bye,
}
