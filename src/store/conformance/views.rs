use super::subject::{ANN, BEN, CLEO, LOBBY, NOON, Scribe, Subject, channel, post};
use crate::entry::{Event, Mentions, Role, RoomKind};
use crate::ids::{ClientId, RoomId, Seq, UserId};
use crate::limits::INTEGER_MAX;
use crate::store::{Batch, Guard, Member, Outcome, Redaction, View, views};
use uuid::Uuid;

/// Above every seq.
const ALL: Seq = INTEGER_MAX;

pub(super) fn joined(user: UserId, role: Role) -> Event {
    Event::Join { user, role }
}

fn reaction(on: bool, emoji: &str, user: UserId, seq: Seq) -> View {
    let emoji = emoji.to_owned();
    View::Reaction {
        target: 1,
        emoji,
        user,
        on,
        seq,
    }
}

/// What one room's views say.
async fn said(subject: &Subject, room: RoomId) -> String {
    let store = &*subject.store;
    let row = store.room(room).await.expect("an answer").expect("a room");
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        (row.name, row.topic),
        store.members(room, None, 9).await,
        store.markers(room, None, 9).await,
        store.redactions(room, &[1]).await,
        store.reactions(room, &[1]).await,
        store.sent(room, ANN, ClientId(Uuid::from_u128(1))).await,
        store.mention_count(room, BEN, 0, ALL).await,
    )
}

pub(super) async fn views_in_any_order_and_repeated_come_out_the_same(subject: &Subject) {
    let store = &*subject.store;
    let events = [
        joined(BEN, Role::Member),
        post("hello"),
        Event::Post {
            body: Some("ben, all".to_owned()),
            reply_to: None,
            mentions: Mentions {
                users: vec![BEN],
                here: true,
                channel: false,
            },
        },
        Event::React {
            target: 1,
            emoji: Some("👍".to_owned()),
        },
        Event::Unreact {
            target: 1,
            emoji: Some("👍".to_owned()),
        },
        Event::React {
            target: 1,
            emoji: Some("🎉".to_owned()),
        },
        Event::Rename {
            name: Some("hall".to_owned()),
        },
        Event::Topic {
            topic: "first".to_owned(),
        },
        Event::Topic {
            topic: "second".to_owned(),
        },
        Event::Rename { name: None },
        Event::Edit {
            target: 1,
            body: Some("hullo".to_owned()),
        },
        Event::Delete { target: 1 },
        Event::Leave { user: BEN },
        joined(BEN, Role::Admin),
    ];
    let mut reference = None;
    for turn in 0..events.len() {
        let room = RoomId(Uuid::from_u128(0x5000 + turn as u128));
        let mut scribe = subject.scribe(room).await;
        let batch = scribe.batch(events.clone());
        let mut views: Vec<_> = batch
            .entries
            .iter()
            .flat_map(|stored| views::views_of(&stored.entry))
            .collect();
        let applied = turned(batch, turn);
        assert_eq!(store.append(&applied).await, Ok(Outcome::Applied));
        let at = turn % views.len();
        views.rotate_left(at);
        if turn % 2 == 1 {
            views.reverse();
        }
        for view in views.iter().chain(&views) {
            let one = std::slice::from_ref(view);
            assert_eq!(store.write_views(room, one).await, Ok(()));
        }
        let said = said(subject, room).await;
        assert_eq!(reference.get_or_insert_with(|| said.clone()), &said);
    }
}

/// The same batch with its guards in another order, each twice.
fn turned(mut batch: Batch, turn: usize) -> Batch {
    let at = turn % batch.guards.len();
    batch.guards.rotate_left(at);
    if turn % 3 == 1 {
        batch.guards.reverse();
    }
    batch.guards.extend(batch.guards.clone());
    batch
}

