//! A connection without a socket: its session writes down what it hears.

use crate::ids::{ConnectionId, LoginId, UserId};
use crate::metrics::Metrics;
use crate::session::SessionMessage;
use crate::session::outbox::{Drained, Outbox};
use crate::session::registry::Connection;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

/// One thing that a probe session heard.
pub enum Probe {
    Heard(SessionMessage),
}

/// What the probe session hears.
pub struct Ears(UnboundedReceiver<SessionMessage>);

impl Ears {
    /// The next message.
    pub async fn next(&mut self) -> Probe {
        Probe::Heard(self.0.recv().await.expect("the probe session lives"))
    }
}

struct ProbeSession;

impl Actor for ProbeSession {
    type Msg = SessionMessage;
    type State = UnboundedSender<SessionMessage>;
    type Arguments = UnboundedSender<SessionMessage>;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        ears: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(ears)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        ears: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let _ = ears.send(message);
        Ok(())
    }
}

/// The person with this number.
pub fn user(n: u8) -> UserId {
    UserId::from_bytes([n; 16])
}

/// A connection of `user`, under a log-in of its own.
pub async fn connect(user: UserId) -> (Arc<Connection>, Ears) {
    connect_with(user, Outbox::new(&Metrics::new())).await
}

/// `connect` with an outbox of the caller's making.
pub async fn connect_with(user: UserId, outbox: Outbox) -> (Arc<Connection>, Ears) {
    let (mouth, ears) = unbounded_channel();
    let (actor, _) = Actor::spawn(None, ProbeSession, mouth)
        .await
        .expect("a probe starts");
    let connection = Connection {
        id: ConnectionId(Uuid::new_v4()),
        user,
        login: LoginId(Uuid::new_v4()),
        outbox,
        actor,
    };
    (Arc::new(connection), Ears(ears))
}

/// Takes what is queued for the connection.
pub fn frames(connection: &Connection) -> Vec<Value> {
    let mut frames = Vec::new();
    while let Some(Drained::Frames) = connection.outbox.try_drain(&mut frames, usize::MAX) {}
    let parse = |text: &str| serde_json::from_str(text).expect("frames are JSON");
    frames.iter().map(|frame| parse(frame.as_str())).collect()
}
