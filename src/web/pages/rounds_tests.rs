//! How often a page asks the store before it can answer.

use crate::config::Config;
use crate::node::Node;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::web::router::router;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt as _;
use uuid::Uuid;

async fn ask(router: &Router, method: &str, path: &str, token: &str, body: Value) -> String {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let body = match body {
        Value::Null => Body::empty(),
        body => Body::from(body.to_string()),
    };
    let request = request.body(body).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), 1 << 24).await.expect("a body");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(status.is_success(), "{method} {path}: {status} {text}");
    text
}

async fn told(router: &Router, path: &str, token: &str, body: Value) -> Value {
    let path = format!("/api/v1{path}");
    let text = ask(router, "POST", &path, token, body).await;
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn the_page_of_a_room_is_there_after_three_rounds_at_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = EmbeddedStore::open(folder.path(), EmbeddedOptions::default());
    let store = Arc::new(store.expect("a fresh store opens"));
    let config = Config::for_test(folder.path());
    let node = Node::start(config, store.clone()).await.expect("a node");
    let router = router(&node);
    let ann = json!({
        "name": "Ann", "handle": "ann", "password": "three green lanterns",
        "email": "ann@halden.example",
    });
    let ann = told(&router, "/users", "", ann).await;
    let token = ann["token"].as_str().expect("a token");
    let mut room = String::new();
    for name in ["Quay", "Dock", "Mole"] {
        let group = json!({"kind": "group", "name": name, "members": []});
        let made = told(&router, "/rooms", token, group).await;
        room = made["id"].as_str().expect("an id").to_owned();
    }
    let path = format!("/rooms/{room}/entries");
    let drafts = [
        json!({"kind": "post", "body": "high water"}),
        json!({"kind": "post", "body": "at seven", "reply_to": 2}),
        json!({"kind": "edit", "target": 2, "body": "**low** water"}),
        json!({"kind": "react", "target": 3, "emoji": "👍"}),
    ];
    for mut draft in drafts {
        draft["client_id"] = json!(Uuid::now_v7().to_string());
        draft["after"] = json!(0);
        told(&router, &path, token, draft).await;
    }
    let page = format!("/r/{room}");
    let first = ask(&router, "GET", &page, token, Value::Null).await;
    for part in ["<strong>low</strong> water", "at seven", "👍", "Dock"] {
        assert!(first.contains(part), "{part} is missing");
    }
    let before = store.rounds.count();
    ask(&router, "GET", &page, token, Value::Null).await;
    let rounds = store.rounds.count() - before;
    assert!(rounds <= 3, "{rounds} rounds");
}
