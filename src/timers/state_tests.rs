use super::*;
use crate::ids::{ClientId, RoomId, UserId};
use crate::store::Task;
use uuid::Uuid;

const MINE: Uuid = Uuid::from_u128(77);

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn due(n: u128) -> DueTimer {
    let task = Task::Post {
        room: RoomId::from_bytes([1; 16]),
        client_id: ClientId(Uuid::from_u128(n)),
        after: 0,
        body: "The ferry leaves at nine".to_owned(),
    };
    DueTimer {
        timer: Timer {
            id: TimerId(Uuid::from_u128(n)),
            user: UserId::from_bytes([2; 16]),
            due: NOW,
            task,
        },
        claimant: Uuid::nil(),
        tries: 0,
    }
}

fn id(n: u128) -> TimerId {
    TimerId(Uuid::from_u128(n))
}

fn found(timers: &mut TimersState, found: Vec<DueTimer>) -> Vec<Effect> {
    assert!(matches!(
        timers.apply(NOW, Event::Tick)[..],
        [Effect::Look { .. }]
    ));
    timers.apply(NOW, Event::Found(found))
}

fn claim(due: DueTimer) -> Effect {
    Effect::Claim {
        due,
        until: NOW.plus_ms(TIMER_CLAIM_MS),
    }
}

#[test]
fn what_is_due_is_claimed_done_and_ended() {
    let mut timers = TimersState::default();
    let timer = due(1).timer;
    assert_eq!(found(&mut timers, vec![due(1)]), [claim(due(1))]);
    assert_eq!(
        timers.apply(NOW, Event::Claimed(id(1), Some(MINE))),
        [Effect::Do(timer.clone())]
    );
    assert_eq!(found(&mut timers, vec![due(1)]), [], "it is at it");
    assert_eq!(
        timers.apply(NOW, Event::Done(id(1), Outcome::Done)),
        [Effect::End(timer, MINE)]
    );
    assert_eq!(timers.held(), 1);
    assert_eq!(timers.apply(NOW, Event::Closed(id(1))), []);
    assert_eq!(timers.held(), 0);
}

#[test]
fn only_what_is_claimed_here_is_done_here() {
    let mut timers = TimersState::default();
    found(&mut timers, vec![due(1)]);
    assert_eq!(timers.apply(NOW, Event::Claimed(id(1), None)), []);
    assert_eq!(timers.held(), 0);
    assert_eq!(
        timers.apply(NOW, Event::Claimed(id(1), Some(MINE))),
        [],
        "too late"
    );
}

#[test]
fn a_refusal_is_final_and_everything_else_comes_again() {
    let mut timers = TimersState::default();
    found(&mut timers, vec![due(1), due(2)]);
    for n in [1, 2] {
        timers.apply(NOW, Event::Claimed(id(n), Some(MINE)));
    }
    let refused = timers.apply(NOW, Event::Done(id(1), Outcome::Refused(Code::NotFound)));
    assert_eq!(refused, [Effect::Fail(due(1).timer, MINE, Code::NotFound)]);
    let open = timers.apply(NOW, Event::Done(id(2), Outcome::Open));
    let until = NOW.plus_ms(TIMER_PAUSE_MS);
    assert_eq!(open, [Effect::Defer(due(2).timer, MINE, until)]);
    assert_eq!(timers.apply(NOW, Event::Closed(id(2))), []);
    let mut later = due(2);
    later.tries = 3;
    let claims = found(&mut timers, vec![later.clone()]);
    assert_eq!(claims, [claim(later)], "after the pause");
    timers.apply(NOW, Event::Claimed(id(2), Some(MINE)));
    let open = timers.apply(NOW, Event::Done(id(2), Outcome::Open));
    let until = NOW.plus_ms(8 * TIMER_PAUSE_MS);
    assert_eq!(open, [Effect::Defer(due(2).timer, MINE, until)]);
}

#[test]
fn pauses_double_up_to_their_ceiling_and_give_up_after_about_a_day() {
    for (tries, seconds) in [
        (0, 1),
        (1, 2),
        (2, 4),
        (7, 128),
        (8, 256),
        (9, 300),
        (10, 300),
        (62, 300),
        (63, 300),
        (TIMER_TRIES_MAX, 300),
        (u32::MAX, 300),
    ] {
        assert_eq!(pause_ms(tries), seconds * 1_000, "after {tries}");
    }
    let all: i64 = (0..TIMER_TRIES_MAX).map(pause_ms).sum();
    let hours = all / 3_600_000;
    assert!((23..=25).contains(&hours), "{hours} hours");
}

#[test]
fn what_was_tried_too_often_has_failed() {
    let mut timers = TimersState::default();
    let mut tired = due(1);
    tired.tries = TIMER_TRIES_MAX;
    let timer = tired.timer.clone();
    assert_eq!(found(&mut timers, vec![tired.clone()]), [claim(tired)]);
    let failed = timers.apply(NOW, Event::Claimed(id(1), Some(MINE)));
    assert_eq!(failed, [Effect::Fail(timer, MINE, Code::Unavailable)]);
}

#[test]
fn a_node_takes_on_no_more_than_it_can_hold_and_looks_once_at_a_time() {
    let mut timers = TimersState::default();
    let most = TIMERS_AT_ONCE;
    assert_eq!(timers.apply(NOW, Event::Tick), [Effect::Look { most }]);
    assert_eq!(timers.apply(NOW, Event::Tick), [], "it looks already");
    let many = (1..=most as u128 + 5).map(due).collect();
    assert_eq!(timers.apply(NOW, Event::Found(many)).len(), most);
    assert_eq!(timers.apply(NOW, Event::Tick), []);
    timers.apply(NOW, Event::Claimed(id(1), None));
    assert_eq!(timers.apply(NOW, Event::Tick), [Effect::Look { most: 1 }]);
}
