//! Where the answer to a command goes. Dropping it unanswered is an answer too: "unknown", so that
//! whatever ends between here and the store, the sender hears that he may send again.

use super::Reply;
use crate::error::{Code, Error};
use crate::ids::{ClientId, RoomId};
use crate::session::SessionMessage;
use crate::shelf::Shelves;
use ractor::ActorRef;
use std::fmt;
use tokio::sync::oneshot;

/// The way back to one sender. Used once.
#[derive(Debug)]
pub struct Answer {
    to: Option<To>,
    shown: Option<Shown>,
}

/// What a room shows on the node of the sender.
struct Shown(Shelves, RoomId);

impl Shown {
    /// Whoever is told something sees it with his next look, wherever the owner of the room lives.
    fn hear(&self, reply: &Reply) {
        let Self(shelves, room) = self;
        match reply {
            Reply::Stored { entry, .. } => shelves.head(*room, entry.seq),
            Reply::Unchanged => shelves.doubt(*room),
            Reply::Refused(_) => {}
        }
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

/// The way back to another node.
struct Elsewhere(Box<dyn FnOnce(Reply) + Send>);

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elsewhere")
    }
}

#[derive(Debug)]
enum To {
    Waiting(oneshot::Sender<Reply>),
    Elsewhere(Elsewhere),
    Session {
        actor: ActorRef<SessionMessage>,
        n: u64,
        room: RoomId,
        client_id: ClientId,
    },
}

impl Answer {
    /// To somebody who waits (HTTP).
    pub fn awaited() -> (Self, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        (Self::by(To::Waiting(sender)), receiver)
    }

    /// To somebody on another node.
    pub fn to(give: impl FnOnce(Reply) + Send + 'static) -> Self {
        Self::by(To::Elsewhere(Elsewhere(Box::new(give))))
    }

    /// To a session, as `SessionMessage::RoomReply`.
    pub fn to_session(
        actor: ActorRef<SessionMessage>,
        n: u64,
        room: RoomId,
        client_id: ClientId,
    ) -> Self {
        Self::by(To::Session {
            actor,
            n,
            room,
            client_id,
        })
    }

    fn by(way: To) -> Self {
        let (to, shown) = (Some(way), None);
        Self { to, shown }
    }

    /// Before it is given, the hot history of this node hears what it is about.
    pub fn shown_by(mut self, shelves: Shelves, room: RoomId) -> Self {
        self.shown = Some(Shown(shelves, room));
        self
    }

    /// Answers.
    pub fn give(mut self, reply: Reply) {
        self.answer(reply);
    }

    /// It is answered by another way.
    pub fn forget(mut self) {
        self.to = None;
    }

    fn answer(&mut self, reply: Reply) {
        let to = self.to.take();
        if let Some(shown) = self.shown.take().filter(|_| to.is_some()) {
            shown.hear(&reply);
        }
        match to {
            Some(To::Waiting(sender)) => {
                let _ = sender.send(reply);
            }
            Some(To::Elsewhere(Elsewhere(give))) => give(reply),
            Some(To::Session {
                actor,
                n,
                room,
                client_id,
            }) => {
                let _ = actor.send_message(SessionMessage::RoomReply {
                    n,
                    room,
                    client_id,
                    reply,
                });
            }
            None => {}
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.answer(Reply::Refused(unknown()));
    }
}

/// "Send the same again".
pub fn unknown() -> Error {
    Error::new(
        Code::Unknown,
        "The outcome is not known. Send the same again.",
    )
}
