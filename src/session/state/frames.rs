//! One frame of an open connection.

use super::sends::Step;
use super::{Context, Effect, SessionState, Work, error};
use crate::clock::Timestamp;
use crate::error::{Code, Error};
use crate::ids::{RoomId, Seq, UserId};
use crate::limits::{
    MARK_PER_SESSION, PING_PER_SESSION, PRESENCE_PER_SESSION, TYPING_INTERVAL_MS,
    WATCH_PER_SESSION, WATCHES_MAX,
};
use crate::wire::client::{ClientFrame, Mark, PresenceState};
use crate::wire::server::ServerFrame;

/// Rooms whose last typing hint is remembered.
const TYPING_ROOMS_MAX: usize = 64;

impl SessionState {
    pub(super) fn on_frame(&mut self, cx: Context<'_>, frame: ClientFrame, out: &mut Vec<Effect>) {
        match frame {
            ClientFrame::Hello { reference, .. } => out.push(error(
                reference,
                Error::bad_request("`hello` is said once, first."),
            )),
            ClientFrame::Watch {
                reference,
                room,
                after,
            } => self.on_watch(cx, room, after, reference, out),
            ClientFrame::Unwatch { reference, room } => self.on_unwatch(cx, room, reference, out),
            ClientFrame::Send(send) => self.on_send(cx, send, out),
            ClientFrame::Mark {
                reference,
                room,
                mark,
            } => self.on_mark(cx, room, mark, reference, out),
            ClientFrame::Typing { room, on } => self.on_typing(cx, room, on, out),
            ClientFrame::Presence { state, watch } => self.on_presence(cx, state, watch, out),
            ClientFrame::Ping { n } => {
                let rate = PING_PER_SESSION.times(self.factor);
                match self.buckets.ping.take(cx.now, rate) {
                    Ok(()) => out.push(Effect::Push(ServerFrame::Pong { n })),
                    Err(wait) => out.push(error(None, Error::rate_limited(wait))),
                }
            }
        }
    }

    fn on_watch(
        &mut self,
        cx: Context<'_>,
        room: RoomId,
        after: Seq,
        reference: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        let rate = WATCH_PER_SESSION.times(self.factor);
        match self.buckets.watch.take(cx.now, rate) {
            Ok(()) => self.watch(room, after, reference, out),
            Err(wait) => out.push(error(reference, Error::rate_limited(wait))),
        }
    }

    pub(super) fn watch(
        &mut self,
        room: RoomId,
        after: Seq,
        reference: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        if self.watches.contains_key(&room) {
            let why = Error::new(Code::Conflict, "This room is watched already.");
            return out.push(error(reference, why));
        }
        if self.watches.len() >= WATCHES_MAX {
            let why = Error::new(Code::Conflict, "Too many rooms are watched. Unwatch one.");
            return out.push(error(reference, why));
        }
        self.watches.insert(room, ());
        let format = self.format;
        let watch = Effect::Watch {
            room,
            after,
            format,
            reference,
        };
        self.step(Step::Effect(watch), out);
    }

    fn on_unwatch(
        &mut self,
        cx: Context<'_>,
        room: RoomId,
        reference: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        let rate = WATCH_PER_SESSION.times(self.factor);
        if let Err(wait) = self.buckets.watch.take(cx.now, rate) {
            return out.push(error(reference, Error::rate_limited(wait)));
        }
        self.watches.remove(&room);
        self.step(Step::Effect(Effect::Unwatch { room, reference }), out);
    }

    fn on_mark(
        &mut self,
        cx: Context<'_>,
        room: RoomId,
        mark: Mark,
        reference: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        let rate = MARK_PER_SESSION.times(self.factor);
        if let Err(wait) = self.buckets.mark.take(cx.now, rate) {
            return out.push(error(reference, Error::rate_limited(wait)));
        }
        self.marks.push_back((reference, room, mark));
        if self.marks.len() == 1 {
            out.push(Effect::Work(Work::Mark { room, mark }));
        }
    }

    /// A hint: what comes too often or from outside is dropped without a word.
    fn on_typing(&mut self, cx: Context<'_>, room: RoomId, on: bool, out: &mut Vec<Effect>) {
        let now = cx.now;
        let is_recent = |at: Timestamp| now.since(at) < TYPING_INTERVAL_MS;
        let last = self.typing.get(&room).copied();
        let passes = match (on, last) {
            (true, Some((at, _))) => !is_recent(at),
            (true, None) => true,
            (false, last) => last.is_some_and(|(_, stands)| stands),
        };
        if !passes || !self.rooms.contains_key(&room) {
            return;
        }
        if self.typing.len() >= TYPING_ROOMS_MAX {
            self.typing.retain(|_, (at, _)| is_recent(*at));
        }
        // "Stopped" does not shorten the interval to the next "on".
        let at = last.filter(|_| !on).map_or(now, |(at, _)| at);
        self.typing.insert(room, (at, on));
        self.step(Step::Effect(Effect::Typing { room, on }), out);
    }

    fn on_presence(
        &mut self,
        cx: Context<'_>,
        state: PresenceState,
        watch: Option<Vec<UserId>>,
        out: &mut Vec<Effect>,
    ) {
        let rate = PRESENCE_PER_SESSION.times(self.factor);
        match self.buckets.presence.take(cx.now, rate) {
            Ok(()) => out.push(Effect::Presence { state, watch }),
            Err(wait) => out.push(error(None, Error::rate_limited(wait))),
        }
    }
}
