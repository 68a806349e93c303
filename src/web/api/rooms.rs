//! `/rooms`: mine, public ones, new ones, and their facts.

use super::List;
use super::users::{name_and_id, query_text};
use crate::access::Action;
use crate::auth::CurrentUser;
use crate::entry::RoomKind;
use crate::error::{Code, Error, Result};
use crate::ids::{ClientId, RoomId, UserId};
use crate::limits;
use crate::node::Node;
use crate::reading::{RoomItem, room_item, room_items};
use crate::rooms::{self, NewRoom, RoomFacts, Seat};
use crate::web::extract::{Body, Id, Params};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A room as its members see it, or its facts.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum RoomAnswer {
    Mine(Box<RoomItem>),
    Facts(RoomFacts),
}

#[derive(Deserialize, utoipa::ToSchema)]
pub struct RoomPost {
    kind: RoomKind,
    name: Option<String>,
    topic: Option<String>,
    members: Option<Vec<UserId>>,
    client_id: Option<ClientId>,
}

#[derive(Deserialize, utoipa::ToSchema)]
pub struct RoomPatch {
    name: Option<String>,
    topic: Option<String>,
}

/// My rooms, those that moved last first; with `browse=1` the public channels by name.
#[utoipa::path(get, path = "/api/v1/rooms", params(("browse" = Option<u64>, Query), ("q" = Option<String>, Query), ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)), responses((status = 200, body = List<RoomAnswer>)))]
pub async fn list(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    params: Params,
) -> Result<Json<List<RoomAnswer>>> {
    match params.text("browse")? {
        Some("1" | "true") => browse(&node, &current, &params).await.map(Json),
        None | Some("0" | "false") => mine(&node, &current, &params).await.map(Json),
        Some(_) => Err(Error::bad_request("`browse` is 1 or left out.")),
    }
}

async fn mine(
    node: &Arc<Node>,
    current: &CurrentUser,
    params: &Params,
) -> Result<List<RoomAnswer>> {
    let limit = params.limit()?;
    let after = match params.cursor()? {
        Some(place) => Some(moved_and_id(&place)?),
        None => None,
    };
    let mut items = room_items(&*node.store, current.user.id).await?;
    if let Some(after) = after {
        items.retain(|item| (item.moved_at.map_or(0, |at| at.0), item.id) < after);
    }
    items.truncate(limit + 1);
    let page = List::page(items, limit, |item| {
        format!("{} {}", item.id, item.moved_at.map_or(0, |at| at.0))
    });
    let items = page.items.into_iter();
    Ok(List {
        items: items.map(|item| RoomAnswer::Mine(Box::new(item))).collect(),
        next: page.next,
    })
}

fn moved_and_id(place: &str) -> Result<(i64, RoomId)> {
    let (moved, id) = name_and_id(place)?;
    let moved = moved
        .parse()
        .map_err(|_| Error::bad_request("`cursor` is none of ours."))?;
    Ok((moved, RoomId(id)))
}

async fn browse(
    node: &Arc<Node>,
    current: &CurrentUser,
    params: &Params,
) -> Result<List<RoomAnswer>> {
    let limit = params.limit()?;
    let query = query_text(params)?;
    let after = match params.cursor()? {
        Some(place) => Some(name_and_id(&place)?),
        None => None,
    };
    let after = after.map(|(name, id)| (name, RoomId(id)));
    let rows = node.store.public_rooms(&query, after, limit + 1).await?;
    let page = List::page(rows, limit, |row| {
        format!("{} {}", row.id, row.name.as_deref().unwrap_or_default())
    });
    let mine = node.store.rooms_of(current.user.id).await?;
    let facts = page.items.into_iter().map(|room| {
        let role = mine.iter().find(|(id, _, _)| *id == room.id);
        let role = role.map(|(_, _, role)| *role);
        rooms::facts(&*node.store, Seat { room, role })
    });
    let facts = try_join_all(facts).await?;
    Ok(List {
        items: facts.into_iter().map(RoomAnswer::Facts).collect(),
        next: page.next,
    })
}

/// Opens a room; the same `client_id`, or the same two people, again: 200, the same room.
#[utoipa::path(post, path = "/api/v1/rooms", request_body = RoomPost, responses((status = 201, body = RoomItem), (status = 200, body = RoomItem)))]
pub async fn post(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Body(new): Body<RoomPost>,
) -> Result<(StatusCode, Json<RoomAnswer>)> {
    let members = new.members.unwrap_or_default();
    if members.len() > limits::NEW_ROOM_MEMBERS_MAX {
        return Err(Error::new(
            Code::TooLarge,
            "A new room begins with at most 200 people.",
        ));
    }
    let new = NewRoom {
        kind: new.kind,
        name: new.name,
        topic: new.topic,
        members,
        client_id: new.client_id,
    };
    let (room, created) = rooms::create(&node, &current.actor(), new).await?;
    let status = match created {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, Json(answer(&node, &current, room).await?)))
}

/// The room of a member, or the facts of a public channel.
#[utoipa::path(get, path = "/api/v1/rooms/{id}", params(("id" = RoomId, Path)), responses((status = 200, body = RoomAnswer)))]
pub async fn get(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(room): Id<RoomId>,
) -> Result<Json<RoomAnswer>> {
    answer(&node, &current, room).await.map(Json)
}

async fn answer(node: &Arc<Node>, current: &CurrentUser, room: RoomId) -> Result<RoomAnswer> {
    let store = &*node.store;
    let seat = rooms::seat(store, &current.actor(), room, Action::SeeFacts).await?;
    if seat.role.is_some()
        && let Some(item) = room_item(store, room, current.user.id).await?
    {
        return Ok(RoomAnswer::Mine(Box::new(item)));
    }
    rooms::facts(store, seat).await.map(RoomAnswer::Facts)
}

/// Changes name or topic.
#[utoipa::path(patch, path = "/api/v1/rooms/{id}", params(("id" = RoomId, Path)), request_body = RoomPatch, responses((status = 200, body = RoomItem)))]
pub async fn patch(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(room): Id<RoomId>,
    Body(patch): Body<RoomPatch>,
) -> Result<Json<RoomAnswer>> {
    let (name, topic) = (patch.name.as_deref(), patch.topic.as_deref());
    rooms::change_facts(&node, &current.actor(), room, name, topic).await?;
    answer(&node, &current, room).await.map(Json)
}
