//! What the cluster's core hears, and what it wants done.

use super::*;
use crate::cluster::message::ClaimId;
use crate::room::Orders;
use crate::store::NodeLease;

/// What happens to a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Comes several times a second.
    Tick,
    /// The bus can be reached, or not.
    Connected(bool),
    /// The lease was renewed; the request for it left at this moment.
    Renewed(Moment),
    Received {
        from: NodeId,
        message: Message,
    },
    /// Something that this node sent to us is lost.
    Gap(NodeId),
    /// What the keeper of the leases said, asked for at a moment after `AskRoll`; `None`: nothing.
    Roll(Option<Roll>),
    /// What all nodes say of themselves in the store, asked for at this moment.
    Rows {
        asked_at: Moment,
        rows: Vec<NodeLease>,
    },
    /// The row of this node stands and gives a right (`begin_row`); it was begun at this moment.
    RowStands(Moment),
    /// The store did not answer `Effect::Heal`.
    NotRead,
    /// A relay of the room lives here from now on, or ends.
    Follow(RoomId),
    Unfollow(RoomId),
    /// The moment after `Effect::FlushSoon`.
    Flush,
    /// An owner here has the room, whose log ends at `head`.
    Owns {
        room: RoomId,
        head: Seq,
    },
    /// An owner of the room begins here.
    Wakes(RoomId),
    /// It has ended; `orders` is for the next one.
    Rests {
        room: RoomId,
        orders: Orders,
    },
    /// An owner that begins here wants the room. Answered by `Effect::Claimed`.
    Claim {
        id: ClaimId,
        room: RoomId,
    },
    Publish {
        room: RoomId,
        entries: Vec<Arc<Entry>>,
        /// Somebody waits until all whom it removes are out.
        fence: Option<FenceId>,
    },
    Hint(Hint),
    News(News),
    /// What a person of this node is now, for every node.
    Presence {
        user: UserId,
        state: PresenceState,
    },
    /// The sockets of a log-in are closed everywhere.
    Revoke {
        login: LoginId,
        fence: FenceId,
    },
    /// A command for a room that is not, or not surely, for the owner here (`is_for_here`).
    Forward {
        id: CommandId,
        room: RoomId,
        command: Command,
    },
    /// The node has just begun: it takes no rooms until `Arrived`.
    Arriving,
    /// All nodes have met.
    Arrived,
    /// The node takes no new rooms.
    Drain,
    /// The node ends.
    End,
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Send {
        to: NodeId,
        message: Message,
    },
    Broadcast(Message),
    /// Come back with `Event::Flush` in a moment.
    FlushSoon,
    /// For the relays here; `confirm`: tell that node when whom it removes is out.
    Hear {
        room: RoomId,
        entries: Vec<Arc<Entry>>,
        confirm: Option<(NodeId, FenceId)>,
    },
    HearHint(Hint),
    HearNews(News),
    HearPresence {
        from: NodeId,
        whole: bool,
        users: Vec<(UserId, PresenceState)>,
    },
    /// Tell the node who is here.
    Introduce(NodeId),
    /// The node was not heard for so long that it gets no rooms.
    Silent(NodeId),
    /// The node is not there any more.
    Gone(NodeId),
    /// Close the sockets of the log-in, then confirm.
    HearRevoke {
        login: LoginId,
        from: NodeId,
        fence: FenceId,
    },
    /// The log of the room is at least this long: the relay looks whether it lacks something.
    HearHead {
        room: RoomId,
        head: Seq,
    },
    /// Something was lost: the heads of all rooms that are followed here are read anew.
    Heal,
    /// Somebody may have been let in to a room unheard: every session looks for rooms that it does not know.
    SeekRooms,
    /// Out of touch: every session looks whether it still may be there.
    LookAgain,
    /// Run a command of another node here. `elsewhere`: only if an owner lives here; if not, say
    /// `Moved` with that node.
    Execute {
        from: NodeId,
        id: CommandId,
        room: RoomId,
        command: Command,
        elsewhere: Option<NodeId>,
    },
    /// Run a command of this node here that waited.
    Run {
        id: CommandId,
        room: RoomId,
        command: Command,
    },
    /// Nobody else has the room, as far as can be learned.
    Claimed {
        id: ClaimId,
        orders: Orders,
    },
    /// The owner here finishes what is under way and ends.
    HandOver(RoomId),
    /// A forwarded command is answered.
    Answer {
        id: CommandId,
        reply: Reply,
    },
    /// A forwarded command ends without an answer: `unknown`, or `busy` if it never left.
    GiveUp {
        id: CommandId,
        code: Code,
    },
    /// Answer with `Event::Roll`: a removal waits for whoever has a lease.
    AskRoll,
    /// Read the rows of all nodes in the store soon, and come with `Event::Rows`.
    AskRows,
    /// Everybody confirmed, or is gone.
    Confirmed(FenceId),
    /// The nodes that are there changed: rooms that should live elsewhere are handed over.
    Moved,
}
