use super::subject::{ANN, BEN, CLEO, LOBBY, NOON, Subject};
use crate::ids::RoomId;
use crate::store::Marker;
use futures_util::future::join_all;
use std::collections::HashMap;
use uuid::Uuid;

pub(super) async fn a_marker_only_rises_within_its_generation(subject: &Subject) {
    let store = &*subject.store;
    assert_eq!(store.marker(LOBBY, ANN).await, Ok(Marker::default()));
    let later = NOON.plus_ms(5);
    let raise = async |read, at| store.raise_marker(LOBBY, ANN, Some(read), None, at).await;
    let high = raise((10, 7), NOON).await.expect("a marker");
    assert_eq!((high.read, high.read_ord, high.read_at), (10, 7, NOON));
    assert_eq!(raise((9, 6), later).await, Ok(high));
    assert_eq!(raise((10, 7), later).await, Ok(high));
    assert_eq!(store.marker(LOBBY, ANN).await, Ok(high));
    let higher = raise((11, 8), later).await.expect("a marker");
    assert_eq!((higher.read, higher.read_at), (11, later));
}

pub(super) async fn what_was_read_was_delivered(subject: &Subject) {
    let store = &*subject.store;
    let delivered = store.raise_marker(LOBBY, ANN, None, Some(4), NOON).await;
    let delivered = delivered.expect("a marker");
    assert_eq!((delivered.read, delivered.delivered), (0, 4));
    let read = store
        .raise_marker(LOBBY, ANN, Some((6, 6)), Some(5), NOON)
        .await;
    let read = read.expect("a marker");
    assert_eq!((read.read, read.delivered), (6, 6));
    let unread = store.open_generation(LOBBY, ANN, 0, (2, 2), NOON).await;
    let unread = unread.expect("a marker");
    assert_eq!(
        (unread.generation, unread.read, unread.delivered),
        (1, 2, 6)
    );
}

pub(super) async fn marking_unread_opens_one_generation_however_many_try(subject: &Subject) {
    let store = &*subject.store;
    let read = store
        .raise_marker(LOBBY, ANN, Some((30, 30)), None, NOON)
        .await;
    assert_eq!(read.expect("a marker").generation, 0);
    let tries = (1..=8).map(|n| store.open_generation(LOBBY, ANN, 0, (n, n), NOON));
    let answers = join_all(tries).await;
    let standing = store.marker(LOBBY, ANN).await.expect("a marker");
    assert_eq!(standing.generation, 1);
    assert!((1..=8).contains(&standing.read) && standing.read == standing.read_ord);
    for answer in answers {
        assert_eq!(answer, Ok(standing));
    }
    let raised = store
        .raise_marker(LOBBY, ANN, Some((31, 31)), None, NOON)
        .await;
    let raised = raised.expect("a marker");
    assert_eq!((raised.generation, raised.read), (1, 31));
}

pub(super) async fn markers_come_in_pages_and_by_room(subject: &Subject) {
    let store = &*subject.store;
    let hall = RoomId(Uuid::from_u128(0x204));
    for (room, user, read) in [
        (LOBBY, CLEO, 3),
        (LOBBY, ANN, 1),
        (LOBBY, BEN, 2),
        (hall, ANN, 9),
    ] {
        let raised = store
            .raise_marker(room, user, Some((read, read)), None, NOON)
            .await;
        assert_eq!(raised.map(|marker| marker.read), Ok(read));
    }
    let page = async |after, limit| -> Vec<_> {
        let markers = store.markers(LOBBY, after, limit).await.expect("a page");
        markers
            .into_iter()
            .map(|(user, marker)| (user, marker.read))
            .collect()
    };
    assert_eq!(page(None, 2).await, [(ANN, 1), (BEN, 2)]);
    assert_eq!(page(Some(BEN), 2).await, [(CLEO, 3)]);
    let nowhere = RoomId(Uuid::from_u128(0x205));
    let mine = store.markers_of(ANN, &[LOBBY, hall, nowhere]).await;
    let mine: HashMap<_, _> = mine
        .expect("markers")
        .into_iter()
        .map(|(room, marker)| (room, marker.read))
        .collect();
    assert_eq!(mine, HashMap::from([(LOBBY, 1), (hall, 9)]));
    // Of many rooms, too, and of each the newest generation.
    let many: Vec<RoomId> = (0x300..0x32d).map(|n| RoomId(Uuid::from_u128(n))).collect();
    for (n, room) in (1..).zip(&many) {
        let raised = store.raise_marker(*room, ANN, Some((n, n)), None, NOON);
        assert_eq!(raised.await.map(|marker| marker.read), Ok(n));
    }
    let unread = store.open_generation(many[7], ANN, 0, (3, 3), NOON).await;
    assert_eq!(unread.map(|marker| marker.read), Ok(3));
    let mine = store.markers_of(ANN, &many).await.expect("markers");
    for (n, room) in (1..).zip(&many) {
        assert_eq!(mine[room].read, if n == 8 { 3 } else { n });
    }
    assert_eq!(mine.len(), many.len());
    assert_eq!(store.markers_of(ANN, &[]).await, Ok(HashMap::new()));
}
