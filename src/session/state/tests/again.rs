//! Sends of unknown outcome come again from the session itself.

use super::*;
use crate::limits::{HOLD_MS, RESEND_PAUSE_MS, RESEND_PAUSE_MS_MAX};

impl Ann {
    /// The answer to the send with the number `n`, of the message `id`.
    fn answer(&mut self, n: u64, id: u8, code: Code) -> Vec<Effect> {
        let reply = Reply::Refused(Error::new(code, "why"));
        let room = ROOM.parse().expect("an id");
        self.state
            .on_reply(self.awake, room, n, client_id(id), reply)
    }

    fn again(&mut self) -> Vec<Effect> {
        let room = ROOM.parse().expect("an id");
        self.state.send_again(self.awake, room)
    }
}

fn pause(effects: &[Effect]) -> Option<u64> {
    match effects {
        [Effect::Again { pause_ms, .. }] => Some(*pause_ms),
        _ => None,
    }
}

/// Number, base, hold and message of what is sent.
fn places(effects: &[Effect]) -> Vec<(u64, u64, u64, ClientId)> {
    let place = |send: &&Outgoing| {
        let place = send.place;
        assert_eq!(place.refuse_with, None);
        (place.n, place.base, place.hold, send.client_id)
    };
    sent(effects).iter().map(place).collect()
}

#[test]
fn what_has_an_unknown_outcome_comes_again_in_its_order_once_everything_is_answered() {
    let mut ann = Ann::open();
    for n in 1..=4 {
        ann.sends(n, "x");
    }
    assert_eq!(ann.answer(3, 3, Code::Unknown), []);
    assert_eq!(ann.answer(1, 1, Code::Unknown), []);
    assert_eq!(ann.again(), [], "two are still under way");
    assert_eq!(ann.stored(2, 2).len(), 1, "it is acknowledged at once");
    assert_eq!(ann.state.in_flight(), 3);
    let effects = ann.answer(4, 4, Code::Unknown);
    assert_eq!(pause(&effects), Some(RESEND_PAUSE_MS));
    let again = ann.again();
    let expected = [(5, 1), (6, 3), (7, 4)].map(|(n, id)| (n, 5, 1, client_id(id)));
    assert_eq!(places(&again), expected);
    assert_eq!(ann.stored(5, 1).len(), 1);
    assert!(matches!(
        &ann.stored(6, 3)[..],
        [Effect::Push(ServerFrame::Ack { reference, .. })] if reference.as_deref() == Some("r3")
    ));
    // Once more, after a longer pause.
    assert_eq!(
        pause(&ann.answer(7, 4, Code::Unknown)),
        Some(2 * RESEND_PAUSE_MS)
    );
    assert_eq!(places(&ann.again()), [(8, 8, 2, client_id(4))]);
    ann.stored(8, 4);
    assert_eq!(ann.state.in_flight(), 0);
}

#[test]
fn nothing_new_overtakes_what_comes_again() {
    let mut ann = Ann::open();
    ann.sends(1, "x");
    assert!(pause(&ann.answer(1, 1, Code::Unknown)).is_some());
    let effects = ann.sends(2, "new");
    let expected = [(2, 1), (3, 2)].map(|(n, id)| (n, 2, 1, client_id(id)));
    assert_eq!(places(&effects), expected);
    // The first is not known again while the new one is under way: it is held.
    assert_eq!(ann.answer(2, 1, Code::Unknown), []);
    let effects = ann.sends(3, "newer");
    assert_eq!(
        sent(&effects)[0].place.refuse_with,
        Some(Code::Unknown),
        "the room answers it only if it is stored"
    );
    assert_eq!(ann.answer(4, 3, Code::Unknown), []);
    assert!(pause(&ann.answer(3, 2, Code::Unknown)).is_some());
    let expected = [(5, 1), (6, 2), (7, 3)].map(|(n, id)| (n, 5, 2, client_id(id)));
    assert_eq!(places(&ann.again()), expected);
}

#[test]
fn after_a_try_of_unknown_outcome_no_refusal_is_final() {
    let mut ann = Ann::open();
    ann.sends(1, "x");
    ann.answer(1, 1, Code::Unknown);
    ann.again();
    let told = ann.answer(2, 1, Code::NotFound);
    assert_eq!(code_of(&told[0]), Some(Code::Unknown));
    // And by that the room is held for the client's own next try.
    let effects = ann.sends(2, "new");
    assert_eq!(sent(&effects)[0].place.refuse_with, Some(Code::Unknown));
    assert_eq!(places(&ann.sends(1, "x")), [(4, 3, 2, client_id(1))]);
}

