//! W2b: fan-out where nothing can be coalesced, beside a bare loop that writes the same bytes.

use super::Plan;
use crate::floor;
use crate::http::Http;
use crate::machine;
use crate::process::{Process, own_cpu};
use crate::report::{Report, Run, percentile};
use crate::socket::Socket;
use crate::world::{self, Folder, Person};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

const ROOMS: usize = 10;
const ROOM_SIZE: usize = 100;
const RATE: u64 = 300;
const SENDERS_PER_ROOM: usize = 2;
/// What is under way when the last message was sent arrives in this time, or counts as missing.
const GRACE: Duration = Duration::from_secs(2);

/// What all sockets of a run saw together.
#[derive(Default)]
struct Seen {
    deliveries: u64,
    messages: u64,
    bytes: u64,
    latency: Vec<u32>,
    ack: Vec<u32>,
    errors: u64,
    disorder: u64,
    /// Last seq by (room, socket).
    last: HashMap<(usize, usize), u64>,
}

/// Sends at fixed times, whatever the answers do.
struct Schedule {
    room: String,
    first: Instant,
    every: Duration,
    end: Instant,
}

pub async fn run(plan: &Plan, report: &mut Report) {
    let size = ROOM_SIZE / plan.scale.min(20);
    let folder = Folder::fresh("fanout");
    let people = world::seed(&plan.server, &folder, ROOMS * size);
    let log = folder.path().join("server.log");
    let mut rooms = None;
    for repeat in 1..=plan.repeats {
        let mut bytes = 400;
        for format in ["data", "html"] {
            let args = world::serve(&folder);
            let server = Process::start(&plan.server, &args, plan.server_core, &log);
            let http = Http::new(&server.host);
            if rooms.is_none() {
                rooms = Some(make_rooms(&http, &people, size).await);
            }
            let rooms = rooms.as_deref().unwrap_or_default();
            let run = chapiana(plan, &server, rooms, &people, size, format, repeat).await;
            if format == "data" {
                bytes = run.details["bytes_per_delivery"].as_f64().unwrap_or(400.0) as usize;
            }
            report.add(run);
        }
        report.add(bare(plan, size, bytes, repeat, &log).await);
    }
}

async fn make_rooms(http: &Http, people: &[Person], size: usize) -> Vec<String> {
    let mut rooms = Vec::new();
    for (n, members) in people.chunks(size).take(ROOMS).enumerate() {
        rooms.push(world::room(http, &format!("fan-out {n}"), members).await);
    }
    rooms
}

async fn chapiana(
    plan: &Plan,
    server: &Process,
    rooms: &[String],
    people: &[Person],
    size: usize,
    format: &str,
    repeat: usize,
) -> Run {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let mut ready = Vec::new();
    for (n, person) in people.iter().take(ROOMS * size).enumerate() {
        let room = &rooms[n / size];
        let socket = join(&server.host, &person.token, room, format).await;
        ready.push((n, socket.expect("every member may watch")));
    }
    let begin = Instant::now() + Duration::from_millis(500);
    let end = begin + Duration::from_secs(plan.seconds);
    let senders = SENDERS_PER_ROOM.min(size);
    let every = Duration::from_secs_f64((ROOMS * senders) as f64 / RATE as f64);
    let mut sockets = JoinSet::new();
    for (n, (socket, head)) in ready {
        let (room, place) = (n / size, n % size);
        seen.borrow_mut().last.insert((room, n), head);
        let sender = place * ROOMS + room;
        let schedule = (place < senders).then(|| Schedule {
            room: rooms[room].clone(),
            first: begin + every.mul_f64(sender as f64 / (ROOMS * senders) as f64),
            every,
            end,
        });
        sockets.spawn_local(converse(
            socket,
            (room, n),
            schedule,
            end + GRACE,
            Rc::clone(&seen),
        ));
    }
    let meter = Meter::start(server);
    sleep_until(end + GRACE / 2).await;
    let measured = meter.stop(server);
    sockets.join_all().await;
    let seen = std::mem::take(&mut *seen.borrow_mut());
    run_of(format!("chapiana, {format}"), repeat, seen, measured, plan)
}

