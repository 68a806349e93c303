//! `/sessions`: logging in and out, and one's devices.

use super::List;
use super::me::Me;
use super::users::{UserAndToken, device};
use crate::auth::{CurrentUser, login};
use crate::clock::{Timestamp, now};
use crate::draft::clean_line;
use crate::error::{Error, Result};
use crate::ids::LoginId;
use crate::limits;
use crate::node::Node;
use crate::store::LoginKind;
use crate::web::extract::{Address, Body, Id};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewSession {
    email: String,
    password: String,
    /// What the device is called in the list of devices.
    device: Option<String>,
}

/// One device that is signed in.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Device {
    pub id: LoginId,
    pub device: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Logs in.
#[utoipa::path(post, path = "/api/v1/sessions", request_body = NewSession, responses((status = 201, body = UserAndToken)))]
pub async fn post(
    State(node): State<Arc<Node>>,
    Address(address): Address,
    headers: HeaderMap,
    Body(new): Body<NewSession>,
) -> Result<(StatusCode, Json<UserAndToken>)> {
    let device = match &new.device {
        Some(name) => clean_line(name, limits::NAME_CHARS_MAX)?,
        None => device(&headers),
    };
    let credentials = (new.email.as_str(), new.password.as_str());
    let user = login::check(&node, credentials, address, now()).await?;
    let (_, secret, ended) =
        login::open(&node.store, &user, LoginKind::Bearer, &device, now()).await?;
    for login in ended {
        node.sessions.revoke(login).await;
    }
    let answer = UserAndToken {
        user: Me::from(&user),
        token: secret.reveal().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// One's devices, those used last first.
#[utoipa::path(get, path = "/api/v1/sessions", responses((status = 200, body = List<Device>)))]
pub async fn list(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
) -> Result<Json<List<Device>>> {
    let mut logins = node.store.logins_of(current.user.id).await?;
    logins.sort_by_key(|login| std::cmp::Reverse((login.seen_at, login.id)));
    let devices = logins.into_iter().map(|login| Device {
        current: login.id == current.login.id,
        id: login.id,
        device: login.device,
        created_at: login.created_at,
        seen_at: login.seen_at,
    });
    Ok(Json(List::whole(devices.collect())))
}

/// Logs out.
#[utoipa::path(delete, path = "/api/v1/sessions/current", responses((status = 204)))]
pub async fn delete_current(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
) -> Result<StatusCode> {
    end(&node, &current, current.login.id).await
}

/// Ends the session of one of one's devices.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", params(("id" = LoginId, Path)), responses((status = 204)))]
pub async fn delete(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(id): Id<LoginId>,
) -> Result<StatusCode> {
    end(&node, &current, id).await
}

/// The store first, so that nobody comes back in; then the sockets; then the answer.
async fn end(node: &Arc<Node>, current: &CurrentUser, login: LoginId) -> Result<StatusCode> {
    if !node.store.delete_login(current.user.id, login).await? {
        return Err(Error::not_found());
    }
    node.sessions.revoke(login).await;
    Ok(StatusCode::NO_CONTENT)
}
