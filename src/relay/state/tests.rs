//! Ann watches, Bob comes and goes, and the room moves on.

use super::*;
use crate::bus::Hint;
use crate::entry::{Mentions, Role};
use crate::relay::LoadedHistory;
use crate::session::outbox::Outbox;
use crate::testing::probe::{Probe, connect, connect_with, frames, user};
use crate::wire::client::Format;
use serde_json::Value;
use std::collections::HashSet;

pub(super) fn room() -> RoomId {
    RoomId::from_bytes([9; 16])
}

pub(super) fn entry(seq: Seq, by: UserId, event: Event) -> Entry {
    Entry {
        room: room(),
        seq,
        ord: seq,
        at: Timestamp(0),
        by: Some(by),
        client_id: None,
        event,
        redacted: false,
    }
}

pub(super) fn post(seq: Seq, body: &str) -> Entry {
    let event = Event::Post {
        body: Some(body.to_owned()),
        reply_to: None,
        mentions: Mentions::default(),
    };
    entry(seq, user(1), event)
}

pub(super) fn shared(entries: &[Entry]) -> Vec<Arc<Entry>> {
    entries.iter().cloned().map(Arc::new).collect()
}

fn history(head: Seq, members: &[UserId], entries: &[Entry]) -> Result<LoadedHistory, Error> {
    Ok(LoadedHistory {
        head,
        members: HashSet::from_iter(members.iter().copied()),
        entries: entries.to_vec(),
    })
}

pub(super) struct Scene {
    pub state: RelayState,
    pub sessions: Sessions,
    pub metrics: Metrics,
}

pub(super) fn scene() -> Scene {
    let metrics = Metrics::new();
    let sessions = Sessions::new(&metrics, 1);
    Scene {
        state: RelayState::new(room(), sessions.clone(), metrics.clone()),
        sessions,
        metrics,
    }
}

impl Scene {
    pub fn ask(&mut self, who: &Arc<Connection>, format: Format, after: Seq) -> Vec<RelayEffect> {
        let (who, until) = (Arc::clone(who), Timestamp(2_000));
        let watch = Watch::new(room(), who, format, after, Some("w".to_owned()), until);
        self.state.watch(watch)
    }

    /// The store answers.
    pub fn load(&mut self, head: Seq, members: &[UserId], entries: &[Entry]) -> Vec<RelayEffect> {
        self.state.loaded(history(head, members, entries))
    }

    /// Watches as data, with this history in the store.
    fn watch(&mut self, who: &Arc<Connection>, after: Seq, head: Seq, entries: &[Entry]) {
        let effects = self.ask(who, Format::Data, after);
        assert!(matches!(effects[..], [RelayEffect::Load(_)]), "{effects:?}");
        self.state.loaded(history(head, &[who.user], entries));
    }
}

/// What came, shortly: `seq body` for entries, the tag for the rest.
pub(super) fn told(connection: &Connection) -> Vec<String> {
    let short = |frame: &Value| match frame["t"].as_str() {
        Some("entry") => match frame["body"].as_str().or(frame["html"].as_str()) {
            Some(text) => format!("{} {text}", frame["seq"]),
            None => format!("{} {}", frame["seq"], frame["kind"].as_str().unwrap_or("?")),
        },
        Some("error") => frame["code"].as_str().unwrap_or("?").to_owned(),
        tag => tag.unwrap_or("?").to_owned(),
    };
    frames(connection).iter().map(short).collect()
}

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
async fn who_comes_after_an_edit_does_not_see_what_it_hid() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    scene.watch(&ann, 0, 0, &[]);
    let edit = Event::Edit {
        target: 1,
        body: Some("better".to_owned()),
    };
    scene.state.published(shared(&[post(1, "secret")]));
    scene.state.published(shared(&[entry(2, user(1), edit)]));
    assert_eq!(told(&ann), ["watching", "1 secret", "2 better"]);
    let (bob, _) = connect(user(2)).await;
    scene.watch(&bob, 0, 2, &[]);
    assert_eq!(told(&bob), ["1 post", "2 better", "watching"]);
    scene
        .state
        .published(shared(&[entry(3, user(1), Event::Delete { target: 1 })]));
    let (carol, _) = connect(user(3)).await;
    scene.watch(&carol, 0, 3, &[]);
    assert_eq!(told(&carol), ["1 post", "2 edit", "3 delete", "watching"]);
}

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
async fn the_html_lane_keeps_order_and_renders_anew_what_was_hidden() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let render = |effects: Vec<RelayEffect>| {
        let found = effects.into_iter().find_map(|effect| match effect {
            RelayEffect::Render(items) => Some(items),
            _ => None,
        });
        found.expect("something to render")
    };
    let html = |items: &[(Seq, u64, Arc<Entry>)], text: &str| {
        let one = |_| Rendered {
            op: "add",
            html: text.to_owned(),
        };
        Ok(items.iter().map(one).collect())
    };
    scene.ask(&ann, Format::Html, 0);
    let effects = scene
        .state
        .loaded(history(1, &[user(1)], &[post(1, "secret")]));
    let items = render(effects);
    assert_eq!(told(&ann), [""; 0]);
    scene.state.rendered(items.clone(), html(&items, "old"));
    assert_eq!(told(&ann), ["1 old", "watching"]);
    let edit = Event::Edit {
        target: 1,
        body: Some("better".to_owned()),
    };
    let items = render(scene.state.published(shared(&[entry(2, user(1), edit)])));
    let more = scene.state.published(shared(&[post(3, "three")]));
    assert!(more.is_empty(), "one rendering at a time: {more:?}");
    let items_after = render(scene.state.rendered(items.clone(), html(&items, "edited")));
    scene
        .state
        .rendered(items_after.clone(), html(&items_after, "third"));
    assert_eq!(told(&ann), ["2 edited", "3 third"]);
    let (bob, _) = connect(user(2)).await;
    scene.ask(&bob, Format::Html, 0);
    let items = render(scene.state.loaded(history(3, &[user(2)], &[])));
    assert_eq!(items.len(), 1, "only what was hidden");
    assert!(items[0].2.redacted);
    scene.state.rendered(items.clone(), html(&items, "new"));
    assert_eq!(told(&bob), ["1 new", "2 edited", "3 third", "watching"]);
    assert_eq!(told(&ann), [""; 0]);
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
