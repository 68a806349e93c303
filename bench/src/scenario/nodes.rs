//! W8: the same people on one, two and three nodes: CPU of all nodes for each delivery, and what it costs
//! to read hot history where others write, too.

use super::Plan;
use super::crowd::{Hall, ROOM_SIZE, ROOMS, talk};
use super::fanout::make_rooms;
use crate::ground::{Ground, free_port};
use crate::http::Http;
use crate::process::Process;
use crate::report::{Report, Run, percentile};
use crate::world::{self, Person};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::time::{Duration, Instant};

const NODES: [usize; 3] = [1, 2, 3];
/// Nodes that began have met by then, and rooms have found their places.
const MEETING: Duration = Duration::from_secs(4);
const READY: Duration = Duration::from_secs(60);
const READERS: usize = 16;
/// While history is read, somebody writes so often.
const EVERY: Duration = Duration::from_millis(250);

/// One node and where its metrics are.
struct Node {
    process: Process,
    metrics: String,
    http: Http,
}

pub async fn run(plan: &Plan, report: &mut Report) {
    let size = ROOM_SIZE / plan.scale.min(20);
    let ground = Ground::new(&plan.server);
    let people = world::seed_at(&plan.server, ground.folder(), ROOMS * size, ground.store());
    let mut rooms = None;
    for repeat in 1..=plan.repeats {
        let (mut alone, mut alone_all) = (f64::NAN, f64::NAN);
        for count in NODES {
            let nodes = start(plan, &ground, count).await;
            if rooms.is_none() {
                rooms = Some(make_rooms(&nodes[0].http, &people, size).await);
            }
            let rooms = rooms.as_deref().unwrap_or_default();
            let hall = Hall {
                rooms,
                people: &people,
                size,
                rate: (plan.rate / plan.scale as u64).max(10),
            };
            let stage = Stage {
                plan,
                ground: &ground,
                nodes: &nodes,
                repeat,
            };
            let (run, app, all) = stage.deliver(&hall, (alone, alone_all)).await;
            if count == 1 {
                (alone, alone_all) = (app, all);
            }
            report.add(run);
            for writing in [false, true] {
                report.add(stage.read(&hall, writing).await);
            }
        }
    }
}

