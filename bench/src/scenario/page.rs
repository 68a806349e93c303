//! W9: the first paint for a person in many rooms, of a room with rich messages.

use super::Plan;
use crate::http::Http;
use crate::process::Process;
use crate::report::{Report, Run, percentile};
use crate::world::{self, Folder, Person};
use serde_json::{Value, json};
use std::time::Instant;

const ROOMS: usize = 200;
const MESSAGES: usize = 50;

pub async fn run(plan: &Plan, report: &mut Report) {
    let folder = Folder::fresh("page");
    let people = world::seed(&plan.server, &folder, 20);
    let log = folder.path().join("server.log");
    let server = Process::start(&plan.server, &world::serve(&folder), plan.server_core, &log);
    let http = Http::new(&server.host);
    let rooms = (ROOMS / plan.scale).max(2);
    let mut last = String::new();
    for n in 0..rooms {
        last = world::room(&http, &format!("room {n}"), &people[..20.min(people.len())]).await;
    }
    rich_messages(&http, &last, &people).await;
    let path = format!("/r/{last}");
    let reader = &people[0].token;
    for _ in 0..20 {
        http.page(&path, reader).await;
    }
    let count = if plan.scale > 1 { 20 } else { 200 };
    for repeat in 1..=plan.repeats {
        let mut times = Vec::new();
        let before = server.cpu();
        let (mut bytes, mut encoding) = (0, String::new());
        for _ in 0..count {
            let began = Instant::now();
            (bytes, encoding) = http.page(&path, reader).await;
            times.push(began.elapsed().as_micros() as u32);
        }
        let cpu = server.cpu() - before;
        report.add(Run {
            workload: "W9 first paint",
            case: "chapiana".to_owned(),
            repeat,
            figures: vec![
                ("CPU per page, ms", cpu * 1e3 / f64::from(count)),
                ("page compressed, KB", bytes as f64 / 1e3),
                ("whole page p50, ms", percentile(&mut times, 0.5)),
                ("whole page p99, ms", percentile(&mut times, 0.99)),
            ],
            details: json!({"rooms": rooms, "messages": MESSAGES, "encoding": encoding}),
            reasons: Vec::new(),
        });
    }
}

/// Fifty messages of every sort: code, lists, quotes, links, mentions, replies, reactions.
async fn rich_messages(http: &Http, room: &str, people: &[Person]) {
    const SORTS: [&str; 5] = [
        "**Ship it?** The list:\n\n- tests are green\n- `./check` took *31* minutes\n- one question left",
        "```rust\nfn main() {\n    println!(\"hello\");\n}\n```\nThat is all there is to it.",
        "> as we said on Monday\n\nYes. See <https://example.org/notes/42> and tell me what you think.",
        "مرحبا بالجميع، الاجتماع في الساعة العاشرة. 会議は十時からです。",
        "A longer thought, with [a link](https://example.org), ~~one mistake~~, and enough words to \
         wrap over two or three lines on a screen of ordinary width, as real messages do.",
    ];
    let path = format!("/rooms/{room}/entries");
    let mut head = 0;
    for n in 0..MESSAGES {
        let by = &people[n % people.len()];
        let mut post = json!({"kind": "post", "body": SORTS[n % SORTS.len()]});
        if n % 7 == 6 {
            post["reply_to"] = json!(head);
        }
        let stored = append(http, &path, &by.token, post).await;
        head = stored["seq"].as_u64().unwrap_or(0);
        if n % 3 == 0 {
            let react = json!({"kind": "react", "target": head, "emoji": "👍"});
            append(http, &path, &people[(n + 1) % people.len()].token, react).await;
        }
    }
}

async fn append(http: &Http, path: &str, token: &str, mut draft: Value) -> Value {
    draft["client_id"] = json!(uuid::Uuid::now_v7().to_string());
    draft["after"] = json!(0);
    http.call("POST", path, token, &draft).await
}
