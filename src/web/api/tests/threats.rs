//! What went wrong in other chat servers (RELIABILITY.md §5.9), tried here. `tests/tidy.rs` keeps the
//! table of which id has its test, and which waits for its feature.

use super::world::{PASSWORD, Person, World};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashSet;
use uuid::Uuid;

/// The codes of some answers.
async fn change(world: &World, who: &Person, room: &str, fields: Value) -> String {
    let mut entry = json!({"client_id": Uuid::now_v7().to_string(), "after": 0});
    let all = entry.as_object_mut().expect("an object");
    all.extend(fields.as_object().expect("an object").clone());
    let path = format!("/rooms/{room}/entries");
    let answer = world.post(Some(who), &path, entry).await;
    match answer.status {
        200 | 201 => "ok".to_owned(),
        _ => answer.code().to_owned(),
    }
}

async fn body_of(world: &World, who: &Person, room: &str, seq: u64) -> Value {
    let path = format!("/rooms/{room}/messages?around={seq}&limit=1");
    world.get(who, &path).await.json["messages"][0]["body"].clone()
}

#[tokio::test]
async fn t03_who_was_removed_is_shown_nothing_on_any_path() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let room = world.room(&ann, "group", &[&bob]).await;
    world.say(&ann, &room, "canary").await;
    let member = format!("/rooms/{room}/members/{}", bob.id);
    assert_eq!(world.delete(&ann, &member).await.status, 200);
    for tail in [
        "",
        "/entries",
        "/entries?after=0",
        "/messages",
        "/messages?around=3",
        "/members",
        "/markers",
    ] {
        let path = format!("/rooms/{room}{tail}");
        assert_eq!(world.get(&bob, &path).await.code(), "not_found", "{tail}");
    }
    for list in ["/rooms", "/rooms?browse=1", "/rooms?browse=1&q=room"] {
        let text = world.get(&bob, list).await.text;
        assert!(!text.contains(&room), "{list}: {text}");
        assert!(!text.contains("canary"), "{list}: {text}");
    }
    assert!(world.get(&ann, "/rooms").await.text.contains(&room));
}

#[tokio::test]
async fn t05_an_edit_without_the_right_to_post_is_refused_in_every_field() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let carol = world.person("carol").await;
    let room = world.room(&ann, "group", &[&bob, &carol]).await;
    let said = world.say(&bob, &room, "first words").await;
    let seq = said.json["seq"].as_u64().expect("a seq");
    let edit = || json!({"kind": "edit", "target": seq, "body": "other words"});
    let of_bob = || {
        [
            edit(),
            json!({"kind": "delete", "target": seq}),
            json!({"kind": "react", "target": seq, "emoji": "👍"}),
            json!({"kind": "unreact", "target": seq, "emoji": "👍"}),
            json!({"kind": "post", "body": "hi", "reply_to": seq}),
            json!({"kind": "rename", "name": "mine"}),
            json!({"kind": "topic", "topic": "mine"}),
        ]
    };
    assert_eq!(change(&world, &carol, &room, edit()).await, "denied");
    assert_eq!(change(&world, &ann, &room, edit()).await, "denied", "owner");
    let member = format!("/rooms/{room}/members/{}", bob.id);
    assert_eq!(world.delete(&ann, &member).await.status, 200);
    for fields in of_bob() {
        let answer = change(&world, &bob, &room, fields.clone()).await;
        assert_eq!(answer, "not_found", "{fields}");
    }
    assert_eq!(body_of(&world, &ann, &room, seq).await, "first words");
    // The permitted case beside the denied ones.
    assert_eq!(world.put(&ann, &member, json!({})).await.status, 200);
    assert_eq!(change(&world, &bob, &room, edit()).await, "ok");
    assert_eq!(body_of(&world, &ann, &room, seq).await, "other words");
}

