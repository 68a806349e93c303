//! W4 (embedded): durable sends of 64 senders, beside a raw SQLite loop with the same rows.

use super::Plan;
use crate::http::Http;
use crate::process::Process;
use crate::report::{Report, Run, percentile};
use crate::socket::Socket;
use crate::world::{self, Folder, Person};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

const SENDERS: usize = 64;
const ROOMS_EACH: usize = 8;

#[derive(Default)]
struct Acked {
    latency: Vec<u32>,
    errors: u64,
}

pub async fn run(plan: &Plan, report: &mut Report) {
    let senders = (SENDERS / plan.scale).max(4);
    let folder = Folder::fresh("durable");
    let people = world::seed(&plan.server, &folder, senders);
    let log = folder.path().join("server.log");
    let mut rooms = Vec::new();
    for repeat in 1..=plan.repeats {
        for window in [1, 4] {
            let args = world::serve(&folder);
            let server = Process::start(&plan.server, &args, plan.server_core, &log);
            if rooms.is_empty() {
                rooms = make_rooms(&server, &people[..senders]).await;
            }
            let run = chapiana(plan, &server, &people[..senders], &rooms, window, repeat).await;
            report.add(run);
            drop(server);
            for alone in [&RAW, &EMBEDDED] {
                report.add(loops(plan, alone, senders, senders * window, repeat).await);
            }
        }
    }
}

/// Every sender has rooms to himself: what is measured is the send, not the fan-out.
async fn make_rooms(server: &Process, people: &[Person]) -> Vec<Vec<String>> {
    let http = Http::new(&server.host);
    let mut rooms = Vec::new();
    for (n, person) in people.iter().enumerate() {
        let mut mine = Vec::new();
        for k in 0..ROOMS_EACH {
            let name = format!("durable {n} {k}");
            mine.push(world::room(&http, &name, std::slice::from_ref(person)).await);
        }
        rooms.push(mine);
    }
    rooms
}

async fn chapiana(
    plan: &Plan,
    server: &Process,
    people: &[Person],
    rooms: &[Vec<String>],
    window: usize,
    repeat: usize,
) -> Run {
    let acked = Rc::new(RefCell::new(Acked::default()));
    let mut ready = Vec::new();
    for person in people {
        let socket = greet(&server.host, &person.token).await;
        ready.push(socket.expect("a session"));
    }
    let before = server.cpu();
    let began = Instant::now();
    let end = began + Duration::from_secs(plan.seconds);
    let mut tasks = JoinSet::new();
    for (socket, rooms) in ready.into_iter().zip(rooms) {
        let rooms = rooms.clone();
        tasks.spawn_local(send_all(socket, rooms, window, end, Rc::clone(&acked)));
    }
    tasks.join_all().await;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = server.cpu() - before;
    let mut acked = std::mem::take(&mut *acked.borrow_mut());
    let sends = acked.latency.len().max(1) as f64;
    let mut reasons = Vec::new();
    if acked.errors > 0 {
        reasons.push(format!("errors: {}", acked.errors));
    }
    Run {
        workload: "W4 durable sends (embedded store)",
        case: format!(
            "chapiana, {} senders, {window} under way each",
            people.len()
        ),
        repeat,
        figures: vec![
            ("durable sends per second", sends / seconds),
            ("CPU per send, µs", cpu * 1e6 / sends),
            ("ack p50, ms", percentile(&mut acked.latency, 0.5)),
            ("ack p99, ms", percentile(&mut acked.latency, 0.99)),
        ],
        details: json!({"acks": acked.latency.len(), "seconds": seconds}),
        reasons,
    }
}

