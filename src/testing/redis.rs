//! Real Redis servers of a test: on free ports, stopped by their process alone.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Everything that is waited for comes within this time, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Server {
    pub port: u16,
    arguments: Vec<String>,
    password: Option<String>,
    child: Option<Child>,
    dir: TempDir,
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

impl Server {
    /// A server with these settings, `name value …` each.
    pub fn start(settings: &[&str]) -> Self {
        let port = free_port();
        let fixed = ["bind 127.0.0.1", "save ''", "appendonly no"];
        let mut arguments = vec![format!("port {port}")];
        arguments.extend(fixed.iter().chain(settings).map(|text| (*text).to_owned()));
        let password = settings
            .iter()
            .find_map(|text| text.strip_prefix("requirepass "));
        let mut server = Self {
            port,
            arguments,
            password: password.map(str::to_owned),
            child: None,
            dir: TempDir::new().expect("a folder"),
        };
        server.run(&[]);
        server
    }

    /// A sentinel that watches the server on `master`.
    pub fn sentinel(master: u16) -> Self {
        let port = free_port();
        let lines = [
            format!("port {port}"),
            "bind 127.0.0.1".to_owned(),
            format!("sentinel monitor chat 127.0.0.1 {master} 1"),
            "sentinel down-after-milliseconds chat 1000".to_owned(),
            "sentinel failover-timeout chat 5000".to_owned(),
        ];
        let mut server = Self {
            port,
            arguments: lines.into(),
            password: None,
            child: None,
            dir: TempDir::new().expect("a folder"),
        };
        server.run(&["--sentinel"]);
        server
    }

    fn run(&mut self, flags: &[&str]) {
        let file = self.dir.path().join("redis.conf");
        if !file.exists() {
            std::fs::write(&file, self.arguments.join("\n")).expect("the folder can be written");
        }
        let child = Command::new("redis-server")
            .arg(&file)
            .args(flags)
            .current_dir(self.dir.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (./check install)");
        self.child = Some(child);
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "redis-server does not answer");
            std::thread::yield_now();
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it was ours");
        }
    }

    /// Again on the same port, with nothing of what it knew.
    pub fn restart(&mut self) {
        self.kill();
        self.run(&[]);
    }

    pub fn cli(&self, words: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port.to_string(), "--no-auth-warning"]);
        if let Some(password) = &self.password {
            command.args(["-a", password]);
        }
        let out = command
            .args(words)
            .output()
            .expect("redis-cli is installed");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A folder that goes with the server.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Three masters without replicas that share the keys.
pub fn cluster_of_three() -> Vec<Server> {
    let one = |_| {
        let bus = format!("cluster-port {}", free_port());
        Server::start(&["cluster-enabled yes", "cluster-node-timeout 2000", &bus])
    };
    let servers: Vec<_> = (0..3).map(one).collect();
    let hosts: Vec<_> = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port))
        .collect();
    let made = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(&hosts)
        .args(["--cluster-replicas", "0", "--cluster-yes"])
        .output()
        .expect("redis-cli is installed");
    assert!(made.status.success(), "{made:?}");
    let until = Instant::now() + PATIENCE;
    for server in &servers {
        while !server
            .cli(&["cluster", "info"])
            .contains("cluster_state:ok")
        {
            assert!(Instant::now() < until, "the Redis Cluster does not come up");
        }
    }
    servers
}
