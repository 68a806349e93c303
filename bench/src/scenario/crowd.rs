//! People who talk in rooms where nothing can be coalesced: what they send and see, and what it costs.

use super::Plan;
use crate::floor;
use crate::machine;
use crate::process::{Process, own_cpu};
use crate::report::percentile;
use crate::socket::Socket;
use crate::world::{self, Person};
use serde_json::Value;
use serde_json::json;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

pub const ROOMS: usize = 10;
pub const ROOM_SIZE: usize = 100;
pub const RATE: u64 = 300;
const SENDERS_PER_ROOM: usize = 2;
/// What is under way when the last message was sent arrives in this time, or counts as missing.
pub const GRACE: Duration = Duration::from_secs(2);

/// Who is where, and how many messages a second all send together.
pub struct Hall<'a> {
    pub rooms: &'a [String],
    pub people: &'a [Person],
    /// People in each room.
    pub size: usize,
    pub rate: u64,
}

/// What all sockets of a run saw together.
#[derive(Default)]
pub struct Seen {
    pub deliveries: u64,
    messages: u64,
    pub bytes: u64,
    latency: Vec<u32>,
    pub ack: Vec<u32>,
    errors: u64,
    disorder: u64,
    /// Last seq by (room, socket).
    pub last: HashMap<(usize, usize), u64>,
}

/// Sends at fixed times, whatever the answers do.
pub struct Schedule {
    room: String,
    first: Instant,
    every: Duration,
    end: Instant,
}

/// Everybody connects to the servers in turn, watches his room, and some of each room send. What `look` sees
/// is told as it is when they begin and when they are done: what it took to connect is not in it.
pub async fn talk<T>(
    plan: &Plan,
    servers: &[&Process],
    hall: &Hall<'_>,
    format: &str,
    look: impl Fn() -> T,
) -> (Seen, Measured, [T; 2]) {
    let size = hall.size;
    let seen = Rc::new(RefCell::new(Seen::default()));
    let mut ready = Vec::new();
    for (n, person) in hall.people.iter().take(ROOMS * size).enumerate() {
        let (room, server) = (&hall.rooms[n / size], servers[n % servers.len()]);
        let socket = join(&server.host, &person.token, room, format).await;
        ready.push((n, socket.expect("every member may watch")));
    }
    let begin = Instant::now() + Duration::from_millis(500);
    let end = begin + Duration::from_secs(plan.seconds);
    let senders = SENDERS_PER_ROOM.min(size);
    let every = Duration::from_secs_f64((ROOMS * senders) as f64 / hall.rate as f64);
    let mut sockets = JoinSet::new();
    for (n, (socket, head)) in ready {
        let (room, place) = (n / size, n % size);
        seen.borrow_mut().last.insert((room, n), head);
        let sender = place * ROOMS + room;
        let schedule = (place < senders).then(|| Schedule {
            room: hall.rooms[room].clone(),
            first: begin + every.mul_f64(sender as f64 / (ROOMS * senders) as f64),
            every,
            end,
        });
        let seen = Rc::clone(&seen);
        sockets.spawn_local(converse(socket, (room, n), schedule, end + GRACE, seen));
    }
    let (meter, before) = (Meter::start(servers), look());
    sleep_until(end + GRACE / 2).await;
    let (measured, after) = (meter.stop(servers), look());
    sockets.join_all().await;
    let seen = std::mem::take(&mut *seen.borrow_mut());
    (seen, measured, [before, after])
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
pub async fn converse(
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

impl Seen {
    /// Why the run does not count.
    pub fn reasons(&self, plan: &Plan, rate: u64) -> Vec<String> {
        let mut heads: HashMap<usize, u64> = HashMap::new();
        for ((room, _), last) in &self.last {
            let head = heads.entry(*room).or_default();
            *head = (*head).max(*last);
        }
        let missing: u64 = self
            .last
            .iter()
            .map(|((room, _), last)| heads[room] - last)
            .sum();
        let mut reasons = Vec::new();
        for (what, count) in [
            ("errors", self.errors),
            ("out of order", self.disorder),
            ("missing", missing),
        ] {
            if count > 0 {
                reasons.push(format!("{what}: {count}"));
            }
        }
        let expected = rate * plan.seconds * self.last.len() as u64 / ROOMS as u64;
        if self.deliveries < expected * 9 / 10 {
            reasons.push(format!("{} deliveries of {expected}", self.deliveries));
        }
        reasons
    }

    /// What was seen, in the order of a table's columns.
    pub fn figures(&mut self, measured: &Measured) -> Vec<(&'static str, f64)> {
        let deliveries = self.deliveries.max(1) as f64;
        vec![
            (
                "CPU-s per million deliveries",
                measured.cpu * 1e6 / deliveries,
            ),
            ("user share", measured.user_share),
            (
                "deliveries per message",
                deliveries / self.messages.max(1) as f64,
            ),
            ("bytes per delivery", self.bytes as f64 / deliveries),
            ("delivery p50, ms", percentile(&mut self.latency, 0.5)),
            ("delivery p99, ms", percentile(&mut self.latency, 0.99)),
            ("ack p50, ms", percentile(&mut self.ack, 0.5)),
            ("ack p99, ms", percentile(&mut self.ack, 0.99)),
            (
                "driver CPU-s per million",
                measured.driver * 1e6 / deliveries,
            ),
            ("cores used by others", measured.others),
        ]
    }

    pub fn details(&self) -> Value {
        json!({
            "deliveries": self.deliveries, "acks": self.ack.len(),
            "bytes_per_delivery": self.bytes as f64 / self.deliveries.max(1) as f64,
        })
    }
}

/// CPU of all servers, driver and everybody else over a window.
pub struct Meter {
    servers: f64,
    user: (f64, f64),
    driver: f64,
    busy: f64,
    began: Instant,
}

impl Meter {
    pub fn start(servers: &[&Process]) -> Self {
        Self {
            servers: servers.iter().map(|server| server.cpu()).sum(),
            user: ticks(servers),
            driver: own_cpu(),
            busy: machine::busy_seconds(),
            began: Instant::now(),
        }
    }

    pub fn stop(self, servers: &[&Process]) -> Measured {
        let seconds = self.began.elapsed().as_secs_f64();
        let cpu = servers.iter().map(|server| server.cpu()).sum::<f64>() - self.servers;
        let driver = own_cpu() - self.driver;
        let (user, system) = ticks(servers);
        let (user, system) = (user - self.user.0, system - self.user.1);
        Measured {
            cpu,
            ticks: user + system,
            driver,
            user_share: user / (user + system).max(0.01),
            others: ((machine::busy_seconds() - self.busy) - cpu - driver).max(0.0) / seconds,
        }
    }
}

/// User and system time of all of them.
fn ticks(servers: &[&Process]) -> (f64, f64) {
    let each = servers.iter().map(|server| server.user_and_system());
    each.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

pub struct Measured {
    /// From the threads that live.
    pub cpu: f64,
    /// The same with ended threads, in steps of 10 ms.
    pub ticks: f64,
    driver: f64,
    user_share: f64,
    others: f64,
}
