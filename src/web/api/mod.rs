//! The interface for programs, `/api/v1` (PROTOCOL.md §3): thin handlers over `auth`, `rooms` and `reading`.

pub mod entries;
pub mod health;
pub mod invites;
pub mod markers;
pub mod me;
pub mod members;
pub mod openapi;
pub mod rooms;
pub mod scheduled;
pub mod sessions;
pub mod users;

use serde::Serialize;

/// A list and where it goes on: `?cursor=`; `null` at its end.
#[derive(Serialize, utoipa::ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl<T> List<T> {
    /// Everything at once.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// A page of at most `limit` out of up to `limit + 1` items; `place` names where an item stands.
    pub fn page(mut items: Vec<T>, limit: usize, place: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next = last.map(|item| crate::web::extract::encode_cursor(&place(item)));
        Self { items, next }
    }
}

#[cfg(test)]
mod tests;
