//! W2b: fan-out where nothing can be coalesced, beside a bare loop that writes the same bytes.

use super::Plan;
use super::crowd::{GRACE, Hall, Measured, Meter, RATE, ROOM_SIZE, ROOMS, Seen, converse, talk};
use crate::http::Http;
use crate::process::Process;
use crate::report::{Report, Run};
use crate::socket::Socket;
use crate::world::{self, Folder, Person};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

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
            let hall = Hall {
                rooms,
                people: &people,
                size,
                rate: RATE,
            };
            let (seen, measured, _) = talk(plan, &[&server], &hall, format, || ()).await;
            let run = run_of(format!("chapiana, {format}"), repeat, seen, &measured, plan);
            if format == "data" {
                bytes = run.details["bytes_per_delivery"].as_f64().unwrap_or(400.0) as usize;
            }
            report.add(run);
        }
        report.add(bare(plan, size, bytes, repeat, &log).await);
    }
}

pub async fn make_rooms(http: &Http, people: &[Person], size: usize) -> Vec<String> {
    let mut rooms = Vec::new();
    for (n, members) in people.chunks(size).take(ROOMS).enumerate() {
        rooms.push(world::room(http, &format!("fan-out {n}"), members).await);
    }
    rooms
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
    let meter = Meter::start(&[&server]);
    server.tell(&format!("go {}", plan.seconds));
    sleep_until(end + GRACE / 2).await;
    let measured = meter.stop(&[&server]);
    tasks.join_all().await;
    let seen = std::mem::take(&mut *seen.borrow_mut());
    run_of("floor: bare loop".to_owned(), repeat, seen, &measured, plan)
}

fn run_of(case: String, repeat: usize, mut seen: Seen, measured: &Measured, plan: &Plan) -> Run {
    Run {
        workload: "W2b fan-out, 10 rooms of 100, 300 messages/s",
        case,
        repeat,
        reasons: seen.reasons(plan, RATE),
        details: seen.details(),
        figures: seen.figures(measured),
    }
}
