//! Child processes: started on one core, measured from /proc, stopped by their id.

use std::fs::{read_dir, read_to_string};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A child on its core. It ends with the value.
pub struct Process {
    child: Child,
    /// What followed `listening on http://` (or `listening on `).
    pub host: String,
    /// From exec to that line.
    pub started_in: Duration,
}

impl Process {
    /// Starts `command` and waits until it says where it listens.
    pub fn start(binary: &Path, args: &[String], core: usize, log: &Path) -> Self {
        let began = Instant::now();
        let errors = std::fs::File::create(log).expect("a log file");
        let mut child = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .arg(binary)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("taskset is installed and the binary exists");
        let (said, hears) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(place) = line.strip_prefix("listening on ") {
                    let host = place.trim_start_matches("http://").to_owned();
                    said.send((host, began.elapsed())).ok();
                }
            }
        });
        match hears.recv_timeout(START_LIMIT) {
            Ok((host, started_in)) => Self {
                child,
                host,
                started_in,
            },
            Err(_) => {
                child.kill().ok();
                panic!(
                    "{} does not listen: see {}",
                    binary.display(),
                    log.display()
                );
            }
        }
    }

    /// Writes a line to the child's standard input.
    pub fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("stdin is piped");
        writeln!(input, "{line}")
            .and_then(|()| input.flush())
            .expect("the child listens");
    }

    /// CPU so far, in seconds: all living threads.
    pub fn cpu(&self) -> f64 {
        cpu_of(self.child.id())
    }

    /// User and system time in 10 ms ticks, ended threads included, in seconds.
    pub fn user_and_system(&self) -> (f64, f64) {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = read_to_string(path).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = |at: usize| {
            let field = after_name.split_whitespace().nth(at);
            field
                .and_then(|ticks| ticks.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        (ticks(11) / 100.0, ticks(12) / 100.0)
    }

    /// Resident memory, KiB.
    pub fn rss(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|kib| kib.parse().ok()).unwrap_or(0.0)
    }
}

/// CPU of this very process, in seconds.
pub fn own_cpu() -> f64 {
    cpu_of(std::process::id())
}

/// CPU so far of a process, in seconds: all living threads.
pub fn cpu_of(id: u32) -> f64 {
    let tasks = read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let nanoseconds: f64 = tasks
        .filter_map(|task| read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split_whitespace().next()?.parse::<f64>().ok())
        .sum();
    nanoseconds / 1e9
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().ok();
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                _ => return,
            }
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
