//! What PROTOCOL.md promises of the interface for programs.

use super::world::{PASSWORD, World};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

const NOBODY: &str = "0190a000-0000-7000-8000-0000000000ff";

#[tokio::test]
async fn only_one_of_many_who_sign_up_at_once_owns_the_workspace() {
    let world = World::new().await;
    let names = ["ann", "bob", "carol", "dave", "eve"];
    let people = join_all(names.map(|name| world.person(name))).await;
    let mut owners = 0;
    for person in &people {
        let me = world.get(person, "/me").await;
        owners += usize::from(me.json["role"] == "owner");
    }
    assert_eq!(owners, 1);
}

#[tokio::test]
async fn ann_and_bob_who_write_to_each_other_at_once_share_one_room() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let to = |id: &str| json!({"kind": "direct", "members": [id]});
    let raced = (0..8).map(|turn| {
        let (from, other) = if turn % 2 == 0 {
            (&ann, &bob)
        } else {
            (&bob, &ann)
        };
        let body = to(&other.id);
        let world = &world;
        async move { world.post(Some(from), "/rooms", body).await }
    });
    let answers = join_all(raced).await;
    let first = answers[0].id();
    assert!(answers.iter().all(|answer| answer.id() == first));
    let created = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(created.count(), 1);
    let alone = world.post(Some(&ann), "/rooms", to(&ann.id)).await;
    assert_eq!(alone.code(), "bad_request");
    let ghost = world.post(Some(&ann), "/rooms", to(NOBODY)).await;
    assert_eq!(ghost.code(), "not_found");
    let path = format!("/rooms/{first}/members/me");
    assert_eq!(world.delete(&ann, &path).await.code(), "denied");
}

#[tokio::test]
async fn a_room_repeated_under_its_client_id_is_the_same_room() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let body = json!({"kind": "channel", "name": "x", "client_id": NOBODY});
    let first = world.post(Some(&ann), "/rooms", body.clone()).await;
    let again = world.post(Some(&ann), "/rooms", body).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.id(), again.id());
}

#[tokio::test]
async fn a_send_repeated_is_the_same_entry_and_markers_count_what_is_unread() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let room = world.room(&ann, "group", &[&bob]).await;
    let entries = format!("/rooms/{room}/entries");
    let send = json!({"client_id": NOBODY, "after": 2, "kind": "post", "body": "hi @bob"});
    let first = world.post(Some(&ann), &entries, send.clone()).await;
    let again = world.post(Some(&ann), &entries, send).await;
    assert_eq!((first.status, again.status), (201, 200), "{}", first.text);
    assert_eq!(first.json, again.json);
    for number in 0..3 {
        world.say(&ann, &room, &format!("message {number}")).await;
    }
    let item = world.get(&bob, &format!("/rooms/{room}")).await.json;
    assert_eq!((&item["unread"], &item["mentions"]), (&json!(4), &json!(1)));
    let markers = format!("/rooms/{room}/markers");
    let read = world.put(&bob, &markers, json!({"read": 4})).await.json;
    assert_eq!(
        read,
        json!({"read": 4, "delivered": 4, "unread": 2, "mentions": 0})
    );
    let lower = world.put(&bob, &markers, json!({"read": 1})).await.json;
    assert_eq!(lower["read"], 4);
    let beyond = world.put(&bob, &markers, json!({"read": 999})).await.json;
    assert_eq!((&beyond["read"], &beyond["unread"]), (&json!(6), &json!(0)));
    let back = world
        .put(&bob, &markers, json!({"unread_from": 3}))
        .await
        .json;
    assert_eq!((&back["read"], &back["unread"]), (&json!(2), &json!(4)));
    for wrong in [
        json!({}),
        json!({"read": "1"}),
        json!({"read": 1.0}),
        json!({"unread_from": 0}),
    ] {
        assert_eq!(world.put(&bob, &markers, wrong).await.code(), "bad_request");
    }
}

