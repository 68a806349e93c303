//! Real Redis servers of a test: on free ports, stopped by their process alone.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Everything that is waited for comes within this time, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Server {
    pub port: u16,
    password: Option<String>,
    child: Option<Child>,
    dir: TempDir,
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

impl Server {
    /// A server with these settings, `name value …` each; FREE is a port of its own.
    pub fn start(settings: &[&str]) -> Self {
        let mut lines = vec!["bind 127.0.0.1", "save ''", "appendonly no"];
        lines.extend(settings);
        Self::somewhere(&lines, &[], free_port)
    }

    /// On the first of these ports that is its own.
    fn somewhere(lines: &[&str], flags: &[&str], mut port: impl FnMut() -> u16) -> Self {
        let password = lines
            .iter()
            .find_map(|text| text.strip_prefix("requirepass "));
        let mut server = Self {
            port: 0,
            password: password.map(str::to_owned),
            child: None,
            dir: TempDir::new().expect("a folder"),
        };
        let until = Instant::now() + PATIENCE;
        loop {
            server.port = port();
            let text = format!("port {}\n{}", server.port, lines.join("\n"));
            let text = text.replace("FREE", &free_port().to_string());
            std::fs::write(server.file(), text).expect("the folder can be written");
            if server.run(flags) {
                return server;
            }
            assert!(Instant::now() < until, "no port is free for redis-server");
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("redis.conf")
    }

    /// A sentinel that watches the server on `master`.
    pub fn sentinel(master: u16) -> Self {
        let monitor = format!("sentinel monitor chat 127.0.0.1 {master} 1");
        let lines = [
            "bind 127.0.0.1",
            &monitor,
            "sentinel down-after-milliseconds chat 1000",
            "sentinel failover-timeout chat 5000",
        ];
        Self::somewhere(&lines, &["--sentinel"], free_port)
    }

    /// Whether it serves there. A stranger on that port answers too, and this one ends then.
    fn run(&mut self, flags: &[&str]) -> bool {
        let mut child = Command::new("redis-server")
            .arg(self.file())
            .args(flags)
            .current_dir(self.dir.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (./check install)");
        let mine = format!("process_id:{}", child.id());
        let until = Instant::now() + PATIENCE;
        loop {
            let said = self.cli(&["info", "server"]);
            if said.lines().any(|line| line.trim() == mine) {
                self.child = Some(child);
                return true;
            }
            if child.try_wait().expect("it was ours").is_some() {
                return false;
            }
            assert!(Instant::now() < until, "redis-server does not answer");
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
        let until = Instant::now() + PATIENCE;
        while !self.run(&[]) {
            assert!(Instant::now() < until, "somebody took its port");
        }
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
        let bus = "cluster-port FREE";
        Server::start(&["cluster-enabled yes", "cluster-node-timeout 2000", bus])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_two_servers_that_want_one_port_get_two() {
        let first = Server::start(&[]);
        let mut ports = [first.port, first.port, free_port()].into_iter();
        let lines = ["bind 127.0.0.1", "save ''"];
        let second = Server::somewhere(&lines, &[], || ports.next().expect("a port"));
        assert_ne!(first.port, second.port);
        assert_eq!(ports.next(), None, "each was tried");
        second.cli(&["set", "whose", "second"]);
        assert_eq!(first.cli(&["get", "whose"]), "");
        assert_eq!(second.cli(&["get", "whose"]), "second");
    }
}
