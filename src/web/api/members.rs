//! `/rooms/{id}/members`.

use super::List;
use crate::access::Action;
use crate::auth::CurrentUser;
use crate::entry::{Entry, Role, WireEntry};
use crate::error::{Error, Result};
use crate::ids::{RoomId, UserId, parse_uuid};
use crate::node::Node;
use crate::rooms::{put_member, remove_member, seat};
use crate::web::extract::{Id, MaybeBody, Params, path_id};
use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A person of a room.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MemberItem {
    pub user: UserId,
    pub role: Role,
}

#[derive(Deserialize, utoipa::ToSchema)]
pub struct MemberPut {
    /// Left out: member for a new one, unchanged for a present one.
    role: Option<Role>,
}

/// The stored entry, or that there was nothing to do.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Changed {
    Entry(Box<WireEntry>),
    Nothing { changed: bool },
}

impl From<Option<Arc<Entry>>> for Changed {
    fn from(entry: Option<Arc<Entry>>) -> Self {
        match entry {
            Some(entry) => Changed::Entry(Box::new(WireEntry::from(&*entry))),
            None => Changed::Nothing { changed: false },
        }
    }
}

/// Who is in the room.
#[utoipa::path(get, path = "/api/v1/rooms/{id}/members", params(("id" = RoomId, Path), ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)), responses((status = 200, body = List<MemberItem>)))]
pub async fn list(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(room): Id<RoomId>,
    params: Params,
) -> Result<Json<List<MemberItem>>> {
    seat(&*node.store, &current.actor(), room, Action::Read).await?;
    let limit = params.limit()?;
    let after = person_after(&params)?;
    let members = node.store.members(room, after, limit + 1).await?;
    let items = members.into_iter().map(|member| MemberItem {
        user: member.user,
        role: member.role,
    });
    Ok(Json(List::page(items.collect(), limit, |item| {
        item.user.to_string()
    })))
}

/// The person after whom a list of people goes on.
pub fn person_after(params: &Params) -> Result<Option<UserId>> {
    let Some(place) = params.cursor()? else {
        return Ok(None);
    };
    let id = parse_uuid(&place).map_err(|_| Error::bad_request("`cursor` is none of ours."))?;
    Ok(Some(UserId(id)))
}

/// Adds a person (`me`: joins), or changes a role.
#[utoipa::path(put, path = "/api/v1/rooms/{id}/members/{user}", params(("id" = RoomId, Path), ("user" = String, Path, description = "An id, or `me`")), request_body = MemberPut, responses((status = 200, body = Changed)))]
pub async fn put(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Path((room, user)): Path<(String, String)>,
    MaybeBody(body): MaybeBody<MemberPut>,
) -> Result<Json<Changed>> {
    let (room, user) = (RoomId(path_id(&room)?), person(&user, &current)?);
    let role = body.and_then(|body| body.role);
    let entry = put_member(&node, &current.actor(), room, user, role).await?;
    Ok(Json(Changed::from(entry)))
}

/// Takes a person out (`me`: leaves).
#[utoipa::path(delete, path = "/api/v1/rooms/{id}/members/{user}", params(("id" = RoomId, Path), ("user" = String, Path, description = "An id, or `me`")), responses((status = 200, body = Changed)))]
pub async fn delete(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Path((room, user)): Path<(String, String)>,
) -> Result<Json<Changed>> {
    let (room, user) = (RoomId(path_id(&room)?), person(&user, &current)?);
    let entry = remove_member(&node, &current.actor(), room, user).await?;
    Ok(Json(Changed::from(entry)))
}

fn person(text: &str, current: &CurrentUser) -> Result<UserId> {
    match text {
        "me" => Ok(current.user.id),
        id => path_id(id).map(UserId),
    }
}