#[tokio::test]
async fn pages_of_a_log_have_the_edges_that_the_contract_gives() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, "group", &[]).await;
    for number in 2..=20 {
        world.say(&ann, &room, &format!("message {number}")).await;
    }
    for (query, seqs) in [
        ("limit=3", vec![18, 19, 20]),
        ("after=0&limit=3", vec![1, 2, 3]),
        ("after=18", vec![19, 20]),
        ("after=20", vec![]),
        ("before=3", vec![1, 2]),
        ("around=10&limit=5", vec![8, 9, 10, 11, 12]),
        ("around=1&limit=5", vec![1, 2, 3]),
        ("min=20&limit=1", vec![20]),
    ] {
        let page = world
            .get(&ann, &format!("/rooms/{room}/entries?{query}"))
            .await;
        let entries = page.json["entries"].as_array().cloned().unwrap_or_default();
        let found: Vec<u64> = entries
            .iter()
            .filter_map(|entry| entry["seq"].as_u64())
            .collect();
        assert_eq!(found, seqs, "{query}: {}", page.text);
        assert_eq!(
            (&page.json["head"], &page.json["floor"]),
            (&json!(20), &json!(0))
        );
    }
    for query in [
        "after=1&before=2",
        "limit=0",
        "limit=x",
        "after=-1",
        "after=1.0",
        "min=a",
    ] {
        let page = world
            .get(&ann, &format!("/rooms/{room}/entries?{query}"))
            .await;
        assert_eq!(page.code(), "bad_request", "{query}");
    }
    let messages = world
        .get(&ann, &format!("/rooms/{room}/messages?around=1&limit=5"))
        .await;
    assert_eq!(messages.json["messages"].as_array().map(Vec::len), Some(2));
    let late = world
        .get(&ann, &format!("/rooms/{room}/entries?min=21"))
        .await;
    assert_eq!((late.status, late.code()), (503, "unavailable"));
}

#[tokio::test]
async fn t01_a_room_of_others_answers_byte_for_byte_like_one_that_does_not_exist() {
    let world = World::new().await;
    let (ann, mallory) = (world.person("ann").await, world.person("mallory").await);
    let room = world.room(&ann, "group", &[]).await;
    for tail in [
        "",
        "/entries",
        "/messages",
        "/members",
        "/markers",
        "/entries?min=1",
    ] {
        assert_eq!(
            world
                .get(&ann, &format!("/rooms/{room}{tail}"))
                .await
                .status,
            200,
            "{tail}"
        );
        let hidden = world.get(&mallory, &format!("/rooms/{room}{tail}")).await;
        let absent = world.get(&mallory, &format!("/rooms/{NOBODY}{tail}")).await;
        assert_eq!((hidden.status, &hidden.text), (404, &absent.text), "{tail}");
    }
}

#[tokio::test]
async fn t04_an_edit_and_a_deletion_take_the_old_text_out_of_every_read() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, "group", &[]).await;
    let entries = format!("/rooms/{room}/entries");
    world.say(&ann, &room, "secret-one").await;
    let change = |kind: &str, body: Value| {
        let mut entry = json!({"client_id": uuid::Uuid::now_v7().to_string(), "after": 0, "kind": kind, "target": 2});
        entry
            .as_object_mut()
            .expect("an object")
            .extend(body.as_object().expect("one").clone());
        entry
    };
    let react = change("react", json!({"emoji": "👍"}));
    assert_eq!(world.post(Some(&ann), &entries, react).await.status, 201);
    let edit = change("edit", json!({"body": "secret-two"}));
    assert_eq!(world.post(Some(&ann), &entries, edit).await.status, 201);
    let messages = world.get(&ann, &format!("/rooms/{room}/messages")).await;
    assert_eq!(messages.json["messages"][0]["body"], "secret-two");
    assert_eq!(messages.json["messages"][0]["reactions"]["👍"]["count"], 1);
    assert!(!world.get(&ann, &entries).await.text.contains("secret-one"));
    let deletion = change("delete", json!({}));
    assert_eq!(world.post(Some(&ann), &entries, deletion).await.status, 201);
    let log = world.get(&ann, &entries).await;
    assert!(
        !log.text.contains("secret") && !log.text.contains("👍"),
        "{}",
        log.text
    );
    let messages = world.get(&ann, &format!("/rooms/{room}/messages")).await;
    assert_eq!(messages.json["messages"][0]["deleted"], true);
    assert!(!messages.text.contains("secret"));
}

