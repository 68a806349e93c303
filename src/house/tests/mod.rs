mod lines;
mod moves;

use crate::access::WorkspaceRole;
use crate::auth::Passwords;
use crate::clock::Timestamp;
use crate::config::PasswordCost;
use crate::house::{compare, copy};
use crate::ids::{ClientId, LoginId, RoomId, TimerId, UserId};
use crate::limits::BUCKET_BITS;
use crate::seed::seed_sample;
use crate::store::conformance::subject::{NOON, Subject};
use crate::store::{Invite, Login, LoginKind, Placed, Store, Task, Timer};
use crate::verify::verify;
use std::sync::Arc;
use uuid::Uuid;

/// Everybody of a store, in order.
async fn people(store: &dyn Store) -> Vec<UserId> {
    let people = store.all_users(None, 1_000).await.expect("people");
    let mut ids: Vec<_> = people.iter().map(|user| user.id).collect();
    ids.sort_unstable();
    ids
}

async fn first_room(store: &dyn Store) -> RoomId {
    store.all_rooms(None, 1).await.expect("rooms")[0]
}

/// The sample workspace with one of everything that it lacks.
async fn furnished(subject: &Subject) -> Arc<dyn Store> {
    let store = Arc::clone(&subject.store);
    let passwords = Passwords::new(PasswordCost::Test);
    seed_sample(&store, &passwords).await.expect("seeded");
    let crew = people(&*store).await;
    let (ann, ben) = (crew[0], crew[1]);
    let mut gone = store.user(ben).await.expect("read").expect("Ben");
    gone.active = false;
    assert_eq!(store.update_user(&gone).await, Ok(Ok(())));
    for n in 1..4u8 {
        let login = Login {
            id: LoginId(Uuid::from_u128(n.into())),
            user: ann,
            kind: [LoginKind::Cookie, LoginKind::Bearer][usize::from(n % 2)],
            secret: [n; 32],
            device: format!("device {n}"),
            created_at: NOON,
            seen_at: NOON.plus_ms(n.into()),
        };
        store.create_login(&login).await.expect("a log-in");
    }
    let room = first_room(&*store).await;
    let invite = Invite {
        code: "come-aboard".to_owned(),
        by: ann,
        role: WorkspaceRole::Admin,
        rooms: vec![room],
        uses_left: Some(3),
        expires_at: Some(NOON),
        created_at: NOON,
    };
    store.create_invite(&invite).await.expect("an invite");
    for (owner, key) in [(None, "name"), (Some(ann), "theme"), (Some(ben), "draft:x")] {
        let set = store.set_setting(owner, key, Some("it's ✓"));
        set.await.expect("set");
    }
    let key = ClientId(Uuid::from_u128(77));
    store.claim_room_key(ann, key, room).await.expect("a key");
    for n in [1, 2] {
        let task = Task::Post {
            room,
            client_id: key,
            after: 1,
            body: "it's ✓ later".to_owned(),
        };
        let timer = Timer {
            id: TimerId(Uuid::from_u128(n)),
            user: ann,
            due: NOON,
            task,
        };
        assert_eq!(store.set_timer(&timer, 9).await, Ok(Placed::Set));
    }
    let due = store
        .due_timers(&[1], NOON, 1)
        .await
        .expect("due")
        .remove(0);
    let claimant = Uuid::from_u128(9);
    assert_eq!(store.claim_timer(&due, claimant, NOON).await, Ok(true));
    let failed = store.fail_timer(&due.timer, claimant, "not_found").await;
    assert_eq!(failed, Ok(()));
    unread(&*store, room).await;
    store
}

/// The first member marks the room unread three times, and reads on a little.
async fn unread(store: &dyn Store, room: RoomId) {
    let member = store.members(room, None, 1).await.expect("members")[0].user;
    for generation in 0..3 {
        let at = Timestamp(NOON.0 + 10);
        let opened = store.open_generation(room, member, generation, (0, 0), at);
        assert_eq!(opened.await.expect("opened").generation, generation + 1);
    }
}

async fn moved(from: &dyn Store, to: &dyn Store, bits: u32) {
    let mut told = Vec::new();
    copy(from, to, bits, &mut told).await.expect("it moves");
}

/// Both are the same, and the target is whole in itself.
async fn assert_same(from: &dyn Store, to: &dyn Store) {
    let comparison = compare(from, to).await.expect("compared");
    assert!(comparison.is_equal(), "{comparison}");
    assert_eq!(comparison.counts.len(), 9, "{comparison}");
    for (kind, from, to) in &comparison.counts {
        assert!(*from > 0 && from == to, "{kind}: {comparison}");
    }
    assert_eq!(comparison.heads.0, comparison.heads.1);
    let report = verify(to).await.expect("verified");
    assert!(report.is_whole(), "{:?}", report.faults);
}

#[tokio::test]
async fn a_workspace_moves_to_another_kind_of_store_and_back_and_is_the_same() {
    let old = Subject::embedded(BUCKET_BITS);
    let old = furnished(&old).await;
    let (between, new) = (Subject::memory(4), Subject::embedded(BUCKET_BITS));
    moved(&*old, &*between.store, 4).await;
    assert_same(&*old, &*between.store).await;
    moved(&*between.store, &*new.store, BUCKET_BITS).await;
    assert_same(&*old, &*new.store).await;
    assert!(new.store.has_people().await.expect("asked"));
}

/// On a real server: `./check cql`.
mod cql {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "needs a CQL server: ./check cql"]
    async fn a_workspace_moves_from_one_machine_to_a_cluster_and_back() {
        let old = Subject::embedded(BUCKET_BITS);
        let old = furnished(&old).await;
        let (cluster, new) = (Subject::cql(4).await, Subject::embedded(BUCKET_BITS));
        moved(&*old, &*cluster.store, 4).await;
        assert_same(&*old, &*cluster.store).await;
        // Again: nothing is there twice.
        moved(&*old, &*cluster.store, 4).await;
        moved(&*cluster.store, &*new.store, BUCKET_BITS).await;
        assert_same(&*old, &*new.store).await;
        cluster.leave().await;
    }
}
