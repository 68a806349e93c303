//! What is to happen later.

use super::subject::{ANN, BEN, LOBBY, NOON, Subject};
use crate::ids::{ClientId, TimerId, UserId};
use crate::limits::TIMER_SHARDS;
use crate::store::{Cancelled, DueTimer, Placed, SetTimer, Task, Timer};
use futures_util::future::join_all;
use uuid::Uuid;

fn timer(id: u128, user: UserId, after_ms: i64) -> Timer {
    Timer {
        id: TimerId(Uuid::from_u128(id)),
        user,
        due: NOON.plus_ms(after_ms),
        task: Task::Post {
            room: LOBBY,
            client_id: ClientId(Uuid::from_u128(id)),
            after: 4,
            body: format!("The bridge is up again: \"{id}\""),
        },
    }
}

/// More than any of these tests sets.
const MOST: usize = 50;

async fn placed(subject: &Subject, timer: &Timer) {
    let answer = subject.store.set_timer(timer, MOST).await;
    assert_eq!(answer, Ok(Placed::Set), "{}", timer.id);
}

fn all() -> Vec<u16> {
    (0..TIMER_SHARDS).collect()
}

async fn due(subject: &Subject, after_ms: i64) -> Vec<DueTimer> {
    let shards = all();
    let due = subject
        .store
        .due_timers(&shards, NOON.plus_ms(after_ms), 100);
    due.await.expect("an answer")
}

fn set(timer: Timer) -> SetTimer {
    SetTimer {
        timer,
        failed: None,
    }
}

pub(super) async fn a_timer_is_due_when_its_time_has_come_and_nobody_has_it(subject: &Subject) {
    let store = &*subject.store;
    let late = timer(0x21, ANN, 3_600_000);
    let soon = timer(0x32, ANN, 90_000);
    let other = timer(0x43, BEN, 30_000);
    for timer in [&late, &soon, &other] {
        placed(subject, timer).await;
        let there = Placed::Stands(set(timer.clone()));
        assert_eq!(store.set_timer(timer, MOST).await, Ok(there));
    }
    let mine = vec![set(soon.clone()), set(late.clone())];
    assert_eq!(store.timers_of(ANN).await, Ok(mine));
    assert_eq!(due(subject, 29_999).await, []);
    let found = due(subject, 90_000).await;
    let timers: Vec<_> = found.iter().map(|due| due.timer.clone()).collect();
    assert_eq!(timers, [other.clone(), soon.clone()], "the oldest first");
    assert!(
        found
            .iter()
            .all(|due| due.tries == 0 && due.claimant.is_nil())
    );
    let one = store.due_timers(&all(), NOON.plus_ms(90_000), 1).await;
    assert_eq!(one.map(|one| one.len()), Ok(1));
    let shard = [soon.shard()];
    let mine = store.due_timers(&shard, NOON.plus_ms(90_000), 9).await;
    assert_eq!(mine.map(|mine| mine[0].timer.clone()), Ok(soon));
    assert_eq!(
        store.due_timers(&[], NOON.plus_ms(90_000), 9).await,
        Ok(vec![])
    );
}

/// The `n`th claim, which lasts half a minute from noon.
async fn claimed(subject: &Subject, due: &DueTimer, n: u128) -> Uuid {
    let claimant = Uuid::from_u128(n);
    let until = NOON.plus_ms(30_000);
    let won = subject.store.claim_timer(due, claimant, until).await;
    assert_eq!(won, Ok(true));
    claimant
}

pub(super) async fn who_lost_his_claim_can_neither_end_nor_fail_it(subject: &Subject) {
    let store = &*subject.store;
    let timer = timer(0x21, ANN, 0);
    placed(subject, &timer).await;
    let seen = due(subject, 0).await.remove(0);
    let late = claimed(subject, &seen, 1).await;
    let seen = due(subject, 30_000).await.remove(0);
    let mine = claimed(subject, &seen, 2).await;
    assert_eq!(store.end_timer(&timer, late).await, Ok(()));
    assert_eq!(store.fail_timer(&timer, late, "denied").await, Ok(()));
    assert_eq!(store.timers_of(ANN).await, Ok(vec![set(timer.clone())]));
    assert_eq!(store.end_timer(&timer, mine).await, Ok(()));
    assert_eq!(store.fail_timer(&timer, mine, "denied").await, Ok(()));
    assert_eq!(store.timers_of(ANN).await, Ok(Vec::new()), "it was done");
}

