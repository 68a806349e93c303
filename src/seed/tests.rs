//! The sample is whole: on the model of the store.

use super::*;
use crate::config::PasswordCost;
use crate::reading::{Page, messages_page, room_items};
use crate::store::memory::MemoryStore;

async fn sample() -> (Arc<dyn Store>, Seeded) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let passwords = Passwords::new(PasswordCost::Test);
    let seeded = seed_sample(&store, &passwords).await.expect("seeded");
    (store, seeded)
}

#[tokio::test]
async fn ingrid_finds_twelve_lively_rooms_with_something_unread() {
    let (store, seeded) = sample().await;
    assert_eq!((seeded.people, seeded.rooms), (14, 12));
    assert!(seeded.entries > 2_500, "{}", seeded.entries);
    let ingrid = store.user_by_email("ingrid@halden-ferries.example").await;
    let ingrid = ingrid.expect("read").expect("she is there");
    let rooms = room_items(&*store, ingrid.id).await.expect("read");
    assert!(rooms.len() >= 8);
    assert!(rooms.iter().any(|room| room.unread > 0));
    assert!(rooms.iter().any(|room| room.unread == 0));
    let mut messages = Vec::new();
    for room in &rooms {
        let page = messages_page(&*store, room.id, Page::Newest, 200).await;
        messages.extend(page.expect("read").messages);
    }
    assert!(messages.iter().any(|message| message.deleted));
    assert!(messages.iter().any(|message| message.edited_at.is_some()));
    assert!(messages.iter().any(|message| message.reply_to.is_some()));
    assert!(
        messages
            .iter()
            .any(|message| !message.reactions.0.is_empty())
    );
    assert!(messages.iter().any(|message| !message.mentions.is_empty()));
    let texts = messages.iter().filter(|message| !message.deleted);
    assert!(texts.map(|message| &message.body).all(Option::is_some));
}

#[tokio::test]
async fn a_store_with_people_is_never_seeded() {
    let (store, _) = sample().await;
    let passwords = Passwords::new(PasswordCost::Test);
    assert!(seed_sample(&store, &passwords).await.is_err());
}

#[tokio::test]
async fn a_bench_has_one_token_per_person_and_its_rooms_are_full() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let plan = BenchPlan {
        users: 5,
        rooms: 3,
        members: 4,
    };
    let (seeded, lines) = seed_bench(&store, plan).await.expect("seeded");
    assert_eq!((seeded.people, seeded.rooms, seeded.entries), (5, 3, 12));
    let (id, token) = lines
        .lines()
        .next()
        .and_then(|line| line.split_once(' '))
        .expect("a line");
    let hash = crate::auth::tokens::hash_of_presented(token).expect("one of ours");
    let login = store
        .login_by_secret(&hash)
        .await
        .expect("read")
        .expect("stored");
    assert_eq!(login.user.to_string(), id);
    assert_eq!(lines.lines().count(), 5);
}
