//! W5: pages of history: of many rooms once each, of one again and again, and of one by many at once.

use super::Plan;
use crate::http::Http;
use crate::process::Process;
use crate::report::{Report, Run, percentile};
use crate::world::{self, Folder, Person};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::time::{Duration, Instant};
use uuid::Uuid;

const ROOMS: usize = 300;
/// Messages of each of these, and of the room that is read again and again.
const MESSAGES: usize = 60;
const LONG: usize = 3_000;
const READERS: usize = 16;
const CROWD: usize = 1_000;
const LIMIT: usize = 50;
/// While somebody writes: one message after each of these.
const EVERY: Duration = Duration::from_millis(50);

/// The rooms of all runs.
struct Rooms {
    many: Vec<String>,
    long: String,
    /// One for each crowd, so that nobody was there before.
    crowded: Vec<String>,
}

pub async fn run(plan: &Plan, report: &mut Report) {
    let folder = Folder::fresh("history");
    let people = world::seed(&plan.server, &folder, 4);
    let log = folder.path().join("server.log");
    let mut rooms = None;
    for repeat in 1..=plan.repeats {
        // What a server has in memory goes with it.
        let metrics = free_address();
        let mut args = world::serve(&folder);
        let place = args.iter().position(|arg| arg == "--metrics-listen");
        args[place.expect("it is given") + 1].clone_from(&metrics);
        let server = Process::start(&plan.server, &args, plan.server_core, &log);
        let http = Http::new(&server.host);
        if rooms.is_none() {
            rooms = Some(fill(&http, plan, &people).await);
        }
        let Some(rooms) = &rooms else { return };
        let bench = Bench {
            plan,
            server: &server,
            http: &http,
            metrics: &metrics,
            reader: &people[1],
            repeat,
        };
        bench.all(rooms, &people[0], report).await;
    }
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

async fn fill(http: &Http, plan: &Plan, people: &[Person]) -> Rooms {
    let many = (ROOMS / plan.scale).max(2);
    let mut all = Vec::new();
    for n in 0..many + 3 {
        all.push(world::room(http, &format!("history {n}"), people).await);
    }
    let long = (LONG / plan.scale).max(4 * LIMIT);
    let work = all.iter().enumerate().map(|(n, room)| {
        let count = if n < many { MESSAGES } else { long };
        (0..count).map(move |n| (room.as_str(), n))
    });
    let work: RefCell<Vec<(&str, usize)>> = RefCell::new(work.flatten().collect());
    let writers = (0..64).map(|n| {
        let (work, by) = (&work, &people[n % people.len()]);
        async move {
            loop {
                let next = work.borrow_mut().pop();
                let Some((room, n)) = next else { return };
                say(http, by, room, &format!("wave {n}")).await;
            }
        }
    });
    join_all(writers).await;
    let crowded = all.split_off(many + 1);
    let long = all.pop().expect("the long room");
    Rooms {
        many: all,
        long,
        crowded,
    }
}

async fn say(http: &Http, by: &Person, room: &str, text: &str) -> u64 {
    let post = json!({
        "client_id": Uuid::now_v7().to_string(), "after": 0, "kind": "post",
        "body": format!("{text:.<200}"),
    });
    let path = format!("/rooms/{room}/entries");
    let stored = http.call("POST", &path, &by.token, &post).await;
    stored["seq"].as_u64().unwrap_or(0)
}

/// What the server counted.
struct Counts {
    log_queries: f64,
    reads: f64,
    hits: f64,
    cpu: f64,
    at: Instant,
}

/// What the readers of a case saw.
#[derive(Default)]
struct Seen {
    reads: u64,
    times: Vec<u32>,
    bad: Option<String>,
}

struct Bench<'a> {
    plan: &'a Plan,
    server: &'a Process,
    http: &'a Http,
    metrics: &'a str,
    reader: &'a Person,
    repeat: usize,
}