/// Connected and watching from the head.
async fn join(host: &str, token: &str, room: &str, format: &str) -> Result<(Socket, u64), String> {
    let mut socket = Socket::connect(host, "/ws", token).await?;
    socket
        .send(&json!({"t": "hello", "format": format}).to_string())
        .await?;
    let mut watching = None;
    while watching.is_none() {
        let text = socket.next().await?;
        let frames: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        for frame in each(&frames) {
            match frame["t"].as_str() {
                Some("welcome") => {
                    let mine = frame["rooms"].as_array().into_iter().flatten();
                    let head = mine
                        .filter(|item| item["id"] == room)
                        .find_map(|item| item["head"].as_u64());
                    let watch = json!({"t": "watch", "room": room, "after": head.unwrap_or(0)});
                    socket.send(&watch.to_string()).await?;
                }
                Some("watching") => watching = frame["head"].as_u64(),
                Some("error") => return Err(text),
                _ => {}
            }
        }
    }
    socket.bytes = 0;
    Ok((socket, watching.unwrap_or(0)))
}

fn each(frames: &Value) -> &[Value] {
    match frames {
        Value::Array(frames) => frames,
        frame => std::slice::from_ref(frame),
    }
}

/// Reads until the end, and sends when its schedule says so.
async fn converse(
    mut socket: Socket,
    place: (usize, usize),
    schedule: Option<Schedule>,
    end: Instant,
    seen: Rc<RefCell<Seen>>,
) {
    let mut due = schedule.as_ref().map(|schedule| schedule.first);
    let mut sent: HashMap<String, u64> = HashMap::new();
    let over = sleep_until(end);
    tokio::pin!(over);
    loop {
        tokio::select! {
            text = socket.next() => match text {
                Ok(text) => take(&text, place, &mut sent, &mut seen.borrow_mut()),
                Err(why) => {
                    eprintln!("a socket ended: {why}");
                    seen.borrow_mut().errors += 1;
                    break;
                }
            },
            () = sleep_until(due.unwrap_or(end)), if due.is_some() => {
                let Some(schedule) = &schedule else { break };
                let at = due.unwrap_or(end);
                // The scheduled time counts, not the time at which the driver got to it.
                let scheduled = floor::now() - at.elapsed().as_nanos() as u64;
                let after = seen.borrow().last.get(&place).copied().unwrap_or(0);
                let (key, frame) = world::post(&schedule.room, after, &format!("{scheduled} "));
                sent.insert(key, scheduled);
                if socket.send(&frame.to_string()).await.is_err() {
                    seen.borrow_mut().errors += 1;
                    break;
                }
                due = Some(at + schedule.every).filter(|at| *at < schedule.end);
            }
            () = &mut over => break,
        }
    }
    seen.borrow_mut().bytes += socket.bytes;
}

fn take(text: &str, place: (usize, usize), sent: &mut HashMap<String, u64>, seen: &mut Seen) {
    let now = floor::now();
    let frames: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    seen.messages += 1;
    for frame in each(&frames) {
        match frame["t"].as_str() {
            Some("entry") => {
                let seq = frame["seq"].as_u64().unwrap_or(0);
                let last = seen.last.entry(place).or_default();
                if seq != *last + 1 {
                    seen.disorder += 1;
                }
                *last = seq;
                seen.deliveries += 1;
                let text = frame["body"]
                    .as_str()
                    .or(frame["html"].as_str())
                    .unwrap_or_default();
                if let Some(scheduled) = stamp_of(text) {
                    seen.latency
                        .push((now.saturating_sub(scheduled) / 1_000) as u32);
                }
            }
            Some("ack") => {
                let key = frame["client_id"].as_str().unwrap_or_default();
                match sent.remove(key) {
                    Some(at) => seen.ack.push((now.saturating_sub(at) / 1_000) as u32),
                    None => seen.errors += 1,
                }
            }
            Some("error") => seen.errors += 1,
            _ => {}
        }
    }
}

/// The nanoseconds in front of the filling dots, wherever the format puts the body.
fn stamp_of(text: &str) -> Option<u64> {
    let end = text.find(" ...")?;
    let digits = text[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + 1);
    text[digits..end].parse().ok()
}

