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
fn a_catch_up_waits_for_its_reader_and_takes_no_more_than_half() {
    let metrics = Metrics::new();
    let outbox = Outbox::bounded(&metrics, 4 * (FRAME_COST + 10));
    let frame = Frame::from("0123456789");
    assert_eq!(outbox.push_catch_up(room(1), &frame), Fed::Taken);
    assert_eq!(outbox.push_catch_up(room(1), &frame), Fed::Taken);
    assert_eq!(outbox.push_catch_up(room(1), &frame), Fed::Full);
    let calls = Arc::new(Mutex::new(0));
    let count = || *calls.lock().expect("nobody panics");
    let calling = Arc::clone(&calls);
    outbox.when_ready(move || *calling.lock().expect("nobody panics") += 1);
    assert_eq!(count(), 0, "it is called when there is room");
    assert!(outbox.push("what is live still fits".into()));
    assert_eq!(written(&outbox).len(), 3);
    assert_eq!(count(), 1);
    let long = Frame::from("long ".repeat(1_000));
    assert_eq!(outbox.push_catch_up(room(1), &long), Fed::Taken);
    assert_eq!(outbox.push_catch_up(room(1), &frame), Fed::Full);
    outbox.leave(room(1), 7, "gone".into());
    assert_eq!(outbox.push_catch_up(room(1), &frame), Fed::Closed);
}

#[test]
fn who_waits_for_room_hears_of_the_end_too() {
    let outbox = Outbox::bounded(&Metrics::new(), 100);
    outbox.push("so much that it is full".repeat(4).into());
    let (said, hears) = std::sync::mpsc::channel();
    outbox.when_ready(move || said.send(()).expect("the test hears"));
    assert!(hears.try_recv().is_err());
    outbox.end();
    assert!(hears.try_recv().is_ok());
}

/// A socket that takes so many frames and keeps the rest of one.
#[derive(Debug, Default)]
struct Desk {
    room_for: Mutex<usize>,
    taken: Mutex<Vec<Frame>>,
}

impl Direct for Desk {
    fn try_write(&self, frames: &[Frame]) -> Wrote {
        let mut room_for = self.room_for.lock().expect("nobody panics");
        let mut taken = self.taken.lock().expect("nobody panics");
        if *room_for == 0 {
            return Wrote::Nothing;
        }
        taken.extend(frames.iter().cloned());
        match room_for.checked_sub(frames.len()) {
            Some(rest) => {
                *room_for = rest;
                Wrote::All
            }
            None => {
                *room_for = 0;
                Wrote::Part
            }
        }
    }
}

#[tokio::test]
async fn live_frames_leave_at_once_but_overtake_nothing() {
    let desk = Arc::new(Desk::default());
    *desk.room_for.lock().expect("nobody panics") = 4;
    let outbox = Outbox::before(&Metrics::new(), desk.clone());
    let live = |text: &'static str| outbox.push_live(room(1), &[text.into()], true);
    let taken = || {
        let taken = desk.taken.lock().expect("nobody panics");
        taken
            .iter()
            .map(|frame| frame.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert!(live("one"));
    assert_eq!((taken().as_str(), outbox.bytes()), ("one", 0));
    outbox.push("two".into());
    assert!(live("three"));
    assert_eq!(taken(), "one", "two waits in the queue");
    let mut batch = Vec::new();
    assert_eq!(outbox.drain(&mut batch, usize::MAX).await, Drained::Frames);
    assert!(live("four"));
    assert_eq!(taken(), "one", "the writer is at work with two and three");
    assert_eq!(outbox.drain(&mut batch, usize::MAX).await, Drained::Frames);
    assert_eq!(batch, ["two", "three", "four"]);
    assert_eq!(outbox.try_drain(&mut batch, usize::MAX), None);
    assert!(live("five"));
    assert!(outbox.push_live(
        room(1),
        &["six".into(), "seven".into(), "eight".into()],
        true
    ));
    assert_eq!(taken(), "one five six seven eight");
    assert!(live("nine"));
    assert_eq!(taken(), "one five six seven eight", "a rest is on its way");
    batch.clear();
    assert_eq!(outbox.try_drain(&mut batch, 0), Some(Drained::Frames));
    assert_eq!(outbox.try_drain(&mut batch, 99), Some(Drained::Frames));
    assert_eq!(batch, ["nine"]);
    outbox.close(code::NOT_AUTHENTICATED, None);
    *desk.room_for.lock().expect("nobody panics") = 4;
    assert!(!live("secret"));
    assert_eq!(taken(), "one five six seven eight");
}
