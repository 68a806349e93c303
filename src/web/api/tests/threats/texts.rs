//! What is sent is text within its bounds, and nothing else.

use super::*;

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
async fn t32_a_page_of_the_longest_messages_is_short_and_none_is_skipped() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, "group", &[]).await;
    let longest = "ä".repeat(crate::limits::BODY_CHARS_MAX);
    for _ in 0..20 {
        let post = json!({"kind": "post", "body": longest});
        assert_eq!(change(&world, &ann, &room, post).await, "ok");
    }
    let seqs = async |path: String| {
        let request = world.client.get(format!("{}{path}", world.base));
        let answer = request.bearer_auth(&ann.token).send().await;
        let text = answer.expect("an answer").text().await.expect("text");
        let most = crate::limits::PAGE_TEXT_BYTES_MAX + 100_000;
        assert!(text.len() < most, "{path}: {} bytes", text.len());
        let rest = text.split("data-seq=\"").skip(1);
        let seqs = rest.filter_map(|rest| rest.split('"').next()?.parse::<u64>().ok());
        seqs.collect::<std::collections::BTreeSet<_>>()
    };
    let mut all = seqs(format!("/r/{room}")).await;
    assert_eq!(all.last(), Some(&21));
    assert!((2..20).contains(&all.len()), "{all:?}");
    while let Some(first) = all.first().copied().filter(|first| *first > 1) {
        all.extend(seqs(format!("/r/{room}/items?before={first}")).await);
        assert!(all.first() < Some(&first), "older ones come before {first}");
    }
    assert!(all.into_iter().eq(1..=21));
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
