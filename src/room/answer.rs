//! Where the answer to a command goes. Dropping it unanswered is an answer too: "unknown", so that
//! whatever ends between here and the store, the sender hears that he may send again.

use super::Reply;
use crate::error::{Code, Error};
use crate::ids::{ClientId, RoomId};
use crate::session::SessionMessage;
use ractor::ActorRef;
use std::fmt;
use tokio::sync::oneshot;

/// The way back to one sender. Used once.
#[derive(Debug)]
pub struct Answer(Option<To>);

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
        (Self(Some(To::Waiting(sender))), receiver)
    }

    /// To somebody on another node.
    pub fn to(give: impl FnOnce(Reply) + Send + 'static) -> Self {
        Self(Some(To::Elsewhere(Elsewhere(Box::new(give)))))
    }

    /// To a session, as `SessionMessage::RoomReply`.
    pub fn to_session(
        actor: ActorRef<SessionMessage>,
        n: u64,
        room: RoomId,
        client_id: ClientId,
    ) -> Self {
        Self(Some(To::Session {
            actor,
            n,
            room,
            client_id,
        }))
    }

    /// Answers.
    pub fn give(mut self, reply: Reply) {
        self.answer(reply);
    }

    /// It is answered by another way.
    pub fn forget(mut self) {
        self.0 = None;
    }

    fn answer(&mut self, reply: Reply) {
        match self.0.take() {
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