async fn guarded(subject: &Subject, scribe: &mut Scribe, guards: Vec<Guard>) {
    let mut batch = scribe.batch([Event::Topic {
        topic: String::new(),
    }]);
    batch.guards = guards;
    assert_eq!(subject.store.append(&batch).await, Ok(Outcome::Applied));
}

fn membership(user: UserId, role: Option<Role>, seq: Seq) -> Guard {
    Guard::Membership {
        room: LOBBY,
        kind: RoomKind::Channel,
        user,
        role,
        seq,
    }
}

pub(super) async fn who_left_is_not_brought_back_by_an_older_entry(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    guarded(subject, &mut scribe, vec![membership(BEN, None, 9)]).await;
    let older = membership(BEN, Some(Role::Member), 8);
    guarded(subject, &mut scribe, vec![older]).await;
    assert_eq!(store.member(LOBBY, BEN).await, Ok(None));
    assert_eq!(store.members(LOBBY, None, 9).await, Ok(vec![]));
    assert_eq!(store.rooms_of(BEN).await, Ok(vec![]));
    let newer = membership(BEN, Some(Role::Member), 10);
    guarded(subject, &mut scribe, vec![newer]).await;
    let (user, role, seq) = (BEN, Role::Member, 10);
    let member = Member { user, role, seq };
    assert_eq!(store.member(LOBBY, BEN).await, Ok(Some(member)));
}

pub(super) async fn members_come_in_pages(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    let people = [CLEO, ANN, BEN];
    let joins = people.map(|user| joined(user, Role::Member));
    scribe.write(store, joins).await;
    let page = async |after, limit| -> Vec<UserId> {
        let members = store.members(LOBBY, after, limit).await.expect("a page");
        members.into_iter().map(|member| member.user).collect()
    };
    assert_eq!(page(None, 2).await, [ANN, BEN]);
    assert_eq!(page(Some(BEN), 2).await, [CLEO]);
    assert_eq!(page(Some(CLEO), 2).await, []);
    assert_eq!(page(Some(UserId::from_bytes([255; 16])), 2).await, []);
}

pub(super) async fn a_person_has_the_rooms_he_is_in(subject: &Subject) {
    let store = &*subject.store;
    let other = RoomId(Uuid::from_u128(0x201));
    let mut lobby = subject.scribe(LOBBY).await;
    let mut hall = subject.scribe(other).await;
    lobby.write(store, [joined(BEN, Role::Member)]).await;
    hall.write(store, [joined(BEN, Role::Owner)]).await;
    let mut rooms = store.rooms_of(BEN).await.expect("rooms");
    rooms.sort_by_key(|(room, _, _)| *room);
    let channel = RoomKind::Channel;
    assert_eq!(
        rooms,
        [
            (LOBBY, channel, Role::Member),
            (other, channel, Role::Owner)
        ]
    );
    lobby.write(store, [Event::Leave { user: BEN }]).await;
    let rooms = store.rooms_of(BEN).await;
    assert_eq!(rooms, Ok(vec![(other, channel, Role::Owner)]));
}

pub(super) async fn reactions_come_in_the_order_in_which_they_were_set(subject: &Subject) {
    let store = &*subject.store;
    let wrote = store
        .write_views(
            LOBBY,
            &[
                reaction(true, "🎉", BEN, 5),
                reaction(true, "👍", ANN, 3),
                reaction(true, "👍", BEN, 4),
                reaction(false, "👍", ANN, 6),
            ],
        )
        .await;
    assert_eq!(wrote, Ok(()));
    let rows = store.reactions(LOBBY, &[1, 1, 2]).await.expect("reactions");
    let rows: Vec<_> = rows
        .iter()
        .map(|r| (r.emoji.as_str(), r.user, r.seq))
        .collect();
    assert_eq!(rows, [("👍", BEN, 4), ("🎉", BEN, 5)]);
    let again = reaction(true, "👍", ANN, 7);
    assert_eq!(store.write_views(LOBBY, &[again]).await, Ok(()));
    let rows = store.reactions(LOBBY, &[1]).await.expect("reactions");
    assert_eq!(rows.last().map(|row| (row.user, row.seq)), Some((ANN, 7)));
    assert_eq!(store.reactions(LOBBY, &[2]).await, Ok(vec![]));
}

