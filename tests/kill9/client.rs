//! A person as a good client: an outbox per room, first `after`, the same key until answered,
//! resume by seq.

use crate::history::{History, Seen, What};
use crate::outbox::Outbox;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

/// Between two tries to connect, unless the conductor has news.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What the conductor tells everybody.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// Where the server is; `None` while it is down.
    pub host: Option<String>,
    /// No new sends: only what is in the outbox.
    pub calm: bool,
    /// Leave once these heads were seen.
    pub heads: Option<HashMap<Uuid, u64>>,
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: Uuid,
    pub token: String,
}

pub struct Client {
    pub account: Account,
    pub stage: watch::Receiver<Stage>,
    pub history: Arc<History>,
    pub acked: Arc<AtomicUsize>,
    /// Says once that its outbox is empty in the calm.
    pub drained: mpsc::Sender<Uuid>,
    pub outboxes: HashMap<Uuid, Outbox>,
    /// Highest entry seen per room.
    pub seen: HashMap<Uuid, u64>,
    pub conn: u32,
    /// Rooms that could not be shown, and when to ask again.
    pub again: HashMap<Uuid, Instant>,
    /// The server asked to stay away for so long.
    pub pause: Duration,
}

/// Why a connection was left.
enum Left {
    Cut,
    Done,
}

impl Client {
    /// Lives until the heads that the conductor names are seen.
    pub async fn live(mut self) {
        loop {
            let host = self.stage.borrow_and_update().host.clone();
            if let Some(host) = host
                && let Some(socket) = connect(&host, &self.account.token).await
            {
                self.conn += 1;
                let left = self.converse(socket, &host).await;
                self.lose_connection();
                if matches!(left, Left::Done) {
                    return;
                }
            }
            // The server may close a connection by itself and live on: come back, as a browser does.
            let pause = std::mem::take(&mut self.pause).max(RECONNECT_PAUSE);
            let changed = tokio::time::timeout(pause, self.stage.changed()).await;
            if changed.is_ok_and(|changed| changed.is_err()) {
                return;
            }
        }
    }

    fn note(&self, room: Uuid, what: What) {
        self.history.add(self.account.id, self.conn, room, what);
    }

    fn lose_connection(&mut self) {
        self.again.clear();
        for (room, outbox) in &mut self.outboxes {
            for key in outbox.cut() {
                let what = What::Unknown { key, code: None };
                self.history.add(self.account.id, self.conn, *room, what);
            }
        }
    }

