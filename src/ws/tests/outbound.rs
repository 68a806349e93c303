//! Every kind of frame that we send: who gets it, who does not, and which fields it may carry (I9).

use crate::testing::node::{Person, Socket, TestNode, post};
use crate::wire::ASYNCAPI;
use crate::wire::server::ServerFrame;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The fields of each kind; nested ones by a dot. Whatever else is sent is a leak.
const KEYS: &[(&str, &str)] = &[
    (
        "welcome",
        "t user session node version now limits rooms next",
    ),
    (
        "welcome.user",
        "id name handle title tz avatar email role created_at",
    ),
    (
        "welcome.limits",
        "frame_bytes frame_elements body_chars watches watch_gap sends_in_flight sends_per_second \
         sends_burst typing_interval_ms",
    ),
    (
        "welcome.rooms",
        "id kind name topic role head ord read delivered unread mentions notify muted_until draft \
         peer moved_at",
    ),
    ("watching", "t ref room head"),
    ("reset", "t ref room head"),
    ("unwatched", "t ref room"),
    (
        "entry",
        "t room seq ord at by client_id kind body name topic target reply_to emoji user role \
         mentions redacted op html",
    ),
    ("entry.mentions", "users here channel"),
    ("ack", "t ref client_id room seq ord at"),
    ("error", "t ref code detail retry_after_ms client_id"),
    ("head", "t room seq ord unread mentions"),
    ("marks", "t ref room marks"),
    ("marks.marks", "user read delivered"),
    ("typing", "t room users expires_ms"),
    ("presence", "t users"),
    ("user", "t user"),
    ("user.user", "id name handle avatar"),
    (
        "room",
        "t room id kind name topic role head ord read delivered unread mentions notify muted_until \
         draft peer moved_at",
    ),
    ("gone", "t room seq"),
    ("bye", "t code retry_after_ms"),
    ("pong", "t n"),
];

/// Fails to compile when a kind is added: then it wants its row above and its story below.
const fn tag(frame: &ServerFrame) -> &'static str {
    match frame {
        ServerFrame::Welcome(_) => "welcome",
        ServerFrame::Watching(_) => "watching",
        ServerFrame::Reset(_) => "reset",
        ServerFrame::Unwatched { .. } => "unwatched",
        ServerFrame::Entry(_) | ServerFrame::Fragment(_) => "entry",
        ServerFrame::Ack { .. } => "ack",
        ServerFrame::Error(_) => "error",
        ServerFrame::Head { .. } => "head",
        ServerFrame::Marks { .. } => "marks",
        ServerFrame::Typing { .. } => "typing",
        ServerFrame::Presence { .. } => "presence",
        ServerFrame::User { .. } => "user",
        ServerFrame::Room(_) => "room",
        ServerFrame::Gone { .. } => "gone",
        ServerFrame::Bye { .. } => "bye",
        ServerFrame::Pong { .. } => "pong",
    }
}

fn allowed(place: &str) -> BTreeSet<&'static str> {
    let row = KEYS.iter().find(|(name, _)| *name == place);
    let (_, keys) = row.unwrap_or_else(|| panic!("`{place}` is not listed"));
    keys.split_whitespace().collect()
}

