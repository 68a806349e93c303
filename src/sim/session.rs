//! The connections of people, each before a real `SessionState`: frames in, frames out, as text.

use super::Mutant;
use super::owner::Back;
use super::people::{Record, actor};
use super::world::{Happening, World};
use crate::error::{Code, Error};
use crate::ids::{ConnectionId, LoginId, RoomId};
use crate::limits::{HOLD_MS, RESEND_MS_MAX, ROOM_REPLY_MS_MAX};
use crate::room::{Draft, Reply, Send};
use crate::session::state::{Context, Done, Effect, Identity, Outgoing, SessionState, Work};
use crate::testing::welcome::welcomed;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The rates of a session are a fifth of the real ones, so that they are met.
const RATE_FACTOR: f64 = 0.2;

/// The longest way of a frame to its reader.
const READ_MS_MAX: u64 = HOLD_MS / 4;

pub struct Connection {
    pub(super) id: ConnectionId,
    pub(super) node: usize,
    session: SessionState,
    /// When he reads what was written to him last.
    reads_at: i64,
}

impl World {
    pub(super) fn connect(&mut self, who: usize) {
        if self.people[who].connection.is_some() {
            return;
        }
        let id = ConnectionId(self.uuid());
        let node = self.chance.index(self.plan.nodes);
        let me = Identity {
            connection: id,
            actor: actor(self.people[who].user),
            login: LoginId::from_bytes([3; 16]),
        };
        // Some sessions tell their clients at once, so that these send again by themselves.
        let resend_ms = match id.bytes()[15] % 3 {
            0 => 0,
            _ => RESEND_MS_MAX,
        };
        self.people[who].connection = Some(Connection {
            id,
            node,
            session: SessionState::new(me, RATE_FACTOR, resend_ms),
            reads_at: 0,
        });
        self.say(who, &json!({ "t": "hello", "format": "data" }));
    }

    pub(super) fn fresh_reference(&mut self) -> u64 {
        self.references += 1;
        self.references
    }

    /// The frame of a send.
    pub(super) fn say_send(&mut self, who: usize, reference: u64, record: &Record) {
        let mut frame = json!({
            "t": "send", "ref": reference.to_string(), "room": self.rooms[record.room],
            "client_id": record.client_id, "after": record.after,
        });
        let fields = match &record.draft {
            Draft::Post { body, reply_to } => {
                json!({ "kind": "post", "body": body, "reply_to": reply_to })
            }
            Draft::Edit { target, body } => {
                json!({ "kind": "edit", "target": target, "body": body })
            }
            Draft::Delete { target } => json!({ "kind": "delete", "target": target }),
            Draft::React { target, emoji } => {
                json!({ "kind": "react", "target": target, "emoji": emoji })
            }
            Draft::Unreact { target, emoji } => {
                json!({ "kind": "unreact", "target": target, "emoji": emoji })
            }
            other => unreachable!("nobody in the simulation sends {other:?}"),
        };
        for (name, value) in fields.as_object().into_iter().flatten() {
            if !value.is_null() {
                frame[name] = value.clone();
            }
        }
        self.say(who, &frame);
    }

    fn say(&mut self, who: usize, frame: &Value) {
        let text = frame.to_string();
        let Some((node, connection)) = self.people[who].whereabouts() else {
            return;
        };
        if self.is_paused(node) {
            let later = Happening::Say {
                who,
                connection,
                text,
            };
            return self.nodes[node].backlog.push_back(later);
        }
        self.hear_text(who, connection, &text);
    }

    pub(super) fn hear_text(&mut self, who: usize, connection: ConnectionId, text: &str) {
        self.session(who, Some(connection), |session, cx| {
            session.on_text(cx, text)
        });
    }

    /// Work that the session asked for is done.
    pub fn session_done(&mut self, who: usize, connection: ConnectionId, done: Done) {
        self.session(who, Some(connection), |session, cx| session.done(cx, done));
    }

    pub fn session_again(&mut self, who: usize, connection: ConnectionId, room: RoomId) {
        self.session(who, Some(connection), |session, cx| {
            session.send_again(cx.awake, room)
        });
    }

    /// The room answers a send.
    pub fn hear_reply(&mut self, room: usize, back: Back, reply: Reply) {
        if let Reply::Stored { entry, repeated } = &reply {
            self.show(room, entry);
            self.is_the_same(entry, *repeated);
        }
        let Some(client_id) = back.client_id else {
            return;
        };
        let id = self.rooms[room];
        self.session(back.who, Some(back.connection), |session, cx| {
            session.on_reply(cx.awake, id, back.n, client_id, reply)
        });
    }