    async fn converse(&mut self, mut socket: Socket, host: &str) -> Left {
        let hello = json!({"t": "hello", "format": "data", "device": "kill9"});
        if say(&mut socket, vec![hello]).await.is_err() {
            return Left::Cut;
        }
        let mut told = false;
        loop {
            if self.is_done() {
                return Left::Done;
            }
            if self.stage.borrow().calm && !told && self.outboxes.values().all(Outbox::is_empty) {
                told = true;
                self.drained.send(self.account.id).await.ok();
            }
            let calm = self.stage.borrow().calm;
            let wakes = self.outboxes.values().filter_map(|o| o.wake_at(calm));
            let wake = wakes.chain(self.again.values().copied()).min();
            let frame = tokio::select! {
                frame = socket.next() => frame,
                () = until(wake) => Some(Ok(Message::Pong(Vec::new().into()))),
                changed = self.stage.changed() => match changed {
                    Ok(()) => Some(Ok(Message::Pong(Vec::new().into()))),
                    Err(_) => return Left::Done,
                },
            };
            let mut answers = Vec::new();
            match frame {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("the server sends JSON");
                    let frames = match frame {
                        Value::Array(frames) => frames,
                        frame => vec![frame],
                    };
                    for frame in frames {
                        if !self.hear(&frame, host, &mut answers).await {
                            return Left::Cut;
                        }
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Left::Cut,
                Some(Ok(_)) => {}
            }
            self.fill(&mut answers);
            if say(&mut socket, answers).await.is_err() {
                return Left::Cut;
            }
        }
    }

    fn is_done(&self) -> bool {
        let stage = self.stage.borrow();
        let seen =
            |(room, head): (&Uuid, &u64)| self.seen.get(room).is_none_or(|seen| seen >= head);
        stage
            .heads
            .as_ref()
            .is_some_and(|heads| heads.iter().all(seen))
    }

    /// Sends whatever the outboxes may send now.
    fn fill(&mut self, frames: &mut Vec<Value>) {
        let calm = self.stage.borrow().calm;
        let due = self.again.iter().filter(|(_, at)| **at <= Instant::now());
        let due: Vec<Uuid> = due.map(|(room, _)| *room).collect();
        for room in due {
            self.again.remove(&room);
            frames.push(self.watch(room));
        }
        for (room, outbox) in &mut self.outboxes {
            let seen = self.seen.get(room).copied().unwrap_or(0);
            if !calm {
                outbox.compose(seen);
            }
            for item in outbox.due() {
                let what = What::Invoke {
                    key: item.key,
                    body: item.body.clone(),
                };
                self.history.add(self.account.id, self.conn, *room, what);
                frames.push(item.frame(*room));
            }
        }
    }

    /// False: something is lacking that the next connection has to bring.
    async fn hear(&mut self, frame: &Value, host: &str, answers: &mut Vec<Value>) -> bool {
        let room = frame["room"]
            .as_str()
            .and_then(|room| room.parse::<Uuid>().ok());
        match (frame["t"].as_str().unwrap_or_default(), room) {
            ("welcome", _) => {
                let rooms: Vec<Uuid> = self.outboxes.keys().copied().collect();
                answers.extend(rooms.into_iter().map(|room| self.watch(room)));
            }
            ("watching", Some(room)) => {
                let head = frame["head"].as_u64().unwrap_or(0);
                self.note(room, What::Watching { head });
                self.open(room, true);
            }
            ("reset", Some(room)) => return self.page_up_to(room, frame, host).await,
            ("entry", Some(room)) => self.take_entry(room, frame, answers),
            ("ack", Some(room)) => self.take_ack(room, frame),
            ("error", _) => self.take_error(frame),
            ("bye", _) => {
                let retry_after_ms = frame["retry_after_ms"].as_u64().unwrap_or(0);
                self.note(Uuid::nil(), What::Bye { retry_after_ms });
                self.pause = Duration::from_millis(retry_after_ms);
            }
            ("gone", Some(room)) => {
                self.note(room, What::Gone);
                self.open(room, false);
            }
            ("room", Some(room)) if self.outboxes.get(&room).is_some_and(|o| !o.open) => {
                let watch = self.watch(room);
                answers.push(watch);
            }
            ("marks", Some(room)) if frame["ref"].is_string() => {
                let read = frame["marks"][0]["read"].as_u64();
                self.note(
                    room,
                    What::Marked {
                        read: read.unwrap_or(0),
                    },
                );
            }
            _ => {}
        }
        true
    }

    fn open(&mut self, room: Uuid, open: bool) {
        if let Some(outbox) = self.outboxes.get_mut(&room) {
            outbox.open = open;
        }
    }

    fn watch(&mut self, room: Uuid) -> Value {
        let after = self.seen.get(&room).copied().unwrap_or(0);
        self.note(room, What::Watch { after });
        json!({"t": "watch", "ref": format!("watch {room}"), "room": room, "after": after})
    }

    fn take_entry(&mut self, room: Uuid, frame: &Value, answers: &mut Vec<Value>) {
        let entry = Seen::of(frame);
        let seq = entry.seq;
        if let Some(outbox) = self.outboxes.get_mut(&room) {
            outbox.saw(&entry);
        }
        self.note(room, What::Deliver(entry));
        self.seen.insert(room, seq);
        if seq.is_multiple_of(50) {
            answers.push(json!({"t": "mark", "ref": "mark", "room": room, "read": seq}));
        }
    }

    fn take_ack(&mut self, room: Uuid, frame: &Value) {
        let key = frame["client_id"].as_str().and_then(|key| key.parse().ok());
        let key = key.expect("an ack names its client_id");
        let (seq, ord) = (frame["seq"].as_u64(), frame["ord"].as_u64());
        let (seq, ord) = seq.zip(ord).expect("an ack has seq and ord");
        self.note(room, What::Ok { key, seq, ord });
        self.acked.fetch_add(1, Ordering::Relaxed);
        if let Some(outbox) = self.outboxes.get_mut(&room) {
            outbox.acked(key, seq);
        }
    }

    fn take_error(&mut self, frame: &Value) {
        let reference = frame["ref"].as_str().unwrap_or_default();
        let key: Option<Uuid> = reference.parse().ok();
        let place = key.and_then(|key| {
            let mut places = self.outboxes.iter();
            places.find_map(|(room, outbox)| outbox.holds(key).then_some((*room, key)))
        });
        let Some((room, key)) = place else {
            self.take_other_error(reference, frame);
            return;
        };
        let code = frame["code"].as_str().unwrap_or_default();
        let failed = is_final(code);
        let (said, open) = (code.to_owned(), Some(code.to_owned()));
        let what = match failed {
            true => What::Fail { key, code: said },
            false => What::Unknown { key, code: open },
        };
        self.note(room, what);
        if let Some(outbox) = self.outboxes.get_mut(&room) {
            outbox.refused(key, failed);
        }
    }

    /// Of a watch or a mark.
    fn take_other_error(&mut self, reference: &str, frame: &Value) {
        let code = frame["code"].as_str().unwrap_or_default();
        let watched = reference
            .strip_prefix("watch ")
            .and_then(|id| id.parse().ok());
        if let (Some(room), false) = (watched, is_final(code)) {
            let pause = Duration::from_millis(frame["retry_after_ms"].as_u64().unwrap_or(1000));
            self.again.insert(room, Instant::now() + pause);
            return;
        }
        // A watch or mark that lost against my removal: the `room` frame will bring me back.
        let lost =
            matches!((watched, reference), (Some(_), _) | (_, "mark")) && code == "not_found";
        // A `room` frame (facts changed) came while a watch was under way: that one counts.
        let twice = watched.is_some() && code == "conflict";
        // The next mark says more.
        let unmarked = reference == "mark" && !is_final(code);
        assert!(lost || twice || unmarked, "an unexpected error: {frame}");
    }

    /// After `reset` the live part begins at once; what lies before it is read over HTTP.
    async fn page_up_to(&mut self, room: Uuid, frame: &Value, host: &str) -> bool {
        let head = frame["head"].as_u64().unwrap_or(0);
        self.note(room, What::Reset { head });
        let mut after = self.seen.get(&room).copied().unwrap_or(0);
        while after < head {
            let page = entries(host, &self.account.token, room, after).await;
            let Some((entries, _)) = page.filter(|(entries, _)| !entries.is_empty()) else {
                // Cut while paging: `seen` stays, and the next connection asks again.
                return false;
            };
            let last = entries.last().map_or(after, |entry| entry.seq);
            self.note(room, What::Page { after, entries });
            after = last;
            self.seen.insert(room, after.min(head));
        }
        true
    }
}

/// The codes after which the same try will never be stored (PROTOCOL §1).
pub fn is_final(code: &str) -> bool {
    const FINAL: [&str; 8] = [
        "bad_request",
        "unauthenticated",
        "denied",
        "not_found",
        "method_not_allowed",
        "conflict",
        "too_large",
        "unsupported_media",
    ];
    FINAL.contains(&code)
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

pub async fn connect(host: &str, token: &str) -> Option<Socket> {
    let mut request = format!("ws://{host}/ws").into_client_request().ok()?;
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {token}").parse().ok()?);
    headers.insert("sec-websocket-protocol", "chapiana.v1".parse().ok()?);
    let dialled = tokio_tungstenite::connect_async(request);
    let answer = tokio::time::timeout(Duration::from_secs(10), dialled)
        .await
        .ok()?;
    answer.ok().map(|(socket, _)| socket)
}

pub async fn say(socket: &mut Socket, frames: Vec<Value>) -> Result<(), ()> {
    for frame in frames {
        socket
            .feed(Message::text(frame.to_string()))
            .await
            .map_err(drop)?;
    }
    socket.flush().await.map_err(drop)
}

/// One page of a room's log, and its head.
pub async fn entries(host: &str, token: &str, room: Uuid, after: u64) -> Option<(Vec<Seen>, u64)> {
    let url = format!("http://{host}/api/v1/rooms/{room}/entries?after={after}&limit=200");
    let answer = reqwest::Client::new()
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .ok()?;
    let page: Value = answer.error_for_status().ok()?.json().await.ok()?;
    let entries = page["entries"].as_array()?.iter().map(Seen::of).collect();
    Some((entries, page["head"].as_u64()?))
}
