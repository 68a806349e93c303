//! What several nodes stand on: a CQL server and a Redis, on free ports of the loopback, both ended by
//! their process ids.

use crate::process::cpu_of;
use crate::world::Folder;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take to begin or to end.
const LIMIT: Duration = Duration::from_secs(60);

/// Redis and the keyspace of one bench.
pub struct Ground {
    redis: Child,
    redis_port: u16,
    /// The database's processes, if they are ours.
    database: Vec<u32>,
    store: String,
    folder: Folder,
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

impl Ground {
    /// On the CQL server that `CHAPIANA_TEST_CQL` names, or on a Cassandra of our own, as `./cluster` has it.
    pub fn new(server: &Path) -> Self {
        let folder = Folder::fresh("nodes");
        let (contact, database) = match std::env::var("CHAPIANA_TEST_CQL") {
            Ok(contact) => (contact, Vec::new()),
            Err(_) => cassandra(folder.path()),
        };
        let keyspace = format!("bench_{}", std::process::id());
        let store = format!("cql:{contact}/{keyspace}");
        let redis_port = free_port();
        let redis = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &redis_port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let ground = Self {
            redis,
            redis_port,
            database,
            store,
            folder,
        };
        let begun = Instant::now();
        while ground.said("PING").is_none() {
            assert!(begun.elapsed() < LIMIT, "Redis does not answer");
            sleep(Duration::from_millis(20));
        }
        let secret = uuid::Uuid::new_v4().simple().to_string().repeat(2);
        std::fs::write(ground.folder.path().join("secret"), secret).expect("a secret");
        let schema = Command::new(server)
            .args(["schema", "--store", &ground.store])
            .output()
            .expect("the server's binary exists");
        let said = String::from_utf8_lossy(&schema.stderr);
        assert!(schema.status.success(), "schema: {said}");
        ground
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    pub fn store(&self) -> &str {
        &self.store
    }

    /// The arguments of `serve` for one node.
    pub fn serve(&self, metrics: u16) -> Vec<String> {
        let (redis, folder) = (self.redis_port, self.folder.path().display());
        let words = format!(
            "serve --listen 127.0.0.1:0 --limits relaxed --metrics-listen 127.0.0.1:{metrics} \
             --redis redis://127.0.0.1:{redis} --cluster-id bench"
        );
        let mut args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let secret = format!("{folder}/secret");
        args.extend(["--store".to_owned(), self.store.clone()]);
        args.extend(["--cluster-secret-file".to_owned(), secret]);
        args
    }

    /// CPU so far of Redis and of the database, seconds.
    pub fn cpu(&self) -> (f64, f64) {
        let database = self.database.iter().map(|id| cpu_of(*id)).sum();
        (cpu_of(self.redis.id()), database)
    }

    /// Messages between nodes that Redis took so far.
    pub fn publishes(&self) -> f64 {
        let stats = self.said("INFO commandstats").unwrap_or_default();
        let calls = stats.lines().filter_map(|line| {
            let counts = line
                .strip_prefix("cmdstat_publish:calls=")
                .or(line.strip_prefix("cmdstat_spublish:calls="))?;
            counts.split(',').next()?.parse::<f64>().ok()
        });
        calls.sum()
    }

    /// What Redis says to a command.
    fn said(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.redis_port)).ok()?;
        stream.set_read_timeout(Some(LIMIT)).ok()?;
        stream
            .write_all(format!("{command}\r\nQUIT\r\n").as_bytes())
            .ok()?;
        let mut said = String::new();
        stream.read_to_string(&mut said).ok()?;
        Some(said)
    }
}

/// Starts a Cassandra: where it answers, and its processes.
fn cassandra(folder: &Path) -> (String, Vec<u32>) {
    let said = Command::new("python3")
        .args(["tests/cql/cassandra.py", "--keep", "--nodes", "1"])
        .arg("--folder")
        .arg(folder.join("cql"))
        .stderr(Stdio::inherit())
        .output()
        .expect("python3 is installed, and this is the root of the repository");
    assert!(said.status.success(), "Cassandra does not start");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let part = |after: &str, before: &str| {
        let rest = said.rsplit_once(after)?.1;
        Some(rest.split_once(before)?.0.to_owned())
    };
    // `… node(s) at HOST:PORT, pids 1 2, …`
    let pids = part(", pids ", ",").expect("it says its pids");
    let contact = part(" node(s) at ", ", pids").expect("it says where it is");
    let pids = pids.split_whitespace().filter_map(|id| id.parse().ok());
    (contact, pids.collect())
}

/// Asks the process to end.
fn end(id: u32) {
    let id = id.to_string();
    Command::new("kill").args(["-TERM", &id]).status().ok();
}

impl Drop for Ground {
    fn drop(&mut self) {
        end(self.redis.id());
        self.redis.wait().ok();
        for id in &self.database {
            end(*id);
        }
        let there = |id: &u32| Path::new(&format!("/proc/{id}")).exists();
        let begun = Instant::now();
        while self.database.iter().any(there) && begun.elapsed() < LIMIT {
            sleep(Duration::from_millis(50));
        }
    }
}
