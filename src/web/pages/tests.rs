//! People use the pages without any script.

use crate::config::Config;
use crate::node::Node;
use crate::store::memory::MemoryStore;
use crate::web::router::router;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use scraper::{Html, Selector};
use std::sync::Arc;
use tower::ServiceExt as _;

const ORIGIN: &str = "http://chat.example";

struct Site {
    router: Router,
    _dir: tempfile::TempDir,
}

struct Page {
    status: StatusCode,
    location: String,
    cookie: Option<String>,
    text: String,
}

/// Somebody with a browser.
struct Reader<'a> {
    site: &'a Site,
    cookie: String,
}

impl Site {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut config = Config::for_test(dir.path());
        config.public_url = Some(ORIGIN.to_owned());
        let store = Arc::new(MemoryStore::new());
        let node = Node::start(config, store).await.expect("a node");
        Self {
            router: router(&node),
            _dir: dir,
        }
    }

    fn stranger(&self) -> Reader<'_> {
        Reader {
            site: self,
            cookie: String::new(),
        }
    }

    async fn signed_up(&self, name: &str) -> Reader<'_> {
        let email = format!("{name}@halden.example");
        let mut reader = self.stranger();
        let fields = [
            ("name", name),
            ("email", &email),
            ("password", "three green lanterns"),
        ];
        let page = reader.submit("/signup", "/signup", &fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        reader.cookie = page.cookie.expect("a session");
        reader
    }
}

impl Reader<'_> {
    async fn send(&self, request: axum::http::request::Builder, body: String) -> Page {
        let request = request
            .header(header::COOKIE, &self.cookie)
            .header(header::ACCEPT, "text/html")
            .body(Body::from(body))
            .expect("a request");
        let answer = self.site.router.clone().oneshot(request).await;
        let answer = answer.expect("an answer");
        let text = |name| {
            let value = answer.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let cookie = text(header::SET_COOKIE);
        let cookie = cookie.and_then(|cookie| cookie.split(';').next().map(str::to_owned));
        let (status, location) = (answer.status(), text(header::LOCATION));
        let body = to_bytes(answer.into_body(), 1 << 22).await.expect("a body");
        Page {
            status,
            location: location.unwrap_or_default(),
            cookie,
            text: String::from_utf8(body.to_vec()).expect("text"),
        }
    }

    async fn get(&self, path: &str) -> Page {
        self.send(Request::get(path), String::new()).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = Request::post(path)
            .header(header::ORIGIN, ORIGIN)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, encoded(fields)).await
    }

    /// Fills in the form of the page at `path` that leads to `action`, and sends it.
    async fn submit(&self, path: &str, action: &str, typed: &[(&str, &str)]) -> Page {
        let page = self.get(path).await;
        let hidden = page.hidden(action);
        let mut fields: Vec<(&str, &str)> = hidden
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        fields.extend_from_slice(typed);
        let keeps = Reader {
            site: self.site,
            cookie: page.cookie.clone().unwrap_or_else(|| self.cookie.clone()),
        };
        keeps.post(action, &fields).await
    }

    async fn room(&self, name: &str) -> String {
        let fields = [("name", name), ("topic", ""), ("kind", "channel")];
        let page = self.submit("/rooms/new", "/rooms/new", &fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        page.location
    }
}

impl Page {
    fn texts(&self, selector: &str) -> Vec<String> {
        let selector = Selector::parse(selector).expect("a selector");
        let html = Html::parse_document(&self.text);
        let found = html.select(&selector);
        found.map(|node| node.text().collect::<String>()).collect()
    }

