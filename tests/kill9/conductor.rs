//! The people, their rooms, and the calm at the end: what every run under faults shares.

use crate::client::{self, Account, Client, Stage};
use crate::history::{Claim, Evidence, History, Record, Seen, What};
use crate::outbox::Outbox;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

pub const PEOPLE: [&str; 7] = ["ann", "ben", "chiara", "daoud", "eun", "farah", "mallory"];
const ROOMS: usize = 3;
/// So much of somebody's story is told when the end does not come.
const STORY: usize = 12;
/// Between two tries of a request.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Calls the HTTP interface as one person.
pub struct Caller {
    http: reqwest::Client,
    host: String,
}

impl Caller {
    pub async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Option<Value> {
        self.ask(method, path, token, &body).await.ok()
    }

    /// Asks again, as a client does after an open answer, until it is done or the time is over. Who is to be
    /// removed and is not there is removed.
    pub async fn insist(
        &self,
        (method, path): (&str, &str),
        token: &str,
        body: Value,
        patience: Duration,
    ) -> Value {
        let deadline = Instant::now() + patience;
        loop {
            match self.ask(method, path, token, &body).await {
                Ok(answer) => return answer,
                Err(said) if method == "DELETE" && said.starts_with("404") => return Value::Null,
                Err(said) if Instant::now() < deadline => println!("{method} {path}: {said}"),
                Err(said) => panic!("{method} {path} was not done in {patience:?}: {said}"),
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &Value,
    ) -> Result<Value, String> {
        let method = method.parse().expect("a method");
        let url = format!("http://{}/api/v1{path}", self.host);
        let mut request = self.http.request(method, url).bearer_auth(token);
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        match status.is_success() {
            true => Ok(serde_json::from_str(&text).unwrap_or(Value::Null)),
            false => Err(format!("{status} {text}")),
        }
    }
}

pub fn caller(host: &str) -> Caller {
    Caller {
        http: reqwest::Client::new(),
        host: host.to_owned(),
    }
}

async fn sign_up(caller: &Caller, name: &str) -> Account {
    let person = json!({
        "name": name, "handle": name, "email": format!("{name}@example.org"),
        "password": "a long enough pass phrase",
    });
    let made = caller
        .call("POST", "/users", "", person)
        .await
        .expect("a sign-up");
    let id = made["user"]["id"].as_str().and_then(|id| id.parse().ok());
    Account {
        id: id.expect("the new person's id"),
        token: made["token"].as_str().expect("a token").to_owned(),
    }
}

/// Everybody signs up, and Ann makes the rooms with everybody in them.
pub async fn settle(host: &str) -> (Vec<Account>, Vec<Uuid>) {
    let caller = caller(host);
    let mut people = Vec::new();
    for name in PEOPLE {
        people.push(sign_up(&caller, name).await);
    }
    let others: Vec<Uuid> = people[1..].iter().map(|person| person.id).collect();
    let mut rooms = Vec::new();
    for n in 0..ROOMS {
        let room = json!({"kind": "group", "name": format!("room {n}"), "members": others});
        let made = caller.call("POST", "/rooms", &people[0].token, room).await;
        let id = made
            .as_ref()
            .and_then(|made| made["id"].as_str()?.parse().ok());
        rooms.push(id.expect("a new room"));
    }
    // The mutants work on the first room of the evidence: there Mallory comes and goes.
    rooms.sort();
    (people, rooms)
}

/// Everybody at work, and what they saw.
pub struct Run {
    pub people: Vec<Account>,
    pub rooms: Vec<Uuid>,
    pub stage: watch::Sender<Stage>,
    pub history: Arc<History>,
    pub acked: Arc<AtomicUsize>,
    drained: mpsc::Receiver<Uuid>,
    clients: JoinSet<()>,
}

impl Run {
    /// Everybody comes; each says something new in each room once per `pace`, or at once when it
    /// is nothing.
    pub fn begin(people: Vec<Account>, rooms: Vec<Uuid>, seed: u64, pace: Duration) -> Self {
        let (stage, _) = watch::channel(Stage::default());
        let (tell, drained) = mpsc::channel(PEOPLE.len());
        let history = Arc::new(History::new());
        let acked = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for (n, account) in people.iter().enumerate() {
            let dice = |at: usize| seed.wrapping_mul(n as u64 + 7) ^ (at as u64 + 1) << 40;
            let outboxes = rooms.iter().enumerate();
            let outbox = |at| Outbox::new(account.id, dice(at), pace);
            let outboxes = outboxes.map(|(at, room)| (*room, outbox(at)));
            let client = Client {
                account: account.clone(),
                stage: stage.subscribe(),
                history: Arc::clone(&history),
                acked: Arc::clone(&acked),
                drained: tell.clone(),
                outboxes: outboxes.collect(),
                seen: HashMap::new(),
                conn: 0,
                again: HashMap::new(),
                pause: Duration::ZERO,
            };
            clients.spawn(client.live());
        }
        Self {
            people,
            rooms,
            stage,
            history,
            acked,
            drained,
            clients,
        }
    }

    /// The calm after the last round: everybody gets everything answered and sees every head.
    pub async fn settle_down(&mut self, host: &str, patience: Duration) -> Evidence {
        let caller = caller(host);
        let (ann, mallory) = (self.people[0].clone(), &self.people[PEOPLE.len() - 1]);
        self.stage
            .send_modify(|stage| stage.host = Some(host.to_owned()));
        let member = format!("/rooms/{}/members/{}", self.rooms[0], mallory.id);
        let back = ("PUT", member.as_str());
        caller.insist(back, &ann.token, json!({}), patience).await;
        self.stage.send_modify(|stage| stage.calm = true);
        self.drain(patience).await;
        let mut evidence = Evidence::default();
        let mut heads = HashMap::new();
        for room in &self.rooms {
            let log = whole_log(host, &ann.token, *room).await;
            heads.insert(*room, log.len() as u64);
            evidence.logs.insert(*room, log);
        }
        self.stage
            .send_modify(|stage| stage.heads = Some(heads.clone()));
        let clients = std::mem::take(&mut self.clients);
        let left = tokio::time::timeout(patience, clients.join_all()).await;
        assert!(
            left.is_ok(),
            "who does not see every head in time: {:#?}",
            who_lags(&self.history.take(), &heads)
        );
        evidence.claims = self.claims(&caller).await;
        evidence.records = self.history.take();
        evidence
    }

    /// Everybody gets everything answered.
    async fn drain(&mut self, patience: Duration) {
        let mut waiting: BTreeSet<Uuid> = self.people.iter().map(|person| person.id).collect();
        let deadline = tokio::time::Instant::now() + patience;
        while !waiting.is_empty() {
            match tokio::time::timeout_at(deadline, self.drained.recv()).await {
                Ok(drained) => waiting.remove(&drained.expect("the clients live")),
                Err(_) => panic!(
                    "whose outbox is not empty in time: {:#?}",
                    who_waits(&self.history.take(), &waiting)
                ),
            };
        }
    }

    async fn claims(&self, caller: &Caller) -> Vec<Claim> {
        let mut claims = Vec::new();
        for person in &self.people {
            let list = caller
                .call("GET", "/rooms", &person.token, Value::Null)
                .await;
            let list = list.expect("the list of rooms");
            for item in list["items"].as_array().expect("items") {
                let id = item["id"].as_str().and_then(|id| id.parse().ok());
                let room = id.expect("a room has an id");
                // The workspace has rooms of its own, which nobody writes to here.
                if self.rooms.contains(&room) {
                    claims.push(Claim {
                        user: person.id,
                        room,
                        read: item["read"].as_u64().expect("read"),
                        unread: item["unread"].as_u64().expect("unread"),
                    });
                }
            }
        }
        assert_eq!(claims.len(), self.people.len() * ROOMS);
        claims
    }
}

/// The last that these people did and saw, room by room, and what of theirs was never answered for good.
fn who_waits(records: &[Record], people: &BTreeSet<Uuid>) -> Vec<(Vec<Record>, Vec<Uuid>)> {
    let mut stories: BTreeMap<(Uuid, Uuid), (Vec<Record>, Vec<Uuid>)> = BTreeMap::new();
    for record in records
        .iter()
        .filter(|record| people.contains(&record.user))
    {
        let (story, open) = stories.entry((record.user, record.room)).or_default();
        match &record.what {
            What::Invoke { key, .. } if !open.contains(key) => open.push(*key),
            What::Ok { key, .. } | What::Fail { key, .. } => open.retain(|other| other != key),
            _ => {}
        }
        story.push(record.clone());
    }
    let waits = stories.into_values().filter(|(_, open)| !open.is_empty());
    waits.map(|(story, open)| (last(story), open)).collect()
}

fn last(story: Vec<Record>) -> Vec<Record> {
    let start = story.len().saturating_sub(STORY);
    story[start..].to_vec()
}

/// The last that those saw who did not see every head.
fn who_lags(records: &[Record], heads: &HashMap<Uuid, u64>) -> Vec<Vec<Record>> {
    let mut stories: BTreeMap<(Uuid, Uuid), (u64, Vec<Record>)> = BTreeMap::new();
    for record in records {
        let (seen, story) = stories.entry((record.user, record.room)).or_default();
        *seen = match &record.what {
            What::Deliver(entry) => entry.seq,
            What::Page { entries, .. } => entries.last().map_or(*seen, |entry| entry.seq),
            _ => *seen,
        };
        story.push(record.clone());
    }
    let behind = |((_, room), (seen, _)): &((Uuid, Uuid), (u64, Vec<Record>))| {
        heads.get(room).is_some_and(|head| seen < head)
    };
    let lagging = stories.into_iter().filter(behind);
    lagging.map(|(_, (_, story))| last(story)).collect()
}

async fn whole_log(host: &str, token: &str, room: Uuid) -> Vec<Seen> {
    let mut log: Vec<Seen> = Vec::new();
    loop {
        let after = log.len() as u64;
        let (entries, head) = client::entries(host, token, room, after)
            .await
            .expect("a page");
        assert!(
            !entries.is_empty() || after == head,
            "the page after {after} of {head} is empty"
        );
        log.extend(entries);
        if log.len() as u64 >= head {
            return log;
        }
    }
}

/// Polls until `reached` or the limit; says which.
pub async fn until(limit: Duration, reached: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    while Instant::now() < deadline {
        if reached() {
            return true;
        }
        tick.tick().await;
    }
    false
}
