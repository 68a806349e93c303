//! C: from exec to listening to the first durable acknowledgement.

use super::Plan;
use crate::http::Http;
use crate::process::Process;
use crate::report::{Report, Run};
use crate::world::{self, Folder};
use serde_json::json;
use std::time::Instant;

pub async fn run(plan: &Plan, report: &mut Report) {
    let folder = Folder::fresh("cold");
    let people = world::seed(&plan.server, &folder, 2);
    let log = folder.path().join("server.log");
    let mut room = None;
    for repeat in 0..=plan.repeats {
        let began = Instant::now();
        let server = Process::start(&plan.server, &world::serve(&folder), plan.server_core, &log);
        let http = Http::new(&server.host);
        let room = match &room {
            Some(room) => room,
            // The first start makes the room and is no run.
            None => {
                room = Some(world::room(&http, "cold", &people[..2]).await);
                continue;
            }
        };
        let key = uuid::Uuid::now_v7().to_string();
        let post = json!({"client_id": key, "after": 0, "kind": "post", "body": "good morning"});
        let path = format!("/rooms/{room}/entries");
        http.call("POST", &path, &people[0].token, &post).await;
        let acked = began.elapsed();
        report.add(Run {
            workload: "C cold start",
            case: "chapiana".to_owned(),
            repeat,
            figures: vec![
                ("listening after, ms", server.started_in.as_secs_f64() * 1e3),
                ("first durable ack after, ms", acked.as_secs_f64() * 1e3),
                ("RSS then, MiB", server.rss() / 1024.0),
            ],
            details: json!({}),
            reasons: Vec::new(),
        });
    }
}
