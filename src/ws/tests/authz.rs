//! Every frame of a client for every subject and kind of room: each denial beside its permitted case
//! (RELIABILITY.md §5.1). The routes of HTTP have the same in `web/api/tests/authz.rs`.

use crate::testing::node::{Person, Socket, TestNode};
use crate::wire;
use crate::wire::client::ClientFrame;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What a frame is answered with: the tag of the answer, the code of the error, or nothing.
type Expected = [&'static str; 6];

/// The columns.
const SUBJECTS: [&str; 6] = [
    "member",
    "room admin",
    "room owner",
    "outsider",
    "owner of the workspace outside the room",
    "former member",
];

struct Row {
    /// `{room}`, `{new}` and `{target}` (a post of the member) are filled in.
    frame: &'static str,
    expected: Expected,
}

const fn row(frame: &'static str, expected: Expected) -> Row {
    Row { frame, expected }
}

const GONE: &str = "not_found";
const ACK: Expected = ["ack", "ack", "ack", GONE, GONE, GONE];
const ADMINS: Expected = ["denied", "ack", "ack", GONE, GONE, GONE];

#[rustfmt::skip]
const IN_A_ROOM: &[Row] = &[
    row(r#"{"t":"watch","ref":"q","room":"{room}","after":0}"#, ["watching", "watching", "watching", GONE, GONE, GONE]),
    row(r#"{"t":"mark","ref":"q","room":"{room}","read":1}"#, ["marks", "marks", "marks", GONE, GONE, GONE]),
    row(r#"{"t":"mark","ref":"q","room":"{room}","unread_from":1}"#, ["marks", "marks", "marks", GONE, GONE, GONE]),
    // A hint is not answered; whom it reaches is told in `outbound.rs`.
    row(r#"{"t":"typing","room":"{room}","on":true}"#, ["", "", "", "", "", ""]),
    row(r#"{"t":"send","ref":"q","room":"{room}","client_id":"{new}","after":0,"kind":"post","body":"hi"}"#, ACK),
    row(r#"{"t":"send","ref":"q","room":"{room}","client_id":"{new}","after":0,"kind":"post","body":"hi","reply_to":{target}}"#, ACK),
    row(r#"{"t":"send","ref":"q","room":"{room}","client_id":"{new}","after":0,"kind":"react","target":{target},"emoji":"👍"}"#, ACK),
    row(r#"{"t":"send","ref":"q","room":"{room}","client_id":"{new}","after":0,"kind":"unreact","target":{target},"emoji":"👍"}"#, ACK),
    row(r#"{"t":"send","ref":"q","room":"{room}","client_id":"{new}","after":0,"kind":"edit","target":{target},"body":"ho"}"#, ["ack", "denied", "denied", GONE, GONE, GONE]),
    row(r#"{"t":"send","ref":"q","room":"{room}","client_id":"{new}","after":0,"kind":"delete","target":{target}}"#, ACK),
    row(r#"{"t":"send","ref":"q","room":"{room}","client_id":"{new}","after":0,"kind":"rename","name":"new"}"#, ADMINS),
    row(r#"{"t":"send","ref":"q","room":"{room}","client_id":"{new}","after":0,"kind":"topic","topic":"new"}"#, ADMINS),
    // Members are changed over HTTP alone.
    row(r#"{"t":"send","ref":"q","room":"{room}","client_id":"{new}","after":0,"kind":"join"}"#, ["bad_request"; 6]),
    // Says nothing of the room, watched or not.
    row(r#"{"t":"unwatch","ref":"q","room":"{room}"}"#, ["unwatched"; 6]),
];

#[rustfmt::skip]
const ANYWHERE: &[Row] = &[
    row(r#"{"t":"hello","ref":"q","format":"data"}"#, ["bad_request"; 6]),
    row(r#"{"t":"presence","state":"active"}"#, [""; 6]),
    row(r#"{"t":"ping","n":7}"#, ["pong"; 6]),
    row(r#"{"t":"dance","ref":"q"}"#, ["bad_request"; 6]),
];

/// Fails to compile when a kind is added: then it wants its rows above.
const fn tag(frame: &ClientFrame) -> &'static str {
    match frame {
        ClientFrame::Hello { .. } => "hello",
        ClientFrame::Watch { .. } => "watch",
        ClientFrame::Unwatch { .. } => "unwatch",
        ClientFrame::Send(_) => "send",
        ClientFrame::Mark { .. } => "mark",
        ClientFrame::Typing { .. } => "typing",
        ClientFrame::Presence { .. } => "presence",
        ClientFrame::Ping { .. } => "ping",
    }
}

fn filled(row: &Row, room: &str, target: u64) -> String {
    row.frame
        .replace("{room}", room)
        .replace("{new}", &Uuid::now_v7().to_string())
        .replace("{target}", &target.to_string())
}

#[test]
fn authz_matrix_of_frames_lists_every_kind() {
    let mut listed = BTreeSet::new();
    for row in IN_A_ROOM.iter().chain(ANYWHERE) {
        let text = filled(row, &Uuid::now_v7().to_string(), 3);
        for element in wire::client::read(&text).expect("JSON") {
            if let Ok(frame) = element.frame {
                listed.insert(format!("client_{}", tag(&frame)));
            }
        }
    }
    let described: Value = serde_json::from_str(wire::ASYNCAPI).expect("JSON");
    let described = described["components"]["messages"].as_object();
    let described: BTreeSet<String> = described
        .expect("messages")
        .keys()
        .filter(|name| name.starts_with("client_"))
        .cloned()
        .collect();
    assert_eq!(listed, described);
}

/// What came for one frame.
async fn answer(socket: &mut Socket, frame: &str) -> String {
    let sent: Value = serde_json::from_str(frame).expect("JSON");
    socket.send(sent.clone()).await;
    let came = match sent.get("ref") {
        Some(reference) => {
            let frames = socket.until(|frame| frame.get("ref") == Some(reference));
            frames.await.pop()
        }
        None => {
            let frames = socket.until_pong().await;
            let is_answer = |frame: &Value| frame["t"] == "error" || frame["t"] == "pong";
            match sent["t"] == "ping" {
                // The pong to our own ping is still to come.
                true => {
                    assert_eq!(frames.iter().filter(|frame| is_answer(frame)).count(), 0);
                    socket.until(|frame| frame["t"] == "pong").await.pop()
                }
                false => frames.into_iter().find(is_answer),
            }
        }
    };
    let came = came.unwrap_or_default();
    match came["t"].as_str() {
        Some("error") => came["code"].as_str().expect("a code").to_owned(),
        Some(tag) => tag.to_owned(),
        None => String::new(),
    }
}

struct Cast {
    /// In the order of `SUBJECTS`.
    people: Vec<Person>,
    sockets: Vec<Socket>,
}

impl Cast {
    async fn of(node: &TestNode) -> Self {
        let mut people = Vec::new();
        // The first who signs up owns the workspace.
        let names = ["wanda", "mia", "adam", "olga", "otto", "fritz"];
        for name in names {
            people.push(node.sign_up(name).await);
        }
        let wanda = people.remove(0);
        people.insert(4, wanda);
        let mut sockets = Vec::new();
        for person in &people {
            sockets.push(person.hello("data").await);
        }
        Self { people, sockets }
    }

    async fn room(&self, kind: &str) -> String {
        let [mia, adam, olga, _, _, fritz] = &self.people[..] else {
            panic!("six people");
        };
        let body = match kind {
            "direct" => json!({ "kind": kind, "members": [mia.id] }),
            _ => json!({ "kind": kind, "name": "Quay", "members": [mia.id, adam.id, fritz.id] }),
        };
        let (status, room) = olga.call("POST", "/rooms", body).await;
        assert_eq!(status, 201, "{room}");
        let room = room["id"].as_str().expect("an id").to_owned();
        if kind != "direct" {
            let member = |person: &Person| format!("/rooms/{room}/members/{}", person.id);
            let admin = json!({ "role": "admin" });
            assert_eq!(olga.call("PUT", &member(adam), admin).await.0, 200);
            let left = olga.call("DELETE", &member(fritz), Value::Null).await;
            assert_eq!(left.0, 200);
        }
        room
    }
}

async fn judge(cast: &mut Cast, kind: &str, subjects: &[usize], wrong: &mut Vec<String>) {
    let room = cast.room(kind).await;
    for row in IN_A_ROOM {
        for subject in subjects.iter().copied() {
            let post = cast.sockets[0].post(&room, "a word").await;
            let target = post["seq"].as_u64().expect("an ack");
            let frame = filled(row, &room, target);
            // In a room of two nobody is an admin: what only admins may do, nobody may.
            let expected = match (kind, row.expected[subject]) {
                ("direct", "ack") if row.expected == ADMINS => "denied",
                ("direct", "ack") if subject != 0 && frame.contains("\"delete\"") => "denied",
                (_, expected) => expected,
            };
            let came = answer(&mut cast.sockets[subject], &frame).await;
            if came != expected {
                let who = SUBJECTS[subject];
                wrong.push(format!(
                    "{kind}, {who}: {frame}: {came:?}, not {expected:?}"
                ));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authz_matrix_of_frames() {
    let node = TestNode::relaxed().await;
    let mut cast = Cast::of(&node).await;
    let mut wrong = Vec::new();
    judge(&mut cast, "group", &[0, 1, 2, 3, 4, 5], &mut wrong).await;
    judge(&mut cast, "channel", &[0, 1, 2, 3, 4, 5], &mut wrong).await;
    judge(&mut cast, "direct", &[0, 2, 3, 4], &mut wrong).await;
    for row in ANYWHERE {
        for (subject, expected) in row.expected.into_iter().enumerate() {
            let came = answer(&mut cast.sockets[subject], row.frame).await;
            if came != expected {
                wrong.push(format!("{}: {came:?}, not {expected:?}", row.frame));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_room_and_none_at_all_are_answered_alike() {
    let node = TestNode::relaxed().await;
    let mut cast = Cast::of(&node).await;
    let hidden = cast.room("group").await;
    let none = Uuid::now_v7().to_string();
    let mut answers: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for row in IN_A_ROOM {
        for room in [&hidden, &none] {
            let sent: Value = serde_json::from_str(&filled(row, room, 1)).expect("JSON");
            if sent.get("ref").is_none() {
                continue;
            }
            let outsider = &mut cast.sockets[3];
            outsider.send(sent).await;
            let frames = outsider.until(|frame| frame["ref"] == "q").await;
            let mut last = frames.last().expect("an answer").clone();
            let fields = last.as_object_mut().expect("an object");
            fields.remove("room");
            fields.remove("client_id");
            answers.entry(row.frame).or_default().push(last);
        }
    }
    for (frame, pair) in answers {
        assert_eq!(pair[0], pair[1], "{frame}");
    }
}
