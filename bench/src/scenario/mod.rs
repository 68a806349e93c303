//! The workloads.

mod cold;
mod crowd;
mod durable;
mod fanout;
mod history;
mod idle;
mod nodes;
mod page;

use crate::report::Report;
use serde_json::json;
use std::path::PathBuf;

/// What can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Idle,
    Fanout,
    Durable,
    Page,
    History,
    Nodes,
    Cold,
}

impl Case {
    /// What needs nothing but the server.
    pub const ALL: [Case; 6] = [
        Case::Cold,
        Case::Page,
        Case::History,
        Case::Fanout,
        Case::Durable,
        Case::Idle,
    ];
}

/// How it is run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub cases: Vec<Case>,
    pub server: PathBuf,
    pub repeats: usize,
    pub seconds: u64,
    pub scale: usize,
    /// Messages a second where several nodes are measured.
    pub rate: u64,
    pub server_core: usize,
    pub driver_core: usize,
}

/// Runs every case of the plan.
pub async fn run(plan: &Plan) -> Report {
    let mut report = Report::new(json!({
        "repeats": plan.repeats, "seconds": plan.seconds, "scale": plan.scale,
    }));
    // Socket tasks share counters without locks: everything stays on this thread.
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            for case in &plan.cases {
                match case {
                    Case::Idle => idle::run(plan, &mut report).await,
                    Case::Fanout => fanout::run(plan, &mut report).await,
                    Case::Durable => durable::run(plan, &mut report).await,
                    Case::Page => page::run(plan, &mut report).await,
                    Case::History => history::run(plan, &mut report).await,
                    Case::Nodes => nodes::run(plan, &mut report).await,
                    Case::Cold => cold::run(plan, &mut report).await,
                }
            }
        })
        .await;
    report
}
