//! W1: what an idle session costs.

use super::Plan;
use crate::http::Http;
use crate::process::Process;
use crate::report::{Report, Run};
use crate::socket::Socket;
use crate::world::{self, Folder, Person};
use serde_json::json;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const SESSIONS: usize = 5_000;
const ROOMS_EACH: usize = 20;
const ROOM_SIZE: usize = 100;
const CONNECTING_MAX: usize = 64;

/// Id and head: a new room's log holds one join per person.
type Room = (String, usize);

pub async fn run(plan: &Plan, report: &mut Report) {
    let sessions = SESSIONS / plan.scale;
    let folder = Folder::fresh("idle");
    let people = world::seed(&plan.server, &folder, sessions);
    let log = folder.path().join("server.log");
    let rooms = make_rooms(plan, &folder, &people[..sessions], &log).await;
    for repeat in 1..=plan.repeats {
        for watched in [ROOMS_EACH, 1] {
            // Every run has a server of its own: memory is never as fresh as after a start.
            let args = world::serve(&folder);
            let server = Process::start(&plan.server, &args, plan.server_core, &log);
            let run = measure(plan, &server, &people[..sessions], &rooms, watched, repeat).await;
            report.add(run);
        }
    }
}

/// Person p sits in rooms p, p+37, p+74 …: every room gets the same number of people, mixed.
fn rooms_of(person: usize, rooms: usize) -> impl Iterator<Item = usize> {
    (0..ROOMS_EACH.min(rooms)).map(move |n| (person + n * 37) % rooms)
}

async fn make_rooms(
    plan: &Plan,
    folder: &Folder,
    people: &[Person],
    log: &std::path::Path,
) -> Vec<Room> {
    let server = Process::start(&plan.server, &world::serve(folder), plan.server_core, log);
    let http = Http::new(&server.host);
    let count = (people.len() * ROOMS_EACH / ROOM_SIZE).max(ROOMS_EACH);
    let mut members: Vec<Vec<Person>> = vec![Vec::new(); count];
    for (n, person) in people.iter().enumerate() {
        for room in rooms_of(n, count) {
            members[room].push(person.clone());
        }
    }
    let mut rooms = Vec::new();
    for (n, members) in members.iter().enumerate() {
        let id = world::room(&http, &format!("idle {n}"), members).await;
        rooms.push((id, members.len()));
    }
    rooms
}

async fn measure(
    plan: &Plan,
    server: &Process,
    people: &[Person],
    rooms: &[Room],
    watched: usize,
    repeat: usize,
) -> Run {
    let before = server.rss();
    let (mut sockets, mut reasons) = connect_all(server, people, rooms, watched).await;
    tokio::time::sleep(Duration::from_secs(plan.seconds)).await;
    let settled = server.rss();
    let cpu = server.cpu();
    tokio::time::sleep(Duration::from_secs(plan.seconds)).await;
    let idle = (server.cpu() - cpu) / plan.seconds as f64;
    sockets.shutdown().await;
    let (sockets, again) = connect_all(server, people, rooms, watched).await;
    reasons.extend(again);
    tokio::time::sleep(Duration::from_secs(plan.seconds)).await;
    let churned = server.rss();
    if sockets.len() < people.len() {
        reasons.push(format!(
            "{} of {} sessions are left",
            sockets.len(),
            people.len()
        ));
    }
    let each = people.len() as f64;
    Run {
        workload: "W1 idle sessions",
        case: format!("chapiana, {ROOMS_EACH} rooms, watching {watched}"),
        repeat,
        figures: vec![
            ("RSS per session, KiB", (settled - before) / each),
            (
                "RSS per session after reconnecting all, KiB",
                (churned - before) / each,
            ),
            ("idle CPU per session, µs/s", idle * 1e6 / each),
        ],
        details: json!({
            "sessions": people.len(), "rooms": rooms.len(), "rss_before_kib": before,
            "rss_kib": settled, "rss_churn_kib": churned,
        }),
        reasons,
    }
}

async fn connect_all(
    server: &Process,
    people: &[Person],
    rooms: &[Room],
    watched: usize,
) -> (JoinSet<()>, Vec<String>) {
    let door = Arc::new(Semaphore::new(CONNECTING_MAX));
    let failed = Rc::new(Cell::new(0));
    let mut sockets = JoinSet::new();
    for (n, person) in people.iter().enumerate() {
        let place = Arc::clone(&door)
            .acquire_owned()
            .await
            .expect("it stays open");
        let cursors: serde_json::Map<_, _> = rooms_of(n, rooms.len())
            .take(watched)
            .map(|room| (rooms[room].0.clone(), json!(rooms[room].1)))
            .collect();
        let hello = json!({"t": "hello", "format": "data", "cursors": cursors}).to_string();
        let (host, token) = (server.host.clone(), person.token.clone());
        let failed = Rc::clone(&failed);
        sockets.spawn_local(async move {
            let ready = ready_socket(&host, &token, &hello, watched).await;
            drop(place);
            match ready {
                // Reads (and answers pings) until the run ends it.
                Ok(mut socket) => while socket.next().await.is_ok() {},
                Err(why) => {
                    eprintln!("a session did not become ready: {why}");
                    failed.set(failed.get() + 1);
                }
            }
        });
    }
    // All doors free again: everybody is in, or failed.
    let all = door
        .acquire_many(CONNECTING_MAX as u32)
        .await
        .expect("it stays open");
    drop(all);
    let reasons = match failed.get() {
        0 => Vec::new(),
        failed => vec![format!("{failed} sessions did not become ready")],
    };
    (sockets, reasons)
}

/// Connected, welcomed, and every watch caught up.
async fn ready_socket(
    host: &str,
    token: &str,
    hello: &str,
    watched: usize,
) -> Result<Socket, String> {
    let mut socket = Socket::connect(host, "/ws", token).await?;
    socket.send(hello).await?;
    let mut watching = 0;
    while watching < watched {
        let text = socket.next().await?;
        watching += text.matches(r#""t":"watching""#).count();
    }
    Ok(socket)
}
