//! The real binary: started, killed by its process id, drained, verified.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_chapiana");
const START_LIMIT: Duration = Duration::from_secs(20);

/// One life of the server on a data folder. It ends with the value.
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub host: String,
}

impl Server {
    /// Starts on a free port and waits until it serves.
    pub fn start(data: &Path, life: usize) -> Self {
        let log = File::create(data.join(format!("../server-{life}.log"))).expect("a log file");
        let mut child = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--limits", "relaxed"])
            .args([
                "--sign-up",
                "open",
                "--password-cost",
                "test",
                "--metrics-listen",
                "none",
            ])
            .arg("--data-dir")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone().expect("a second handle of the log"))
            .spawn()
            .expect("the binary starts");
        let (said, hears) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        std::thread::spawn(move || {
            let mut log = log;
            for line in lines.map_while(Result::ok) {
                if let Some(host) = line.strip_prefix("listening on http://") {
                    // Nobody hears it if the start limit has passed.
                    said.send(host.to_owned()).ok();
                }
                writeln!(log, "{line}").ok();
            }
        });
        match hears.recv_timeout(START_LIMIT) {
            Ok(host) => Self { child, host },
            Err(_) => {
                child.kill().ok();
                panic!(
                    "life {life} of the server did not begin to serve: see {data:?}/../server-{life}.log"
                );
            }
        }
    }

    /// SIGKILL, now.
    pub fn kill9(mut self) {
        self.child.kill().expect("the server still ran");
        self.child.wait().expect("the server is ours");
    }

    /// SIGTERM, then the exit status.
    pub fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .expect("kill is installed");
        assert!(sent.success(), "the server still ran");
        self.child.wait().expect("the server is ours")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `kill9` and `terminate` there is nothing left to kill.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `chapiana verify` over the folder: whether it is content, and what it said.
pub fn verify(data: &Path) -> (bool, String) {
    let output = Command::new(BINARY)
        .args(["verify", "--data-dir"])
        .arg(data)
        .output()
        .expect("the binary starts");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// A fresh folder below the target folder; what a failed run leaves there can be looked at.
pub fn fresh_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the old folder goes");
    }
    std::fs::create_dir_all(folder.join("data")).expect("a new folder");
    folder
}
