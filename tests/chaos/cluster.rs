//! The local cluster of `./cluster`, driven as an operator would.

use chapiana::clock::Timestamp;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster");
/// What the tests need beside the defaults.
const FLAGS: &str = "--limits relaxed --sign-up open --password-cost test";

/// `CHAPIANA_BIN` puts another one in its place, for a run that outlasts the next build.
fn binary() -> String {
    let built = env!("CARGO_BIN_EXE_chapiana");
    std::env::var("CHAPIANA_BIN").unwrap_or_else(|_| built.to_owned())
}

/// Three nodes, Redis, a CQL server and a front door. All end with the value.
pub struct Cluster {
    folder: PathBuf,
    /// `127.0.0.1:PORT` of the front door.
    pub front: String,
}

/// `name` below the target folder, or `CHAOS_FOLDER` for runs side by side.
pub fn folder(name: &str) -> PathBuf {
    let chosen = std::env::var_os("CHAOS_FOLDER").map(PathBuf::from);
    chosen.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
}

impl Cluster {
    pub fn up(folder: &Path, database_nodes: u64) -> Self {
        // What a failed run left would bring its old people and rooms into this one.
        call(folder, &["down"]);
        let count = database_nodes.to_string();
        let said = call(folder, &["up", "--cql-nodes", &count]);
        let front = said.lines().last().unwrap_or_default();
        let front = front
            .strip_prefix("http://")
            .expect("the last line is the front door's URL");
        Self {
            folder: folder.to_owned(),
            front: front.to_owned(),
        }
    }

    /// `kill 2`, `pause redis` …
    pub fn act(&self, what: &str, who: &str) {
        call(&self.folder, &[what, who]);
    }

    /// A command to Redis, as an operator's slip.
    pub fn redis(&self, words: &[&str]) {
        let port = self.port("redis");
        let done = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(words)
            .stdout(Stdio::null())
            .status()
            .expect("redis-cli is installed");
        assert!(done.success(), "redis-cli {words:?}");
    }

    /// Whether the node takes people in.
    pub fn is_ready(&self, node: &str) -> bool {
        let status = call(&self.folder, &["status"]);
        let name = format!("node{node} ");
        let mut lines = status.lines().filter(|line| line.starts_with(&name));
        lines.any(|line| line.ends_with("ready: 200"))
    }

    /// Who should run and does not.
    pub fn ended(&self) -> Vec<String> {
        let status = call(&self.folder, &["status"]);
        let ended = status.lines().filter(|line| line.contains(" ended "));
        ended.map(str::to_owned).collect()
    }

    fn port(&self, who: &str) -> String {
        self.fact(who, "port")
    }

    /// Its process id.
    pub fn pid(&self, who: &str) -> String {
        self.fact(who, "pid")
    }

    /// The memory that it holds, KiB.
    pub fn rss_kib(&self, who: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid(who)));
        let status = status.expect("it lives");
        let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let held = held.and_then(|held| held.split_whitespace().next());
        held.and_then(|kib| kib.parse().ok()).expect("a number")
    }

    /// `chapiana_NAME` of a node's `/metrics`.
    pub fn metric(&self, who: &str, name: &str) -> u64 {
        let place = format!("127.0.0.1:{}", self.fact(who, "metrics"));
        let mut stream = TcpStream::connect(place).expect("the node lives");
        let asked = stream.write_all(b"GET /metrics HTTP/1.0\r\nhost: localhost\r\n\r\n");
        asked.expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let name = format!("chapiana_{name} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name));
        value
            .and_then(|value| value.parse().ok())
            .expect("it is counted")
    }

    /// `127.0.0.1:PORT` of one node, past the front door.
    pub fn host(&self, who: &str) -> String {
        format!("127.0.0.1:{}", self.port(who))
    }

    /// When a node wrote a line with these words, the last time; its clock is ours.
    pub fn logged(&self, node: u64, words: &str) -> Option<Timestamp> {
        let log = std::fs::read_to_string(self.folder.join(format!("node{node}.log"))).ok()?;
        let line = log.lines().rfind(|line| line.contains(words))?;
        Timestamp::parse(line.split_whitespace().next()?)
    }

    fn fact(&self, who: &str, name: &str) -> String {
        let status = call(&self.folder, &["status"]);
        let line = status.lines().find(|line| line.starts_with(who));
        let mut words = line.expect("it is known").split_whitespace();
        words.find(|word| *word == name).expect("it is told");
        words.next().expect("a value").to_owned()
    }

    /// `chapiana verify` over the whole store: whether it is content, and what it said.
    pub fn verify(&self) -> (bool, String) {
        let contact = call(&self.folder, &["status"]);
        let store = contact.lines().find_map(|line| line.strip_prefix("store "));
        let output = Command::new(binary())
            .args(["verify", "--store", store.expect("the store is named")])
            .output()
            .expect("the binary starts");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.success(), said)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A failed run leaves its logs: the folder goes only when the test says so.
        Command::new(SCRIPT)
            .args(["end", "--dir"])
            .arg(&self.folder)
            .status()
            .ok();
    }
}

fn call(folder: &Path, words: &[&str]) -> String {
    let output = Command::new(SCRIPT)
        .args(words)
        .arg("--dir")
        .arg(folder)
        .env("CHAPIANA_BIN", binary())
        .env("CHAPIANA_FLAGS", FLAGS)
        .output()
        .expect("python3 is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "./cluster {words:?}: {complaint}");
    said
}
