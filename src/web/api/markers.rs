//! `/rooms/{id}/markers`: who has read and received how far.

use super::List;
use super::members::person_after;
use crate::access::Action;
use crate::auth::CurrentUser;
use crate::clock::{Timestamp, now};
use crate::error::{Error, Result};
use crate::ids::{RoomId, Seq, UserId};
use crate::limits;
use crate::marking::mark;
use crate::node::Node;
use crate::rooms::seat;
use crate::store::Marker;
use crate::web::extract::{Body, Id, Params};
use crate::wire::client::Mark;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// How far one person is.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MarkerItem {
    pub user: UserId,
    pub read: Seq,
    pub delivered: Seq,
    pub read_at: Option<Timestamp>,
}

/// Where one's markers stand, and what is unread by them.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Marks {
    pub read: Seq,
    pub delivered: Seq,
    pub unread: u64,
    pub mentions: u64,
}

#[derive(Deserialize, utoipa::ToSchema)]
pub struct MarkersPut {
    read: Option<u64>,
    delivered: Option<u64>,
    /// Everything from this seq on becomes unread; excludes the others.
    unread_from: Option<u64>,
}

/// Sets one's markers, and answers what then stands.
#[utoipa::path(put, path = "/api/v1/rooms/{id}/markers", params(("id" = RoomId, Path)), request_body = MarkersPut, responses((status = 200, body = Marks)))]
pub async fn put(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(room): Id<RoomId>,
    body: Result<Body<MarkersPut>>,
) -> Result<Json<Marks>> {
    let user = current.user.id;
    seat(&*node.store, &current.actor(), room, Action::Read).await?;
    let Body(put) = body?;
    let wanted = wanted(&put)?;
    let standing = mark(&*node.store, room, user, wanted, now()).await?;
    let marker = standing.marker;
    node.sessions.marked(room, user, marker, None);
    node.relays.marks(room, user, marker.read, marker.delivered);
    Ok(Json(Marks {
        read: marker.read,
        delivered: marker.delivered,
        unread: standing.unread,
        mentions: standing.mentions,
    }))
}

fn wanted(put: &MarkersPut) -> Result<Mark> {
    let (read, delivered) = (put.read, put.delivered);
    let asked = [read, delivered, put.unread_from];
    if asked
        .into_iter()
        .flatten()
        .any(|seq| seq > limits::INTEGER_MAX)
    {
        return Err(Error::bad_request("A seq is below 2^53."));
    }
    match put.unread_from {
        Some(_) if read.is_some() || delivered.is_some() => {
            Err(Error::bad_request("`unread_from` stands alone."))
        }
        Some(0) => Err(Error::bad_request("`unread_from` is a `seq`, from 1.")),
        Some(from) => Ok(Mark::UnreadFrom(from)),
        None if read.is_none() && delivered.is_none() => Err(Error::bad_request(
            "`read`, `delivered` or `unread_from` is needed.",
        )),
        None => Ok(Mark::Raise { read, delivered }),
    }
}

/// How far the members are, by their ids.
#[utoipa::path(get, path = "/api/v1/rooms/{id}/markers", params(("id" = RoomId, Path), ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)), responses((status = 200, body = List<MarkerItem>)))]
pub async fn list(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(room): Id<RoomId>,
    params: Params,
) -> Result<Json<List<MarkerItem>>> {
    let store = &*node.store;
    seat(store, &current.actor(), room, Action::Read).await?;
    let limit = params.limit()?;
    let after = person_after(&params)?;
    let members = store.members(room, after, limit + 1).await?;
    let Some(last) = members.last().map(|member| member.user) else {
        return Ok(Json(List::whole(Vec::new())));
    };
    let markers = markers_up_to(&node, room, after, last).await?;
    let items = members.into_iter().map(|member| {
        let marker = markers.get(&member.user).copied().unwrap_or_default();
        MarkerItem {
            user: member.user,
            read: marker.read,
            delivered: marker.delivered,
            read_at: Some(marker.read_at).filter(|at| at.0 > 0),
        }
    });
    Ok(Json(List::page(items.collect(), limit, |item| {
        item.user.to_string()
    })))
}

/// Rows of people who have gone stand between those of members, so it takes as many reads as it takes.
async fn markers_up_to(
    node: &Arc<Node>,
    room: RoomId,
    mut after: Option<UserId>,
    last: UserId,
) -> Result<HashMap<UserId, Marker>> {
    let mut all = HashMap::new();
    while after.is_none_or(|after| after < last) {
        let rows = node.store.markers(room, after, limits::PAGE_MAX).await?;
        let Some((user, _)) = rows.last() else { break };
        after = Some(*user);
        all.extend(rows);
    }
    Ok(all)
}