fn assert_listed(place: &str, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| assert_listed(place, item)),
        Value::Object(fields) => {
            let allowed = allowed(place);
            for (key, value) in fields {
                assert!(allowed.contains(key.as_str()), "{place}: {key} = {value}");
                let nested = format!("{place}.{key}");
                if KEYS.iter().any(|(name, _)| *name == nested) {
                    assert_listed(&nested, value);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn t14_every_kind_that_we_send_has_its_list_of_fields() {
    assert_eq!(tag(&ServerFrame::Pong { n: 1 }), "pong");
    let described: Value = serde_json::from_str(ASYNCAPI).expect("JSON");
    let described = described["components"]["messages"].as_object();
    let described: BTreeSet<&str> = described
        .expect("messages")
        .keys()
        .filter_map(|name| name.strip_prefix("server_"))
        .collect();
    let listed = KEYS.iter().map(|(name, _)| *name);
    let listed: BTreeSet<&str> = listed.filter(|name| !name.contains('.')).collect();
    assert_eq!(listed, described);
}

/// A connection and what it has seen since the last look.
struct Seat {
    name: &'static str,
    socket: Socket,
    seen: Vec<Value>,
}

/// Ann and her phone, Bob and Dora who watch, Carol who does not, Eve who never was in the room,
/// Fritz who was.
struct Party {
    seats: Vec<Seat>,
    room: String,
    lobby: String,
}

impl Party {
    async fn seat(&mut self, name: &'static str, person: &Person, format: &str) {
        let mut socket = person.connect().await;
        let hello = json!({ "t": "hello", "format": format });
        socket.send(hello).await;
        let seen = socket.until(|frame| frame["t"] == "welcome").await;
        self.seats.push(Seat { name, socket, seen });
    }

    fn at(&mut self, name: &str) -> &mut Seat {
        let seat = self.seats.iter_mut().find(|seat| seat.name == name);
        seat.expect("a seat")
    }

    /// The next frame of this kind.
    async fn sees(&mut self, name: &str, tag: &str) {
        let seat = self.at(name);
        let frames = seat.socket.until(|frame| frame["t"] == tag).await;
        seat.seen.extend(frames);
    }

    /// Frames of this kind come to exactly these.
    async fn only(&mut self, tag: &str, expected: &[&str]) {
        assert_eq!(self.saw(tag, expected).await, expected, "{tag}");
    }

    /// Who saw frames of this kind. Rooms do not wait for each other, so those who must see one wait
    /// for it; then everybody hears of a later post in the room where all are.
    async fn saw(&mut self, tag: &str, due: &[&str]) -> Vec<&'static str> {
        let lobby = self.lobby.clone();
        let of_kind = |frame: &Value| frame["t"] == tag && frame["room"] != *lobby;
        for seat in &mut self.seats {
            if due.contains(&seat.name) && !seat.seen.iter().any(of_kind) {
                let came = seat.socket.until(of_kind).await;
                seat.seen.extend(came);
            }
        }
        let head = self.post(&lobby, "a sign").await;
        let mut who = Vec::new();
        for seat in &mut self.seats {
            let sign = |frame: &Value| {
                frame["t"] == "head" && frame["room"] == *lobby && frame["seq"] == head
            };
            if !seat.seen.iter().any(sign) {
                let came = seat.socket.until(sign).await;
                seat.seen.extend(came);
            }
            if seat.seen.iter().any(of_kind) {
                who.push(seat.name);
            }
            for frame in seat.seen.drain(..) {
                assert_listed(frame["t"].as_str().expect("a tag"), &frame);
            }
        }
        who
    }

    /// Ann posts; the number of her post.
    async fn post(&mut self, room: &str, body: &str) -> Value {
        let key = Uuid::now_v7();
        let ann = self.at("ann");
        ann.socket.send(post(room, key, body)).await;
        let is_ack = |frame: &Value| frame["t"] == "ack" && frame["client_id"] == json!(key);
        ann.seen.extend(ann.socket.until(is_ack).await);
        ann.seen.last().expect("the ack")["seq"].clone()
    }

    async fn says(&mut self, name: &str, mut frame: Value) {
        frame["room"] = json!(self.room);
        self.at(name).socket.send(frame).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authz_matrix_of_what_is_sent_to_whom() {
    let node = TestNode::relaxed().await;
    let ann = node.sign_up("ann").await;
    let (bob, carol) = (node.sign_up("bob").await, node.sign_up("carol").await);
    let (dora, eve) = (node.sign_up("dora").await, node.sign_up("eve").await);
    let fritz = node.sign_up("fritz").await;
    let lobby = ann.group(&[&bob, &carol, &dora, &eve, &fritz]).await;
    let room = ann.group(&[&bob, &carol, &dora, &fritz]).await;
    let mut party = Party {
        seats: Vec::new(),
        room: room.clone(),
        lobby,
    };
    for (name, person, format) in [
        ("ann", &ann, "data"),
        ("her phone", &ann, "data"),
        ("bob", &bob, "data"),
        ("carol", &carol, "data"),
        ("dora", &dora, "html"),
        ("eve", &eve, "data"),
        ("fritz", &fritz, "data"),
    ] {
        party.seat(name, person, format).await;
    }
    let everybody = ["ann", "her phone", "bob", "carol", "dora", "eve", "fritz"];
    party.only("welcome", &everybody).await;

    let watch = || json!({ "t": "watch", "ref": "w", "after": 5 });
    for name in ["bob", "dora", "fritz"] {
        party.says(name, watch()).await;
        party.sees(name, "watching").await;
    }
    party.only("watching", &["bob", "dora", "fritz"]).await;
    party.says("eve", watch()).await;
    party.only("error", &["eve"]).await;

    // Fritz is removed while he watches: his are the last words of the room.
    let path = format!("/rooms/{room}/members/{}", fritz.id);
    assert_eq!(ann.call("DELETE", &path, Value::Null).await.0, 200);
    party.only("gone", &["fritz"]).await;

    let body = "canary";
    party.post(&room, body).await;
    party.only("entry", &["bob", "dora"]).await;
    party.post(&room, body).await;
    let everybody_else = ["ann", "her phone", "carol"];
    party.only("head", &everybody_else).await;

    let mut of_ann = json!({ "t": "send", "ref": "a", "kind": "post", "body": body, "after": 0 });
    of_ann["client_id"] = json!(Uuid::now_v7());
    party.says("ann", of_ann).await;
    party.only("ack", &["ann"]).await;

    party
        .says("bob", json!({ "t": "typing", "on": true }))
        .await;
    let typing = party.saw("typing", &["dora"]).await;
    assert!(typing.contains(&"dora"), "{typing:?}");
    assert!(
        typing.iter().all(|name| ["bob", "dora"].contains(name)),
        "{typing:?}"
    );
    for name in ["eve", "fritz"] {
        party.says(name, json!({ "t": "typing", "on": true })).await;
        party.at(name).socket.until_pong().await;
    }
    party.only("typing", &[]).await;

    party.says("bob", json!({ "t": "mark", "read": 3 })).await;
    party.only("marks", &["bob", "dora"]).await;

    let wanted = json!([bob.id, ann.id]);
    let presence = json!({ "t": "presence", "state": "active", "watch": wanted });
    party.at("carol").socket.send(presence).await;
    party.sees("carol", "presence").await;
    let away = json!({ "t": "presence", "state": "away" });
    party.at("bob").socket.send(away).await;
    party.only("presence", &["carol"]).await;

    party
        .says("bob", json!({ "t": "unwatch", "ref": "u" }))
        .await;
    party.only("unwatched", &["bob"]).await;
    party.post(&room, body).await;
    party.only("entry", &["dora"]).await;

    let renamed = json!({ "name": "Tidewater" });
    let (status, _) = ann.call("PATCH", &format!("/rooms/{room}"), renamed).await;
    assert_eq!(status, 200);
    let members = ["ann", "her phone", "bob", "carol", "dora"];
    party.only("room", &members).await;
    let path = format!("/rooms/{room}/members/{}", eve.id);
    assert_eq!(ann.call("PUT", &path, json!({})).await.0, 200);
    party.only("room", &["eve"]).await;

    let title = json!({ "name": "Bob the Second" });
    assert_eq!(bob.call("PATCH", "/me", title).await.0, 200);
    party.only("user", &everybody).await;

    party
        .at("carol")
        .socket
        .send(json!({ "t": "ping", "n": 5 }))
        .await;
    party.only("pong", &["carol"]).await;
}
