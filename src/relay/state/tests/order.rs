//! Entries come in order, each once; what is missing is read.

use super::*;

#[tokio::test]
async fn entries_come_in_order_each_once_and_a_gap_is_filled_from_the_store() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    scene.watch(&ann, 0, 2, &[post(1, "one"), post(2, "two")]);
    assert_eq!(told(&ann), ["1 one", "2 two", "watching"]);
    scene.state.published(shared(&[post(3, "three")]));
    scene
        .state
        .published(shared(&[post(2, "two"), post(3, "three")]));
    assert_eq!(told(&ann), ["3 three"]);
    let effects = scene.state.published(shared(&[post(6, "six")]));
    assert_eq!(told(&ann), [""; 0], "nothing is shown behind a gap");
    let [RelayEffect::Load(request)] = &effects[..] else {
        panic!("the gap is asked for: {effects:?}");
    };
    assert!(request.fill);
    scene
        .state
        .loaded(history(5, &[], &[post(4, "four"), post(5, "five")]));
    assert_eq!(told(&ann), ["4 four", "5 five", "6 six"]);
    assert_eq!(scene.metrics.relay_gaps.get(), 1);
}

#[tokio::test]
async fn a_thousand_who_come_at_once_cost_two_reads() {
    let mut scene = scene();
    let mut loads = 0;
    let (first, _) = connect(user(1)).await;
    loads += scene.ask(&first, Format::Data, 0).len();
    let mut others = Vec::new();
    for _ in 0..20 {
        let (one, _) = connect(user(2)).await;
        loads += scene.ask(&one, Format::Data, 0).len();
        others.push(one);
    }
    let members = [user(1), user(2)];
    loads += scene
        .state
        .loaded(history(1, &members, &[post(1, "one")]))
        .len();
    loads += scene.state.loaded(history(1, &members, &[])).len();
    assert_eq!(loads, 2);
    for one in others.iter().chain([&first]) {
        assert_eq!(told(one), ["1 one", "watching"]);
    }
}

#[tokio::test]
async fn what_was_lost_is_read_as_soon_as_the_head_is_heard_of() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    scene.watch(&ann, 0, 1, &[post(1, "one")]);
    assert_eq!(scene.state.head_is(1), []);
    let load = scene.state.head_is(2);
    assert!(matches!(load[..], [RelayEffect::Load(_)]), "{load:?}");
    assert_eq!(scene.state.head_is(2), [], "one read at a time");
    scene.state.loaded(history(2, &[], &[post(2, "two")]));
    assert_eq!(told(&ann), ["1 one", "watching", "2 two"]);
}

#[tokio::test]
async fn a_head_that_is_heard_of_while_the_first_read_is_under_way_is_not_forgotten() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    scene.ask(&ann, Format::Data, 0);
    assert_eq!(scene.state.head_is(2), []);
    let load = scene
        .state
        .loaded(history(1, &[user(1)], &[post(1, "one")]));
    assert!(matches!(load[..], [RelayEffect::Load(_)]), "{load:?}");
    scene.state.loaded(history(2, &[], &[post(2, "two")]));
    assert_eq!(told(&ann), ["1 one", "watching", "2 two"]);
}

#[tokio::test]
async fn who_listens_is_told_of_what_came_after_the_head_that_he_knew() {
    let mut scene = scene();
    let (ann, mut heard) = connect(user(1)).await;
    assert_eq!(scene.state.listen(Arc::clone(&ann), 4), []);
    let load = scene.state.head_is(5);
    assert!(matches!(load[..], [RelayEffect::Load(_)]), "{load:?}");
    let five = Entry {
        by: Some(user(2)),
        ..post(5, "five")
    };
    scene.state.loaded(history(5, &[], &[five]));
    scene.state.flush(Timestamp(0));
    let Probe::Heard(message) = heard.next().await;
    let SessionMessage::Head(head) = message else {
        panic!("{message:?}")
    };
    assert_eq!(head.seq, 5);
}

/// The heads that were heard since the last time, with how many posts name the listener.
async fn heads((listener, heard): &mut (Arc<Connection>, Ears)) -> Vec<(Seq, u64)> {
    listener.tell(SessionMessage::Tick(Timestamp(0)));
    let mut heads = Vec::new();
    loop {
        match heard.next().await {
            Probe::Heard(SessionMessage::Head(head)) => heads.push((head.seq, head.mentions)),
            Probe::Heard(SessionMessage::Tick(_)) => return heads,
            Probe::Heard(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn who_listens_late_is_told_what_came_after_he_had_read_and_everybody_counts_it_once() {
    let mut scene = scene();
    let mut ann = connect(user(1)).await;
    let mut bob = connect(user(2)).await;
    let mut carol = connect(user(3)).await;
    scene.state.listen(Arc::clone(&ann.0), 4);
    let naming = |seq| {
        let mentions = Mentions {
            users: vec![user(1), user(2), user(3)],
            ..Mentions::default()
        };
        let event = Event::Post {
            body: Some("all of you".to_owned()),
            reply_to: None,
            mentions,
        };
        entry(seq, user(4), event)
    };
    // Bob read the room at 4, Carol at 5; both listen before what is gathered was spread.
    scene.state.published(shared(&[naming(5)]));
    scene.state.listen(Arc::clone(&bob.0), 4);
    scene.state.listen(Arc::clone(&carol.0), 5);
    assert_eq!(heads(&mut ann).await, [(5, 1)]);
    assert_eq!(heads(&mut bob).await, [(5, 1)]);
    assert_eq!(heads(&mut carol).await, []);
    scene.state.published(shared(&[naming(6)]));
    scene.state.flush(Timestamp(0));
    for listener in [&mut ann, &mut bob, &mut carol] {
        assert_eq!(heads(listener).await, [(6, 1)]);
    }
}

#[tokio::test]
async fn who_missed_more_than_a_notice_says_reads_the_room_again() {
    let topic = Event::Topic {
        topic: "Tides".to_owned(),
    };
    let role = |whose| Event::Role {
        user: user(whose),
        role: Role::Admin,
    };
    // What he knew, what came then, and whether a notice of the head is enough.
    let cases = [
        (3, post(5, "more than is remembered"), false),
        (4, entry(5, user(1), topic), false),
        (4, entry(5, user(1), role(2)), false),
        (4, entry(5, user(1), role(3)), true),
        (4, post(5, "five"), true),
    ];
    for (knew, came, is_enough) in cases {
        let mut scene = scene();
        let (ann, _anns) = connect(user(1)).await;
        let (bob, mut bobs) = connect(user(2)).await;
        scene.state.listen(ann, 4);
        scene.state.published(shared(std::slice::from_ref(&came)));
        scene.state.listen(Arc::clone(&bob), knew);
        bob.tell(SessionMessage::Tick(Timestamp(0)));
        let Probe::Heard(message) = bobs.next().await;
        match message {
            SessionMessage::Head(head) => assert_eq!((head.seq, is_enough), (5, true), "{came:?}"),
            SessionMessage::FactsChanged { seq, .. } => {
                assert_eq!((seq, is_enough), (5, false), "{came:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}