async fn greet(host: &str, token: &str) -> Result<Socket, String> {
    let mut socket = Socket::connect(host, "/ws", token).await?;
    socket.send(r#"{"t":"hello","format":"data"}"#).await?;
    while !socket.next().await?.contains(r#""t":"welcome""#) {}
    Ok(socket)
}

/// Keeps `window` sends under way until the end, then waits for the last answers.
async fn send_all(
    mut socket: Socket,
    rooms: Vec<String>,
    window: usize,
    end: Instant,
    acked: Rc<RefCell<Acked>>,
) {
    let mut under_way: HashMap<String, Instant> = HashMap::new();
    let mut heads: HashMap<String, u64> = HashMap::new();
    let mut next = 0;
    let give_up = sleep_until(end + Duration::from_secs(10));
    tokio::pin!(give_up);
    loop {
        while Instant::now() < end && under_way.len() < window {
            let room = &rooms[next % rooms.len()];
            next += 1;
            let after = heads.get(room).copied().unwrap_or(0);
            let (key, frame) = world::post(room, after, "a durable send ");
            under_way.insert(key, Instant::now());
            if socket.send(&frame.to_string()).await.is_err() {
                acked.borrow_mut().errors += 1;
                return;
            }
        }
        if under_way.is_empty() {
            return;
        }
        let text = tokio::select! {
            text = socket.next() => text,
            () = &mut give_up => Err("not everything was answered".to_owned()),
        };
        let Ok(text) = text else {
            acked.borrow_mut().errors += 1;
            return;
        };
        let frames: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let frames = match frames {
            Value::Array(frames) => frames,
            frame => vec![frame],
        };
        for frame in frames {
            let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
            match frame["t"].as_str() {
                Some("ack") => {
                    heads.insert(text("room"), frame["seq"].as_u64().unwrap_or(0));
                    if let Some(began) = under_way.remove(&text("client_id")) {
                        acked
                            .borrow_mut()
                            .latency
                            .push(began.elapsed().as_micros() as u32);
                    }
                }
                Some("error") => {
                    eprintln!("{frame}");
                    under_way.remove(&text("ref"));
                    acked.borrow_mut().errors += 1;
                }
                _ => {}
            }
        }
    }
}

/// A loop that only writes, as a process of the driver's own binary.
struct Loop {
    command: &'static str,
    case: &'static str,
}

const RAW: Loop = Loop {
    command: "floor-sqlite",
    case: "floor: raw SQLite",
};
const EMBEDDED: Loop = Loop {
    command: "embedded-append",
    case: "the embedded store alone",
};

async fn loops(plan: &Plan, alone: &Loop, senders: usize, batch: usize, repeat: usize) -> Run {
    let me = std::env::current_exe().expect("the driver's own binary");
    let folder = Folder::fresh(alone.command);
    let words = [
        alone.command.to_owned(),
        "--folder".to_owned(),
        folder.path().display().to_string(),
        "--rooms".to_owned(),
        (senders * ROOMS_EACH).to_string(),
        "--batch".to_owned(),
        batch.to_string(),
    ];
    let log = folder.path().join("floor.log");
    let mut floor = Process::start(&me, &words, plan.server_core, &log);
    let before = floor.cpu();
    let began = Instant::now();
    floor.tell(&format!("go {}", plan.seconds));
    let result = folder.path().join("result");
    let deadline = began + Duration::from_secs(plan.seconds + 30);
    while !result.exists() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu = floor.cpu() - before;
    let text = std::fs::read_to_string(&result).unwrap_or_default();
    let mut numbers = text
        .split(' ')
        .filter_map(|number| number.parse::<f64>().ok());
    let (sends, commits) = (numbers.next().unwrap_or(0.0), numbers.next().unwrap_or(0.0));
    let reasons = match sends > 0.0 {
        true => Vec::new(),
        false => vec!["the loop gave no result".to_owned()],
    };
    Run {
        workload: "W4 durable sends (embedded store)",
        case: format!("{}, batches of {batch}", alone.case),
        repeat,
        figures: vec![
            ("durable sends per second", sends / seconds),
            ("CPU per send, µs", cpu * 1e6 / sends.max(1.0)),
            ("commit p50, ms", seconds * 1e3 / commits.max(1.0)),
        ],
        details: json!({"sends": sends, "commits": commits}),
        reasons,
    }
}
