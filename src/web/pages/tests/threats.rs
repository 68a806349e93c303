//! What went wrong in other chat servers (RELIABILITY.md §5.9), tried on pages.

use super::*;

#[tokio::test]
async fn t19_a_form_without_the_token_of_its_session_or_from_elsewhere_changes_nothing() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let bob = site.signed_up("bob").await;
    let room = ann.room("night-line").await;
    let token = bob.get("/rooms/new").await.hidden("/rooms/new");
    let stolen = token.iter().find(|(name, _)| name == "csrf");
    let stolen = stolen.map(|(_, value)| value.as_str()).expect("a token");
    for csrf in ["", "x", stolen] {
        let fields = [("csrf", csrf), ("user", "me"), ("act", "leave")];
        let page = ann.post(&format!("{room}/members"), &fields).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{csrf:?}");
    }
    let elsewhere = Request::post("/logout")
        .header(header::ORIGIN, "https://evil.example")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let own = ann.get("/rooms/new").await.hidden("/rooms/new");
    let own: Vec<_> = own.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let page = ann.send(elsewhere, encoded(&own)).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "even with her token");
    assert_eq!(ann.get(&room).await.status, StatusCode::OK);
}

#[tokio::test]
async fn t01_a_room_of_others_and_no_room_are_the_same_page() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let bob = site.signed_up("bob").await;
    let fields = [("name", "board"), ("topic", ""), ("kind", "group")];
    let room = ann
        .submit("/rooms/new", "/rooms/new", &fields)
        .await
        .location;
    assert_eq!(ann.get(&room).await.status, StatusCode::OK, "it exists");
    let none = "/r/0190a000-0000-7000-8000-00000000000a".to_owned();
    for tail in ["", "/1", "/details"] {
        let (theirs, nobody) = (format!("{room}{tail}"), format!("{none}{tail}"));
        let (theirs, nobody) = (bob.get(&theirs).await, bob.get(&nobody).await);
        assert_eq!(theirs.status, StatusCode::NOT_FOUND);
        assert_eq!(theirs.text, nobody.text);
    }
    let items = bob.get(&format!("{room}/items")).await;
    assert_eq!(items.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn t19_nobody_is_signed_in_by_a_form_that_another_browser_was_given() {
    let site = Site::new().await;
    let _ann = site.signed_up("ann").await;
    let (mallory, victim) = (site.stranger(), site.stranger());
    let given = mallory.get("/login").await.hidden("/login");
    let given = given.iter().find(|(name, _)| name == "csrf");
    let given = given.map(|(_, value)| value.as_str()).expect("a token");
    let visitor = victim.get("/login").await.cookie.expect("a cookie");
    let victim = Reader {
        site: &site,
        cookie: visitor,
    };
    for csrf in ["", "x", given] {
        let fields = [
            ("csrf", csrf),
            ("email", "ann@halden.example"),
            ("password", "three green lanterns"),
        ];
        for path in ["/login", "/signup"] {
            let page = victim.post(path, &fields).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path} {csrf:?}");
            assert_eq!(page.cookie, None, "{path} {csrf:?}");
        }
    }
}

#[tokio::test]
async fn t18_a_session_that_mallory_planted_is_not_the_one_ann_gets() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let mut planted = site.stranger();
    planted.cookie = format!("chapiana={}", "a".repeat(64));
    let fields = [
        ("email", "ann@halden.example"),
        ("password", "three green lanterns"),
    ];
    let page = planted.submit("/login", "/login", &fields).await;
    let own = page.cookie.expect("a session of her own");
    assert_ne!(own, planted.cookie);
    assert_ne!(own, ann.cookie);
    let seen = planted.get("/settings/profile").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
}

#[tokio::test]
async fn t26_no_page_repeats_the_host_that_it_was_asked_under() {
    let site = Site::new().await;
    let (ann, stranger) = (site.signed_up("ann").await, site.stranger());
    let page = stranger.get("/login").await;
    assert!(page.text.contains("chat.example"), "it names its own");
    for path in [
        "/",
        "/admin/invites",
        "/settings/profile",
        "/nowhere",
        "/login",
        "/signup",
    ] {
        for reader in [&ann, &stranger] {
            let request = Request::get(path)
                .header(header::HOST, "evil.example")
                .header("x-forwarded-host", "evil.example");
            let page = reader.send(request, String::new()).await;
            assert!(!page.text.contains("evil.example"), "{path}");
            assert!(!page.location.contains("evil.example"), "{path}");
        }
    }
}
