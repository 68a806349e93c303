//! What is still to happen in the simulated world.

use super::owner::{Back, Forward, Purpose};
use super::relays::Wire;
use super::storage::{Answer, Request};
use super::world::At;
use crate::ids::{ConnectionId, RoomId};
use crate::room::{Reply, RoomCommand};
use crate::session::state::Done;
use serde_json::Value;

pub enum Happening {
    Planned(usize),
    Calm,
    Forward {
        node: usize,
        room: usize,
        forward: Box<Forward>,
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
    Wire {
        node: usize,
        room: usize,
        what: Box<Wire>,
    },
    RepeatRemovals,
    Open {
        who: usize,
    },
    Watch {
        who: usize,
        room: usize,
    },
    Refresh,
}
