//! `/rooms/{id}/entries` and `/rooms/{id}/messages`.

use crate::access::Action;
use crate::auth::CurrentUser;
use crate::clock::now;
use crate::draft;
use crate::entry::WireEntry;
use crate::error::{Error, Result};
use crate::ids::RoomId;
use crate::limits;
use crate::node::Node;
use crate::rate::Whom;
use crate::reading::{EntriesPage, MessagesPage, await_head, entries_page, messages_page};
use crate::rooms::{seat, send};
use crate::shelf::Asked;
use crate::web::extract::{Body, Id, Params};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;

/// Appends an entry; under the same `client_id` again: 200, the same entry.
#[utoipa::path(post, path = "/api/v1/rooms/{id}/entries", params(("id" = RoomId, Path)), request_body(content = Object, description = "`{client_id, after, kind, …}` with the fields of the kind"), responses((status = 201, body = WireEntry), (status = 200, body = WireEntry)))]
pub async fn post(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(room): Id<RoomId>,
    body: Result<Body<draft::Fields>>,
) -> Result<(StatusCode, Json<WireEntry>)> {
    let actor = current.actor();
    seat(&*node.store, &actor, room, Action::Read).await?;
    let (client_id, after, draft) = draft::parse(&body?.0)?;
    let whom = Whom::User(actor.user);
    node.limiter
        .take(now(), "send", whom, limits::SEND_PER_USER)?;
    let stored = send(&node, &actor, room, Some((client_id, after)), draft).await?;
    let (entry, repeated) = stored.ok_or_else(Error::internal)?;
    let status = match repeated {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    Ok((status, Json(WireEntry::from(&*entry))))
}

/// A page of the log: ascending, without gaps.
#[utoipa::path(get, path = "/api/v1/rooms/{id}/entries", params(("id" = RoomId, Path), ("after" = Option<u64>, Query), ("before" = Option<u64>, Query), ("around" = Option<u64>, Query), ("limit" = Option<u64>, Query), ("min" = Option<u64>, Query)), responses((status = 200, body = EntriesPage)))]
pub async fn list(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(room): Id<RoomId>,
    params: Params,
) -> Result<Json<EntriesPage>> {
    let asked = admitted(&node, &current, room, &params).await?;
    let page = match node.shelves.entries(&asked).await {
        Some(page) => page,
        None => {
            // What is shown from the store now is not gone again from memory.
            await_head(&*node.store, room, asked.min).await?;
            let page = entries_page(&*node.store, room, asked.page, asked.limit).await?;
            node.shelves.head(room, page.head);
            page
        }
    };
    still_in(&node, &current, room).await?;
    Ok(Json(page))
}

/// A page of messages: posts as they are now.
#[utoipa::path(get, path = "/api/v1/rooms/{id}/messages", params(("id" = RoomId, Path), ("after" = Option<u64>, Query), ("before" = Option<u64>, Query), ("around" = Option<u64>, Query), ("limit" = Option<u64>, Query), ("min" = Option<u64>, Query)), responses((status = 200, body = MessagesPage)))]
pub async fn messages(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(room): Id<RoomId>,
    params: Params,
) -> Result<Json<MessagesPage>> {
    let asked = admitted(&node, &current, room, &params).await?;
    let page = match node.shelves.messages(&asked).await {
        Some(page) => page,
        None => {
            await_head(&*node.store, room, asked.min).await?;
            let page = messages_page(&*node.store, room, asked.page, asked.limit).await?;
            node.shelves.head(room, page.head);
            page
        }
    };
    still_in(&node, &current, room).await?;
    Ok(Json(page))
}

async fn admitted(
    node: &Arc<Node>,
    current: &CurrentUser,
    room: RoomId,
    params: &Params,
) -> Result<Asked> {
    let seat = seat(&*node.store, &current.actor(), room, Action::Read).await?;
    Ok(Asked {
        room,
        floor: seat.room.floor,
        page: params.page()?,
        limit: params.limit()?,
        min: params.integer("min")?.unwrap_or(0),
    })
}

/// A removal that was acknowledged while the page was read holds for the page, too.
async fn still_in(node: &Arc<Node>, current: &CurrentUser, room: RoomId) -> Result<()> {
    seat(&*node.store, &current.actor(), room, Action::Read)
        .await
        .map(|_| ())
}
