//! Who is added and who is removed.

use super::*;
use std::collections::HashMap;

#[tokio::test]
async fn a_removed_person_gets_gone_in_place_of_the_leave_and_nothing_after_it() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let (bob, _) = connect(user(2)).await;
    let (phone, mut heard) = connect(user(2)).await;
    for one in [&ann, &bob, &phone] {
        scene.sessions.register(Arc::clone(one)).expect("room");
    }
    scene.watch(&ann, 0, 1, &[post(1, "one")]);
    scene.watch(&bob, 0, 1, &[]);
    scene.state.listen(Arc::clone(&phone), 1);
    scene.state.published(shared(&[post(2, "two")]));
    scene.state.flush(Timestamp(0));
    assert_eq!(told(&bob), ["1 one", "watching", "2 two"], "he did see it");
    let leave = entry(3, user(1), Event::Leave { user: user(2) });
    scene.state.published(shared(&[leave, post(4, "secret")]));
    scene.state.flush(Timestamp(0));
    assert_eq!(told(&bob), ["gone"]);
    assert_eq!(told(&phone), ["gone"]);
    assert_eq!(
        told(&ann),
        ["1 one", "watching", "2 two", "3 leave", "4 secret"]
    );
    let heads = async {
        let mut heads = Vec::new();
        loop {
            match heard.next().await {
                Probe::Heard(SessionMessage::Head(head)) => {
                    heads.push(head.seq);
                }
                Probe::Heard(SessionMessage::Removed { .. }) => {
                    return heads;
                }
                _ => {}
            }
        }
    };
    assert_eq!(heads.await, [2]);
    assert!(scene.ask(&bob, Format::Data, 0).len() == 1);
    scene.state.loaded(history(4, &[user(1)], &[]));
    assert_eq!(told(&bob), ["not_found"], "nor may he come back");
}

#[tokio::test]
async fn who_is_let_in_while_his_watch_is_looked_at_is_not_refused_by_what_was_read_before() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let (bob, _) = connect(user(2)).await;
    for one in [&ann, &bob] {
        scene.sessions.register(Arc::clone(one)).expect("room");
    }
    scene.watch(&ann, 0, 1, &[post(1, "one")]);
    let role = Role::Member;
    let join = entry(
        2,
        user(1),
        Event::Join {
            user: user(2),
            role,
        },
    );
    let asked = scene.ask(&bob, Format::Data, 1);
    assert!(matches!(asked[..], [RelayEffect::Load(_)]), "{asked:?}");
    scene.state.published(shared(&[join]));
    let again = scene.state.loaded(history(1, &[user(1)], &[]));
    assert_eq!(told(&bob), [""; 0], "neither refused nor let in");
    let [RelayEffect::Load(request)] = &again[..] else {
        panic!("{again:?}");
    };
    assert!(request.users.contains(&user(2)));
    scene.state.loaded(history(2, &[user(1), user(2)], &[]));
    assert_eq!(told(&bob), ["2 join", "watching"]);
    // What was read after it counts.
    let (cyd, _) = connect(user(3)).await;
    scene.ask(&cyd, Format::Data, 1);
    scene.state.loaded(history(2, &[user(1), user(2)], &[]));
    assert_eq!(told(&cyd), ["not_found"]);
}

#[tokio::test]
async fn a_removal_that_was_read_before_it_was_heard_still_says_gone() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let (phone, _) = connect(user(2)).await;
    scene.sessions.register(Arc::clone(&phone)).expect("room");
    let leave = entry(3, user(1), Event::Leave { user: user(2) });
    scene.watch(&ann, 3, 3, &[]);
    let effects = scene.state.published(shared(&[leave]));
    assert!(matches!(effects[..], [RelayEffect::Load(_)]), "{effects:?}");
    assert!(!scene.state.has_passed(3), "not before it is known");
    scene.state.loaded(Err(unavailable()));
    assert!(!scene.state.has_passed(3), "not while the store is silent");
    scene.state.retry();
    scene.state.loaded(history(3, &[user(1)], &[]));
    assert!(scene.state.has_passed(3));
    assert_eq!(told(&phone), ["gone"]);
    assert_eq!(told(&ann), ["watching"]);
}

#[tokio::test]
async fn an_old_removal_that_is_heard_late_does_not_put_out_who_was_let_in_again() {
    let mut scene = scene();
    let (bob, _) = connect(user(2)).await;
    scene.sessions.register(Arc::clone(&bob)).expect("room");
    // Removed by 7, added by 8, and shown everything up to 10.
    scene.watch(&bob, 9, 10, &[post(10, "ten")]);
    let leave = entry(7, user(1), Event::Leave { user: user(2) });
    scene.state.published(shared(&[leave]));
    scene.state.loaded(history(10, &[user(2)], &[]));
    assert!(scene.state.has_passed(7));
    scene.state.published(shared(&[post(11, "eleven")]));
    assert_eq!(told(&bob), ["10 ten", "watching", "11 eleven"]);
}

#[tokio::test]
async fn who_is_let_in_by_an_entry_to_come_is_out_until_then() {
    let mut scene = scene();
    let (bob, mut heard) = connect(user(2)).await;
    scene.sessions.register(Arc::clone(&bob)).expect("room");
    // The store was asked before he left.
    scene.watch(&bob, 10, 10, &[]);
    let leave = entry(7, user(1), Event::Leave { user: user(2) });
    scene.state.published(shared(&[leave]));
    let members = HashMap::from([(user(2), 12)]);
    scene.state.loaded(Ok(LoadedHistory {
        head: 10,
        members,
        entries: Vec::new(),
    }));
    scene.state.published(shared(&[post(11, "secret")]));
    assert_eq!(told(&bob), ["watching", "gone"]);
    let mut messages = Vec::new();
    while messages.len() < 3 {
        let Probe::Heard(message) = heard.next().await;
        messages.push(message);
    }
    assert!(
        matches!(messages[2], SessionMessage::Added { seq: 12, .. }),
        "{messages:?}"
    );
}

#[tokio::test]
async fn a_removal_takes_out_a_watch_that_is_still_loading() {
    let mut scene = scene();
    let (bob, _) = connect(user(2)).await;
    scene.sessions.register(Arc::clone(&bob)).expect("room");
    scene.ask(&bob, Format::Data, 0);
    let leave = entry(2, user(1), Event::Leave { user: user(2) });
    scene.state.published(shared(&[leave]));
    // The store was asked before he left.
    scene
        .state
        .loaded(history(1, &[user(2)], &[post(1, "secret")]));
    assert_eq!(told(&bob), ["gone"]);
}

#[tokio::test]
async fn a_person_who_is_added_hears_of_it_and_an_old_join_moves_nobody() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let (bob, mut heard) = connect(user(2)).await;
    scene.sessions.register(Arc::clone(&bob)).expect("room");
    let join = |seq| {
        let role = Role::Member;
        entry(
            seq,
            user(1),
            Event::Join {
                user: user(2),
                role,
            },
        )
    };
    scene.watch(&ann, 0, 1, &[join(1)]);
    scene.state.published(shared(&[join(2)]));
    let Probe::Heard(message) = heard.next().await;
    assert!(
        matches!(message, SessionMessage::Added { seq: 2, .. }),
        "{message:?}"
    );
}
