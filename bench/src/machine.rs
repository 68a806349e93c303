//! The machine that a figure comes from.

use serde_json::{Value, json};
use std::fs::read_to_string;
use std::process::Command;

/// Pins this process to one core, so that driver and server do not share one.
pub fn keep_to_core(core: usize) {
    let me = std::process::id().to_string();
    let pinned = Command::new("taskset")
        .args(["-cp", &core.to_string(), &me])
        .output();
    if !pinned.is_ok_and(|output| output.status.success()) {
        eprintln!("not pinned to core {core}: taskset is missing or refused");
    }
}

/// What a reader of the figures must know of the machine.
pub fn describe() -> Value {
    json!({
        "cpu": field_of("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": field_of("/proc/meminfo", "MemTotal"),
        "kernel": said("uname", &["-r"]),
        "libc": said("getconf", &["GNU_LIBC_VERSION"]),
        "compiler": said("rustc", &["--version"]),
        "nofile": field_of("/proc/self/limits", "Max open files"),
        "congestion_control": whole("/proc/sys/net/ipv4/tcp_congestion_control"),
        "network": "loopback",
        "durability": "SQLite WAL, synchronous=FULL, a temporary folder on the disk of the working directory",
    })
}

/// Seconds that all cores together were busy since the machine started.
pub fn busy_seconds() -> f64 {
    let stat = read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let idle: f64 = fields.iter().skip(3).take(2).sum();
    let all: f64 = fields.iter().take(8).sum();
    (all - idle) / 100.0
}

fn whole(path: &str) -> String {
    read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn field_of(path: &str, name: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.map(|line| line[name.len()..].trim_start_matches([' ', '\t', ':']));
    value
        .unwrap_or("unknown")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn said(command: &str, args: &[&str]) -> String {
    let output = Command::new(command).args(args).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
