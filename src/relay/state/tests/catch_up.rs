//! Catch-up at its reader's pace.

use super::*;

const BOUND: usize = 4_000;

#[tokio::test]
async fn a_reader_gets_a_long_catch_up_in_portions_and_then_what_is_live() {
    let mut scene = scene();
    let outbox = Outbox::bounded(&scene.metrics, BOUND);
    let (ann, _) = connect_with(user(1), outbox).await;
    let stored: Vec<_> = (1..=40).map(|seq| post(seq, "hello")).collect();
    scene.ask(&ann, Format::Data, 0);
    let mut effects = scene.load(40, &[user(1)], &stored);
    let mut seen = Vec::new();
    let mut portions = 0;
    while let Some(RelayEffect::AwaitRoom(id, _)) = effects.pop() {
        assert!(ann.outbox.bytes() <= BOUND / 2, "{}", ann.outbox.bytes());
        if portions == 0 {
            effects = scene.state.published(shared(&[post(41, "new")]));
            assert_eq!(effects, [], "whoever waits asks once");
            let late = scene.state.expire(Timestamp(i64::MAX));
            assert_eq!(late, [], "and is not given up while he reads");
        }
        seen.extend(told(&ann));
        effects = scene.state.has_room(id);
        portions += 1;
    }
    scene.state.published(shared(&[post(42, "newer")]));
    seen.extend(told(&ann));
    assert!(portions > 3, "{portions}");
    let mut expected: Vec<_> = (1..=40).map(|seq| format!("{seq} hello")).collect();
    expected.extend(["41 new", "watching", "42 newer"].map(str::to_owned));
    assert_eq!(seen, expected);
    assert_eq!(ann.outbox.closing(), None);
}

#[tokio::test]
async fn who_does_not_read_is_fed_no_further_and_is_taken_out_by_a_removal() {
    let mut scene = scene();
    let outbox = Outbox::bounded(&scene.metrics, BOUND);
    let (bob, _) = connect_with(user(2), outbox).await;
    scene.sessions.register(bob.clone()).expect("a place");
    let stored: Vec<_> = (1..=40).map(|seq| post(seq, "hello")).collect();
    scene.ask(&bob, Format::Data, 0);
    let effects = scene.load(40, &[user(2)], &stored);
    let [RelayEffect::AwaitRoom(id, _)] = effects[..] else {
        panic!("it waits for room: {effects:?}");
    };
    for seq in 41..=60 {
        scene.state.published(shared(&[post(seq, "more")]));
    }
    assert!(bob.outbox.bytes() <= BOUND / 2, "{}", bob.outbox.bytes());
    let leave = entry(61, user(1), Event::Leave { user: user(2) });
    scene.state.published(shared(&[leave]));
    let before = told(&bob);
    assert_eq!(before.last().map(String::as_str), Some("gone"));
    assert_eq!(scene.state.has_room(id), []);
    assert_eq!(told(&bob), [""; 0]);
    assert_eq!(scene.metrics.watches.get(), 0);
}

#[tokio::test]
async fn who_is_overtaken_by_the_room_while_he_catches_up_is_reset() {
    let mut scene = scene();
    let outbox = Outbox::bounded(&scene.metrics, BOUND);
    let (ann, _) = connect_with(user(1), outbox).await;
    let stored: Vec<_> = (1..=40).map(|seq| post(seq, "hello")).collect();
    scene.ask(&ann, Format::Data, 0);
    let effects = scene.load(40, &[user(1)], &stored);
    let [RelayEffect::AwaitRoom(id, _)] = effects[..] else {
        panic!("it waits for room: {effects:?}");
    };
    let many: Vec<_> = (41..=700).map(|seq| post(seq, "more")).collect();
    scene.state.published(shared(&many));
    told(&ann);
    assert_eq!(scene.state.has_room(id), []);
    assert_eq!(told(&ann), ["reset", "watching"]);
}
