//! `/me`: oneself.

use crate::access::WorkspaceRole;
use crate::auth::CurrentUser;
use crate::auth::account::{Changes, change_password, change_profile};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::UserId;
use crate::node::Node;
use crate::store::User;
use crate::web::extract::Body;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Oneself: `user` in `welcome` and after sign-up and log-in.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Me {
    pub id: UserId,
    pub name: String,
    pub handle: String,
    pub email: String,
    pub title: String,
    pub tz: String,
    pub avatar: Option<String>,
    pub role: WorkspaceRole,
    pub created_at: Timestamp,
}

impl From<&User> for Me {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            name: user.name.clone(),
            handle: user.handle.clone(),
            email: user.email.clone(),
            title: user.title.clone(),
            tz: user.tz.clone(),
            avatar: None,
            role: user.role,
            created_at: user.created_at,
        }
    }
}

/// What may be changed of oneself; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct MePatch {
    name: Option<String>,
    handle: Option<String>,
    title: Option<String>,
    tz: Option<String>,
}

/// The present password and the one that follows it.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct PasswordChange {
    present: String,
    new: String,
}

/// Oneself.
#[utoipa::path(get, path = "/api/v1/me", responses((status = 200, body = Me)))]
pub async fn get(current: CurrentUser) -> Json<Me> {
    Json(Me::from(&current.user))
}

/// Changes name, handle, title or time zone.
#[utoipa::path(patch, path = "/api/v1/me", request_body = MePatch, responses((status = 200, body = Me)))]
pub async fn patch(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Body(patch): Body<MePatch>,
) -> Result<Json<Me>> {
    let changes = Changes {
        name: patch.name,
        handle: patch.handle,
        title: patch.title,
        tz: patch.tz,
    };
    let user = change_profile(&node, &current.user, &changes).await?;
    Ok(Json(Me::from(&user)))
}

/// Changes the password. All other sessions end.
#[utoipa::path(put, path = "/api/v1/me/password", request_body = PasswordChange, responses((status = 204)))]
pub async fn put_password(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Body(change): Body<PasswordChange>,
) -> Result<StatusCode> {
    change_password(&node, &current, &change.present, &change.new).await?;
    Ok(StatusCode::NO_CONTENT)
}
