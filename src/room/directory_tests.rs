//! Real rooms over the model of the store: what breaks in between loses nothing.

use super::*;
use crate::access::{Actor as Person, WorkspaceRole};
use crate::bus::{Bus, Confirm, Hint, Publication};
use crate::clock::Timestamp;
use crate::entry::{Entry, RoomKind};
use crate::ids::{ClientId, Seq};
use crate::room::Draft;
use crate::store::memory::MemoryStore;
use crate::store::{LogStore as _, RoomRow, RoomStore as _};
use crate::testing::probe::user;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Writes down what is published, and keeps confirmations back while `holds`.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<Arc<Entry>>>,
    held: Mutex<Vec<Confirm>>,
    holds: bool,
    spoken: Notify,
}

impl Bus for Ear {
    fn publish(&self, publication: Publication) {
        let mut heard = self.heard.lock().expect("no panic here");
        heard.extend(publication.entries);
        if self.holds {
            let mut held = self.held.lock().expect("no panic here");
            held.extend(publication.confirm);
        }
        self.spoken.notify_one();
    }
    fn hint(&self, _: Hint) {}
}

struct Scene {
    store: Arc<MemoryStore>,
    ear: Arc<Ear>,
    rooms: Rooms,
    metrics: Metrics,
    room: RoomId,
}

/// A group of Ann and Bob.
async fn scene(holds: bool) -> Scene {
    let store = Arc::new(MemoryStore::new());
    let ear = Arc::new(Ear {
        holds,
        ..Ear::default()
    });
    let metrics = Metrics::new();
    let bus: Arc<dyn Bus> = ear.clone();
    let rooms = Rooms::start(store.clone(), bus, &metrics, crate::limits::BUCKET_BITS)
        .await
        .expect("the supervisor starts");
    let row = RoomRow {
        id: RoomId::from_bytes([9; 16]),
        kind: RoomKind::Group,
        name: Some("Lab".to_owned()),
        topic: String::new(),
        created_at: Timestamp(0),
        created_by: user(1),
        pair: None,
        floor: 0,
    };
    assert!(store.create_room(&row).await.expect("the store answers"));
    let founded = rooms.found(row.id, user(1), vec![user(2)]).await;
    assert!(matches!(founded, Reply::Stored { .. }), "{founded:?}");
    Scene {
        store,
        ear,
        rooms,
        metrics,
        room: row.id,
    }
}

fn command(by: UserId, client_id: Option<ClientId>, draft: Draft) -> Send {
    Send {
        ticket: 0,
        actor: Person {
            user: by,
            role: WorkspaceRole::Member,
            active: true,
        },
        place: None,
        client_id,
        after: if client_id.is_some() { 2 } else { 0 },
        draft,
        handles: Default::default(),
        salt: fresh_salt(),
    }
}

fn post(by: UserId, client_id: ClientId) -> Send {
    let draft = Draft::Post {
        body: format!("{client_id}"),
        reply_to: None,
    };
    command(by, Some(client_id), draft)
}

impl Scene {
    /// Sends until it is stored, as every client does.
    async fn insist(&self, by: UserId, client_id: ClientId) -> Seq {
        for _ in 0..1_000 {
            match self.rooms.send(self.room, post(by, client_id)).await {
                Reply::Stored { entry, .. } => return entry.seq,
                Reply::Refused(error) if error.code.holds_order() => {
                    tokio::time::advance(Duration::from_millis(20)).await;
                }
                other => panic!("neither stored nor to be sent again: {other:?}"),
            }
        }
        panic!("the room does not come back");
    }

    async fn log(&self) -> Vec<Entry> {
        let log = self.store.log(self.room, 1, 1_000, 1_000, true).await;
        let log = log.expect("the store answers");
        log.into_iter().map(|stored| stored.entry).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn two_people_send_while_the_room_breaks_and_nothing_is_lost_or_doubled() {
    let scene = scene(false).await;
    let send_all = async |by| {
        let mut last = 0;
        for n in 0..20 {
            if n % 7 == 3 {
                scene.rooms.break_for_test(scene.room);
            }
            let seq = scene.insist(by, ClientId(Uuid::new_v4())).await;
            assert!(seq > last, "one's own sends keep their order");
            last = seq;
        }
    };
    tokio::join!(send_all(user(1)), send_all(user(2)));
    assert!(scene.metrics.room_panics.get() >= 3);
    let log = scene.log().await;
    let seqs: Vec<Seq> = log.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, Vec::from_iter(1..=42), "two joins, forty posts");
    let keys: BTreeSet<_> = log.iter().filter_map(|entry| entry.client_id).collect();
    assert_eq!(keys.len(), 40);
    assert_eq!(scene.metrics.room_commands.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_a_room_that_breaks_is_answered_with_unknown() {
    let scene = scene(false).await;
    scene.rooms.break_for_test(scene.room);
    let key = ClientId(Uuid::new_v4());
    let reply = scene.rooms.send(scene.room, post(user(1), key)).await;
    let Reply::Refused(error) = reply else {
        panic!("the room was broken: {reply:?}");
    };
    assert_eq!(error.code, Code::Unknown);
    let seq = scene.insist(user(1), key).await;
    assert_eq!(
        scene.insist(user(1), key).await,
        seq,
        "repeated, not doubled"
    );
    assert_eq!(scene.log().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_answered_only_when_every_relay_has_let_the_person_go() {
    let scene = scene(true).await;
    let removal = tokio::spawn({
        let (rooms, room) = (scene.rooms.clone(), scene.room);
        let draft = Draft::RemoveMember { user: user(2) };
        async move { rooms.send(room, command(user(1), None, draft)).await }
    });
    while scene.ear.held.lock().expect("no panic").is_empty() {
        scene.ear.spoken.notified().await;
    }
    let key = ClientId(Uuid::new_v4());
    scene.insist(user(1), key).await;
    assert!(!removal.is_finished(), "a relay still has him");
    scene.ear.held.lock().expect("no panic").clear();
    let reply = removal.await.expect("it ends");
    assert!(matches!(reply, Reply::Stored { .. }), "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn a_room_sleeps_when_told_and_wakes_with_the_next_command() {
    let scene = scene(false).await;
    assert_eq!(scene.rooms.count(), 1);
    assert!(scene.rooms.drain(Duration::from_secs(5)).await);
    assert_eq!(scene.rooms.count(), 0);
    let seq = scene.insist(user(2), ClientId(Uuid::new_v4())).await;
    assert_eq!(seq, 3);
    assert_eq!(scene.metrics.take_overs.get(), 2);
    let heard = scene.ear.heard.lock().expect("no panic").len();
    assert_eq!(heard, 3, "every entry was published once");
}

#[tokio::test]
async fn a_room_that_does_not_exist_is_not_found() {
    let scene = scene(false).await;
    let nowhere = RoomId::from_bytes([7; 16]);
    let key = ClientId(Uuid::new_v4());
    let reply = scene.rooms.send(nowhere, post(user(1), key)).await;
    assert_eq!(reply, Reply::Refused(Error::not_found()));
}