    /// Lets the session of a person do something, unless it is another one by now.
    fn session(
        &mut self,
        who: usize,
        connection: Option<ConnectionId>,
        what: impl FnOnce(&mut SessionState, Context<'_>) -> Vec<Effect>,
    ) {
        let node = self.people[who].node().unwrap_or(0);
        let cx = Context {
            now: self.now(),
            awake: self.awake(node),
            limiter: &self.limiter,
        };
        let there = self.people[who].connection.as_mut();
        let Some(there) = there.filter(|there| connection.is_none_or(|id| id == there.id)) else {
            return;
        };
        let (id, effects) = (there.id, what(&mut there.session, cx));
        for effect in effects {
            self.perform(who, id, effect);
        }
    }

    fn perform(&mut self, who: usize, connection: ConnectionId, effect: Effect) {
        match effect {
            Effect::Send(outgoing) => self.forward_send(who, *outgoing),
            Effect::Push(frame) => {
                let frame = serde_json::from_str(&frame.encode()).expect("frames are JSON");
                self.deliver(who, connection, frame);
            }
            Effect::Work(work) => {
                let done = self.work(work);
                self.after(
                    1,
                    60,
                    Happening::SessionDone {
                        who,
                        connection,
                        done: Box::new(done),
                    },
                );
            }
            Effect::Again { room, pause_ms } => {
                let again = Happening::SessionAgain {
                    who,
                    connection,
                    room,
                };
                self.after(pause_ms, pause_ms + 5, again);
            }
            Effect::Close(code) => self.breaks("progress", format!("{who} is closed: {code:?}")),
            // Watching is what screens do.
            _ => {}
        }
    }

    /// Frames reach their reader in order and later: never as late as a hold may end by silence.
    fn deliver(&mut self, who: usize, connection: ConnectionId, frame: Value) {
        let wait = self.chance.between(1, READ_MS_MAX) as i64;
        let Some(there) = &mut self.people[who].connection else {
            return;
        };
        there.reads_at = there.reads_at.max(self.clock + wait);
        let at = there.reads_at;
        self.at(
            at,
            Happening::Frame {
                who,
                connection,
                frame,
            },
        );
    }

    /// A frame is read, if the connection still stands.
    pub fn read_frame(&mut self, who: usize, connection: ConnectionId, frame: &Value) {
        let there = self.people[who].connection.as_ref();
        if there.is_some_and(|there| there.id == connection) {
            self.hear_frame(who, frame);
        }
    }

    fn work(&mut self, work: Work) -> Done {
        match work {
            Work::Welcome => Done::Welcome(Ok(Box::new(welcomed(self.now())))),
            Work::Handles { .. } if self.chance.hits(self.luck.refused) => {
                Done::Handles(Err(Error::new(Code::Unavailable, "no answer")))
            }
            Work::Handles { .. } => Done::Handles(Ok(BTreeMap::new())),
            other => unreachable!("nobody in the simulation asks for {other:?}"),
        }
    }

    fn forward_send(&mut self, who: usize, outgoing: Outgoing) {
        let Outgoing {
            room: id,
            mut place,
            client_id,
            after,
            draft,
            handles,
        } = outgoing;
        let room = self.rooms.iter().position(|room| *room == id);
        let room = room.expect("a room of the simulation");
        self.coverage.held += u64::from(place.refuse_with.is_some());
        if self.mutant == Some(Mutant::HoldForgotten) && place.refuse_with.take().is_some() {
            place.hold += 1;
        }
        let send = Send {
            ticket: 0,
            actor: actor(self.people[who].user),
            place: Some(place),
            client_id: Some(client_id),
            after,
            draft,
            handles,
            salt: self.chance.bytes(),
        };
        let back = Back {
            who,
            connection: place.connection,
            n: place.n,
            client_id: Some(client_id),
        };
        let from = self.people[who].node().unwrap_or(0);
        self.forward(from, room, send, back);
        let late = ROOM_REPLY_MS_MAX;
        self.after(late, late, Happening::Timeout { room, back });
    }

    /// What a client reads: answers to its sends.
    fn hear_frame(&mut self, who: usize, frame: &Value) {
        let key = frame["client_id"].as_str();
        let record = self
            .records
            .iter()
            .find(|record| key.is_some_and(|key| key == record.client_id.to_string()));
        let (Some(record), Some(reference)) = (record, reference_of(frame)) else {
            return;
        };
        let room = record.room;
        match frame["t"].as_str() {
            Some("ack") if frame["room"] == json!(self.rooms[room]) => {
                let seq = frame["seq"].as_u64().unwrap_or(0);
                self.hear_ack(who, room, reference, seq);
            }
            Some("error") => {
                let code = Code::ALL
                    .into_iter()
                    .find(|code| frame["code"] == code.as_str());
                self.hear_refusal(who, room, reference, code.expect("a code of the contract"));
            }
            _ => self.breaks("I1", format!("{who} reads {frame}")),
        }
    }
}

fn reference_of(frame: &Value) -> Option<u64> {
    frame["ref"].as_str()?.parse().ok()
}