#[test]
fn in_the_end_the_client_is_told_of_everything_and_sends_it_again_himself() {
    let mut ann = Ann::open();
    ann.sends(1, "x");
    ann.sends(2, "y");
    ann.answer(1, 1, Code::Unknown);
    ann.answer(2, 2, Code::Unknown);
    let mut n = 2;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        ann.again();
        n += 2;
        ann.answer(n - 1, 1, Code::Unknown);
        pauses.extend(pause(&ann.answer(n, 2, Code::Unknown)));
    }
    assert_eq!(pauses.len(), 6);
    assert_eq!(pauses.last(), Some(&RESEND_PAUSE_MS_MAX));
    ann.again();
    ann.awake = ann.awake.plus_ms(RESEND_MS_MAX as i64);
    let told = ann.answer(n + 1, 1, Code::Unknown);
    assert_eq!(code_of(&told[0]), Some(Code::Unknown));
    let told = ann.answer(n + 2, 2, Code::Unknown);
    assert_eq!(code_of(&told[0]), Some(Code::Unknown));
    assert_eq!(ann.state.in_flight(), 0);
    assert_eq!(ann.again(), []);
    // Only now he can know: what he sends before he has read it may not pass.
    ann.awake = ann.awake.plus_ms(HOLD_MS as i64 - 1);
    let effects = ann.sends(3, "new");
    assert_eq!(sent(&effects)[0].place.refuse_with, Some(Code::Unknown));
}

#[test]
fn whoever_sends_it_again_himself_gets_everything_into_his_hands() {
    let mut ann = Ann::open();
    for n in 1..=3 {
        ann.sends(n, "x");
    }
    for n in 1..=3 {
        ann.answer(n, n as u8, Code::Unknown);
    }
    let effects = ann.sends(1, "x");
    assert_eq!(
        effects.iter().filter_map(code_of).collect::<Vec<_>>(),
        [Code::Unknown; 3]
    );
    assert_eq!(places(&effects), [(4, 4, 1, client_id(1))]);
    assert_eq!(ann.again(), []);
}

#[test]
fn beside_a_refusal_that_the_client_knows_nothing_is_kept() {
    let mut ann = Ann::open();
    ann.sends(1, "x");
    ann.sends(2, "y");
    assert_eq!(ann.answer(2, 2, Code::Unknown), []);
    let told = ann.answer(1, 1, Code::Busy);
    assert_eq!(
        told.iter().filter_map(code_of).collect::<Vec<_>>(),
        [Code::Unknown, Code::Busy]
    );
    // What is under way twice already comes again by itself.
    let mut ann = Ann::open();
    ann.sends(1, "x");
    ann.sends(1, "x");
    assert_eq!(
        code_of(&ann.answer(1, 1, Code::Unknown)[0]),
        Some(Code::Unknown)
    );
    assert_eq!(ann.stored(2, 1).len(), 1);
    assert_eq!(ann.state.in_flight(), 0);
    // Over the rate while something is kept: both are for the client to repeat.
    let mut ann = Ann::open();
    ann.sends(1, "x");
    ann.answer(1, 1, Code::Unknown);
    let mut told = Vec::new();
    let mut id = 1;
    while told.is_empty() {
        id += 1;
        let effects = ann.sends(id, "x");
        told.extend(effects.iter().filter_map(code_of));
        // Whatever is sent again ends as unknown again.
        for send in sent(&effects) {
            let (n, id) = (send.place.n, send.client_id.bytes()[0]);
            told.extend(ann.answer(n, id, Code::Unknown).iter().filter_map(code_of));
        }
    }
    assert_eq!(told.len(), usize::from(id), "{told:?}");
}

#[test]
fn a_hold_counts_from_when_the_client_is_told() {
    let mut ann = Ann::open();
    for n in [1, 2, 2] {
        ann.sends(n, "x");
    }
    assert_eq!(ann.answer(1, 1, Code::Unknown), []);
    ann.stored(2, 2);
    // Long after: what was sent twice, and has its answer.
    ann.awake = ann.awake.plus_ms(2 * HOLD_MS as i64);
    let told = ann.answer(3, 2, Code::Unknown);
    assert_eq!(
        told.iter().filter_map(code_of).collect::<Vec<_>>(),
        [Code::Unknown; 2]
    );
    ann.awake = ann.awake.plus_ms(HOLD_MS as i64 - 1);
    let effects = ann.sends(3, "new");
    assert_eq!(sent(&effects)[0].place.refuse_with, Some(Code::Unknown));
}
