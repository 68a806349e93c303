//! Figures of Chapiana beside their floors, from one run on one machine (`bench/README.md`).

mod append;
mod floor;
mod ground;
mod http;
mod machine;
mod process;
mod report;
mod scenario;
mod socket;
mod world;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Measures a Chapiana server on this machine, over the loopback only.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
    /// The server's binary.
    #[arg(long, global = true, default_value = "target/release/chapiana")]
    server: PathBuf,
    /// How often each case runs, in turn with the others.
    #[arg(long, global = true, default_value_t = 3)]
    repeats: usize,
    /// Seconds that a window of measurement lasts.
    #[arg(long, global = true, default_value_t = 10)]
    seconds: u64,
    /// Divides people, rooms and rates.
    #[arg(long, global = true, default_value_t = 1)]
    scale: usize,
    /// Messages that all senders of W8 send together in a second.
    #[arg(long, global = true, default_value_t = 300)]
    rate: u64,
    /// Where `runs.jsonl` and `summary.md` go; nothing is written without it.
    #[arg(long, global = true)]
    out: Option<PathBuf>,
}

#[derive(Subcommand, Clone, PartialEq)]
enum What {
    /// Memory and CPU of idle sessions.
    #[command(name = "W1")]
    W1,
    /// Fan-out where nothing can be coalesced, beside a bare loop.
    #[command(name = "W2")]
    W2,
    /// Durable sends, beside a raw SQLite loop.
    #[command(name = "W4")]
    W4,
    /// Pages of history, read once, again and again, and by many at once.
    #[command(name = "W5")]
    W5,
    /// The same people on one, two and three nodes, on Redis and Cassandra. Not among `all`: needs redis-server,
    /// Java 17 and Maven (or a CQL server that CHAPIANA_TEST_CQL names).
    #[command(name = "W8")]
    W8,
    /// The first paint of the page.
    #[command(name = "W9")]
    W9,
    /// Cold start.
    #[command(name = "C")]
    Cold,
    /// All of them but W8.
    All,
    /// The same at 1/20 of the scale, once: checks that nothing is missing, judges no figure.
    Smoke,
    /// The bare fan-out loop, as a process of its own.
    #[command(hide = true)]
    FloorFanout {
        #[arg(long)]
        sockets: usize,
        #[arg(long)]
        rooms: usize,
        #[arg(long)]
        rate: u64,
        #[arg(long)]
        bytes: usize,
    },
    /// The embedded store without anything around it, as a process of its own.
    #[command(hide = true)]
    EmbeddedAppend {
        #[arg(long)]
        folder: PathBuf,
        #[arg(long)]
        rooms: usize,
        #[arg(long)]
        batch: usize,
    },
    /// The raw SQLite loop, as a process of its own.
    #[command(hide = true)]
    FloorSqlite {
        #[arg(long)]
        folder: PathBuf,
        #[arg(long)]
        rooms: usize,
        #[arg(long)]
        batch: usize,
    },
}

fn main() {
    let options = Options::parse();
    match options.what {
        What::FloorFanout {
            sockets,
            rooms,
            rate,
            bytes,
        } => return floor::fanout(sockets, rooms, rate, bytes),
        What::FloorSqlite {
            ref folder,
            rooms,
            batch,
        } => return floor::sqlite(folder, rooms, batch),
        What::EmbeddedAppend {
            ref folder,
            rooms,
            batch,
        } => return append::embedded(folder, rooms, batch),
        _ => {}
    }
    let plan = plan_of(&options);
    machine::keep_to_core(plan.driver_core);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let report = runtime.block_on(scenario::run(&plan));
    print!("{}", report.summary());
    if let Some(folder) = &options.out {
        report.write(folder).expect("the results are written");
    }
    let bad = report.invalid();
    println!("BENCH {} runs, {bad} not valid", report.len());
    if bad > 0 {
        std::process::exit(1);
    }
}

fn plan_of(options: &Options) -> scenario::Plan {
    let smoke = options.what == What::Smoke;
    let cases = match options.what {
        What::W1 => &[scenario::Case::Idle][..],
        What::W2 => &[scenario::Case::Fanout],
        What::W4 => &[scenario::Case::Durable],
        What::W5 => &[scenario::Case::History],
        What::W8 => &[scenario::Case::Nodes],
        What::W9 => &[scenario::Case::Page],
        What::Cold => &[scenario::Case::Cold],
        _ => &scenario::Case::ALL,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    scenario::Plan {
        cases: cases.to_vec(),
        server: options.server.clone(),
        repeats: if smoke { 1 } else { options.repeats },
        seconds: if smoke { 3 } else { options.seconds },
        scale: if smoke { 20 } else { options.scale.max(1) },
        rate: options.rate,
        server_core: 0,
        driver_core: usize::from(cores > 1),
    }
}
