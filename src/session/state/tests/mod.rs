mod again;
mod rooms;

use super::*;
use crate::access::WorkspaceRole;
use crate::entry::{Entry, Event};
use crate::limits::{RESEND_MS_MAX, SEND_PER_SESSION};
use crate::room::Reply;
use crate::testing::welcome::welcomed;
use std::sync::Arc;

const ROOM: &str = "0190a000-0000-7000-8000-00000000000a";

struct Ann {
    state: SessionState,
    limiter: Limiter,
    now: Timestamp,
    awake: Timestamp,
}

impl Ann {
    fn new() -> Self {
        let me = Identity {
            connection: ConnectionId::from_bytes([1; 16]),
            actor: Actor {
                user: UserId::from_bytes([2; 16]),
                role: WorkspaceRole::Member,
                active: true,
            },
            login: LoginId::from_bytes([3; 16]),
        };
        Self {
            state: SessionState::new(me, 1.0, RESEND_MS_MAX),
            limiter: Limiter::new(1.0),
            now: Timestamp(1_000_000),
            awake: Timestamp(1_000_000),
        }
    }

    fn open() -> Self {
        let mut ann = Self::new();
        ann.says(r#"{"t":"hello","format":"data"}"#);
        ann.welcomed();
        ann
    }

    fn says(&mut self, text: &str) -> Vec<Effect> {
        let cx = Context {
            now: self.now,
            awake: self.awake,
            limiter: &self.limiter,
        };
        self.state.on_text(cx, text)
    }

    fn done(&mut self, done: Done) -> Vec<Effect> {
        let cx = Context {
            now: self.now,
            awake: self.awake,
            limiter: &self.limiter,
        };
        self.state.done(cx, done)
    }

    fn welcomed(&mut self) -> Vec<Effect> {
        let facts = welcomed(self.now);
        self.done(Done::Welcome(Ok(Box::new(facts))))
    }

    fn sends(&mut self, n: u8, body: &str) -> Vec<Effect> {
        let id = client_id(n);
        self.says(&format!(
            r#"{{"t":"send","ref":"r{n}","room":"{ROOM}","client_id":"{id}","after":0,"kind":"post","body":"{body}"}}"#
        ))
    }

    fn refused(&mut self, n: u8, code: Code) -> Vec<Effect> {
        let reply = Reply::Refused(Error::new(code, "why"));
        let room = ROOM.parse().expect("an id");
        self.state
            .on_reply(self.awake, room, u64::from(n), client_id(n), reply)
    }

    /// The send with the number `n`, of the message `id`, is stored at place 9.
    fn stored(&mut self, n: u64, id: u8) -> Vec<Effect> {
        let room = ROOM.parse().expect("an id");
        let entry = Arc::new(Entry {
            room,
            seq: 9,
            ord: 4,
            at: self.now,
            by: None,
            client_id: Some(client_id(id)),
            event: Event::Delete { target: 1 },
            redacted: false,
        });
        let stored = Reply::Stored {
            entry,
            repeated: true,
        };
        self.state
            .on_reply(self.awake, room, n, client_id(id), stored)
    }
}

fn client_id(n: u8) -> ClientId {
    ClientId::from_bytes([n; 16])
}

fn code_of(effect: &Effect) -> Option<Code> {
    match effect {
        Effect::Push(ServerFrame::Error(frame)) => Some(frame.code),
        _ => None,
    }
}

fn sent(effects: &[Effect]) -> Vec<&Outgoing> {
    let sends = effects.iter().filter_map(|effect| match effect {
        Effect::Send(outgoing) => Some(&**outgoing),
        _ => None,
    });
    sends.collect()
}

#[test]
fn another_frame_before_hello_closes_with_4009_and_a_broken_hello_does_not() {
    let mut ann = Ann::new();
    let broken = ann.says(r#"{"t":"hello","format":"xml"}"#);
    assert_eq!(code_of(&broken[0]), Some(Code::BadRequest));
    assert!(!ann.state.is_greeted());
    let closed = ann.says(r#"{"t":"ping","n":1}"#);
    assert_eq!(closed, [Effect::Close(CloseCode::Protocol)]);
    assert_eq!(ann.says(r#"{"t":"hello","format":"data"}"#), []);
}

#[test]
fn frames_behind_a_hello_wait_for_the_welcome_and_cursors_come_first() {
    let mut ann = Ann::new();
    let hello = format!(
        r#"[{{"t":"hello","format":"data","cursors":{{"{ROOM}":7}}}},{{"t":"ping","n":5}}]"#
    );
    assert_eq!(ann.says(&hello), [Effect::Work(Work::Welcome)]);
    assert_eq!(ann.state.in_flight(), 1);
    let effects = ann.welcomed();
    assert!(matches!(effects[0], Effect::Push(ServerFrame::Welcome(_))));
    let watch = |effect: &Effect| matches!(effect, Effect::Watch { after: 7, .. });
    let pong = |effect: &Effect| *effect == Effect::Push(ServerFrame::Pong { n: 5 });
    let watched = effects.iter().position(watch).expect("a cursor is a watch");
    let answered = effects.iter().position(pong).expect("the ping is answered");
    assert!(watched < answered);
}

#[test]
fn a_second_hello_and_a_second_watch_change_nothing() {
    let mut ann = Ann::open();
    let again = ann.says(r#"{"t":"hello","ref":"h","format":"html"}"#);
    assert_eq!(code_of(&again[0]), Some(Code::BadRequest));
    let watch = format!(r#"{{"t":"watch","room":"{ROOM}","after":0}}"#);
    assert!(matches!(ann.says(&watch)[0], Effect::Watch { .. }));
    assert_eq!(code_of(&ann.says(&watch)[0]), Some(Code::Conflict));
}

#[test]
fn a_send_that_waits_for_names_keeps_its_place_before_the_next() {
    let mut ann = Ann::open();
    let first = ann.sends(1, "ask @bob");
    assert!(matches!(first[0], Effect::Work(Work::Handles { .. })));
    assert_eq!(ann.sends(2, "then this"), []);
    assert_eq!(ann.state.in_flight(), 3);
    let failed = Error::new(Code::Unavailable, "no store");
    let effects = ann.done(Done::Handles(Err(failed)));
    let sends = sent(&effects);
    assert_eq!(sends[0].place.n, 1);
    assert_eq!(sends[0].place.refuse_with, Some(Code::Unavailable));
    assert_eq!((sends[1].place.n, sends[1].place.base), (2, 1));
}

#[test]
fn a_send_over_the_rate_holds_the_room_until_it_comes_again() {
    let mut ann = Ann::open();
    let burst = SEND_PER_SESSION.burst as u8;
    for n in 1..=burst {
        assert_eq!(sent(&ann.sends(n, "x")).len(), 1);
    }
    let over = ann.sends(burst + 1, "first refused");
    assert_eq!(code_of(&over[0]), Some(Code::RateLimited));
    ann.now = ann.now.plus_ms(1_000);
    let effects = ann.sends(burst + 2, "overtaking");
    let held = sent(&effects)[0].place;
    assert_eq!(held.refuse_with, Some(Code::RateLimited));
    let effects = ann.sends(burst + 1, "again");
    assert_eq!(sent(&effects)[0].place.refuse_with, None);
}

#[test]
fn silence_while_the_node_stood_still_does_not_end_a_hold() {
    let mut ann = Ann::open();
    for n in 1..=2 {
        ann.sends(n, "x");
    }
    for n in 1..=2 {
        assert_eq!(code_of(&ann.refused(n, Code::Busy)[0]), Some(Code::Busy));
    }
    // The process is stopped before it has written the refusals: Ann has not read them.
    ann.now = ann.now.plus_ms(4_000);
    ann.awake = ann.awake.plus_ms(300);
    let effects = ann.sends(3, "overtaking");
    assert_eq!(sent(&effects)[0].place.refuse_with, Some(Code::Busy));
}

#[test]
fn every_send_is_answered_once_with_its_ref() {
    let mut ann = Ann::open();
    ann.sends(1, "x");
    let answer = ann.refused(1, Code::Denied);
    let Effect::Push(ServerFrame::Error(frame)) = &answer[0] else {
        panic!("a refusal is an error frame");
    };
    assert_eq!(frame.reference.as_deref(), Some("r1"));
    assert_eq!(frame.client_id, Some(client_id(1)));
    assert_eq!(ann.refused(1, Code::Denied), []);
    ann.sends(2, "y");
    let acked = ann.stored(2, 2);
    assert!(matches!(
        acked[0],
        Effect::Push(ServerFrame::Ack { seq: 9, .. })
    ));
    assert_eq!(ann.state.in_flight(), 0);
}

#[test]
fn an_ended_login_closes_with_4001_and_a_store_that_is_away_can_be_resumed() {
    let ended = Error::new(Code::Unauthenticated, "ended");
    let closed = Ann::open().done(Done::Person(Err(ended)));
    assert_eq!(closed, [Effect::Close(CloseCode::Unauthenticated)]);
    let away = Error::new(Code::Unavailable, "away");
    let closed = Ann::open().done(Done::Person(Err(away)));
    assert_eq!(closed, [Effect::Close(CloseCode::Internal)]);
}
