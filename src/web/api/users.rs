//! `/users`: signing up, and who is there.

use super::List;
use super::me::Me;
use crate::auth::{CurrentUser, NewPerson, login, sign_up};
use crate::clock::now;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::limits;
use crate::node::Node;
use crate::people::Profile;
use crate::rate::Whom;
use crate::store::LoginKind;
use crate::web::extract::{Address, Body, Id, Params};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest search text, characters.
const QUERY_CHARS_MAX: usize = 100;

#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewUser {
    name: String,
    /// Made from the e-mail address if left out.
    handle: Option<String>,
    email: String,
    password: String,
    /// The code of an invite; needed once somebody owns the workspace, unless sign-up is open.
    invite: Option<String>,
}

/// The person and a bearer token, which is shown once.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UserAndToken {
    pub user: Me,
    pub token: String,
}

/// Signs up. The first person owns the workspace.
#[utoipa::path(post, path = "/api/v1/users", request_body = NewUser, responses((status = 201, body = UserAndToken)))]
pub async fn post(
    State(node): State<Arc<Node>>,
    Address(address): Address,
    headers: HeaderMap,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<UserAndToken>)> {
    let (what, rate) = match &new.invite {
        Some(_) => ("sign_up_invited", limits::SIGN_UP_WITH_INVITE_PER_ADDRESS),
        None => ("sign_up", limits::SIGN_UP_PER_ADDRESS),
    };
    node.limiter
        .take(now(), what, Whom::address(address), rate)?;
    let new = NewPerson {
        name: new.name,
        handle: new.handle,
        email: new.email,
        password: new.password,
        invite: new.invite,
    };
    let user = sign_up(&node, &new).await?;
    let device = device(&headers);
    let (_, secret, _) = login::open(&node.store, &user, LoginKind::Bearer, &device, now()).await?;
    let answer = UserAndToken {
        user: Me::from(&user),
        token: secret.reveal().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// The name of the device that these headers come from.
pub fn device(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT);
    login::device_name(agent.and_then(|agent| agent.to_str().ok()))
}

/// People whose name or handle contains `q`, by name.
#[utoipa::path(get, path = "/api/v1/users", params(("q" = Option<String>, Query), ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)), responses((status = 200, body = List<Profile>)))]
pub async fn list(
    State(node): State<Arc<Node>>,
    _: CurrentUser,
    params: Params,
) -> Result<Json<List<Profile>>> {
    let limit = params.limit()?;
    let query = query_text(&params)?;
    let after = match params.cursor()? {
        Some(place) => Some(name_and_id(&place)?),
        None => None,
    };
    let after = after.map(|(name, id)| (name, UserId(id)));
    let found = node.store.find_users(&query, after, limit + 1).await?;
    let people = found.iter().map(Profile::from).collect();
    Ok(Json(List::page(people, limit, |person: &Profile| {
        format!("{} {}", person.id, person.name)
    })))
}

/// The search text of a query.
pub fn query_text(params: &Params) -> Result<String> {
    let text = params.text("q")?.unwrap_or_default().trim();
    match text.chars().count() > QUERY_CHARS_MAX || text.contains('\0') {
        true => Err(Error::bad_request("`q` has at most 100 characters.")),
        false => Ok(text.to_owned()),
    }
}

/// A cursor of the form "ID NAME".
pub fn name_and_id(place: &str) -> Result<(String, uuid::Uuid)> {
    let parts = place.split_once(' ');
    let parts = parts.and_then(|(id, name)| {
        let id = crate::ids::parse_uuid(id).ok()?;
        Some((name.to_owned(), id))
    });
    parts.ok_or_else(|| Error::bad_request("`cursor` is none of ours."))
}

/// One person.
#[utoipa::path(get, path = "/api/v1/users/{id}", params(("id" = UserId, Path)), responses((status = 200, body = Profile)))]
pub async fn get(
    State(node): State<Arc<Node>>,
    _: CurrentUser,
    Id(id): Id<UserId>,
) -> Result<Json<Profile>> {
    let profile = node.people.one(id).await?.ok_or_else(Error::not_found)?;
    Ok(Json(Profile::clone(&profile)))
}
