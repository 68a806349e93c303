//! A whole node on a free port, and people who use it over HTTP and WebSocket.

use crate::cluster::shell::Way;
use crate::config::{Config, Limits};
use crate::ids::NodeId;
use crate::listen::{Bounds, Listening};
use crate::node::Node;
use crate::store::Store;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::testing::poll::until;
use crate::testing::stand::{Door, Served, Stand};
use crate::web::router::router;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);
pub const PASSWORD: &str = "correct horse battery";

/// A running node; its folder goes with it. In `./check ws_cluster` it has others beside it, and whoever comes
/// without naming this one is led to each in turn.
pub struct TestNode {
    pub node: Arc<Node>,
    address: SocketAddr,
    listening: Listening,
    folder: TempDir,
    door: Door<SocketAddr>,
    _beside: (Option<Stand>, Vec<Served>),
}

impl TestNode {
    pub async fn start() -> Self {
        Self::with(Limits::Default).await
    }

    /// A node whose rates are no part of the story.
    pub async fn relaxed() -> Self {
        Self::with(Limits::Relaxed).await
    }

    async fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let embedded = || {
            let store = EmbeddedStore::open(folder.path(), EmbeddedOptions::default());
            Arc::new(store.expect("a fresh store opens")) as Arc<dyn Store>
        };
        let stand = Stand::over(embedded).await;
        let mut config = Config::for_test(folder.path());
        config.limits = limits;
        let mut served = stand.served(config, || Bounds::new(1)).await;
        let door = Door::to(served.iter().map(|one| one.address).collect());
        let first = served.remove(0);
        Self {
            node: first.node,
            address: first.address,
            listening: first.listening,
            folder,
            door,
            _beside: (Some(stand), served),
        }
    }

    /// A node over a store that others use, too.
    pub async fn start_among(store: Arc<dyn Store>, id: NodeId, way: Way) -> Self {
        Self::start_among_with(store, id, way, Limits::Default).await
    }

    pub async fn start_among_with(
        store: Arc<dyn Store>,
        id: NodeId,
        way: Way,
        limits: Limits,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut config = Config::for_test(folder.path()).bound_to(address);
        config.limits = limits;
        let node = Node::start_as(id, config, store, Some(way)).await;
        let node = node.expect("the node starts");
        let listening = Listening::start(listener, router(&node), Bounds::new(1));
        Self {
            node,
            address,
            listening,
            folder,
            door: Door::to(vec![address]),
            _beside: (None, Vec::new()),
        }
    }

    /// The same person, who comes to this node.
    pub fn visit(&self, person: &Person) -> Person {
        Person {
            door: Door::to(vec![self.address]),
            http: person.http.clone(),
            id: person.id.clone(),
            token: person.token.clone(),
        }
    }

    /// For whoever ends it himself.
    pub fn taken_apart(self) -> (Arc<Node>, Listening, TempDir) {
        (self.node, self.listening, self.folder)
    }

    /// Signs somebody up.
    pub async fn sign_up(&self, handle: &str) -> Person {
        let somebody = json!({
            "name": handle, "handle": handle, "password": PASSWORD,
            "email": format!("{handle}@halden.example"),
        });
        let http = reqwest::Client::new();
        let url = format!("http://{}/api/v1/users", self.door.next());
        let answer = http
            .post(url)
            .json(&somebody)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 201);
        let answer: Value = answer.json().await.expect("JSON");
        Person {
            door: self.door.clone(),
            http,
            id: answer["user"]["id"].as_str().expect("an id").to_owned(),
            token: answer["token"].as_str().expect("a token").to_owned(),
        }
    }

    /// Tries an upgrade with these headers; `Err`: the HTTP status.
    pub async fn upgrade(&self, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
        upgrade(self.door.next(), headers).await
    }
}

async fn upgrade(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let url = format!("ws://{address}/ws");
    let mut request = url.into_client_request().expect("a request");
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("a header");
        request.headers_mut().insert(*name, value);
    }
    match connect_async(request).await {
        Ok((stream, _)) => Ok(Socket(stream)),
        Err(WsError::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("the upgrade failed: {error}"),
    }
}

/// Somebody with an account and a bearer token.
pub struct Person {
    door: Door<SocketAddr>,
    http: reqwest::Client,
    pub id: String,
    pub token: String,
}

impl Person {
    /// One request to `/api/v1`: status and JSON.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let url = format!("http://{}/api/v1{path}", self.door.next());
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// A new group with `others`.
    pub async fn group(&self, others: &[&Person]) -> String {
        let members: Vec<&str> = others.iter().map(|other| other.id.as_str()).collect();
        let body = json!({ "kind": "group", "name": "Quay", "members": members });
        let (status, room) = self.call("POST", "/rooms", body).await;
        assert_eq!(status, 201, "{room}");
        room["id"].as_str().expect("an id").to_owned()
    }

