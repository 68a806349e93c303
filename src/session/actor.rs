//! The shell around `SessionState`: messages in, effects done in their order. No rules here.

use super::SessionMessage;
use super::followed::Followed;
use super::gate::Gate;
use super::outbox::{Frame, Outbox, code};
use super::registry::{Connection, bye};
use super::state::{Context, Effect, Identity, Outgoing, SessionState};
use super::work;
use crate::auth::CurrentUser;
use crate::clock::now;
use crate::error::Code;
use crate::ids::{ConnectionId, RoomId};
use crate::limits::RESEND_MS_MAX;
use crate::node::Node;
use crate::room;
use crate::room::answer::Answer;
use crate::room::directory::fresh_salt;
use crate::wire::server::ServerFrame;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;

/// What a session begins with.
pub struct Arguments {
    pub node: Arc<Node>,
    pub current: CurrentUser,
    pub id: ConnectionId,
    pub outbox: Outbox,
    pub gate: Arc<Gate>,
    pub followed: Arc<Followed>,
}

/// One connection's control; its bytes do not pass here.
pub struct SessionActor;

pub struct Session {
    state: SessionState,
    node: Arc<Node>,
    connection: Arc<Connection>,
    gate: Arc<Gate>,
    followed: Arc<Followed>,
    /// Said when everything that was accepted is answered.
    bye: Option<Frame>,
}

impl Actor for SessionActor {
    type Msg = SessionMessage;
    type State = Session;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<SessionMessage>,
        arguments: Arguments,
    ) -> Result<Session, ActorProcessingErr> {
        let Arguments {
            node,
            current,
            id,
            outbox,
            gate,
            followed,
        } = arguments;
        let connection = Arc::new(Connection {
            id,
            user: current.user.id,
            login: current.login.id,
            outbox,
            actor: myself,
        });
        if let Err(refused) = node.sessions.register(Arc::clone(&connection)) {
            match refused.code {
                Code::RateLimited => connection.outbox.close(code::POLICY, None),
                _ => connection.outbox.close(code::GOING_AWAY, Some(bye(1_000))),
            }
        }
        let me = Identity {
            connection: id,
            actor: current.actor(),
            login: current.login.id,
        };
        // Whether the log-in still stands is looked at after this registration, for the welcome.
        Ok(Session {
            state: SessionState::new(me, node.limiter.factor(), RESEND_MS_MAX),
            node,
            connection,
            gate,
            followed,
            bye: None,
        })
    }

    async fn handle(
        &self,
        _: ActorRef<SessionMessage>,
        message: SessionMessage,
        session: &mut Session,
    ) -> Result<(), ActorProcessingErr> {
        session.handle(message);
        session.gate.set_in_flight(session.state.in_flight());
        session.leave_if_done();
        Ok(())
    }
}

impl Session {
    fn handle(&mut self, message: SessionMessage) {
        let node = Arc::clone(&self.node);
        let cx = Context {
            now: now(),
            awake: node.awake.now(),
            limiter: &node.limiter,
        };
        let outbox = &self.connection.outbox;
        let state = &mut self.state;
        let effects = match message {
            SessionMessage::Frame(text) => {
                self.gate.leave();
                state.on_text(cx, text.as_str())
            }
            SessionMessage::RoomReply {
                n,
                room,
                client_id,
                reply,
            } => state.on_reply(cx.awake, room, n, client_id, reply),
            SessionMessage::Again { room } => state.send_again(cx.awake, room),
            SessionMessage::Head(head) => state.on_head(head),
            SessionMessage::Added { room, seq } => match outbox.rejoin(room, seq) {
                true => state.on_added(room),
                false => Vec::new(),
            },
            SessionMessage::Removed { room, .. } => state.on_removed(room),
            SessionMessage::FactsChanged { room, .. } => state.on_facts_changed(room),
            SessionMessage::Marked { room, .. } => state.on_marked(room),
            SessionMessage::WatchEnded { room } => {
                state.on_watch_ended(room);
                Vec::new()
            }
            SessionMessage::SeekRooms => state.seek_rooms(),
            SessionMessage::UserChanged => state.on_user_changed(),
            SessionMessage::Done(done) => state.done(cx, *done),
            SessionMessage::Leave { bye } => {
                self.gate.shut();
                self.bye = Some(bye);
                Vec::new()
            }
            SessionMessage::Watching { .. } | SessionMessage::Tick(_) => Vec::new(),
        };
        if self.state.is_greeted() {
            self.gate.greet();
        }
        self.run(effects);
    }

    fn leave_if_done(&mut self) {
        if self.state.in_flight() == 0
            && !self.gate.is_busy()
            && let Some(bye) = self.bye.take()
        {
            self.connection.outbox.close(code::GOING_AWAY, Some(bye));
        }
    }

    fn run(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        let connection = &self.connection;
        let relays = &self.node.relays;
        match effect {
            Effect::Push(frame) => self.push(&frame),
            Effect::Hint(key, frame) => {
                connection
                    .outbox
                    .push_hint(key, Frame::from(frame.encode()));
            }
            Effect::Close(code) => connection.outbox.close(code.number(), None),
            Effect::Send(outgoing) => self.send(*outgoing),
            Effect::Again { room, pause_ms } => {
                self.node.metrics.sends_again.inc();
                let connection = Arc::clone(connection);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                    connection.tell(SessionMessage::Again { room });
                });
            }
            Effect::Watch {
                room,
                after,
                format,
                reference,
            } => self.followed.follow(room, || {
                relays.watch(room, Arc::clone(connection), format, after, reference);
            }),
            Effect::Unwatch { room, reference } => {
                relays.unwatch(room, Arc::clone(connection), reference);
            }
            Effect::Listen(room, head) => self.followed.follow(room, || {
                relays.listen(room, Arc::clone(connection), head);
            }),
            Effect::Typing { room, on } => relays.typing(room, connection.user, on),
            Effect::Presence { state, watch } => {
                self.node.presence.say(connection, state, watch);
            }
            Effect::Work(work) => {
                let (node, connection) = (Arc::clone(&self.node), Arc::clone(connection));
                tokio::spawn(async move {
                    let done = work::run(&node, &connection, work).await;
                    connection.tell(SessionMessage::Done(Box::new(done)));
                });
            }
        }
    }

    fn send(&self, outgoing: Outgoing) {
        let Outgoing {
            room,
            place,
            client_id,
            after,
            draft,
            handles,
        } = outgoing;
        let myself = self.connection.actor.clone();
        let answer = Answer::to_session(myself, place.n, room, client_id);
        let send = room::Send {
            ticket: 0,
            actor: self.state.actor(),
            place: Some(place),
            client_id: Some(client_id),
            after,
            draft,
            handles,
            salt: fresh_salt(),
        };
        self.node.rooms.cast(room, send, answer);
    }

    fn push(&self, frame: &ServerFrame) {
        let text = Frame::from(frame.encode());
        match room_of(frame) {
            Some(room) => self.connection.outbox.push_of(room, text),
            None => self.connection.outbox.push(text),
        };
    }
}

/// The room whose frames end with `gone`. An answer to a send is owed even then.
fn room_of(frame: &ServerFrame) -> Option<RoomId> {
    match frame {
        ServerFrame::Room(frame) => Some(frame.room),
        ServerFrame::Marks { room, .. } | ServerFrame::Head { room, .. } => Some(*room),
        _ => None,
    }
}