#[tokio::test]
async fn t09_nobody_raises_himself_or_anybody_above_himself() {
    let world = World::new().await;
    let (first, ann) = (world.person("first").await, world.person("ann").await);
    let (bob, carol) = (world.person("bob").await, world.person("carol").await);
    let room = world.room(&ann, "group", &[&bob, &carol]).await;
    let of = |person: &Person| format!("/rooms/{room}/members/{}", person.id);
    let role = |role: &str| json!({ "role": role });
    for (who, whom, wanted, status) in [
        (&bob, &bob, "admin", 403),
        (&bob, &bob, "owner", 403),
        (&bob, &carol, "admin", 403),
        (&bob, &ann, "member", 403),
        (&ann, &bob, "admin", 200),
        (&bob, &bob, "owner", 403),
        (&bob, &carol, "owner", 403),
        (&bob, &ann, "member", 403),
        (&bob, &ann, "admin", 403),
        (&bob, &carol, "admin", 200),
        (&first, &bob, "owner", 404),
    ] {
        let answer = world.put(who, &of(whom), role(wanted)).await;
        assert_eq!(answer.status, status, "{wanted}: {}", answer.text);
    }
    assert_eq!(world.delete(&bob, &of(&ann)).await.status, 403);
    // Lowered, he has lost it by his very next request.
    assert_eq!(world.put(&ann, &of(&bob), role("member")).await.status, 200);
    let rename = json!({"kind": "rename", "name": "his"});
    assert_eq!(change(&world, &bob, &room, rename).await, "denied");
}

#[tokio::test]
async fn t09_nobody_signs_up_or_edits_himself_into_a_role() {
    let world = World::new().await;
    let _first = world.person("first").await;
    let body = json!({
        "name": "Eve", "email": "eve@example.org", "password": PASSWORD,
        "role": "owner", "active": true, "id": Uuid::now_v7().to_string(),
    });
    let made = world.post(None, "/users", body).await;
    assert_eq!(made.json["user"]["role"], "member", "{}", made.text);
    let eve = Person {
        id: made.json["user"]["id"].as_str().expect("an id").to_owned(),
        email: "eve@example.org".to_owned(),
        token: made.json["token"].as_str().expect("a token").to_owned(),
    };
    let patch = json!({"title": "Chief", "role": "owner", "email": "first@example.org"});
    let patched = world
        .call(Method::PATCH, "/api/v1/me", Some(&eve.token), Some(patch))
        .await;
    assert_eq!(patched.json["title"], "Chief", "{}", patched.text);
    let me = world.get(&eve, "/me").await.json;
    assert_eq!(
        (&me["role"], &me["email"]),
        (&json!("member"), &json!("eve@example.org"))
    );
    for role in ["member", "admin", "owner"] {
        let invite = world
            .post(Some(&eve), "/invites", json!({ "role": role }))
            .await;
        assert!(
            matches!(invite.status, 400 | 403),
            "{role}: {}",
            invite.text
        );
    }
}

#[tokio::test]
async fn t11_a_removal_amid_paging_ends_it() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let room = world.room(&ann, "group", &[&bob]).await;
    for number in 0..6 {
        world.say(&ann, &room, &format!("message {number}")).await;
    }
    for list in ["entries", "messages"] {
        let page = |after: u64| format!("/rooms/{room}/{list}?after={after}&limit=2");
        assert_eq!(world.get(&bob, &page(0)).await.status, 200);
        let member = format!("/rooms/{room}/members/{}", bob.id);
        assert_eq!(world.delete(&ann, &member).await.status, 200);
        assert_eq!(world.get(&bob, &page(2)).await.code(), "not_found");
        assert_eq!(world.put(&ann, &member, json!({})).await.status, 200);
        assert_eq!(world.get(&bob, &page(2)).await.status, 200);
    }
}

#[tokio::test]
async fn t12_nobody_marks_in_a_room_that_he_does_not_see() {
    let world = World::new().await;
    let (ann, mallory) = (world.person("ann").await, world.person("mallory").await);
    let group = world.room(&ann, "group", &[]).await;
    let channel = world.room(&ann, "channel", &[]).await;
    for room in [&group, &channel] {
        world.say(&ann, room, "hello").await;
        let markers = format!("/rooms/{room}/markers");
        for mark in [
            json!({"read": 1}),
            json!({"delivered": 2}),
            json!({"unread_from": 1}),
        ] {
            let answer = world.put(&mallory, &markers, mark).await;
            assert_eq!(answer.code(), "not_found");
        }
        assert_eq!(world.get(&mallory, &markers).await.code(), "not_found");
        // Nobody can claim to have read what is not written yet.
        let ahead = world.put(&ann, &markers, json!({"read": 4_000})).await;
        assert_eq!(ahead.json["read"], 2, "{}", ahead.text);
        let listed = world.get(&ann, &markers).await;
        assert!(!listed.text.contains(&mallory.id), "{}", listed.text);
    }
}

