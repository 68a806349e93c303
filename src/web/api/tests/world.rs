//! One node on the model of the store (or what `testing/stand.rs` is told), a real port, and people with names.

use crate::auth::login;
use crate::clock::now;
use crate::config::{Config, Limits};
use crate::listen::Bounds;
use crate::node::Node;
use crate::store::LoginKind;
use crate::store::memory::MemoryStore;
use crate::testing::stand::{Door, Served, Stand};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

pub const PASSWORD: &str = "correct horse battery";

pub struct World {
    pub node: Arc<Node>,
    pub base: String,
    pub client: Client,
    door: Door<String>,
    /// The newest entry of each room that somebody was acknowledged.
    told: Mutex<HashMap<String, u64>>,
    nodes: (Stand, Vec<Served>),
    _dir: TempDir,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub token: String,
}

pub struct Answer {
    pub status: u16,
    pub json: Value,
    pub text: String,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }
    pub fn id(&self) -> String {
        self.json["id"].as_str().unwrap_or_default().to_owned()
    }
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut config = Config::for_test(dir.path());
        config.limits = Limits::Relaxed;
        let stand = Stand::over(|| Arc::new(MemoryStore::new())).await;
        let served = stand.served(config, || Bounds::new(1_000)).await;
        let base = |one: &Served| format!("http://{}", one.address);
        Self {
            node: Arc::clone(&served[0].node),
            base: base(&served[0]),
            client: Client::new(),
            door: Door::to(served.iter().map(base).collect()),
            told: Mutex::default(),
            nodes: (stand, served),
            _dir: dir,
        }
    }

    /// Signs up; the first one owns the workspace.
    pub async fn person(&self, name: &str) -> Person {
        let email = format!("{name}@example.org");
        let body = json!({"name": name, "email": email, "password": PASSWORD});
        let made = self.post(None, "/users", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        Person {
            id: made.json["user"]["id"].as_str().expect("an id").to_owned(),
            email,
            token: made.json["token"].as_str().expect("a token").to_owned(),
        }
    }

    /// Another log-in of a person.
    pub async fn fresh_token(&self, person: &Person) -> String {
        let user = self.node.store.user_by_email(&person.email).await;
        let user = user.expect("read").expect("there");
        let opened = login::open(&self.node.store, &user, LoginKind::Bearer, "test", now()).await;
        opened.expect("opened").1.reveal().to_owned()
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let address = format!("{}{}", self.door.next(), self.knowing(&method, path));
        let mut request = self.client.request(method.clone(), address);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        self.note(&method, path, &json);
        Answer { status, json, text }
    }

    /// The path of a page of history with what its reader knows, as a client asks who may come to another
    /// node than the one that acknowledged him something.
    fn knowing(&self, method: &Method, path: &str) -> String {
        let is_page = path.contains("/entries") || path.contains("/messages");
        let is_page = is_page && *method == Method::GET && !path.contains("min=");
        let told = self.told.lock().expect("no test broke");
        let seq = room_in(path).and_then(|room| told.get(room));
        let join = if path.contains('?') { '&' } else { '?' };
        match seq.filter(|_| is_page && self.nodes.0.count() > 1) {
            Some(seq) => format!("{path}{join}min={seq}"),
            None => path.to_owned(),
        }
    }

    fn note(&self, method: &Method, path: &str, said: &Value) {
        let seq = said["seq"].as_u64().filter(|_| *method != Method::GET);
        if let Some((room, seq)) = room_in(path).zip(seq) {
            let mut told = self.told.lock().expect("no test broke");
            let newest = told.entry(room.to_owned()).or_default();
            *newest = seq.max(*newest);
        }
    }

    pub async fn get(&self, who: &Person, path: &str) -> Answer {
        let path = format!("/api/v1{path}");
        self.call(Method::GET, &path, Some(&who.token), None).await
    }

    pub async fn post(&self, who: Option<&Person>, path: &str, body: Value) -> Answer {
        let path = format!("/api/v1{path}");
        let token = who.map(|person| person.token.as_str());
        self.call(Method::POST, &path, token, Some(body)).await
    }

    pub async fn put(&self, who: &Person, path: &str, body: Value) -> Answer {
        let path = format!("/api/v1{path}");
        self.call(Method::PUT, &path, Some(&who.token), Some(body))
            .await
    }

    pub async fn delete(&self, who: &Person, path: &str) -> Answer {
        let path = format!("/api/v1{path}");
        self.call(Method::DELETE, &path, Some(&who.token), None)
            .await
    }

    /// A room of `members` that `owner` opened.
    pub async fn room(&self, owner: &Person, kind: &str, members: &[&Person]) -> String {
        let members: Vec<&str> = members.iter().map(|person| person.id.as_str()).collect();
        let body = json!({"kind": kind, "name": "room", "members": members});
        let made = self.post(Some(owner), "/rooms", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.id()
    }

    pub async fn say(&self, who: &Person, room: &str, body: &str) -> Answer {
        let entry = json!({
            "client_id": uuid::Uuid::now_v7().to_string(), "after": 0, "kind": "post", "body": body
        });
        self.post(Some(who), &format!("/rooms/{room}/entries"), entry)
            .await
    }
}

fn room_in(path: &str) -> Option<&str> {
    let rest = path.split_once("/rooms/")?.1;
    rest.split(['/', '?']).next()
}
