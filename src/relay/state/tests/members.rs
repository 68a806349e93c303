//! Who is added and who is removed.

use super::*;

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
    scene.state.listen(Arc::clone(&phone), 0);
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
async fn a_removal_that_was_read_before_it_was_heard_still_says_gone() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let (phone, _) = connect(user(2)).await;
    scene.sessions.register(Arc::clone(&phone)).expect("room");
    let leave = entry(3, user(1), Event::Leave { user: user(2) });
    scene.watch(&ann, 3, 3, &[]);
    scene.state.published(shared(&[leave]));
    assert_eq!(told(&phone), ["gone"]);
    assert_eq!(told(&ann), ["watching"]);
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
