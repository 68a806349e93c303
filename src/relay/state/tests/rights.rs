//! A node that nobody waits for shows nothing, and with a new right only what it has read since (R17).

use super::*;
use crate::limits::RELAY_HELD_MAX;
use crate::session::outbox::Drained;

const GONE: Rights = Rights {
    since: None,
    last: 0,
};
const ANEW: Rights = Rights {
    since: Some(1),
    last: 1,
};

fn leave(seq: Seq, who: UserId) -> Entry {
    entry(seq, user(1), Event::Leave { user: who })
}

/// Ann and Bob are live at 1; the node has lost its right, and entries 2 and 3 come.
async fn held(format: Format) -> (Scene, Arc<Connection>, Arc<Connection>) {
    let mut scene = scene();
    let ((ann, _), (bob, _)) = (connect(user(1)).await, connect(user(2)).await);
    for who in [&ann, &bob] {
        scene.ask(who, format, 1);
        scene.load(1, &[who.user], &[]);
    }
    assert_eq!((told(&ann), told(&bob)), live());
    scene.state.at(Timestamp(0), GONE);
    let effects = scene
        .state
        .published(shared(&[post(2, "two"), post(3, "three")]));
    render(&mut scene, effects);
    (scene, ann, bob)
}

/// The renderer answers with the bodies.
fn render(scene: &mut Scene, effects: Vec<RelayEffect>) {
    for effect in effects {
        let RelayEffect::Render(items) = effect else {
            continue;
        };
        let html = items.iter().map(|(_, _, entry)| match &entry.event {
            Event::Post { body, .. } => body.clone().unwrap_or_default(),
            _ => String::new(),
        });
        let rendered = html.map(|html| Rendered { op: "add", html }).collect();
        let more = scene.state.rendered(items, Ok(rendered));
        render(scene, more);
    }
}

fn live() -> (Vec<String>, Vec<String>) {
    (vec!["watching".to_owned()], vec!["watching".to_owned()])
}

#[tokio::test]
async fn without_a_right_nothing_is_shown_and_with_a_new_one_only_after_all_was_read() {
    for format in [Format::Data, Format::Html] {
        let (mut scene, ann, bob) = held(format).await;
        let nothing: [String; 0] = [];
        assert_eq!(told(&ann), nothing, "{format:?}");
        // The right is back, but what happened meanwhile is not read yet.
        scene.state.at(Timestamp(0), ANEW);
        let effects = scene.state.retry();
        render(&mut scene, effects);
        assert_eq!(told(&ann), nothing, "{format:?}");
        // Bob was removed by 4, which nobody told: he gets nothing of what was before.
        let effects = scene.state.read_upto(4, 1);
        assert_eq!(told(&ann), nothing, "{format:?}: 4 is missing");
        drop(effects);
        let loaded = history(4, &[], &[leave(4, user(2))]);
        let effects = scene.state.loaded(loaded);
        render(&mut scene, effects);
        assert_eq!(told(&ann)[..2], ["2 two", "3 three"], "{format:?}");
        assert_eq!(told(&bob), nothing, "{format:?}");
    }
}

#[tokio::test]
async fn who_comes_while_nothing_may_be_shown_waits_and_is_told_to_try_again() {
    let (mut scene, _, _) = held(Format::Data).await;
    let (eve, _) = connect(user(6)).await;
    scene.ask(&eve, Format::Data, 1);
    scene.load(3, &[user(6)], &[]);
    let nothing: [String; 0] = [];
    assert_eq!(told(&eve), nothing);
    scene.state.expire(Timestamp(2_000));
    assert_eq!(told(&eve), ["unavailable"]);
}

#[tokio::test]
async fn a_relay_that_begins_with_a_right_shows_what_it_reads() {
    let mut scene = scene();
    scene.state = RelayState::new(room(), scene.sessions.clone(), scene.metrics.clone(), ANEW);
    let (ann, _) = connect(user(1)).await;
    scene.ask(&ann, Format::Data, 1);
    scene.load(1, &[user(1)], &[]);
    assert_eq!(told(&ann), ["watching"]);
}

#[tokio::test]
async fn what_waits_for_too_long_ends_and_its_watchers_resume() {
    let (mut scene, ann, _) = held(Format::Data).await;
    for seq in 4..=RELAY_HELD_MAX + 4 {
        scene.state.published(shared(&[post(seq, "more")]));
    }
    let mut frames = Vec::new();
    let closed = ann.outbox.try_drain(&mut frames, usize::MAX);
    assert!(matches!(closed, Some(Drained::Close(_))), "{closed:?}");
    assert!(frames.is_empty());
    assert_eq!(scene.metrics.watches.get(), 0);
}
