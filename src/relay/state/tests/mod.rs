//! Ann watches, Bob comes and goes, and the room moves on.

mod catch_up;
mod hidden;
mod members;
mod order;
mod outage;
mod rights;
mod watching;

use super::*;
use crate::bus::{Hint, Rights};
use crate::entry::{Mentions, Role};
use crate::relay::LoadedHistory;
use crate::session::outbox::Outbox;
use crate::testing::probe::{Ears, Probe, connect, connect_with, frames, user};
use crate::wire::client::Format;
use serde_json::Value;

fn room() -> RoomId {
    RoomId::from_bytes([9; 16])
}

fn entry(seq: Seq, by: UserId, event: Event) -> Entry {
    Entry {
        room: room(),
        seq,
        ord: seq,
        at: Timestamp(0),
        by: Some(by),
        client_id: None,
        event,
        redacted: false,
    }
}

fn post(seq: Seq, body: &str) -> Entry {
    let event = Event::Post {
        body: Some(body.to_owned()),
        reply_to: None,
        mentions: Mentions::default(),
    };
    entry(seq, user(1), event)
}

fn shared(entries: &[Entry]) -> Vec<Arc<Entry>> {
    entries.iter().cloned().map(Arc::new).collect()
}

fn history(head: Seq, members: &[UserId], entries: &[Entry]) -> Result<LoadedHistory, Error> {
    Ok(LoadedHistory {
        head,
        members: members.iter().map(|member| (*member, 0)).collect(),
        entries: entries.to_vec(),
    })
}

struct Scene {
    pub state: RelayState,
    pub sessions: Sessions,
    pub metrics: Metrics,
}

fn scene() -> Scene {
    let metrics = Metrics::new();
    let sessions = Sessions::new(&metrics, 1);
    Scene {
        state: RelayState::new(room(), sessions.clone(), metrics.clone(), Rights::ALWAYS),
        sessions,
        metrics,
    }
}

impl Scene {
    pub fn ask(&mut self, who: &Arc<Connection>, format: Format, after: Seq) -> Vec<RelayEffect> {
        let (who, until) = (Arc::clone(who), Timestamp(2_000));
        let watch = Watch::new(room(), who, format, after, Some("w".to_owned()), until);
        self.state.watch(watch)
    }

    /// The store answers.
    pub fn load(&mut self, head: Seq, members: &[UserId], entries: &[Entry]) -> Vec<RelayEffect> {
        self.state.loaded(history(head, members, entries))
    }

    /// Watches as data, with this history in the store.
    fn watch(&mut self, who: &Arc<Connection>, after: Seq, head: Seq, entries: &[Entry]) {
        let effects = self.ask(who, Format::Data, after);
        assert!(matches!(effects[..], [RelayEffect::Load(_)]), "{effects:?}");
        self.state.loaded(history(head, &[who.user], entries));
    }
}

/// What came, shortly: `seq body` for entries, the tag for the rest.
fn told(connection: &Connection) -> Vec<String> {
    let short = |frame: &Value| match frame["t"].as_str() {
        Some("entry") => match frame["body"].as_str().or(frame["html"].as_str()) {
            Some(text) => format!("{} {text}", frame["seq"]),
            None => format!("{} {}", frame["seq"], frame["kind"].as_str().unwrap_or("?")),
        },
        Some("error") => frame["code"].as_str().unwrap_or("?").to_owned(),
        tag => tag.unwrap_or("?").to_owned(),
    };
    frames(connection).iter().map(short).collect()
}