impl Bench<'_> {
    async fn all(&self, rooms: &Rooms, writer: &Person, report: &mut Report) {
        let (before, seen) = (self.counts().await, RefCell::new(Seen::default()));
        for room in &rooms.many {
            self.read(room, "", &seen).await;
        }
        report.add(self.run("many rooms, each once", &before, seen).await);

        self.read(&rooms.long, "", &RefCell::default()).await;
        self.read(&rooms.long, "", &RefCell::default()).await;
        let (before, seen) = (self.counts().await, RefCell::new(Seen::default()));
        self.again_and_again(&rooms.long, &seen).await;
        report.add(self.run("one room, again and again", &before, seen).await);

        let (before, seen) = (self.counts().await, RefCell::new(Seen::default()));
        tokio::select! {
            () = self.again_and_again(&rooms.long, &seen) => {}
            () = self.write(&rooms.long, writer) => {}
        }
        let name = "one room, while somebody writes there";
        report.add(self.run(name, &before, seen).await);

        let middle = format!("&around={}", MESSAGES.min(100));
        let crowds = [("the newest page", ""), ("a page in the middle", &*middle)];
        for ((what, query), room) in crowds.into_iter().zip(&rooms.crowded) {
            let (before, seen) = (self.counts().await, RefCell::new(Seen::default()));
            let crowd = (CROWD / self.plan.scale).max(50);
            join_all((0..crowd).map(|_| self.read(room, query, &seen))).await;
            let name = format!("{crowd} at once, nobody before: {what}");
            report.add(self.run(&name, &before, seen).await);
        }
    }

    async fn again_and_again(&self, room: &str, seen: &RefCell<Seen>) {
        let end = Instant::now() + Duration::from_secs(self.plan.seconds);
        let readers = (0..READERS).map(|_| async {
            while Instant::now() < end {
                self.read(room, "", seen).await;
            }
        });
        join_all(readers).await;
    }

    async fn write(&self, room: &str, by: &Person) {
        loop {
            say(self.http, by, room, "one more").await;
            tokio::time::sleep(EVERY).await;
        }
    }

    /// One page, which must be whole.
    async fn read(&self, room: &str, query: &str, seen: &RefCell<Seen>) {
        let path = format!("/rooms/{room}/messages?limit={LIMIT}{query}");
        let began = Instant::now();
        let page = self
            .http
            .call("GET", &path, &self.reader.token, &Value::Null);
        let page = page.await;
        let took = began.elapsed().as_micros() as u32;
        let messages = page["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let ords: Vec<u64> = messages.iter().filter_map(|m| m["ord"].as_u64()).collect();
        let in_turn = ords.windows(2).all(|two| two[1] == two[0] + 1);
        let at_end = query.is_empty();
        let last = messages.last().and_then(|last| last["seq"].as_u64());
        let whole =
            ords.len() >= LIMIT - 1 && in_turn && (!at_end || last == page["head"].as_u64());
        let mut seen = seen.borrow_mut();
        seen.reads += 1;
        seen.times.push(took);
        if !whole {
            let what = format!(
                "{} messages, head {}, last {last:?}",
                ords.len(),
                page["head"]
            );
            seen.bad.get_or_insert(what);
        }
    }

    async fn counts(&self) -> Counts {
        let text = self
            .http
            .text(&format!("http://{}/metrics", self.metrics))
            .await;
        let value = |name: &str| {
            let found = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let found = found.and_then(|value| value.trim().parse().ok());
            found.unwrap_or(f64::NAN)
        };
        Counts {
            log_queries: value("chapiana_log_queries"),
            reads: value("chapiana_history_reads"),
            hits: value("chapiana_history_hits"),
            cpu: self.server.cpu(),
            at: Instant::now(),
        }
    }

    async fn run(&self, case: &str, before: &Counts, seen: RefCell<Seen>) -> Run {
        let after = self.counts().await;
        let mut seen = seen.into_inner();
        let reads = seen.reads as f64;
        let mut reasons: Vec<String> = seen.bad.take().into_iter().collect();
        if after.reads - before.reads != reads {
            let counted = after.reads - before.reads;
            reasons.push(format!("{reads} reads, {counted} counted by the server"));
        }
        Run {
            workload: "W5 history, pages of 50 messages",
            case: case.to_owned(),
            repeat: self.repeat,
            figures: vec![
                (
                    "log queries per read",
                    (after.log_queries - before.log_queries) / reads,
                ),
                ("share from memory", (after.hits - before.hits) / reads),
                ("CPU per read, µs", (after.cpu - before.cpu) * 1e6 / reads),
                (
                    "reads per second",
                    reads / (after.at - before.at).as_secs_f64(),
                ),
                ("read p50, ms", percentile(&mut seen.times, 0.5)),
                ("read p99, ms", percentile(&mut seen.times, 0.99)),
            ],
            details: json!({"reads": seen.reads}),
            reasons,
        }
    }
}
