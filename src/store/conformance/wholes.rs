//! What is read in one go is what the single reads tell.

use super::subject::{ANN, BEN, CLEO, LOBBY, NOON, Subject, post};
use super::views::joined;
use crate::entry::{Event, Mentions, Role};
use crate::ids::{RoomId, Seq, UserId};
use crate::store::{Outcome, RoomPlace, places, scene, views};
use std::sync::Arc;
use uuid::Uuid;

pub(super) async fn a_persons_places_show_what_every_read_by_itself_shows(subject: &Subject) {
    let store = &*subject.store;
    let naming = |who: UserId| Event::Post {
        body: Some("look".to_owned()),
        reply_to: None,
        mentions: Mentions {
            users: vec![who],
            here: false,
            channel: false,
        },
    };
    let rooms = [0x211, 0x212, 0x213].map(|n| RoomId(Uuid::from_u128(n)));
    let mut busy = subject.scribe(rooms[0]).await;
    let start = [joined(ANN, Role::Owner), joined(BEN, Role::Member)];
    let first = busy.write(store, start).await;
    let second = busy
        .write(store, [post("one"), naming(BEN), naming(CLEO), naming(BEN)])
        .await;
    for stored in first.entries.iter().chain(&second.entries) {
        let views = views::views_of(&stored.entry);
        assert_eq!(store.write_views(rooms[0], &views).await, Ok(()));
    }
    let mut last = busy.batch([post("last but one"), post("last")]);
    last.viewed = 6;
    assert_eq!(store.append(&last).await, Ok(Outcome::Applied));
    let mut quiet = subject.scribe(rooms[1]).await;
    quiet.write(store, [joined(BEN, Role::Admin)]).await;
    let mut left = subject.scribe(rooms[2]).await;
    left.write(store, [joined(BEN, Role::Member)]).await;
    left.write(store, [Event::Leave { user: BEN }]).await;
    let read = store.raise_marker(rooms[0], BEN, Some((4, 2)), None, NOON);
    read.await.expect("a marker");

    let sorted = |mut places: Vec<RoomPlace>| {
        places.sort_by_key(|place| place.room.id);
        places
    };
    let places = sorted(store.places(BEN).await.expect("places"));
    let by_hand = places::put_together(store, BEN).await.expect("places");
    assert_eq!(places, sorted(by_hand));
    let end = |room| async move { Ok(store.room_end(room).await?.map(Arc::new)) };
    let by_ends = places::with_ends(store, BEN, end).await.expect("places");
    assert_eq!(places, sorted(by_ends));
    let nowhere = RoomId(Uuid::from_u128(0x219));
    assert_eq!(store.room_end(nowhere).await, Ok(None));
    let ids: Vec<_> = places.iter().map(|place| place.room.id).collect();
    assert_eq!(ids, rooms[..2]);
    let place = &places[0];
    assert_eq!((place.statics.head(), place.statics.viewed), (8, 6));
    let tail: Vec<Seq> = place.tail.iter().map(|stored| stored.entry.seq).collect();
    assert_eq!(tail, [7, 8]);
    assert_eq!((place.marker.read, place.mentions), (4, 1));
    assert_eq!((places[1].role, places[1].tail.len()), (Role::Admin, 1));
    assert_eq!(store.places(CLEO).await, Ok(vec![]));
}

pub(super) async fn what_a_store_appends_with_its_entries_stands_with_them(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    let react = Event::React {
        target: 2,
        emoji: Some("🎉".to_owned()),
    };
    let events = [joined(ANN, Role::Owner), post("one"), react];
    let batch = scribe.write(store, events).await;
    let by_itself = store.appends_views();
    let key = batch.entries[1].entry.client_id.expect("a key");
    let by = batch.entries[1].entry.by.expect("a sender");
    let sent = store.sent(LOBBY, by, key).await.expect("an answer");
    assert_eq!(sent, by_itself.then_some(2));
    let reactions = store.reactions(LOBBY, &[2]).await.expect("reactions");
    assert_eq!(reactions.len(), usize::from(by_itself));
    for stored in &batch.entries {
        let views = views::views_of(&stored.entry);
        assert_eq!(store.write_views(LOBBY, &views).await, Ok(()));
    }
    assert_eq!(store.sent(LOBBY, by, key).await, Ok(Some(2)));
    assert_eq!(store.reactions(LOBBY, &[2]).await.map(|r| r.len()), Ok(1));
}

pub(super) async fn the_newest_entries_come_with_all_that_shows_them(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    let answer = Event::Post {
        body: Some("yes".to_owned()),
        reply_to: Some(2),
        mentions: Mentions::default(),
    };
    let edit = Event::Edit {
        target: 2,
        body: Some("shall we go?".to_owned()),
    };
    let react = |target, emoji: &str| Event::React {
        target,
        emoji: Some(emoji.to_owned()),
    };
    let events = [
        joined(ANN, Role::Owner),
        post("shall we?"),
        post("unheard"),
        edit,
        answer,
        react(5, "👍"),
        react(3, "🎉"),
        post("gone"),
        Event::Delete { target: 8 },
    ];
    let batch = scribe.write(store, events).await;
    for stored in &batch.entries {
        let views = views::views_of(&stored.entry);
        assert_eq!(store.write_views(LOBBY, &views).await, Ok(()));
    }
    let mut last = scribe.batch([post("last")]);
    last.viewed = 9;
    assert_eq!(store.append(&last).await, Ok(Outcome::Applied));
    for most in [1, 6, 100] {
        let scene = store.newest(LOBBY, most).await.expect("an answer");
        let by_hand = scene::put_together(store, LOBBY, most).await;
        assert_eq!(scene, by_hand.expect("an answer"));
        let scene = scene.expect("a room");
        let first = scene.entries.first().map(|stored| stored.entry.seq);
        assert_eq!(first, Some(11_u64.saturating_sub(most as u64).max(1)));
        let quoted: Vec<Seq> = scene.quoted.iter().map(|q| q.entry.seq).collect();
        assert_eq!(quoted, if most == 6 { vec![2] } else { vec![] });
        let edits: Vec<_> = scene
            .edits
            .iter()
            .map(|(post, e)| (*post, e.entry.seq))
            .collect();
        assert_eq!(edits, if most == 1 { vec![] } else { vec![(2, 4)] });
        let emoji: Vec<&str> = scene.reactions.iter().map(|r| r.emoji.as_str()).collect();
        let expected = [vec![], vec!["👍"], vec!["👍", "🎉"]];
        assert_eq!(
            emoji,
            expected[usize::from(most > 1) + usize::from(most > 6)]
        );
    }
    assert_eq!(store.newest(NOWHERE, 5).await, Ok(None));
}

/// A room that does not exist.
const NOWHERE: RoomId = RoomId(Uuid::from_u128(0x999));
