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

#[path = "turn_tests.rs"]
mod turns;

/// Writes down what is published, and keeps confirmations back while `holds`.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<Arc<Entry>>>,
    held: Mutex<Vec<Confirm>>,
    holds: bool,
    shared: bool,
    spoken: Notify,
    /// Says whose turn it is.
    apart: Option<turns::Apart>,
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
    fn is_shared(&self) -> bool {
        self.shared
    }
    fn turn(&self, room: RoomId) -> Option<Duration> {
        self.apart.as_ref().map(|apart| apart.turn(room))
    }
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
    scene_with(Ear {
        holds,
        ..Ear::default()
    })
    .await
}

async fn scene_with(ear: Ear) -> Scene {
    scene_over(MemoryStore::new(), ear).await
}

async fn scene_over(store: MemoryStore, ear: Ear) -> Scene {
    let store = Arc::new(store);
    let ear = Arc::new(ear);
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

    async fn statics(&self) -> crate::store::Statics {
        let found = self.store.last_bucket(self.room, 0).await;
        found
            .expect("the store answers")
            .expect("the room is there")
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
    let key = ClientId(Uuid::new_v4());
    let seq = scene.insist(user(2), key).await;
    assert_eq!(seq, 3);
    assert_eq!(scene.insist(user(2), key).await, seq, "no second copy");
    let heard = scene.ear.heard.lock().expect("no panic").len();
    assert_eq!(heard, 3, "every entry was published once");
}

#[tokio::test(start_paused = true)]
async fn a_room_that_slept_here_wakes_without_a_take_over() {
    let scene = scene(false).await;
    let key = ClientId(Uuid::new_v4());
    let first = scene.insist(user(1), key).await;
    let owner = scene.statics().await;
    assert!(scene.rooms.drain(Duration::from_secs(5)).await);
    assert_eq!(scene.insist(user(1), key).await, first, "no second copy");
    scene.insist(user(2), ClientId(Uuid::new_v4())).await;
    let now = scene.statics().await;
    assert_eq!((now.owner, now.epoch), (owner.owner, owner.epoch));
    assert_eq!(scene.metrics.take_overs.get(), 1);
    assert_eq!(scene.metrics.rooms_woken.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_somebody_took_while_it_slept_is_taken_over() {
    let scene = scene(false).await;
    assert!(scene.rooms.drain(Duration::from_secs(5)).await);
    let left = scene.statics().await;
    let other = crate::ids::OwnerId(Uuid::new_v4());
    let taken = scene.store.take_over(scene.room, 0, left.owner, other, 2);
    assert_eq!(taken.await, Ok(crate::store::Outcome::Applied));
    let seq = scene.insist(user(2), ClientId(Uuid::new_v4())).await;
    assert_eq!(seq, 3);
    assert_eq!(scene.metrics.take_overs.get(), 2);
    assert_eq!(scene.metrics.rooms_woken.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_woke_and_is_taken_then_is_refused_and_takes_over() {
    let scene = scene(false).await;
    assert!(scene.rooms.drain(Duration::from_secs(5)).await);
    scene.insist(user(1), ClientId(Uuid::new_v4())).await;
    assert_eq!(scene.metrics.rooms_woken.get(), 1);
    let awake = scene.statics().await;
    let other = crate::ids::OwnerId(Uuid::new_v4());
    let taken = scene.store.take_over(scene.room, 0, awake.owner, other, 2);
    assert_eq!(taken.await, Ok(crate::store::Outcome::Applied));
    let seq = scene.insist(user(2), ClientId(Uuid::new_v4())).await;
    assert_eq!(seq, 4);
    assert_eq!(scene.metrics.rooms_fenced.get(), 1);
    assert_eq!(scene.metrics.take_overs.get(), 2);
}

#[tokio::test]
async fn a_room_that_does_not_exist_is_not_found() {
    let scene = scene(false).await;
    let nowhere = RoomId::from_bytes([7; 16]);
    let key = ClientId(Uuid::new_v4());
    let reply = scene.rooms.send(nowhere, post(user(1), key)).await;
    assert_eq!(reply, Reply::Refused(Error::not_found()));
}

/// Two nodes that know nothing of each other, over one store.
async fn rivals() -> (Scene, Rooms) {
    let shared = || Ear {
        shared: true,
        ..Ear::default()
    };
    let scene = scene_with(shared()).await;
    let store: Arc<dyn Store> = scene.store.clone();
    let bits = crate::limits::BUCKET_BITS;
    let rival = Rooms::start(store, Arc::new(shared()), &Metrics::new(), bits).await;
    (scene, rival.expect("the supervisor starts"))
}

async fn stored(rooms: &Rooms, room: RoomId, send: Send) -> Arc<Entry> {
    match rooms.send(room, send).await {
        Reply::Stored { entry, .. } => entry,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_was_replaced_says_nothing_for_good_from_what_it_knew() {
    let draft_of = |after, draft| Send {
        after,
        ..command(user(1), Some(ClientId(Uuid::new_v4())), draft)
    };
    let body = || "Low water at six".to_owned();
    let unread = Draft::Post {
        body: body(),
        reply_to: None,
    };
    let late = Draft::React {
        target: 4,
        emoji: "🌊".to_owned(),
    };
    let absent = Draft::RemoveMember { user: user(3) };
    let joined = Draft::PutMember {
        user: user(2),
        role: None,
    };
    let asked = [
        ("above its head", draft_of(5, unread)),
        ("a post it does not know", draft_of(2, late)),
        ("a member it does not know", command(user(1), None, absent)),
        ("no member any more", command(user(1), None, joined)),
    ];
    for (what, asked) in asked {
        let (scene, rival) = rivals().await;
        let room = scene.room;
        let (third, second) = (user(3), user(2));
        stored(&rival, room, post(user(1), ClientId(Uuid::new_v4()))).await;
        stored(&rival, room, post(user(1), ClientId(Uuid::new_v4()))).await;
        let add = Draft::PutMember {
            user: third,
            role: None,
        };
        stored(&rival, room, command(user(1), None, add)).await;
        let remove = Draft::RemoveMember { user: second };
        stored(&rival, room, command(user(1), None, remove)).await;
        let reply = scene.rooms.send(room, asked.clone()).await;
        assert_eq!(reply, Reply::Refused(unknown()), "{what}");
        stored(&scene.rooms, room, asked).await;
        assert_eq!(scene.metrics.rooms_fenced.get(), 1, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_edited_elsewhere_is_not_repeated_with_its_old_text() {
    let (scene, rival) = rivals().await;
    let key = ClientId(Uuid::new_v4());
    let seq = stored(&scene.rooms, scene.room, post(user(1), key))
        .await
        .seq;
    let edit = Draft::Edit {
        target: seq,
        body: "Better said".to_owned(),
    };
    let edit = command(user(1), Some(ClientId(Uuid::new_v4())), edit);
    stored(&rival, scene.room, edit).await;
    let reply = scene.rooms.send(scene.room, post(user(1), key)).await;
    assert_eq!(reply, Reply::Refused(unknown()));
    let again = stored(&scene.rooms, scene.room, post(user(1), key)).await;
    assert_eq!((again.seq, again.redacted), (seq, true));
}

#[tokio::test(start_paused = true)]
async fn two_nodes_that_take_a_room_from_each_other_both_get_on() {
    let (scene, rival) = rivals().await;
    let send_all = async |rooms: &Rooms, by| {
        for _ in 0..20 {
            let key = ClientId(Uuid::new_v4());
            let mut tries = 0;
            while let Reply::Refused(error) = rooms.send(scene.room, post(by, key)).await {
                assert!(error.code.holds_order(), "{error:?}");
                tries += 1;
                assert!(tries < 50, "no progress");
                tokio::time::advance(Duration::from_millis(20)).await;
            }
        }
    };
    tokio::join!(send_all(&scene.rooms, user(1)), send_all(&rival, user(2)));
    let log = scene.log().await;
    let seqs: Vec<Seq> = log.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, Vec::from_iter(1..=42), "two joins, forty posts");
    let keys: BTreeSet<_> = log.iter().filter_map(|entry| entry.client_id).collect();
    assert_eq!(keys.len(), 40);
}
