use super::*;

fn room(n: u8) -> RoomId {
    RoomId::from_bytes([n; 16])
}

fn written(outbox: &Outbox) -> Vec<String> {
    let mut frames = Vec::new();
    while let Some(Drained::Frames) = outbox.try_drain(&mut frames, usize::MAX) {}
    frames.iter().map(|frame| frame.to_string()).collect()
}

#[test]
fn frames_come_out_in_order_and_a_newer_hint_replaces_the_older() {
    let outbox = Outbox::new(&Metrics::new());
    outbox.push_hint(HintKey::Head(room(1)), "head 1".into());
    outbox.push("one".into());
    outbox.push_hint(HintKey::Head(room(1)), "head 2".into());
    outbox.push("two".into());
    assert_eq!(written(&outbox), ["one", "two", "head 2"]);
}

#[test]
fn a_slow_reader_loses_its_hints_first_and_is_then_closed_with_4008() {
    let metrics = Metrics::new();
    let outbox = Outbox::bounded(&metrics, 3 * (FRAME_COST + 10));
    assert!(outbox.push_hint(HintKey::Typing(room(1)), "0123456789".into()));
    for _ in 0..3 {
        assert!(outbox.push("0123456789".into()));
    }
    assert_eq!(metrics.outbox_hints_dropped.get(), 1);
    assert!(!outbox.push("one too many".into()));
    assert_eq!(outbox.closing(), Some(code::TOO_SLOW));
    assert_eq!((outbox.bytes(), metrics.outbox_frames.get()), (0, 0));
    let drained = outbox.try_drain(&mut Vec::new(), usize::MAX);
    assert_eq!(drained, Some(Drained::Close(code::TOO_SLOW)));
}

#[test]
fn gone_is_the_last_frame_of_a_room_until_it_is_joined_again() {
    let outbox = Outbox::new(&Metrics::new());
    outbox.push_of(room(1), "before".into());
    outbox.push_hint(HintKey::Head(room(1)), "head".into());
    assert!(outbox.leave(room(1), 7, "gone".into()));
    assert!(!outbox.leave(room(1), 7, "gone twice".into()));
    assert!(!outbox.push_of(room(1), "leak".into()));
    assert!(!outbox.push_hint(HintKey::Head(room(1)), "leak".into()));
    assert!(outbox.push_of(room(2), "elsewhere".into()));
    assert!(!outbox.rejoin(room(1), 6), "an older join does not undo it");
    assert!(outbox.rejoin(room(1), 8));
    assert!(outbox.push_of(room(1), "back".into()));
    assert_eq!(written(&outbox), ["before", "gone", "elsewhere", "back"]);
}

#[test]
fn a_revoked_connection_gets_nothing_that_was_still_queued() {
    let outbox = Outbox::new(&Metrics::new());
    outbox.push("secret".into());
    outbox.close(code::NOT_AUTHENTICATED, None);
    assert!(!outbox.push("more".into()));
    let mut frames = Vec::new();
    let drained = outbox.try_drain(&mut frames, usize::MAX);
    assert_eq!(drained, Some(Drained::Close(code::NOT_AUTHENTICATED)));
    assert!(frames.is_empty());
}

#[tokio::test]
async fn a_drained_connection_gets_what_was_queued_then_bye_then_the_close() {
    let outbox = Outbox::new(&Metrics::new());
    outbox.push("last words".into());
    outbox.close(code::GOING_AWAY, Some("bye".into()));
    let mut frames = Vec::new();
    let drained = outbox.drain(&mut frames, usize::MAX).await;
    assert_eq!(drained, Drained::Close(code::GOING_AWAY));
    assert_eq!(frames, ["last words", "bye"]);
}

#[tokio::test]
async fn a_waiting_writer_wakes_for_a_frame_and_at_the_end() {
    let outbox = Outbox::new(&Metrics::new());
    let writer = tokio::spawn({
        let outbox = outbox.clone();
        async move {
            let mut frames = Vec::new();
            while outbox.drain(&mut frames, 1).await == Drained::Frames {}
            frames
        }
    });
    tokio::task::yield_now().await;
    outbox.push("one".into());
    tokio::task::yield_now().await;
    outbox.push("two".into());
    tokio::task::yield_now().await;
    outbox.end();
    outbox.ended().await;
    let frames = writer.await.expect("the writer ends");
    assert_eq!(frames, ["one", "two"]);
}

#[test]
fn a_long_catch_up_is_not_taken_for_a_slow_reader_but_lifts_no_bound_for_good() {
    let metrics = Metrics::new();
    let outbox = Outbox::bounded(&metrics, 3 * (FRAME_COST + 10));
    for _ in 0..50 {
        assert!(outbox.push_catch_up(room(1), "0123456789".into()));
    }
    assert!(outbox.push_of(room(1), "live 34567".into()));
    assert_eq!(written(&outbox).len(), 51);
    for _ in 0..3 {
        assert!(outbox.push("0123456789".into()));
    }
    assert!(!outbox.push("one too many".into()));
    assert_eq!(outbox.closing(), Some(code::TOO_SLOW));
}