#[tokio::test]
async fn t18_each_sign_in_is_a_new_session_and_the_oldest_gives_way() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let log_in = || json!({"email": "ann@example.org", "password": PASSWORD});
    let mut tokens = HashSet::from([ann.token.clone()]);
    for _ in 0..crate::limits::LOGINS_PER_USER_MAX {
        let token = world.post(None, "/sessions", log_in()).await.json["token"].clone();
        let token = token.as_str().expect("a token").to_owned();
        assert!(token.len() >= 43, "256 bits");
        assert!(tokens.insert(token), "a secret came twice");
    }
    assert_eq!(world.get(&ann, "/me").await.code(), "unauthenticated");
    let mut newest = ann.clone();
    newest.token = world.fresh_token(&ann).await;
    let sessions = world.get(&newest, "/sessions?limit=200").await;
    let count = sessions.json["items"].as_array().map(Vec::len);
    assert_eq!(count, Some(crate::limits::LOGINS_PER_USER_MAX));
    for token in &tokens {
        assert!(!sessions.text.contains(token), "a secret is shown once");
    }
}

#[tokio::test]
async fn t23_control_characters_reach_neither_names_nor_devices() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    for name in ["a\u{1b}[31mb", "a\u{1b}]8;;x\u{7}b", "a\u{0}"] {
        let patch = json!({ "name": name });
        let answer = world
            .call(Method::PATCH, "/api/v1/me", Some(&ann.token), Some(patch))
            .await;
        assert_eq!(answer.code(), "bad_request", "{name:?}");
    }
    let patch = json!({"name": "a\r\nb\u{9b}c\u{202e}d"});
    let answer = world
        .call(Method::PATCH, "/api/v1/me", Some(&ann.token), Some(patch))
        .await;
    assert_eq!(answer.json["name"], "a  bcd", "{}", answer.text);
    let url = format!("{}/api/v1/sessions", world.base);
    let body = json!({"email": "ann@example.org", "password": PASSWORD});
    let agent = reqwest::header::HeaderValue::from_bytes(b"\xc2\x9b31m\t\xff/1").expect("a value");
    let request = world.client.post(url).header("user-agent", agent);
    let answer = request.json(&body).send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    let sessions = world.get(&ann, "/sessions").await;
    for device in sessions.json["items"].as_array().expect("a list") {
        let name = device["device"].as_str().expect("a name");
        assert!(!name.chars().any(char::is_control), "{name:?}");
    }
}

#[tokio::test]
async fn t26_links_are_built_from_our_own_address_whatever_host_was_asked_for() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let url = format!("{}/api/v1/invites", world.base);
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example"),
    ] {
        let request = world.client.post(&url).bearer_auth(&ann.token);
        let request = request.header(name, value).json(&json!({}));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 201, "{name}");
        let invite: Value = answer.json().await.expect("JSON");
        let link = invite["url"].as_str().expect("a link");
        assert!(link.starts_with(&world.base), "{name}: {link}");
    }
}

#[tokio::test]
async fn t32_every_bound_holds_and_one_more_is_refused() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, "group", &[]).await;
    let of = |count: usize| "ä".repeat(count);
    for (kind, field, max) in [
        ("post", "body", 16_000),
        ("rename", "name", 64),
        ("topic", "topic", 250),
    ] {
        for (count, expected) in [(max, "ok"), (max + 1, "too_large")] {
            let fields = json!({"kind": kind, field: of(count)});
            assert_eq!(
                change(&world, &ann, &room, fields).await,
                expected,
                "{kind} {count}"
            );
        }
    }
    for (field, max) in [("name", 64), ("title", 100)] {
        for (count, status) in [(max, 200), (max + 1, 413)] {
            let patch = json!({ field: of(count) });
            let answer = world
                .call(Method::PATCH, "/api/v1/me", Some(&ann.token), Some(patch))
                .await;
            assert_eq!(answer.status, status, "{field} {count}: {}", answer.text);
        }
    }
    let react = |emoji: &str| json!({"kind": "react", "target": 2, "emoji": emoji});
    let mut emoji = emojis::iter().map(emojis::Emoji::as_str);
    for emoji in emoji.by_ref().take(crate::limits::REACTION_KINDS_MAX) {
        assert_eq!(change(&world, &ann, &room, react(emoji)).await, "ok");
    }
    let one_more = emoji.next().expect("there are more");
    assert_eq!(
        change(&world, &ann, &room, react(one_more)).await,
        "conflict"
    );
    let long = "👍".repeat(2_000);
    assert_eq!(
        change(&world, &ann, &room, react(&long)).await,
        "bad_request"
    );
    let page = world.get(&ann, &format!("/rooms/{room}/messages")).await;
    let reactions = page.json["messages"][0]["reactions"].as_object();
    assert_eq!(reactions.map(serde_json::Map::len), Some(50));
}