    /// A socket that has not said hello.
    pub async fn connect(&self) -> Socket {
        let bearer = format!("Bearer {}", self.token);
        let socket = upgrade(self.door.next(), &[("authorization", &bearer)]).await;
        socket.expect("a signed-in person is let in")
    }

    /// A socket after its welcome.
    pub async fn hello(&self, format: &str) -> Socket {
        let mut socket = self.connect().await;
        socket.send(json!({ "t": "hello", "format": format })).await;
        socket.sees("welcome").await;
        socket
    }
}

/// One WebSocket.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn send(&mut self, frame: Value) {
        self.raw(Message::text(frame.to_string())).await;
    }

    pub async fn raw(&mut self, message: Message) {
        self.0.send(message).await.expect("the socket takes it");
    }

    /// Posts `body` and waits for the answer.
    pub async fn post(&mut self, room: &str, body: &str) -> Value {
        let id = Uuid::now_v7();
        self.send(post(room, id, body)).await;
        self.answer_to(&id.to_string()).await
    }

    /// Posts until it is acknowledged, as every client does: the acknowledgement.
    pub async fn insist(&mut self, room: &str, body: &str, after: u64) -> Value {
        let id = Uuid::now_v7();
        let mut send = post(room, id, body);
        send["after"] = json!(after);
        let mut answer = Value::Null;
        until(body, async || {
            self.send(send.clone()).await;
            answer = self.answer_to(&id.to_string()).await;
            let code = answer["code"].as_str().unwrap_or_default();
            let open = ["unknown", "busy", "unavailable", "rate_limited"];
            let acked = answer["t"] == "ack";
            assert!(acked || open.contains(&code), "{answer}");
            acked
        })
        .await;
        answer
    }

    /// The answer to the send with this client id.
    pub async fn answer_to(&mut self, id: &str) -> Value {
        self.frame(|frame| {
            let names = frame["client_id"] == *id || frame["ref"] == *id;
            names && frame["t"] != "entry"
        })
        .await
    }

    /// Watches a room from `after` on.
    pub async fn watch(&mut self, room: &str, after: u64) {
        self.send(json!({ "t": "watch", "room": room, "after": after }))
            .await;
        self.sees("watching").await;
    }

    /// The next frame with this tag; those before it are passed over.
    pub async fn sees(&mut self, tag: &str) -> Value {
        self.frame(|frame| frame["t"] == tag).await
    }

    /// The next frame.
    pub async fn any(&mut self) -> Value {
        self.frame(|_| true).await
    }

    async fn frame(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut seen = self.until(wanted).await;
        seen.pop().expect("the wanted one came last")
    }

    /// Every frame up to the first wanted one, which is the last of them.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            let frame = self.next().await.expect("the socket is open");
            let is_wanted = wanted(&frame);
            seen.push(frame);
            if is_wanted {
                return seen;
            }
        }
    }

    /// The first answer to each of these sends.
    pub async fn answers_to(&mut self, ids: &[String]) -> HashMap<String, Value> {
        let mut answers = HashMap::new();
        while answers.len() < ids.len() {
            let answer = self
                .frame(|frame| frame["t"] == "ack" || frame["t"] == "error")
                .await;
            let id = [&answer["client_id"], &answer["ref"]];
            let id = id.into_iter().find_map(Value::as_str);
            if let Some(id) = id.filter(|id| ids.iter().any(|known| known == id)) {
                answers.entry(id.to_owned()).or_insert(answer.clone());
            }
        }
        answers
    }

    /// The entries from here on up to the one with this `seq`, in their order.
    pub async fn entries_to(&mut self, seq: u64) -> Vec<u64> {
        let mut seen = Vec::new();
        while seen.last() != Some(&seq) {
            let entry = self.sees("entry").await;
            seen.push(entry["seq"].as_u64().expect("a seq"));
        }
        seen
    }

    /// Every frame up to the answer to a ping: nothing else was on its way.
    pub async fn until_pong(&mut self) -> Vec<Value> {
        self.send(json!({ "t": "ping", "n": 4_711 })).await;
        let mut seen = self.until(|frame| frame["t"] == "pong").await;
        seen.pop();
        seen
    }

    /// The close code that ends the socket.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match message.expect("something comes within ten seconds") {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("frames are JSON"));
                }
                Some(Ok(Message::Close(Some(close)))) => return Err(close.code.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return Err(1006),
            }
        }
    }
}

/// A `send` of a post.
pub fn post(room: &str, client_id: Uuid, body: &str) -> Value {
    json!({
        "t": "send", "ref": client_id, "room": room, "client_id": client_id,
        "after": 0, "kind": "post", "body": body,
    })
}