    fn hidden(&self, action: &str) -> Vec<(String, String)> {
        let selector = format!("form[action='{action}'] input[type=hidden]");
        let selector = Selector::parse(&selector).expect("a selector");
        let html = Html::parse_document(&self.text);
        let fields = html.select(&selector).map(|it| {
            let value = |name| it.attr(name).unwrap_or_default().to_owned();
            (value("name"), value("value"))
        });
        fields.collect()
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let byte = |byte: u8| format!("%{byte:02X}");
        text.bytes().map(byte).collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

#[tokio::test]
async fn ann_writes_edits_reacts_and_deletes_without_scripts() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let room = ann.room("night-line").await;
    let post = format!("{room}/post");
    let sent = ann
        .submit(&room, &post, &[("body", "one\r\n**two**")])
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let page = ann.get(&room).await;
    assert_eq!(page.texts("#m2 .message-body strong"), ["two"]);

    let (link, edit) = (format!("{room}/2"), format!("{room}/2/edit"));
    let edited = ann.submit(&link, &edit, &[("body", "three")]).await;
    assert_eq!(edited.location, format!("{room}/2#m2"));
    let page = ann.get(&link).await;
    assert_eq!(page.texts("#m2 .message-body"), ["three"]);
    assert_eq!(page.texts("#m2 .message-meta"), ["edited"]);

    let react = format!("{room}/2/react");
    let reacted = ann
        .submit(&link, &react, &[("emoji", "👍"), ("on", "true")])
        .await;
    assert_eq!(reacted.status, StatusCode::SEE_OTHER, "{}", reacted.text);
    assert_eq!(ann.get(&room).await.texts("#m2 .reaction"), ["👍1"]);

    let delete = format!("{room}/2/delete");
    ann.submit(&link, &delete, &[]).await;
    let page = ann.get(&room).await;
    assert_eq!(
        page.texts("#m2[data-deleted] .message-body"),
        ["This message was deleted."]
    );
    assert!(!page.text.contains("three"));
}

#[tokio::test]
async fn a_form_sent_twice_posts_once_and_another_text_under_its_key_comes_back() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let room = ann.room("night-line").await;
    let post = format!("{room}/post");
    let form = ann.get(&room).await.hidden(&post);
    let with = |body: &'static str| {
        let fields = form.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        fields.chain([("body", body)]).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        let sent = ann.post(&post, &with("hello @ann")).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    }
    let back = ann.post(&post, &with("another text")).await;
    assert_eq!(back.status, StatusCode::CONFLICT);
    assert_eq!(back.texts("textarea#composer"), ["another text"]);
    let fresh = back.hidden(&post);
    let key = |fields: &[(String, String)]| {
        let found = fields.iter().find(|(name, _)| name == "client_id");
        found.map(|(_, value)| value.clone())
    };
    assert_ne!(key(&fresh), key(&form));
    assert_eq!(
        back.texts(".timeline article.message").len(),
        1,
        "one post stands"
    );
}

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
    let page = ann.send(elsewhere, String::new()).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
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
async fn a_page_names_its_fields_landmarks_and_one_heading() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let room = ann.room("night-line").await;
    let paths = [
        "/",
        "/rooms/new",
        "/rooms/browse",
        "/people",
        "/settings/profile",
        "/settings/appearance",
        "/settings/devices",
        "/settings/password",
        "/admin/invites",
        &room,
    ];
    for path in paths {
        let page = ann.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(page.texts("h1").len(), 1, "{path}");
        assert_eq!(page.texts("main").len(), 1, "{path}");
        assert_eq!(page.texts("a.skip").len(), 1, "{path}");
        let html = Html::parse_document(&page.text);
        let fields = Selector::parse("input:not([type=hidden], [type=radio]), textarea, select");
        for field in html.select(&fields.expect("a selector")) {
            let id = field.attr("id").expect("an id");
            assert_eq!(
                page.texts(&format!("label[for='{id}']")).len(),
                1,
                "{path} {id}"
            );
        }
        assert!(!page.text.contains(" style="), "{path}");
        assert!(!page.text.contains("onclick"), "{path}");
    }
}

#[tokio::test]
async fn a_sign_up_that_fails_keeps_what_was_typed_and_says_why_beside_the_field() {
    let site = Site::new().await;
    let stranger = site.stranger();
    let fields = [
        ("name", "Ann"),
        ("email", "ann@halden.example"),
        ("password", "short"),
    ];
    let page = stranger.submit("/signup", "/signup", &fields).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(page.texts("#password-error").len(), 1);
    assert!(page.text.contains("value=\"ann@halden.example\""));
    assert!(!page.text.contains("value=\"short\""));
}

#[tokio::test]
async fn whoever_is_signed_out_comes_back_to_the_page_he_asked_for() {
    let site = Site::new().await;
    let _ann = site.signed_up("ann").await;
    let stranger = site.stranger();
    let page = stranger.get("/settings/profile").await;
    assert_eq!(page.location, "/login?next=/settings/profile");
    let fields = [
        ("email", "ann@halden.example"),
        ("password", "three green lanterns"),
        ("next", "//evil.example"),
    ];
    let page = stranger.submit("/login", "/login", &fields).await;
    assert_eq!(page.location, "/");
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
async fn bob_is_offered_to_join_a_public_channel_at_its_address() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let bob = site.signed_up("bob").await;
    let room = ann.room("night-line").await;
    let action = format!("{room}/members");
    for path in [room.clone(), format!("{room}/1"), format!("{room}/details")] {
        let page = bob.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(page.texts("h1"), ["#night-line"], "{path}");
        assert!(page.text.contains("1 member"), "{path}");
        assert!(page.texts(".timeline").is_empty(), "{path}");
    }
    let items = bob.get(&format!("{room}/items")).await;
    assert_eq!(items.status, StatusCode::NOT_FOUND);
    let joined = bob.submit(&room, &action, &[]).await;
    assert_eq!(joined.location, room);
    assert_eq!(bob.get(&room).await.texts(".timeline").len(), 1);
}

#[tokio::test]
async fn bob_marks_a_message_as_unread_and_ann_is_told_who_has_read_hers() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let bob = site.signed_up("bob").await;
    let room = ann.room("night-line").await;
    bob.submit(&room, &format!("{room}/members"), &[]).await;
    let body = [("body", "Is the ramp free?")];
    ann.submit(&room, &format!("{room}/post"), &body).await;
    let badge = format!("a[href='{room}'] .badge");
    assert_eq!(bob.get("/").await.texts(&badge), ["1"]);
    let read = format!("{room}/read");
    bob.submit(&room, &read, &[]).await;
    assert!(bob.get("/").await.texts(&badge).is_empty());
    let message = format!("{room}/3");
    assert_eq!(ann.get(&message).await.texts(".seen li"), ["bob"]);
    let page = bob.submit(&message, &read, &[]).await;
    assert_eq!(page.location, "/");
    assert_eq!(bob.get("/").await.texts(&badge), ["1"]);
    assert!(ann.get(&message).await.texts(".seen li").is_empty());
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
    let ann = site.signed_up("ann").await;
    for path in ["/", "/admin/invites", "/settings/profile", "/nowhere"] {
        let request = Request::get(path)
            .header(header::HOST, "evil.example")
            .header("x-forwarded-host", "evil.example");
        let page = ann.send(request, String::new()).await;
        assert!(!page.text.contains("evil.example"), "{path}");
        assert!(!page.location.contains("evil.example"), "{path}");
    }
}
