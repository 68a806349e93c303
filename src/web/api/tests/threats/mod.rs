//! What went wrong in other chat servers (RELIABILITY.md §5.9), tried here. `tests/tidy.rs` keeps the
//! table of which id has its test, and which waits for its feature.

mod races;
mod rights;
mod texts;

use super::world::{PASSWORD, Person, World};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashSet;
use uuid::Uuid;

/// Puts an entry into the room: `ok`, or the code of the refusal.
async fn change(world: &World, who: &Person, room: &str, fields: Value) -> String {
    let mut entry = json!({"client_id": Uuid::now_v7().to_string(), "after": 0});
    let all = entry.as_object_mut().expect("an object");
    all.extend(fields.as_object().expect("an object").clone());
    let path = format!("/rooms/{room}/entries");
    let answer = world.post(Some(who), &path, entry).await;
    match answer.status {
        200 | 201 => "ok".to_owned(),
        _ => answer.code().to_owned(),
    }
}

async fn body_of(world: &World, who: &Person, room: &str, seq: u64) -> Value {
    let path = format!("/rooms/{room}/messages?around={seq}&limit=1");
    world.get(who, &path).await.json["messages"][0]["body"].clone()
}
