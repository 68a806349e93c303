//! People and rooms for a run: made by `chapiana seed`, not by sign-up, whose password hash is dear.

use crate::http::Http;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use uuid::Uuid;

/// Somebody who can log in.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub token: String,
}

/// A fresh folder below the target folder. It goes with the value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn fresh(name: &str) -> Self {
        let base = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
        let folder = base
            .join("bench")
            .join(format!("{name}-{}", std::process::id()));
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("the old folder goes");
        }
        std::fs::create_dir_all(&folder).expect("a new folder");
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Creates `users` people in a new store in `folder` and answers them with a token each.
pub fn seed(server: &Path, folder: &Folder, users: usize) -> Vec<Person> {
    let data = folder.path().join("data").display().to_string();
    seed_with(server, folder, users, ["--data-dir", &data])
}

/// The same in an empty `store`.
pub fn seed_at(server: &Path, folder: &Folder, users: usize, store: &str) -> Vec<Person> {
    seed_with(server, folder, users, ["--store", store])
}

fn seed_with(server: &Path, folder: &Folder, users: usize, place: [&str; 2]) -> Vec<Person> {
    let tokens = folder.path().join("tokens");
    let output = Command::new(server)
        .args(["seed", "--users", &users.to_string(), "--tokens"])
        .arg(&tokens)
        .args(place)
        .output()
        .expect("the server's binary exists");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed: {said}");
    let text = std::fs::read_to_string(tokens).expect("seed wrote the tokens");
    let people: Vec<Person> = text.lines().filter_map(person_of).collect();
    assert!(
        people.len() >= users,
        "seed gave {} of {users} tokens",
        people.len()
    );
    people
}

/// A line of the tokens' file: `ID TOKEN`.
fn person_of(line: &str) -> Option<Person> {
    let (id, token) = line.split_once(char::is_whitespace)?;
    Some(Person {
        id: id.to_owned(),
        token: token.trim().to_owned(),
    })
}

/// The arguments of `serve` for a run.
pub fn serve(folder: &Folder) -> Vec<String> {
    let data = folder.path().join("data").display().to_string();
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--limits",
        "relaxed",
        "--metrics-listen",
        "none",
    ];
    let mut args: Vec<String> = args.iter().map(ToString::to_string).collect();
    args.extend(["--data-dir".to_owned(), data]);
    args
}

/// A channel of `people`, created by the first of them.
pub async fn room(http: &Http, name: &str, people: &[Person]) -> String {
    let (creator, others) = people.split_first().expect("a room has people");
    let others: Vec<&str> = others.iter().map(|person| person.id.as_str()).collect();
    let room = json!({"kind": "channel", "name": name, "members": others});
    let made = http.call("POST", "/rooms", &creator.token, &room).await;
    made["id"].as_str().expect("the new room's id").to_owned()
}

/// A `send` frame with a body of 200 bytes that begins with `text`.
pub fn post(room: &str, after: u64, text: &str) -> (String, Value) {
    let key = Uuid::now_v7().to_string();
    let body = format!("{text:.<200}");
    let frame = json!({
        "t": "send", "ref": key, "room": room, "client_id": key, "after": after,
        "kind": "post", "body": body,
    });
    (key, frame)
}