async fn start(plan: &Plan, ground: &Ground, count: usize) -> Vec<Node> {
    let mut nodes = Vec::new();
    for n in 1..=count {
        let metrics = free_port();
        let log = ground.folder().path().join(format!("node{n}.log"));
        let args = ground.serve(metrics);
        let process = Process::start(&plan.server, &args, plan.server_core, &log);
        nodes.push(Node {
            http: Http::new(&process.host),
            process,
            metrics: format!("http://127.0.0.1:{metrics}/metrics"),
        });
    }
    let begun = Instant::now();
    for node in &nodes {
        let url = format!("http://{}/health/ready", node.process.host);
        while node.http.status(&url).await != 200 {
            assert!(begun.elapsed() < READY, "{url} is not ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    tokio::time::sleep(MEETING).await;
    nodes
}

/// So many nodes of one repeat.
struct Stage<'a> {
    plan: &'a Plan,
    ground: &'a Ground,
    nodes: &'a [Node],
    repeat: usize,
}

impl Stage<'_> {
    fn case(&self) -> String {
        match self.nodes.len() {
            1 => "1 node".to_owned(),
            count => format!("{count} nodes"),
        }
    }

    /// People talk; also CPU per delivery of the nodes, and of all together.
    async fn deliver(&self, hall: &Hall<'_>, alone: (f64, f64)) -> (Run, f64, f64) {
        let servers: Vec<&Process> = self.nodes.iter().map(|node| &node.process).collect();
        let look = || (self.ground.cpu(), self.ground.publishes());
        let (mut seen, measured, [before, after]) =
            talk(self.plan, &servers, hall, "data", look).await;
        let (redis, database) = (after.0.0 - before.0.0, after.0.1 - before.0.1);
        let publishes = after.1 - before.1;
        let per_million = |cpu: f64| cpu * 1e6 / seen.deliveries.max(1) as f64;
        let (app, all) = (
            per_million(measured.ticks),
            per_million(measured.ticks + redis + database),
        );
        let sent = seen.ack.len().max(1) as f64;
        let against = |now: f64, alone: f64| if alone.is_nan() { 1.0 } else { now / alone };
        let mut figures = vec![
            ("CPU per delivery against 1 node", against(app, alone.0)),
            ("the same with Redis and the store", against(all, alone.1)),
            ("CPU-s per million deliveries, with ended threads", app),
            ("Redis CPU-s per million", per_million(redis)),
            ("store CPU-s per million", per_million(database)),
            ("messages between nodes per send", publishes / sent),
        ];
        figures.extend(seen.figures(&measured));
        let run = Run {
            workload: "W8 cluster, the sockets of W2b on 1, 2 and 3 nodes (goal <= 1.15)",
            case: self.case(),
            repeat: self.repeat,
            figures,
            details: seen.details(),
            reasons: seen.reasons(self.plan, hall.rate),
        };
        (run, app, all)
    }

    /// Many read the newest page of one room, at each node in turn; `writing`: while somebody writes there.
    async fn read(&self, hall: &Hall<'_>, writing: bool) -> Run {
        let room = &hall.rooms[0];
        let reader = &hall.people[1 % hall.size];
        for node in self.nodes.iter().cycle().take(3 * self.nodes.len()) {
            page(node, room, reader).await;
        }
        let (before, began) = (self.counts().await, Instant::now());
        let times = RefCell::new(Vec::new());
        let end = began + Duration::from_secs(self.plan.seconds);
        let readers = (0..READERS).map(|n| {
            let times = &times;
            async move {
                for node in self.nodes.iter().cycle().skip(n) {
                    if Instant::now() >= end {
                        return;
                    }
                    let asked = Instant::now();
                    page(node, room, reader).await;
                    times.borrow_mut().push(asked.elapsed().as_micros() as u32);
                }
            }
        });
        let writes = tokio::select! {
            _ = join_all(readers) => None,
            never = self.write(room, &hall.people[0]), if writing => Some(never),
        };
        let after = self.counts().await;
        let mut times = times.into_inner();
        let reads = times.len() as f64;
        let queries = after.0 - before.0;
        Run {
            workload: "W8 history, the newest page of one room at all nodes in turn (goal <= 0.01 queries)",
            case: match writing {
                true => format!("{}, while somebody writes", self.case()),
                false => self.case(),
            },
            repeat: self.repeat,
            figures: vec![
                ("log queries per read", queries / reads),
                ("share from memory", (after.1 - before.1) / reads),
                ("reads per second", reads / began.elapsed().as_secs_f64()),
                ("read p50, ms", percentile(&mut times, 0.5)),
                ("read p99, ms", percentile(&mut times, 0.99)),
            ],
            details: json!({ "reads": times.len(), "log_queries": queries }),
            reasons: writes.into_iter().collect(),
        }
    }

    /// Ends only if a write fails.
    async fn write(&self, room: &str, by: &Person) -> String {
        loop {
            tokio::time::sleep(EVERY).await;
            let key = uuid::Uuid::now_v7().to_string();
            let post = json!({ "client_id": key, "after": 0, "kind": "post", "body": "one more" });
            let path = format!("/rooms/{room}/entries");
            let stored = self.nodes[0].http.call("POST", &path, &by.token, &post);
            if !stored.await["seq"].is_u64() {
                return "a write was not acknowledged".to_owned();
            }
        }
    }

    /// Queries of the log and pages from memory, of all nodes.
    async fn counts(&self) -> (f64, f64) {
        let mut sums = (0.0, 0.0);
        for node in self.nodes {
            let text = node.http.text(&node.metrics).await;
            let value = |name: &str| {
                let value = text
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
                value.map_or(f64::NAN, |value| value.trim().parse().unwrap_or(f64::NAN))
            };
            sums.0 += value("chapiana_log_queries");
            sums.1 += value("chapiana_history_hits");
        }
        sums
    }
}

async fn page(node: &Node, room: &str, reader: &Person) -> Value {
    let path = format!("/rooms/{room}/messages?limit=50");
    let page = node.http.call("GET", &path, &reader.token, &Value::Null);
    page.await
}
