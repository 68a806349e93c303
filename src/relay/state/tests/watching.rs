//! How a watch begins, lags, and ends.

use super::*;
use crate::limits::TYPING_LISTENERS_MAX;

#[tokio::test]
async fn a_slow_watcher_is_closed_and_the_others_get_everything() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let slow = Outbox::bounded(&scene.metrics, 2_000);
    let (bob, _) = connect_with(user(2), slow).await;
    scene.watch(&ann, 0, 0, &[]);
    scene.watch(&bob, 0, 0, &[]);
    for seq in 1..=50 {
        scene.state.published(shared(&[post(seq, "hello")]));
    }
    assert_eq!(bob.outbox.closing(), Some(outbox::code::TOO_SLOW));
    assert_eq!(told(&ann).len(), 51);
    assert_eq!(scene.metrics.watches.get(), 1);
}

#[tokio::test]
async fn a_stranger_and_a_second_watch_are_refused() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let (eve, _) = connect(user(6)).await;
    scene.watch(&ann, 0, 1, &[post(1, "one")]);
    scene.ask(&ann, Format::Data, 0);
    assert_eq!(told(&ann), ["1 one", "watching", "conflict"]);
    scene.ask(&eve, Format::Data, 0);
    scene.state.loaded(history(1, &[], &[]));
    assert_eq!(told(&eve), ["not_found"]);
    scene.state.published(shared(&[post(2, "two")]));
    assert_eq!((told(&ann).len(), told(&eve).len()), (1, 0));
}

#[tokio::test]
async fn a_watch_that_knows_more_than_the_room_waits_and_is_then_given_up() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let (bob, _) = connect(user(2)).await;
    scene.watch(&ann, 2, 1, &[]);
    scene.watch(&bob, 9, 1, &[]);
    assert_eq!(told(&ann), [""; 0]);
    scene.state.published(shared(&[post(2, "two")]));
    assert_eq!(told(&ann), ["watching"]);
    scene.state.expire(Timestamp(1_999));
    assert_eq!(told(&bob), [""; 0]);
    scene.state.expire(Timestamp(2_000));
    assert_eq!(told(&bob), ["unavailable"]);
}

#[tokio::test]
async fn a_watch_from_far_behind_is_reset_and_live_from_the_head_on() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    scene.watch(&ann, 0, 501, &[]);
    scene.state.published(shared(&[post(502, "new")]));
    assert_eq!(told(&ann), ["reset", "watching", "502 new"]);
}

#[tokio::test]
async fn marks_and_typing_are_gathered_and_spread_to_watchers() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    scene.watch(&ann, 0, 0, &[]);
    let mark = |read| Hint::Mark {
        room: room(),
        user: user(2),
        read,
        delivered: read,
    };
    let typing = Hint::Typing {
        room: room(),
        user: user(2),
        on: true,
    };
    let armed = scene.state.hint(mark(1), Timestamp(0));
    assert_eq!(armed, [RelayEffect::Flush]);
    assert_eq!(scene.state.hint(mark(2), Timestamp(0)), []);
    scene.state.hint(typing, Timestamp(0));
    scene.state.flush(Timestamp(1));
    let got = frames(&ann);
    let marks = got.iter().find(|frame| frame["t"] == "marks");
    assert_eq!(marks.expect("marks")["marks"][0]["read"], 2);
    assert!(got.iter().any(|frame| frame["t"] == "typing"));
}

#[tokio::test]
async fn nobody_is_told_who_types_in_a_very_large_room() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    scene.watch(&ann, 0, 0, &[]);
    let typing = || Hint::Typing {
        room: room(),
        user: user(2),
        on: true,
    };
    for _ in 0..TYPING_LISTENERS_MAX {
        let (bob, _) = connect(user(2)).await;
        scene.state.listen(bob, 0);
    }
    scene.state.hint(typing(), Timestamp(0));
    scene.state.flush(Timestamp(1));
    assert_eq!(told(&ann), ["watching", "typing"]);
    let (carol, _) = connect(user(3)).await;
    scene.state.listen(carol, 0);
    scene.state.hint(typing(), Timestamp(10_000));
    scene.state.flush(Timestamp(10_001));
    assert_eq!(told(&ann), [""; 0]);
}

#[tokio::test]
async fn a_relay_that_breaks_lets_its_watchers_resume() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let (bob, _) = connect(user(2)).await;
    scene.watch(&ann, 0, 0, &[]);
    scene.ask(&bob, Format::Data, 0);
    let Scene { state, metrics, .. } = scene;
    drop(state);
    assert_eq!(ann.outbox.closing(), Some(outbox::code::INTERNAL));
    assert_eq!(told(&bob), ["unavailable"]);
    assert_eq!((metrics.watches.get(), metrics.relays.get()), (0, 0));
}
