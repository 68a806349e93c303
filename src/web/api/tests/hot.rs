//! Hot history: what many read comes from memory, and shows nothing that the store would not.

use super::world::{Answer, Person, World};
use serde_json::{Value, json};

/// A group of Ann, Bob and Carol with some messages, whose newest page is in memory.
async fn hot_room() -> (World, [Person; 3], String) {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let carol = world.person("carol").await;
    let room = world.room(&ann, "group", &[&bob, &carol]).await;
    for n in 0..5 {
        world.say(&bob, &room, &format!("canary {n}")).await;
    }
    heat(&world, &bob, &room).await;
    (world, [ann, bob, carol], room)
}

/// Reads both pages until they are in memory.
async fn heat(world: &World, who: &Person, room: &str) {
    for _ in 0..3 {
        for page in ["entries", "messages"] {
            world.get(who, &format!("/rooms/{room}/{page}")).await;
        }
    }
    for page in ["entries", "messages"] {
        let hits = world.node.metrics.history_hits.get();
        world.get(who, &format!("/rooms/{room}/{page}")).await;
        assert_eq!(world.node.metrics.history_hits.get(), hits + 1, "{page}");
    }
}

async fn send(world: &World, who: &Person, room: &str, mut fields: Value) -> u64 {
    fields["client_id"] = json!(uuid::Uuid::now_v7().to_string());
    fields["after"] = json!(0);
    let path = format!("/rooms/{room}/entries");
    let answer = world.post(Some(who), &path, fields).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json["seq"].as_u64().expect("a seq")
}

/// Both pages, which must come from memory without a query of the log.
async fn pages(world: &World, who: &Person, room: &str) -> [Answer; 2] {
    let (hits, queries) = counts(world);
    let entries = world.get(who, &format!("/rooms/{room}/entries")).await;
    let messages = world.get(who, &format!("/rooms/{room}/messages")).await;
    assert_eq!(counts(world), (hits + 2, queries));
    [entries, messages]
}

fn counts(world: &World) -> (u64, u64) {
    let metrics = &world.node.metrics;
    (metrics.history_hits.get(), metrics.log_queries.get())
}

#[tokio::test]
async fn who_was_removed_reads_nothing_of_a_hot_room() {
    let (world, [ann, bob, carol], room) = hot_room().await;
    let shown = world.get(&carol, &format!("/rooms/{room}/messages")).await;
    assert!(shown.text.contains("canary 4"));
    let member = format!("/rooms/{room}/members/{}", carol.id);
    assert_eq!(world.delete(&ann, &member).await.status, 200);
    for tail in [
        "entries",
        "messages",
        "entries?after=0",
        "messages?around=5",
    ] {
        let answer = world.get(&carol, &format!("/rooms/{room}/{tail}")).await;
        assert_eq!((answer.code(), answer.status), ("not_found", 404), "{tail}");
        assert!(!answer.text.contains("canary"), "{tail}");
    }
    // Who never was in it neither; and those who are go on.
    let dora = world.person("dora").await;
    let answer = world.get(&dora, &format!("/rooms/{room}/messages")).await;
    assert_eq!(answer.code(), "not_found");
    let [entries, messages] = pages(&world, &bob, &room).await;
    assert!(entries.text.contains("canary 4") && messages.text.contains("canary 4"));
    let last = entries.json["entries"]
        .as_array()
        .and_then(|all| all.last());
    assert_eq!(last.map(|last| &last["kind"]), Some(&json!("leave")));
}

