//! Rooms whose founding broke off.

use super::world::{Person, World};
use crate::clock::now;
use crate::entry::{Event, Role, RoomKind};
use crate::ids::{ClientId, RoomId, UserId};
use crate::seed::LogWriter;
use crate::store::RoomRow;
use serde_json::json;

const KEY: &str = "0190a000-0000-7000-8000-0000000000ff";

#[tokio::test]
async fn a_room_whose_founding_was_cut_is_finished_by_its_repeat() {
    let world = World::new().await;
    let (ann, bob, cyd) = (
        world.person("ann").await,
        world.person("bob").await,
        world.person("cyd").await,
    );
    let key: ClientId = KEY.parse().expect("an id");
    let id = |person: &Person| person.id.parse::<UserId>().expect("an id");
    let row = RoomRow {
        id: RoomId(uuid::Uuid::now_v7()),
        kind: RoomKind::Group,
        name: None,
        topic: String::new(),
        created_at: now(),
        created_by: id(&ann),
        pair: None,
        floor: 0,
    };
    let store = &world.node.store;
    let held = store.claim_room_key(id(&ann), key, row.id).await;
    assert_eq!(held, Ok(row.id));
    let mut log = LogWriter::create(store, row.clone(), 13)
        .await
        .expect("a room");
    for (user, role) in [(id(&ann), Role::Owner), (id(&bob), Role::Member)] {
        let join = Event::Join { user, role };
        log.append(now(), id(&ann), join).await.expect("stored");
    }
    log.finish().await.expect("stored");
    let body = json!({"kind": "group", "client_id": KEY, "members": [bob.id, cyd.id]});
    for _ in 0..2 {
        let again = world.post(Some(&ann), "/rooms", body.clone()).await;
        assert_eq!((again.status, again.id()), (200, row.id.to_string()));
        let seen = world.get(&cyd, &format!("/rooms/{}", row.id)).await;
        assert_eq!((seen.status, &seen.json["head"]), (200, &json!(3)));
    }
}