#[tokio::test]
async fn t33_a_search_takes_its_text_as_text() {
    let node = crate::testing::node::TestNode::start().await;
    let (ann, _) = (node.sign_up("ann").await, node.sign_up("bob_x").await);
    let found = async |query: &str| {
        let path = format!("/users?q={query}");
        let (status, answer) = ann.call("GET", &path, Value::Null).await;
        let items = answer["items"].as_array().map(Vec::len);
        (status, items.unwrap_or_default())
    };
    assert_eq!(found("bob").await, (200, 1));
    assert_eq!(found("bob_").await, (200, 1));
    for wildcard in [
        "%25",
        "b%25b",
        "a_n",
        "%27%20OR%201%3D1--",
        "(a%2B)%2B%24",
        "*",
    ] {
        assert_eq!(found(wildcard).await, (200, 0), "{wildcard}");
    }
    assert_eq!(found(&"%25a".repeat(50)).await, (200, 0));
    assert_eq!(found(&"a".repeat(101)).await.0, 400);
}

#[tokio::test]
async fn t37_an_edit_and_a_deletion_that_race_leave_no_text_behind() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, "group", &[]).await;
    for round in 0..40 {
        let said = world.say(&ann, &room, "secret-old").await;
        let seq = said.json["seq"].as_u64().expect("a seq");
        let edit = json!({"kind": "edit", "target": seq, "body": "secret-new"});
        let delete = json!({"kind": "delete", "target": seq});
        let race = match round % 2 {
            0 => [edit.clone(), delete, edit],
            _ => [delete, edit.clone(), edit],
        };
        let answers = join_all(race.map(|fields| change(&world, &ann, &room, fields))).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer == "ok" || answer == "conflict"),
            "{answers:?}"
        );
        let page = world
            .get(&ann, &format!("/rooms/{room}/entries?after={}", seq - 1))
            .await;
        assert!(!page.text.contains("secret"), "{}", page.text);
    }
}

#[tokio::test]
async fn t37_joins_and_leaves_that_race_end_as_the_log_says() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    for _ in 0..10 {
        let room = world.room(&ann, "channel", &[]).await;
        let me = format!("/rooms/{room}/members/me");
        let race = (0..8).map(|turn| {
            let (world, bob, me) = (&world, &bob, &me);
            async move {
                match turn % 2 {
                    0 => world.put(bob, me, json!({})).await.status,
                    _ => world.delete(bob, me).await.status,
                }
            }
        });
        let statuses = join_all(race).await;
        assert!(
            statuses.iter().all(|status| matches!(status, 200 | 404)),
            "{statuses:?}"
        );
        let log = world.get(&ann, &format!("/rooms/{room}/entries")).await;
        let moves: Vec<&str> = log.json["entries"]
            .as_array()
            .expect("entries")
            .iter()
            .filter(|entry| entry["user"] == bob.id.as_str())
            .filter_map(|entry| entry["kind"].as_str())
            .collect();
        for pair in moves.windows(2) {
            assert_ne!(pair[0], pair[1], "twice in or out: {moves:?}");
        }
        let is_in = moves.last() == Some(&"join");
        let members = world.get(&ann, &format!("/rooms/{room}/members")).await;
        assert_eq!(members.text.contains(&bob.id), is_in, "{moves:?}");
        let read = world.get(&bob, &format!("/rooms/{room}/entries")).await;
        assert_eq!(read.status == 200, is_in, "{moves:?}");
    }
}
