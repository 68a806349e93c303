//! `/invites`: links into the workspace.

use super::List;
use crate::access::{Action, Facts, WorkspaceRole, can};
use crate::auth::CurrentUser;
use crate::auth::tokens::Secret;
use crate::clock::{Timestamp, now};
use crate::entry::Role;
use crate::error::{Code, Error, Result};
use crate::ids::{RoomId, UserId};
use crate::node::Node;
use crate::rooms::seat;
use crate::store::Invite;
use crate::web::extract::{Body, Params};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Rooms that one invite leads to.
const INVITE_ROOMS_MAX: usize = 50;
/// Longest code that is looked up, bytes.
const CODE_BYTES_MAX: usize = 100;

#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewInvite {
    /// How many people may use it; left out: any number.
    uses: Option<u32>,
    expires_at: Option<Timestamp>,
    /// `member` or `admin`.
    role: Option<String>,
    /// Rooms of mine that new people join.
    rooms: Option<Vec<RoomId>>,
}

/// An invite as those who may make one see it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct InviteItem {
    pub code: String,
    pub url: String,
    pub by: UserId,
    pub role: WorkspaceRole,
    pub rooms: Vec<RoomId>,
    /// `null`: any number.
    pub uses_left: Option<u32>,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// What whoever has the code may know.
#[derive(Serialize, utoipa::ToSchema)]
pub struct InviteFacts {
    pub code: String,
    pub url: String,
    pub workspace: String,
    /// The name of who invites.
    pub by_name: String,
    pub uses_left: Option<u32>,
    pub expires_at: Option<Timestamp>,
}

/// Makes an invite.
#[utoipa::path(post, path = "/api/v1/invites", request_body = NewInvite, responses((status = 201, body = InviteItem)))]
pub async fn post(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Body(new): Body<NewInvite>,
) -> Result<(StatusCode, Json<InviteItem>)> {
    let role = match new.role.as_deref() {
        None => WorkspaceRole::Member,
        Some(text) => WorkspaceRole::parse(text)
            .ok_or_else(|| Error::bad_request("`role` is `member` or `admin`."))?,
    };
    may_invite(&current, role)?;
    if new.uses == Some(0) {
        return Err(Error::bad_request("`uses` must be an integer from 1."));
    }
    if new.expires_at.is_some_and(|at| at <= now()) {
        return Err(Error::bad_request("`expires_at` has passed already."));
    }
    let rooms = new.rooms.unwrap_or_default();
    if rooms.len() > INVITE_ROOMS_MAX {
        return Err(Error::new(
            Code::TooLarge,
            "An invite leads to at most 50 rooms.",
        ));
    }
    for room in &rooms {
        let add = Action::Add { role: Role::Member };
        seat(&*node.store, &current.actor(), *room, add).await?;
    }
    let invite = Invite {
        code: Secret::mint().reveal()[..32].to_owned(),
        by: current.user.id,
        role,
        rooms,
        uses_left: new.uses,
        expires_at: new.expires_at,
        created_at: now(),
    };
    node.store.create_invite(&invite).await?;
    Ok((StatusCode::CREATED, Json(item(&node, invite))))
}

fn may_invite(current: &CurrentUser, role: WorkspaceRole) -> Result<()> {
    let facts = Facts {
        room: None,
        role: None,
    };
    can(&current.actor(), Action::Invite { role }, &facts).map_err(Error::from)
}

fn item(node: &Arc<Node>, invite: Invite) -> InviteItem {
    InviteItem {
        url: url_of(node, &invite.code),
        code: invite.code,
        by: invite.by,
        role: invite.role,
        rooms: invite.rooms,
        uses_left: invite.uses_left,
        expires_at: invite.expires_at,
        created_at: invite.created_at,
    }
}

fn url_of(node: &Arc<Node>, code: &str) -> String {
    format!("{}/invite/{code}", node.config.base_url())
}

/// All invites, the newest first.
#[utoipa::path(get, path = "/api/v1/invites", responses((status = 200, body = List<InviteItem>)))]
pub async fn list(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    params: Params,
) -> Result<Json<List<InviteItem>>> {
    may_invite(&current, WorkspaceRole::Member)?;
    params.limit()?;
    let mut invites = node.store.invites().await?;
    invites.sort_by_key(|invite| std::cmp::Reverse(invite.created_at));
    let items = invites.into_iter().map(|invite| item(&node, invite));
    Ok(Json(List::whole(items.collect())))
}

/// Where an invite leads, for whoever has its code.
#[utoipa::path(get, path = "/api/v1/invites/{code}", params(("code" = String, Path)), responses((status = 200, body = InviteFacts)))]
pub async fn get(
    State(node): State<Arc<Node>>,
    Path(code): Path<String>,
) -> Result<Json<InviteFacts>> {
    let invite = valid(&node, &code).await?;
    let by = node.people.one(invite.by).await?;
    Ok(Json(InviteFacts {
        url: url_of(&node, &invite.code),
        code: invite.code,
        workspace: node.config.workspace_name.clone(),
        by_name: by.map(|by| by.name.clone()).unwrap_or_default(),
        uses_left: invite.uses_left,
        expires_at: invite.expires_at,
    }))
}

/// The invite of `code` if somebody could use it now.
pub async fn valid(node: &Arc<Node>, code: &str) -> Result<Invite> {
    if code.len() > CODE_BYTES_MAX {
        return Err(Error::not_found());
    }
    let invite = node.store.invite(code).await?;
    let usable = |invite: &Invite| {
        invite.uses_left != Some(0) && invite.expires_at.is_none_or(|at| at > now())
    };
    invite.filter(usable).ok_or_else(Error::not_found)
}

/// Withdraws an invite.
#[utoipa::path(delete, path = "/api/v1/invites/{code}", params(("code" = String, Path)), responses((status = 204)))]
pub async fn delete(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Path(code): Path<String>,
) -> Result<StatusCode> {
    may_invite(&current, WorkspaceRole::Member)?;
    if code.len() > CODE_BYTES_MAX || !node.store.delete_invite(&code).await? {
        return Err(Error::not_found());
    }
    Ok(StatusCode::NO_CONTENT)
}