async fn bare(plan: &Plan, size: usize, bytes: usize, repeat: usize, log: &Path) -> Run {
    let me = std::env::current_exe().expect("the driver's own binary");
    let sockets = ROOMS * size;
    let args = [
        ("--sockets", sockets as u64),
        ("--rooms", ROOMS as u64),
        ("--rate", RATE),
        ("--bytes", bytes as u64),
    ];
    let mut words = vec!["floor-fanout".to_owned()];
    words.extend(
        args.iter()
            .flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]),
    );
    let mut server = Process::start(&me, &words, plan.server_core, log);
    let seen = Rc::new(RefCell::new(Seen::default()));
    let end = Instant::now() + Duration::from_secs(plan.seconds + 1);
    let mut tasks = JoinSet::new();
    for n in 0..sockets {
        let path = format!("/ws?room={}", n % ROOMS);
        let socket = Socket::connect(&server.host, &path, "none")
            .await
            .expect("the floor listens");
        seen.borrow_mut().last.insert((n % ROOMS, n), 0);
        tasks.spawn_local(converse(
            socket,
            (n % ROOMS, n),
            None,
            end + GRACE,
            Rc::clone(&seen),
        ));
    }
    let meter = Meter::start(&server);
    server.tell(&format!("go {}", plan.seconds));
    sleep_until(end + GRACE / 2).await;
    let measured = meter.stop(&server);
    tasks.join_all().await;
    let seen = std::mem::take(&mut *seen.borrow_mut());
    run_of("floor: bare loop".to_owned(), repeat, seen, measured, plan)
}

/// CPU of server, driver and everybody else over a window.
struct Meter {
    server: f64,
    user: (f64, f64),
    driver: f64,
    busy: f64,
    began: Instant,
}

impl Meter {
    fn start(server: &Process) -> Self {
        Self {
            server: server.cpu(),
            user: server.user_and_system(),
            driver: own_cpu(),
            busy: machine::busy_seconds(),
            began: Instant::now(),
        }
    }

    fn stop(self, server: &Process) -> Measured {
        let seconds = self.began.elapsed().as_secs_f64();
        let cpu = server.cpu() - self.server;
        let driver = own_cpu() - self.driver;
        let (user, system) = server.user_and_system();
        let (user, system) = (user - self.user.0, system - self.user.1);
        Measured {
            cpu,
            driver,
            user_share: user / (user + system).max(0.01),
            others: ((machine::busy_seconds() - self.busy) - cpu - driver).max(0.0) / seconds,
        }
    }
}

struct Measured {
    cpu: f64,
    driver: f64,
    user_share: f64,
    others: f64,
}

fn run_of(case: String, repeat: usize, mut seen: Seen, measured: Measured, plan: &Plan) -> Run {
    let mut heads: HashMap<usize, u64> = HashMap::new();
    for ((room, _), last) in &seen.last {
        let head = heads.entry(*room).or_default();
        *head = (*head).max(*last);
    }
    let missing: u64 = seen
        .last
        .iter()
        .map(|((room, _), last)| heads[room] - last)
        .sum();
    let mut reasons = Vec::new();
    for (what, count) in [
        ("errors", seen.errors),
        ("out of order", seen.disorder),
        ("missing", missing),
    ] {
        if count > 0 {
            reasons.push(format!("{what}: {count}"));
        }
    }
    let expected = RATE * plan.seconds * seen.last.len() as u64 / ROOMS as u64;
    if seen.deliveries < expected * 9 / 10 {
        reasons.push(format!("{} deliveries of {expected}", seen.deliveries));
    }
    let deliveries = seen.deliveries.max(1) as f64;
    Run {
        workload: "W2b fan-out, 10 rooms of 100, 300 messages/s",
        case,
        repeat,
        figures: vec![
            (
                "CPU-s per million deliveries",
                measured.cpu * 1e6 / deliveries,
            ),
            ("user share", measured.user_share),
            (
                "deliveries per message",
                deliveries / seen.messages.max(1) as f64,
            ),
            ("bytes per delivery", seen.bytes as f64 / deliveries),
            ("delivery p50, ms", percentile(&mut seen.latency, 0.5)),
            ("delivery p99, ms", percentile(&mut seen.latency, 0.99)),
            ("ack p50, ms", percentile(&mut seen.ack, 0.5)),
            ("ack p99, ms", percentile(&mut seen.ack, 0.99)),
            (
                "driver CPU-s per million",
                measured.driver * 1e6 / deliveries,
            ),
            ("cores used by others", measured.others),
        ],
        details: json!({
            "deliveries": seen.deliveries, "acks": seen.ack.len(),
            "bytes_per_delivery": seen.bytes as f64 / deliveries,
        }),
        reasons,
    }
}