#[tokio::test]
async fn t08_an_invite_with_one_use_lets_one_of_many_in() {
    let mut world = World::new().await;
    let ann = world.person("ann").await;
    let made = world.post(Some(&ann), "/invites", json!({"uses": 1})).await;
    let code = made.json["code"].as_str().expect("a code").to_owned();
    assert!(
        made.json["url"]
            .as_str()
            .is_some_and(|url| url.starts_with(&world.base))
    );
    world.client = reqwest::Client::new();
    let raced = (0..6).map(|number| {
        let body = json!({"name": "X", "email": format!("x{number}@example.org"), "password": PASSWORD, "invite": code});
        let world = &world;
        async move { world.post(None, "/users", body).await.status }
    });
    let statuses = join_all(raced).await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| matches!(status, 201 | 403)),
        "{statuses:?}"
    );
    let used = world
        .call(Method::GET, &format!("/api/v1/invites/{code}"), None, None)
        .await;
    assert_eq!(used.code(), "not_found");
}

#[tokio::test]
async fn t10_a_revoked_token_and_a_removed_member_see_nothing_more() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let room = world.room(&ann, "group", &[&bob]).await;
    let entries = format!("/rooms/{room}/entries");
    assert_eq!(world.get(&bob, &entries).await.status, 200);
    let path = format!("/rooms/{room}/members/{}", bob.id);
    assert_eq!(world.delete(&ann, &path).await.status, 200);
    assert_eq!(world.get(&bob, &entries).await.code(), "not_found");
    assert_eq!(world.say(&bob, &room, "hi").await.code(), "not_found");
    assert_eq!(world.delete(&ann, &path).await.code(), "not_found");
    assert_eq!(world.delete(&bob, "/sessions/current").await.status, 204);
    assert_eq!(world.get(&bob, "/me").await.code(), "unauthenticated");
}

#[tokio::test]
async fn t14_people_see_of_each_other_only_what_is_public() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    for answer in [
        world.get(&ann, &format!("/users/{}", bob.id)).await.json,
        world.get(&ann, "/users?q=bob").await.json["items"][0].clone(),
    ] {
        let keys: Vec<&String> = answer.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["avatar", "handle", "id", "name", "title", "tz"]);
    }
}

#[tokio::test]
async fn t19_json_routes_take_nothing_but_json() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let url = format!("{}/api/v1/rooms", world.base);
    let body = r#"{"kind":"group"}"#;
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let request = world.client.post(&url).bearer_auth(&ann.token);
        let sent = request.header("content-type", kind).body(body).send().await;
        assert_eq!(sent.expect("an answer").status(), 415, "{kind}");
    }
    let request = world.client.post(&url).bearer_auth(&ann.token);
    let request = request.header("content-type", "application/json; charset=utf-8");
    assert_eq!(
        request.body(body).send().await.expect("an answer").status(),
        201
    );
    let large = json!({"kind": "group", "name": "x".repeat(200_000)});
    assert_eq!(
        world.post(Some(&ann), "/rooms", large).await.code(),
        "too_large"
    );
}

#[tokio::test]
async fn t36_an_unknown_person_and_a_wrong_password_get_the_same_answer() {
    let world = World::new().await;
    world.person("ann").await;
    let log_in = |email: &str, password: &str| json!({"email": email, "password": password});
    let wrong = world
        .post(
            None,
            "/sessions",
            log_in("ann@example.org", "not her password"),
        )
        .await;
    let unknown = world
        .post(
            None,
            "/sessions",
            log_in("zed@example.org", "not her password"),
        )
        .await;
    assert_eq!((wrong.status, &wrong.text), (401, &unknown.text));
    let right = world
        .post(None, "/sessions", log_in("ann@example.org", PASSWORD))
        .await;
    assert_eq!(right.status, 201);
}