pub(super) async fn of_many_who_claim_a_timer_one_gets_it(subject: &Subject) {
    let store = &*subject.store;
    let timer = timer(0x21, ANN, 1_000);
    placed(subject, &timer).await;
    let found = due(subject, 1_000).await.remove(0);
    let until = NOON.plus_ms(31_000);
    let claims = (1..=5).map(|n| store.claim_timer(&found, Uuid::from_u128(n), until));
    let claims = join_all(claims).await;
    let won = claims.iter().filter(|claim| **claim == Ok(true)).count();
    assert_eq!(won, 1, "{claims:?}");
    assert_eq!(due(subject, 30_999).await, [], "it is being done");
    let cancelled = store.cancel_timer(ANN, timer.id, NOON.plus_ms(2_000)).await;
    assert_eq!(cancelled, Ok(Cancelled::Claimed));
}

pub(super) async fn a_claim_that_ran_out_can_be_claimed_again(subject: &Subject) {
    let store = &*subject.store;
    placed(subject, &timer(0x21, ANN, 0)).await;
    let first = due(subject, 0).await.remove(0);
    let (mine, yours) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let claimed = store.claim_timer(&first, mine, NOON.plus_ms(30_000)).await;
    assert_eq!(claimed, Ok(true));
    let again = due(subject, 30_000).await.remove(0);
    assert_eq!((again.tries, again.claimant), (1, mine));
    let claimed = store.claim_timer(&again, yours, NOON.plus_ms(60_000)).await;
    assert_eq!(claimed, Ok(true));
    // Whoever saw it before that comes too late.
    for late in [&first, &again] {
        let claimed = store.claim_timer(late, mine, NOON.plus_ms(90_000)).await;
        assert_eq!(claimed, Ok(false));
    }
}

pub(super) async fn what_is_done_or_taken_back_is_gone(subject: &Subject) {
    let store = &*subject.store;
    let (one, two) = (timer(0x21, ANN, 0), timer(0x22, ANN, 1));
    for timer in [&one, &two] {
        placed(subject, timer).await;
    }
    let seen = due(subject, 1).await.remove(0);
    let claim = claimed(subject, &seen, 1).await;
    for _ in 0..2 {
        assert_eq!(store.end_timer(&one, claim).await, Ok(()));
    }
    assert_eq!(store.timers_of(ANN).await, Ok(vec![set(two.clone())]));
    let until = NOON.plus_ms(30_000);
    let claimed = store.claim_timer(&seen, Uuid::from_u128(1), until).await;
    assert_eq!(claimed, Ok(false), "it is done");
    assert_eq!(store.timers_of(ANN).await, Ok(vec![set(two.clone())]));
    assert_eq!(
        store.cancel_timer(BEN, two.id, NOON).await,
        Ok(Cancelled::Missing)
    );
    assert_eq!(
        store.cancel_timer(ANN, two.id, NOON).await,
        Ok(Cancelled::Yes)
    );
    assert_eq!(
        store.cancel_timer(ANN, two.id, NOON).await,
        Ok(Cancelled::Missing)
    );
    assert_eq!(store.timers_of(ANN).await, Ok(Vec::new()));
    assert_eq!(due(subject, 3_600_000).await, []);
    placed(subject, &two).await;
}

pub(super) async fn what_failed_is_told_to_its_owner_and_not_tried_again(subject: &Subject) {
    let store = &*subject.store;
    let timer = timer(0x21, ANN, 0);
    placed(subject, &timer).await;
    let seen = due(subject, 0).await.remove(0);
    let claim = claimed(subject, &seen, 1).await;
    assert_eq!(store.fail_timer(&timer, claim, "not_found").await, Ok(()));
    assert_eq!(due(subject, 3_600_000).await, []);
    let failed = SetTimer {
        timer: timer.clone(),
        failed: Some("not_found".to_owned()),
    };
    assert_eq!(store.timers_of(ANN).await, Ok(vec![failed.clone()]));
    let there = Placed::Stands(failed);
    assert_eq!(store.set_timer(&timer, MOST).await, Ok(there));
    assert_eq!(
        store.cancel_timer(ANN, timer.id, NOON).await,
        Ok(Cancelled::Yes)
    );
    assert_eq!(store.timers_of(ANN).await, Ok(Vec::new()));
}

pub(super) async fn of_many_who_set_one_timer_for_other_times_one_does(subject: &Subject) {
    let store = &*subject.store;
    for round in 0..4 {
        // Minutes apart: in CQL each stands in another partition.
        let wishes: Vec<_> = (0..4).map(|n| timer(0x21, ANN, n * 90_000)).collect();
        let answers = join_all(wishes.iter().map(|timer| store.set_timer(timer, MOST))).await;
        let won = answers.iter().position(|answer| *answer == Ok(Placed::Set));
        let won = &wishes[won.expect("one of them")];
        let stands = Placed::Stands(set(won.clone()));
        for (wish, answer) in wishes.iter().zip(answers) {
            let expected = match wish == won {
                true => Placed::Set,
                false => stands.clone(),
            };
            assert_eq!(answer, Ok(expected), "round {round}");
        }
        assert_eq!(store.timers_of(ANN).await, Ok(vec![set(won.clone())]));
        let found = due(subject, 3_600_000).await;
        let found: Vec<_> = found.into_iter().map(|due| due.timer).collect();
        assert_eq!(found, std::slice::from_ref(won), "one of them is due");
        let cancelled = store.cancel_timer(ANN, won.id, NOON).await;
        assert_eq!(cancelled, Ok(Cancelled::Yes));
        assert_eq!(due(subject, 3_600_000).await, [], "and none after it");
    }
}

