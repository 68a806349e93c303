//! Sends of one connection: their rate, their order (R16) and their answers.

use super::again::{Again, Open};
use super::{Context, Effect, Outgoing, ROOMS_SENT_TO_MAX, SessionState, Work};
use crate::clock::Timestamp;
use crate::error::{Code, Error};
use crate::ids::{ClientId, RoomId, UserId};
use crate::limits::{SEND_PER_SESSION, SEND_PER_USER};
use crate::rate::Whom;
use crate::room::{Draft, Reply};
use crate::session::order::SendOrder;
use crate::wire::CloseCode;
use crate::wire::client::SendFrame;
use crate::wire::server::{ErrorFrame, ServerFrame};
use std::collections::{BTreeMap, VecDeque};

/// The key under which HTTP and sockets count the sends of a person together.
pub const SEND: &str = "send_request";

/// Everything about sends that a session remembers.
#[derive(Debug, Default)]
pub(super) struct Sends {
    pub(super) orders: BTreeMap<RoomId, SendOrder>,
    /// Sends without an answer.
    pub(super) open: BTreeMap<(RoomId, u64), Open>,
    pub(super) again: BTreeMap<RoomId, Again>,
    /// The send that waits for the people whom it names; the steps behind it wait with it.
    looked_up: Option<Box<Outgoing>>,
    behind: VecDeque<Step>,
}

/// Something that must happen in the order of its frames.
#[derive(Debug)]
pub(super) enum Step {
    Send(Box<Outgoing>),
    Effect(Effect),
}

impl Sends {
    pub(super) fn in_flight(&self) -> usize {
        let again = self.again.values().map(Again::len).sum::<usize>();
        self.open.len() + self.behind.len() + again
    }
}

impl SessionState {
    pub(super) fn on_send(&mut self, cx: Context<'_>, frame: SendFrame, out: &mut Vec<Effect>) {
        let SendFrame {
            reference,
            room,
            client_id,
            after,
            fields,
        } = frame;
        let draft = match crate::draft::parse(&fields) {
            Ok((_, _, draft)) => draft,
            Err(why) => return out.push(refusal(reference, client_id, why)),
        };
        let known = self.sends.orders.contains_key(&room);
        if !known && self.sends.orders.len() >= ROOMS_SENT_TO_MAX {
            return self.close(CloseCode::Policy, out);
        }
        self.before_send(cx, room, client_id, out);
        let taken = self.take_send(cx);
        if let Err(why) = taken {
            self.give_back(cx.awake, room, out);
            let order = self.sends.orders.entry(room).or_default();
            let code = order.refuse(cx.awake, client_id, why.code);
            let why = match code == why.code {
                true => why,
                false => Error::new(code, "An earlier send to this room must come first."),
            };
            return out.push(refusal(reference, client_id, why));
        }
        let order = self.sends.orders.entry(room).or_default();
        let place = order.place(cx.awake, self.me.connection, client_id);
        let outgoing = Outgoing {
            room,
            place,
            client_id,
            after,
            draft,
            handles: BTreeMap::new(),
        };
        let open = Open {
            reference,
            outgoing: outgoing.clone(),
            until: cx.awake.plus_ms(self.resend_ms as i64),
            tried: false,
        };
        self.sends.open.insert((room, place.n), open);
        self.step(Step::Send(Box::new(outgoing)), out);
    }

    fn take_send(&mut self, cx: Context<'_>) -> Result<(), Error> {
        let rate = SEND_PER_SESSION.times(self.factor);
        let taken = self.buckets.send.take(cx.now, rate);
        taken.map_err(Error::rate_limited)?;
        let whom = Whom::User(self.me.actor.user);
        cx.limiter.take(cx.now, SEND, whom, SEND_PER_USER)
    }

    /// Does `step` now, or after those before it.
    pub(super) fn step(&mut self, step: Step, out: &mut Vec<Effect>) {
        if self.sends.looked_up.is_some() {
            return self.sends.behind.push_back(step);
        }
        match step {
            Step::Effect(effect) => out.push(effect),
            Step::Send(outgoing) => match body_with_handles(&outgoing.draft) {
                Some(body) => {
                    let body = body.to_owned();
                    self.sends.looked_up = Some(outgoing);
                    out.push(Effect::Work(Work::Handles { body }));
                }
                None => out.push(Effect::Send(outgoing)),
            },
        }
    }

    pub(super) fn handles_found(
        &mut self,
        handles: Result<BTreeMap<String, UserId>, Error>,
        out: &mut Vec<Effect>,
    ) {
        let Some(mut outgoing) = self.sends.looked_up.take() else {
            return;
        };
        match handles {
            Ok(handles) => {
                let key = (outgoing.room, outgoing.place.n);
                if let Some(open) = self.sends.open.get_mut(&key) {
                    open.outgoing.handles.clone_from(&handles);
                }
                outgoing.handles = handles;
            }
            // The room must see every number, so the refusal comes from there.
            Err(why) => {
                let held = outgoing.place.refuse_with;
                outgoing.place.refuse_with = held.or(Some(why.code));
            }
        }
        out.push(Effect::Send(outgoing));
        while self.sends.looked_up.is_none()
            && let Some(step) = self.sends.behind.pop_front()
        {
            self.step(step, out);
        }
    }

    /// The room answered the send `n`; `awake` as in `Context`.
    pub fn on_reply(
        &mut self,
        awake: Timestamp,
        room: RoomId,
        n: u64,
        client_id: ClientId,
        reply: Reply,
    ) -> Vec<Effect> {
        let Some(open) = self.sends.open.remove(&(room, n)) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        match reply {
            Reply::Stored { entry, .. } => {
                self.answered(awake, room, n, None);
                out.push(Effect::Push(ServerFrame::Ack {
                    reference: open.reference,
                    client_id,
                    room,
                    seq: entry.seq,
                    ord: entry.ord,
                    at: entry.at,
                }));
            }
            Reply::Refused(why) => self.refused(awake, n, open, why, &mut out),
            // Sends always carry a key, so each one is stored or refused.
            Reply::Unchanged => {
                let why = Error::new(Code::Conflict, "There was nothing to change.");
                self.refused(awake, n, open, why, &mut out);
            }
        }
        self.again_soon(room, &mut out);
        out
    }

    pub(super) fn answered(
        &mut self,
        awake: Timestamp,
        room: RoomId,
        n: u64,
        refused: Option<Code>,
    ) {
        if let Some(order) = self.sends.orders.get_mut(&room) {
            order.answered(awake, n, refused);
        }
    }
}

/// The body in which handles may be typed.
fn body_with_handles(draft: &Draft) -> Option<&str> {
    match draft {
        Draft::Post { body, .. } | Draft::Edit { body, .. } => {
            body.contains('@').then_some(body.as_str())
        }
        _ => None,
    }
}

pub(super) fn refusal(reference: Option<String>, client_id: ClientId, why: Error) -> Effect {
    Effect::Push(ServerFrame::Error(ErrorFrame {
        reference,
        code: why.code,
        detail: why.detail,
        retry_after_ms: why.retry_after_ms,
        client_id: Some(client_id),
    }))
}