#[tokio::test]
async fn what_was_deleted_or_edited_away_does_not_come_back_from_memory() {
    let (world, [_, bob, carol], room) = hot_room().await;
    let edited = send(
        &world,
        &bob,
        &room,
        json!({"kind": "post", "body": "raw words"}),
    )
    .await;
    let gone = send(
        &world,
        &bob,
        &room,
        json!({"kind": "post", "body": "slip words"}),
    )
    .await;
    let react = json!({"kind": "react", "target": gone, "emoji": "🎉"});
    send(&world, &carol, &room, react).await;
    let [entries, messages] = pages(&world, &carol, &room).await;
    for page in [&entries, &messages] {
        assert!(page.text.contains("raw words") && page.text.contains("slip words"));
        assert!(page.text.contains("🎉"));
    }
    let edit = |body: &str| json!({"kind": "edit", "target": edited, "body": body});
    send(&world, &bob, &room, edit("half words")).await;
    let [entries, messages] = pages(&world, &carol, &room).await;
    for page in [&entries, &messages] {
        assert!(!page.text.contains("raw words") && page.text.contains("half words"));
    }
    send(&world, &bob, &room, edit("fine words")).await;
    send(
        &world,
        &bob,
        &room,
        json!({"kind": "delete", "target": gone}),
    )
    .await;
    let [entries, messages] = pages(&world, &carol, &room).await;
    for page in [&entries, &messages] {
        for hidden in ["raw words", "half words", "slip words", "🎉"] {
            assert!(!page.text.contains(hidden), "{hidden}: {}", page.text);
        }
        assert!(page.text.contains("fine words"));
    }
    let is_gone = |view: &&Value| view["seq"] == gone;
    let mut views = messages.json["messages"].as_array().into_iter().flatten();
    let view = views
        .find(is_gone)
        .expect("a deleted message has its place");
    assert_eq!(
        (&view["deleted"], &view["body"]),
        (&json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn what_was_acknowledged_is_on_the_next_page_and_pages_have_no_holes() {
    let (world, [ann, bob, carol], room) = hot_room().await;
    let writers = [&ann, &bob, &carol].map(|who| {
        let (world, room) = (&world, &room);
        async move {
            for n in 0..25 {
                let said = world.say(who, room, &format!("wave {n}")).await;
                let seq = said.json["seq"].as_u64().expect("a seq");
                let path = format!("/rooms/{room}/entries?limit=200");
                let page = world.get(who, &path).await;
                let entries = page.json["entries"].as_array().expect("entries");
                let seqs = entries.iter().map(|entry| entry["seq"].as_u64());
                let seqs: Vec<u64> = seqs.flatten().collect();
                let head = page.json["head"].as_u64().expect("a head");
                assert!(head >= seq, "{seq} was acknowledged, {head} is the head");
                assert_eq!(seqs, Vec::from_iter(1..=head));
                let mine = &entries[seq as usize - 1];
                assert_eq!(mine["by"], *who.id);
            }
        }
    });
    let (hits, _) = counts(&world);
    futures_util::future::join_all(writers).await;
    assert!(counts(&world).0 - hits >= 70, "most come from memory");
    let min = world
        .get(&ann, &format!("/rooms/{room}/entries?min=9"))
        .await;
    assert_eq!(min.status, 200);
}

/// The page that a browser is given, and more of the same.
async fn html(world: &World, who: &Person, path: &str) -> String {
    let page = world.call(reqwest::Method::GET, path, Some(&who.token), None);
    let page = page.await;
    assert_eq!(page.status, 200, "{}", page.text);
    page.text
}

#[tokio::test]
async fn the_page_of_a_hot_room_and_its_older_items_come_from_memory_too() {
    let (world, [ann, bob, _], room) = hot_room().await;
    for n in 0..200 {
        world.say(&ann, &room, &format!("wave {n}")).await;
    }
    let reply = json!({"kind": "post", "body": "as you said", "reply_to": 4});
    send(&world, &bob, &room, reply).await;
    let (first, older) = (format!("/r/{room}"), format!("/r/{room}/items?before=150"));
    for _ in 0..4 {
        html(&world, &bob, &first).await;
        html(&world, &bob, &older).await;
    }
    let (hits, queries) = counts(&world);
    let page = html(&world, &bob, &first).await;
    assert!(
        page.contains("wave 199") && page.contains("canary 0"),
        "what is quoted, too"
    );
    assert!(!page.contains("wave 140"));
    let items = html(&world, &bob, &older).await;
    assert!(items.contains("wave 140") && !items.contains("wave 199"));
    assert_eq!(counts(&world).0, hits + 2);
    // The list of the person's rooms is asked for, of the store: where each of them ends.
    let of_list = {
        let before = counts(&world).1;
        world.get(&bob, "/rooms").await;
        counts(&world).1 - before
    };
    assert_eq!(counts(&world).1 - of_list - queries, of_list);
    // Who has seen more than there is here is not shown less.
    let ahead = format!("{older}&min=9999");
    let ahead = world.call(reqwest::Method::GET, &ahead, Some(&bob.token), None);
    assert_eq!(ahead.await.status, 503);
    // The same as from the store.
    world
        .node
        .shelves
        .forget_for_test(room.parse().expect("an id"));
    let again = html(&world, &bob, &older).await;
    assert_eq!(again, items);
}
