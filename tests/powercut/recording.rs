//! Runs the writer under strace and reads what it did to its folder.

use crate::writer::ACKS;
use std::collections::HashMap;
use std::process::Command;
use tempfile::TempDir;

pub const DIR: &str = "POWERCUT_DIR";
/// `false`: the recorded writer runs with synchronous = OFF.
pub const DURABLE: &str = "POWERCUT_WRITER_DURABLE";
const CALLS: &str =
    "trace=openat,close,lseek,write,pwrite64,ftruncate,fsync,fdatasync,rename,unlink,mkdir";

/// One change, in the order in which it began. Names are those in the data folder.
#[derive(Debug)]
pub enum Event {
    Create(String),
    Unlink(String),
    Rename(String, String),
    Write(String, u64, Vec<u8>),
    Truncate(String, u64),
    /// Everything written to the file before is on disk.
    Sync(String),
    /// All names are on disk.
    SyncNames,
    /// So many batches were acknowledged.
    Acked(u64),
}

pub fn of_a_writer(durable: bool) -> Vec<Event> {
    let dir = TempDir::new().expect("a folder");
    let trace = dir.path().join("trace");
    let status = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-xx",
            "-s",
            "10000000",
            "-e",
            CALLS,
            "-e",
            "signal=none",
            "-o",
        ])
        .arg(&trace)
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "the_writer_that_is_recorded_writes_what_it_says"])
        .env(DIR, dir.path())
        .env(DURABLE, durable.to_string())
        .stdout(std::process::Stdio::null())
        .status()
        .expect("strace runs (./check install brings it)");
    assert!(status.success(), "the writer under strace failed");
    let text = std::fs::read_to_string(&trace).expect("a trace");
    let mut reader = Reader {
        data: format!("{}/data", dir.path().display()),
        acks: dir.path().join(ACKS).display().to_string(),
        ..Reader::default()
    };
    read_calls(&text, |call, result| reader.call(call, result));
    reader.events
}

/// Calls whole, each when it ended; those of other threads may lie between its two halves.
fn read_calls(text: &str, mut each: impl FnMut(&str, &str)) {
    let mut begun: HashMap<&str, &str> = HashMap::new();
    for line in text.lines() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(call) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(pid, call);
        } else if rest.starts_with("<... ") {
            let end = rest.split_once(" resumed>").map_or("", |(_, end)| end);
            let call = begun.remove(pid).unwrap_or_default();
            let whole = format!("{call}{end}");
            split_result(&whole, &mut each);
        } else {
            split_result(rest, &mut each);
        }
    }
}

fn split_result(line: &str, each: &mut impl FnMut(&str, &str)) {
    if let Some((call, result)) = line.rsplit_once(" = ") {
        each(call.trim_end().trim_end_matches(')'), result);
    }
}

#[derive(Default)]
struct Reader {
    data: String,
    acks: String,
    /// Path and offset of each open file.
    open: HashMap<u64, (String, u64)>,
    known: std::collections::HashSet<String>,
    events: Vec<Event>,
}

impl Reader {
    fn call(&mut self, call: &str, result: &str) {
        let result: i64 = match result.split(' ').next().unwrap_or_default().parse() {
            Ok(result) if result >= 0 => result,
            _ => return,
        };
        let Some((name, arguments)) = call.split_once('(') else {
            return;
        };
        let arguments: Vec<&str> = arguments.split(", ").collect();
        let fd = arguments[0].parse().unwrap_or(u64::MAX);
        match name {
            "openat" => self.opened(&text(arguments[1]), arguments[2], result as u64),
            "close" => drop(self.open.remove(&fd)),
            "lseek" => self.at(fd, result as u64),
            "write" => {
                let offset = self.open.get(&fd).map_or(0, |(_, offset)| *offset);
                self.wrote(fd, offset, bytes(arguments[1]));
                self.at(fd, offset + result as u64);
            }
            "pwrite64" => {
                let offset = arguments[3].parse().expect("an offset");
                self.wrote(fd, offset, bytes(arguments[1]));
            }
            "ftruncate" => {
                if let Some(file) = self.file(fd) {
                    let length = arguments[1].parse().expect("a length");
                    self.events.push(Event::Truncate(file, length));
                }
            }
            "fsync" | "fdatasync" => self.synced(fd),
            "unlink" => {
                if let Some(file) = self.name_of(&text(arguments[0])) {
                    self.known.remove(&file);
                    self.events.push(Event::Unlink(file));
                }
            }
            "rename" => self.renamed(&text(arguments[0]), &text(arguments[1])),
            _ => {}
        }
    }

    /// The name of a file in the data folder. The wal-index is memory: it is built anew.
    fn name_of(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(&self.data)?.strip_prefix('/')?;
        (!name.ends_with("-shm")).then(|| name.to_owned())
    }

    fn file(&self, fd: u64) -> Option<String> {
        self.open.get(&fd).and_then(|(path, _)| self.name_of(path))
    }

    fn at(&mut self, fd: u64, place: u64) {
        if let Some((_, offset)) = self.open.get_mut(&fd) {
            *offset = place;
        }
    }

    fn opened(&mut self, path: &str, flags: &str, fd: u64) {
        self.open.insert(fd, (path.to_owned(), 0));
        let Some(file) = self.name_of(path) else {
            return;
        };
        if flags.contains("O_CREAT") && self.known.insert(file.clone()) {
            self.events.push(Event::Create(file));
        } else if flags.contains("O_TRUNC") {
            self.events.push(Event::Truncate(file, 0));
        }
    }

    fn wrote(&mut self, fd: u64, offset: u64, bytes: Vec<u8>) {
        if let Some(file) = self.file(fd) {
            self.events.push(Event::Write(file, offset, bytes));
        } else if self
            .open
            .get(&fd)
            .is_some_and(|(path, _)| *path == self.acks)
        {
            let number = String::from_utf8_lossy(&bytes).trim().parse();
            self.events.push(Event::Acked(number.expect("a number")));
        }
    }

    fn synced(&mut self, fd: u64) {
        if let Some(file) = self.file(fd) {
            self.events.push(Event::Sync(file));
        } else if self
            .open
            .get(&fd)
            .is_some_and(|(path, _)| *path == self.data)
        {
            self.events.push(Event::SyncNames);
        }
    }

    fn renamed(&mut self, from: &str, to: &str) {
        if let (Some(from), Some(to)) = (self.name_of(from), self.name_of(to)) {
            self.known.remove(&from);
            self.known.insert(to.clone());
            self.events.push(Event::Rename(from, to));
        }
    }
}

/// `"\x61\x62"` as bytes.
fn bytes(quoted: &str) -> Vec<u8> {
    let digits = quoted.trim_matches('"').split("\\x").skip(1);
    let byte = |digits| u8::from_str_radix(digits, 16).expect("a byte in hex");
    digits.map(byte).collect()
}

fn text(quoted: &str) -> String {
    String::from_utf8(bytes(quoted)).expect("a path")
}
