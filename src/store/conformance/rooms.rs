use super::subject::{ANN, BEN, CLEO, LOBBY, Subject, channel};
use crate::entry::RoomKind;
use crate::ids::{ClientId, RoomId};
use crate::store::{RoomRow, Statics, View};
use futures_util::future::join_all;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

fn id(n: u128) -> RoomId {
    RoomId(Uuid::from_u128(n))
}

pub(super) async fn a_room_is_created_once(subject: &Subject) {
    let store = &*subject.store;
    let direct = RoomRow {
        kind: RoomKind::Direct,
        name: None,
        pair: Some((ANN, BEN)),
        ..channel(LOBBY, "")
    };
    assert_eq!(store.room(LOBBY).await, Ok(None));
    assert_eq!(store.create_room(&direct).await, Ok(true));
    assert_eq!(store.create_room(&channel(LOBBY, "other")).await, Ok(false));
    assert_eq!(store.room(LOBBY).await, Ok(Some(direct.clone())));
    let rooms = store.rooms(&[LOBBY, id(5)]).await;
    assert_eq!(rooms, Ok(HashMap::from([(LOBBY, direct)])));
    let opened = store.last_bucket(LOBBY, 0).await;
    assert_eq!(opened, Ok(Some(Statics::empty())));
}

pub(super) async fn a_pair_has_one_room_however_many_claim_it(subject: &Subject) {
    let store = &*subject.store;
    let tries = (1..20).map(|n| store.claim_pair((ANN, BEN), id(n)));
    let rooms: HashSet<_> = join_all(tries)
        .await
        .into_iter()
        .map(|room| room.expect("a room"))
        .collect();
    assert_eq!(rooms.len(), 1);
    assert_eq!(store.claim_pair((ANN, CLEO), id(77)).await, Ok(id(77)));
}

pub(super) async fn a_room_key_has_one_room(subject: &Subject) {
    let store = &*subject.store;
    let key = ClientId(Uuid::from_u128(8));
    let other = ClientId(Uuid::from_u128(9));
    assert_eq!(store.claim_room_key(ANN, key, id(1)).await, Ok(id(1)));
    assert_eq!(store.claim_room_key(ANN, key, id(2)).await, Ok(id(1)));
    assert_eq!(store.claim_room_key(BEN, key, id(3)).await, Ok(id(3)));
    assert_eq!(store.claim_room_key(ANN, other, id(4)).await, Ok(id(4)));
}

pub(super) async fn public_channels_are_found_by_name_in_pages(subject: &Subject) {
    let store = &*subject.store;
    let group = RoomRow {
        kind: RoomKind::Group,
        ..channel(id(9), "news for few")
    };
    let rooms = [
        channel(id(1), "news"),
        channel(id(2), "Ärger"),
        channel(id(3), "old news"),
        channel(id(4), "news"),
        group,
    ];
    for room in &rooms {
        assert_eq!(store.create_room(room).await, Ok(true));
    }
    let find = async |query: &str, after, limit| -> Vec<RoomId> {
        let found = store.public_rooms(query, after, limit).await;
        found
            .expect("rooms")
            .into_iter()
            .map(|room| room.id)
            .collect()
    };
    assert_eq!(find("NEWS", None, 9).await, [id(1), id(4), id(3)]);
    assert_eq!(find("ärg", None, 9).await, [id(2)]);
    assert_eq!(find("", None, 9).await, [id(1), id(4), id(3), id(2)]);
    assert_eq!(find("", None, 2).await, [id(1), id(4)]);
    let place = Some(("news".to_owned(), id(1)));
    assert_eq!(find("", place, 2).await, [id(4), id(3)]);
    let renamed = View::Name {
        name: Some("weather".to_owned()),
        seq: 5,
    };
    assert_eq!(store.write_views(id(3), &[renamed]).await, Ok(()));
    assert_eq!(find("weather", None, 9).await, [id(3)]);
    assert_eq!(find("old", None, 9).await, []);
}

pub(super) async fn every_room_is_listed_in_pages(subject: &Subject) {
    let store = &*subject.store;
    for n in [3, 1, 2] {
        assert_eq!(store.create_room(&channel(id(n), "x")).await, Ok(true));
    }
    assert_eq!(store.all_rooms(None, 2).await, Ok(vec![id(1), id(2)]));
    assert_eq!(store.all_rooms(Some(id(2)), 2).await, Ok(vec![id(3)]));
    assert_eq!(store.all_rooms(Some(id(3)), 2).await, Ok(vec![]));
}

pub(super) async fn every_room_key_is_listed_in_pages(subject: &Subject) {
    let store = &*subject.store;
    let key = |n| ClientId(Uuid::from_u128(n));
    let mut expected = HashSet::new();
    for n in 1..8 {
        for of in [ANN, BEN] {
            let claimed = store.claim_room_key(of, key(n), id(n)).await;
            assert_eq!(claimed, Ok(id(n)));
            expected.insert((of, key(n), id(n)));
        }
    }
    let mut listed = Vec::new();
    loop {
        let after = listed.last().copied();
        let page = store.room_keys(after, 3).await.expect("a page");
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed.len(), expected.len());
    assert_eq!(listed.into_iter().collect::<HashSet<_>>(), expected);
}