pub(super) async fn setting_and_taking_back_at_once_leaves_what_the_list_says(subject: &Subject) {
    let store = &*subject.store;
    for round in 0..6 {
        let (one, two) = (timer(0x21, ANN, 0), timer(0x21, ANN, 90_000));
        let set = join_all([store.set_timer(&one, MOST), store.set_timer(&two, MOST)]);
        let takes = join_all((0..2).map(|_| store.cancel_timer(ANN, one.id, NOON)));
        let (set, takes) = futures_util::join!(set, takes);
        let times = set.iter().filter(|one| **one == Ok(Placed::Set)).count();
        let taken = takes
            .iter()
            .filter(|one| **one == Ok(Cancelled::Yes))
            .count();
        let listed = store.timers_of(ANN).await.expect("an answer");
        assert_eq!(listed.len() + taken, times, "{round}: {set:?} {takes:?}");
        let listed: Vec<_> = listed.into_iter().map(|set| set.timer).collect();
        let found = due(subject, 3_600_000).await;
        let found: Vec<_> = found.into_iter().map(|due| due.timer).collect();
        assert_eq!(found, listed, "{round}: {set:?} {takes:?}");
        store.cancel_timer(ANN, one.id, NOON).await.expect("gone");
    }
}

pub(super) async fn nobody_has_more_timers_than_he_may_however_many_he_sets_at_once(
    subject: &Subject,
) {
    let store = &*subject.store;
    placed(subject, &timer(0x20, ANN, 0)).await;
    let wishes: Vec<_> = (0x21..0x29).map(|id| timer(id, ANN, 90_000)).collect();
    let answers = join_all(wishes.iter().map(|timer| store.set_timer(timer, 4))).await;
    let count = |what: Placed| {
        answers
            .iter()
            .filter(|one| **one == Ok(what.clone()))
            .count()
    };
    assert_eq!((count(Placed::Set), count(Placed::Full)), (3, 5));
    assert_eq!(store.timers_of(ANN).await.map(|all| all.len()), Ok(4));
    assert_eq!(due(subject, 3_600_000).await.len(), 4);
    placed(subject, &timer(0x30, BEN, 0)).await;
    let taken = store
        .cancel_timer(ANN, TimerId(Uuid::from_u128(0x20)), NOON)
        .await;
    assert_eq!(taken, Ok(Cancelled::Yes));
    let again = store.set_timer(&timer(0x31, ANN, 0), 4).await;
    assert_eq!(again, Ok(Placed::Set), "there is room again");
}

pub(super) async fn what_is_put_off_is_nobodys_and_comes_again_later(subject: &Subject) {
    let store = &*subject.store;
    let timer = timer(0x21, ANN, 0);
    placed(subject, &timer).await;
    let seen = due(subject, 0).await.remove(0);
    let claim = claimed(subject, &seen, 1).await;
    let (soon, late) = (NOON.plus_ms(2_000), NOON.plus_ms(60_000));
    let nobody = Uuid::from_u128(9);
    assert_eq!(store.defer_timer(&timer, nobody, late).await, Ok(()));
    for _ in 0..2 {
        assert_eq!(store.defer_timer(&timer, claim, soon).await, Ok(()));
    }
    assert_eq!(due(subject, 1_999).await, []);
    let again = due(subject, 2_000).await.remove(0);
    assert_eq!((again.tries, again.claimant), (1, Uuid::nil()));
    // Whoever claimed it before has lost it.
    assert_eq!(store.end_timer(&timer, claim).await, Ok(()));
    assert_eq!(store.fail_timer(&timer, claim, "denied").await, Ok(()));
    assert_eq!(store.timers_of(ANN).await, Ok(vec![set(timer.clone())]));
    claimed(subject, &again, 2).await;
    assert_eq!(due(subject, 30_000).await[0].tries, 2);
    let claim = Uuid::from_u128(2);
    assert_eq!(store.defer_timer(&timer, claim, late).await, Ok(()));
    let taken = store.cancel_timer(ANN, timer.id, NOON).await;
    assert_eq!(taken, Ok(Cancelled::Yes), "nobody is at it");
}
