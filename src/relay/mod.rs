//! One relay per room and node: order, catch-up, and fan-out of bytes that are encoded once.
//!
//! `state` holds the rules, `actor` is its thin shell, `history` reads the store for it, and
//! `directory` is the way to all of them.

pub mod actor;
pub mod directory;
pub mod history;
pub mod state;

use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::{Code, Error, Result};
use crate::ids::{RoomId, Seq, UserId};
use crate::session::SessionMessage;
use crate::session::outbox::Frame;
use crate::session::registry::Connection;
use crate::wire::client::Format;
use crate::wire::server::ServerFrame;
use async_trait::async_trait;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Makes fragments of entries: the same for every viewer (DESIGN.md §6).
#[async_trait]
pub trait RenderEntries: Send + Sync + 'static {
    /// One fragment per entry, in their order, at the present state or a later one.
    async fn render(&self, room: RoomId, entries: &[Arc<Entry>]) -> Result<Vec<Rendered>>;
}

/// The changing part of an `html` frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// `add`, `replace`, `remove` or `none`.
    pub op: &'static str,
    pub html: String,
}

/// Somebody wants to see a room from `after` on.
#[derive(Debug)]
pub struct Watch {
    pub room: RoomId,
    pub connection: Arc<Connection>,
    pub format: Format,
    pub after: Seq,
    pub reference: Option<String>,
    /// When it is given up.
    pub until: Timestamp,
    answered: bool,
}

impl Watch {
    pub fn new(
        room: RoomId,
        connection: Arc<Connection>,
        format: Format,
        after: Seq,
        reference: Option<String>,
        until: Timestamp,
    ) -> Self {
        Self {
            room,
            connection,
            format,
            after,
            reference,
            until,
            answered: false,
        }
    }

    /// Refuses it: an `error` frame, and the session is told that it does not watch.
    fn refuse(mut self, error: Error) {
        self.end(error);
    }

    /// Nobody waits for it any more.
    fn forget(mut self) {
        self.answered = true;
    }

    fn end(&mut self, error: Error) {
        if std::mem::replace(&mut self.answered, true) {
            return;
        }
        let error = ServerFrame::error(self.reference.take(), error);
        self.connection.outbox.push(Frame::from(error.encode()));
        let room = self.room;
        self.connection.tell(SessionMessage::WatchEnded { room });
    }
}

impl Drop for Watch {
    /// A watch that gets lost is an answered watch: the client tries again.
    fn drop(&mut self) {
        self.end(unavailable());
    }
}

/// What a relay needs from the store before it can serve watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadRequest {
    pub room: RoomId,
    /// Who must be a member to be served.
    pub users: HashSet<UserId>,
    /// From where the watches want to catch up.
    pub afters: Vec<Seq>,
    /// What the ring holds: everything above the first up to the second.
    pub ring: Option<(Seq, Seq)>,
    /// A gap: everything above the ring is wanted.
    pub fill: bool,
}

/// The answer to a `LoadRequest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedHistory {
    pub head: Seq,
    /// Who of those asked for is a member, and the entry that last said so.
    pub members: HashMap<UserId, Seq>,
    /// Ascending without gaps, as they may be shown; ends at `head` if there are any.
    pub entries: Vec<Entry>,
}

/// "Try again shortly".
fn unavailable() -> Error {
    Error::new(
        Code::Unavailable,
        "The room cannot be shown right now. Try again shortly.",
    )
}
