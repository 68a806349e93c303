//! What is still to happen in the simulated world.

use super::bus::Asked;
use super::node::Inside;
use super::owner::{Back, Purpose};
use super::relays::Wire;
use super::rows::Wanted;
use super::storage::{Answer, Request};
use super::world::At;
use crate::ids::{ConnectionId, NodeId, RoomId};
use crate::room::{Reply, RoomCommand};
use crate::session::state::Done;
use serde_json::Value;

pub enum Happening {
    Planned(usize),
    Calm,
    /// Redis loses nothing any more.
    Quiet,
    /// What is published by now must be on every screen soon.
    Sent,
    Repaired,
    /// All may be at rest.
    Rest,
    /// Something inside a node, if it still lives.
    Node {
        id: NodeId,
        what: Inside,
    },
    /// A node that stood still goes on.
    Resume {
        node: usize,
    },
    /// A node that was told to end does so.
    End {
        id: NodeId,
    },
    /// Redis is asked by a node.
    Redis {
        from: NodeId,
        asked: Asked,
    },
    /// The store is asked by a node.
    Read {
        from: NodeId,
        wanted: Wanted,
    },
    /// A person's frame reaches a node that had stood still.
    Say {
        who: usize,
        connection: ConnectionId,
        text: String,
    },
    /// A command that the shell gives itself.
    Own {
        at: At,
        command: RoomCommand,
    },
    /// A request reaches the store. `answered`: its answer goes back.
    Store {
        at: At,
        purpose: Purpose,
        request: Request,
        answered: bool,
    },
    Answer {
        at: At,
        purpose: Purpose,
        answer: Answer,
    },
    Reply {
        room: usize,
        back: Back,
        reply: Reply,
    },
    Timeout {
        room: usize,
        back: Back,
    },
    /// A person reads a frame.
    Frame {
        who: usize,
        connection: ConnectionId,
        frame: Value,
    },
    /// Work of a session is done.
    SessionDone {
        who: usize,
        connection: ConnectionId,
        done: Box<Done>,
    },
    /// The pause is over after which a session sends again what has an unknown outcome.
    SessionAgain {
        who: usize,
        connection: ConnectionId,
        room: RoomId,
    },
    Pump {
        who: usize,
        room: usize,
    },
    /// To a relay of that node, unless it has died since.
    Wire {
        id: NodeId,
        node: usize,
        room: usize,
        what: Box<Wire>,
    },
    Open {
        who: usize,
    },
    Watch {
        who: usize,
        room: usize,
    },
    Refresh,
}