pub(super) async fn mentions_of_others_count_once_each(subject: &Subject) {
    let store = &*subject.store;
    let mention = |user, by, seq| View::Mention { user, by, seq };
    let views = [
        mention(Some(BEN), ANN, 2),
        mention(None, ANN, 2),
        mention(None, BEN, 3),
        mention(Some(BEN), BEN, 4),
        mention(Some(CLEO), ANN, 5),
        mention(None, CLEO, 6),
    ];
    assert_eq!(store.write_views(LOBBY, &views).await, Ok(()));
    assert_eq!(store.mention_count(LOBBY, BEN, 0, ALL).await, Ok(2));
    assert_eq!(store.mention_count(LOBBY, BEN, 2, ALL).await, Ok(1));
    assert_eq!(store.mention_count(LOBBY, BEN, 6, ALL).await, Ok(0));
    assert_eq!(store.mention_count(LOBBY, CLEO, 0, ALL).await, Ok(3));
    assert_eq!(store.mention_count(LOBBY, CLEO, 2, 5).await, Ok(2));
    assert_eq!(store.mention_count(LOBBY, CLEO, 2, 2).await, Ok(0));
    assert_eq!(store.mention_count(LOBBY, CLEO, 5, 2).await, Ok(0));
    let many: Vec<_> = (10..1_200)
        .map(|seq| mention(Some(BEN), ANN, seq))
        .collect();
    assert_eq!(store.write_views(LOBBY, &many).await, Ok(()));
    assert_eq!(store.mention_count(LOBBY, BEN, 0, ALL).await, Ok(1_000));
}

pub(super) async fn a_sent_key_tells_its_place(subject: &Subject) {
    let store = &*subject.store;
    let key = ClientId(Uuid::from_u128(77));
    let sent = View::Sent {
        sender: ANN,
        client_id: key,
        seq: 41,
    };
    assert_eq!(store.write_views(LOBBY, &[sent]).await, Ok(()));
    assert_eq!(store.sent(LOBBY, ANN, key).await, Ok(Some(41)));
    assert_eq!(store.sent(LOBBY, BEN, key).await, Ok(None));
    let other = RoomId(Uuid::from_u128(0x202));
    assert_eq!(store.sent(other, ANN, key).await, Ok(None));
}

pub(super) async fn guards_stand_when_their_batch_stands(subject: &Subject) {
    let store = &*subject.store;
    assert_eq!(store.create_room(&channel(LOBBY, "x")).await, Ok(true));
    let hall = RoomId(Uuid::from_u128(0x203));
    let mut scribe = subject.scribe(hall).await;
    let edit = |body: &str| Event::Edit {
        target: 2,
        body: Some(body.to_owned()),
    };
    let events = [
        joined(ANN, Role::Owner),
        post("one"),
        edit("two"),
        edit("three"),
    ];
    scribe.write(store, events).await;
    let edited = Redaction {
        edited: 4,
        deleted: 0,
    };
    let redactions = store.redactions(hall, &[1, 2]).await.expect("an answer");
    assert_eq!(redactions.into_iter().collect::<Vec<_>>(), [(2, edited)]);
    let marker = store.marker(hall, ANN).await.expect("a marker");
    assert_eq!((marker.read, marker.read_ord, marker.delivered), (2, 1, 2));
    assert_eq!(marker.read_at, NOON.plus_ms(2));
    scribe.write(store, [Event::Delete { target: 2 }]).await;
    let redactions = store.redactions(hall, &[2]).await.expect("an answer");
    let deleted = Redaction {
        edited: 4,
        deleted: 5,
    };
    assert_eq!(redactions.get(&2), Some(&deleted));
}
