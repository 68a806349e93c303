//! The AsyncAPI document against frames as they are really written.

use super::ASYNCAPI;
use super::server::{
    ErrorFrame, FragmentFrame, Place, RoomFrame, ServerFrame, UserFacts, UserMarks,
};
use crate::clock::Timestamp;
use crate::entry::{Entry, Event, Mentions, WireEntry};
use crate::error::{Code, Error};
use crate::ids::{ClientId, RoomId, UserId};
use crate::wire::CloseCode;
use crate::wire::client::PresenceState;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn room() -> RoomId {
    RoomId::from_bytes([1; 16])
}

fn ann() -> UserId {
    UserId::from_bytes([2; 16])
}

fn post() -> Entry {
    Entry {
        room: room(),
        seq: 3,
        ord: 1,
        at: Timestamp(0),
        by: Some(ann()),
        client_id: Some(ClientId::from_bytes([3; 16])),
        event: Event::Post {
            body: Some("hello".to_owned()),
            reply_to: Some(2),
            mentions: Mentions::default(),
        },
        redacted: false,
    }
}

/// One of every frame but `welcome`, which the story tests read from a real server.
fn samples() -> Vec<ServerFrame> {
    let place = Place {
        reference: Some("r".to_owned()),
        room: room(),
        head: 3,
    };
    let reference = Some("r".to_owned());
    vec![
        ServerFrame::Watching(place.clone()),
        ServerFrame::Reset(place),
        ServerFrame::Unwatched {
            reference: reference.clone(),
            room: room(),
        },
        ServerFrame::Entry(Box::new(WireEntry::from(&post()))),
        ServerFrame::Fragment(Box::new(FragmentFrame {
            room: room(),
            seq: 3,
            ord: 1,
            at: Timestamp(0),
            by: None,
            client_id: None,
            kind: "post",
            op: "add",
            target: None,
            html: "<p>".to_owned(),
        })),
        ServerFrame::Ack {
            reference: reference.clone(),
            client_id: ClientId::from_bytes([3; 16]),
            room: room(),
            seq: 3,
            ord: 1,
            at: Timestamp(0),
        },
        ServerFrame::error(reference.clone(), Error::rate_limited(5)),
        ServerFrame::Error(ErrorFrame {
            reference: None,
            code: Code::Denied,
            detail: "no".into(),
            retry_after_ms: None,
            client_id: Some(ClientId::from_bytes([3; 16])),
        }),
        ServerFrame::Head {
            room: room(),
            seq: 3,
            ord: 1,
            unread: 1,
            mentions: 0,
        },
        ServerFrame::Marks {
            reference,
            room: room(),
            marks: vec![UserMarks {
                user: ann(),
                read: 3,
                delivered: 3,
            }],
        },
        ServerFrame::Typing {
            room: room(),
            users: vec![ann()],
            expires_ms: 5_000,
        },
        ServerFrame::Presence {
            users: BTreeMap::from([(ann(), PresenceState::Offline)]),
        },
        ServerFrame::User {
            user: UserFacts {
                id: ann(),
                name: "Ann".to_owned(),
                handle: "ann".to_owned(),
                avatar: None,
            },
        },
        ServerFrame::Room(RoomFrame {
            room: room(),
            item: serde_json::Map::from_iter([("id".to_owned(), Value::from("x"))]),
        }),
        ServerFrame::Gone {
            room: room(),
            seq: 4,
        },
        ServerFrame::bye(CloseCode::GoingAway, 100),
        ServerFrame::Pong { n: 1 },
    ]
}

fn messages() -> serde_json::Map<String, Value> {
    let document: Value = serde_json::from_str(ASYNCAPI).expect("the document is JSON");
    assert_eq!(document["asyncapi"], "3.0.0");
    let messages = document["components"]["messages"].as_object();
    messages.expect("there are messages").clone()
}

#[test]
fn every_frame_that_we_write_is_described_with_every_field() {
    let messages = messages();
    let mut seen = BTreeSet::from(["server_welcome".to_owned()]);
    for frame in samples() {
        let json: Value = serde_json::from_str(&frame.encode()).expect("a frame is JSON");
        let name = format!("server_{}", json["t"].as_str().expect("a tag"));
        let payload = &messages[&name]["payload"];
        let fields = json.as_object().expect("a frame is an object");
        for field in fields.keys() {
            assert!(
                payload["properties"].get(field).is_some(),
                "{name}: {field}"
            );
        }
        for required in payload["required"].as_array().expect("a list") {
            let required = required.as_str().expect("a name");
            assert!(fields.contains_key(required), "{name} lacks {required}");
        }
        seen.insert(name);
    }
    let described = messages.keys().filter(|name| name.starts_with("server_"));
    assert_eq!(described.cloned().collect::<BTreeSet<_>>(), seen);
}

#[test]
fn every_code_is_described() {
    let messages = messages();
    let codes = &messages["server_error"]["payload"]["properties"]["code"]["enum"];
    let ours: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes, &serde_json::json!(ours));
}
