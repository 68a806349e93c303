//! Who may what, and for how long.

use super::*;

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
